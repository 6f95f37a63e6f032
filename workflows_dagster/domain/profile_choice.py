"""Which profile a meter's history speaks for: each must earn its place by readings left out of the fit.

See docs/explanation/methods.md#choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workflows_dagster.domain.degree_days import DegreeDayProfile, Weather, fit_degree_days
from workflows_dagster.domain.given_use import GivenUse, rest_of
from workflows_dagster.domain.left_out import Fit, LeftOut, missed_by
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import Profile, Weight, fit_profile, weight_of
from workflows_dagster.domain.season_ahead import with_season_ahead

# The weather replaces the season where it misses so much less of the readings left out, and gives way likewise.
BETTER, WORSE = 0.95, 1.05
# What the weather misses over what the calendar misses on meters that heat, and how many readings of one's own weigh as
# much, on a meter that heats and on one that by the weather's own fit does not (docs/explanation/accuracy.md).
_USUAL_RATIO, _USUAL_READINGS, _USUAL_READINGS_EVEN = 0.7, 30, 5
# Misses below this part of what was used are as good as none.
_LEAST_MISSED = 1e-3


@dataclass(frozen=True)
class Candidates:
    """What a meter's days may follow.

    Attributes:
        table: The monthly table, January first. [%], shape (12,)
        weather: Outdoor temperature, where the meter may follow it.
        only_weather: Whether it is followed without a choice.
        has_weather: Whether the meter's days follow it now.
        given: Use of another meter that this one contains.
    """

    table: tuple[float, ...]
    weather: Weather | None = None
    only_weather: bool = False
    has_weather: bool = False
    given: GivenUse | None = None


def fit_best(history: Register, candidates: Candidates) -> Profile:
    """Fit a meter's profile to its whole history.

    The weather must earn its place by the readings left out, unless it is asked for; once it is used, it keeps its
    place until it is as much worse.

    Args:
        history: All valid readings.
        candidates: What the meter may follow.

    Raises:
        StoreError: The other meter's readings cannot be read.
    """
    table, weather, given = candidates.table, candidates.weather, candidates.given
    history = history if given is None else rest_of(history, given)
    seasonal = fit_profile([history], table)
    by_weather = fit_degree_days([history], table, weather) if weather is not None else None
    if weather is None or by_weather is None:
        return with_season_ahead(seasonal, [history])
    by_calendar = missed_by(history, of_season(table))
    by_temperature = missed_by(history, of_weather(table, weather))
    candidate = by_weather.with_misses(by_temperature, by_calendar)
    limit = WORSE if candidates.has_weather else BETTER
    return (
        candidate
        if candidates.only_weather or _ratio(by_temperature, by_calendar, by_weather.season) <= limit
        else with_season_ahead(seasonal, [history])
    )


def of_season(table: tuple[float, ...]) -> Fit:
    """Give the fit of the season to readings."""
    return lambda rest: weight_of(fit_profile([rest], table))


def of_weather(table: tuple[float, ...], weather: Weather) -> Fit:
    """Give the fit of the weather to readings."""

    def fit(rest: Register) -> Weight | None:
        profile = fit_degree_days([rest], table, weather)
        return None if profile is None else weather.weight(profile)

    return fit


def weight_for(profile: Profile, weather: Weather | None, given: GivenUse | None = None) -> Weight:
    """Give the weight of a profile; one that follows the weather has a usual year's where that is not known."""
    follows = isinstance(profile, DegreeDayProfile) and weather is not None
    weight = weather.weight(profile) if follows else weight_of(profile)  # type: ignore[union-attr,arg-type]
    return weight if given is None else weight.beside(given)


def _ratio(by_temperature: LeftOut | None, by_calendar: LeftOut | None, season: float) -> float:
    """Give by how much the weather misses less, with what is usual of meters that heat as so many more readings.

    What is usual of them counts less as far as the meter does not heat.
    """
    if by_temperature is None or by_calendar is None or by_calendar.missed < _LEAST_MISSED:
        return _USUAL_RATIO
    own, count = max(by_temperature.missed, _LEAST_MISSED) / by_calendar.missed, by_calendar.count
    usual = season * _USUAL_READINGS + (1 - season) * _USUAL_READINGS_EVEN
    return float(np.exp((np.log(own) * count + np.log(_USUAL_RATIO) * usual) / (count + usual)))
