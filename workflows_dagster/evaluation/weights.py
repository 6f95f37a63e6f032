"""The weight of each physical meter: its stored profile, and its fit to the meter's history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from workflows_dagster.domain.degree_days import DegreeDayProfile, Weather, fit_degree_days
from workflows_dagster.domain.given_use import GivenUse, rest_of
from workflows_dagster.domain.left_out import Fit, LeftOut, missed_by
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import FLAT, Profile, Weight, fit_profile, table_profile, weight_of
from workflows_dagster.evaluation.outdoor_temperature import weather
from workflows_dagster.records.profiles import kept_profile
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import Store

# Gives the use of a meter, in a unit.
UseOf = Callable[[str, str], GivenUse]
# Meters that may follow the weather without being told to.
HEATING = ("gas", "heat")
# The weather replaces the season where it misses so much less of the readings left out, and gives way likewise.
_BETTER, _WORSE = 0.95, 1.05
# What the weather misses over what the calendar misses on meters that heat, and how many readings of one's own weigh as
# much (docs/explanation/accuracy.md).
_USUAL_RATIO, _USUAL_READINGS = 0.7, 8


@dataclass(frozen=True)
class Gain:
    """What readings left out are missed by, over what was used, without and with a contained meter. 0..1

    Attributes:
        missed: As the meter is estimated now.
        missed_with: With the contained meter's use.
    """  # noqa: D415

    missed: float
    missed_with: float

    @property
    def pays(self) -> bool:
        """Whether the estimates gain enough to be worth a line in meters.yaml."""
        return self.missed_with <= _BETTER * self.missed


class MeterWeights:
    """Gives the weights of one house's meters.

    Args:
        settings: The house.
        store: Its profiles and outdoor temperatures.
        use_of: Gives the use of another meter that a meter's advances contain.
    """

    def __init__(self, settings: Settings, store: Store, use_of: UseOf | None = None) -> None:
        self._settings, self._store, self._use_of = settings, store, use_of
        self._profiles: dict[str, Profile] = {}
        self._given: dict[str, GivenUse] = {}

    @cached_property
    def _weather(self) -> Weather | None:
        return weather(self._settings, self._store)

    def profile(self, meter: PhysicalMeter) -> Profile:
        """Give the profile that the meter's days are computed with: the stored one, else its table, else flat."""
        if meter.meter_id not in self._profiles:
            pattern = self._settings.pattern_of(meter.meter_id)
            may_vary = pattern is not None and not meter.estimate.is_even
            kept = kept_profile(self._store, meter.meter_id) if may_vary else FLAT
            self._profiles[meter.meter_id] = kept or table_profile(pattern)
        return self._profiles[meter.meter_id]

    def follows_weather(self, meter: PhysicalMeter) -> bool:
        """Tell whether the meter's days depend on the outdoor temperature."""
        return isinstance(self.profile(meter), DegreeDayProfile)

    def may_come_to_follow_weather(self, meter: PhysicalMeter) -> bool:
        """Tell whether a fit could make the meter follow the weather, which it does not do yet.

        Raises:
            StoreError: The outdoor temperature cannot be read.
        """
        return may_follow_weather(meter) and not self.follows_weather(meter) and self._weather is not None

    def weight(self, meter: PhysicalMeter) -> Weight:
        """Give the meter's weight; days without a known temperature have that of a usual year.

        Raises:
            StoreError: The outdoor temperature cannot be read.
        """
        profile = self.profile(meter)
        by_weather = isinstance(profile, DegreeDayProfile) and self._weather is not None
        weight = self._weather.weight(profile) if by_weather else weight_of(profile)  # type: ignore[union-attr,arg-type]
        given = self.given(meter)
        return weight if given is None else weight.beside(given)

    def given(self, meter: PhysicalMeter) -> GivenUse | None:
        """Give the use of another meter that is taken as it is; None where all is spread."""
        if meter.estimate.like is None or self._use_of is None:
            return None
        if meter.meter_id not in self._given:
            self._given[meter.meter_id] = self._use_of(meter.estimate.like, meter.output_unit)
        return self._given[meter.meter_id]

    def fitted(self, meter: PhysicalMeter, history: Register) -> Profile | None:
        """Fit the meter's profile to its whole history; None for a meter without a monthly table.

        The weather must earn its place by the readings left out, unless `estimate` asks for it; once it is used, it
        keeps its place until it is as much worse (docs/explanation/methods.md#choice).

        Args:
            meter: The meter.
            history: All its valid readings.

        Raises:
            StoreError: The outdoor temperature cannot be read.
        """
        pattern = self._settings.pattern_of(meter.meter_id)
        if pattern is None or meter.estimate.is_even:
            return None
        given = self.given(meter)
        history = history if given is None else rest_of(history, given)
        seasonal = fit_profile([history], pattern)
        asked = meter.estimate.is_weather
        outdoors = self._weather if may_follow_weather(meter) else None
        by_weather = fit_degree_days([history], pattern, outdoors) if outdoors is not None else None
        if outdoors is None or by_weather is None:
            return seasonal
        by_calendar = missed_by(history, lambda rest: weight_of(fit_profile([rest], pattern)))
        by_temperature = missed_by(history, _of_weather(pattern, outdoors))
        candidate = by_weather.with_misses(by_temperature, by_calendar)
        limit = _WORSE if self.follows_weather(meter) else _BETTER
        return candidate if asked or _ratio(by_temperature, by_calendar) <= limit else seasonal

    def gain_of(self, meter: PhysicalMeter, part: str, history: Register) -> Gain | None:
        """Compare the readings left out with and without the use of a contained meter; None if that says nothing.

        Args:
            meter: The meter.
            part: The meter that it contains.
            history: All its valid readings.

        Raises:
            StoreError: The other meter's readings cannot be read.
        """
        if self._use_of is None:
            return None
        given, pattern = self._use_of(part, meter.output_unit), self._settings.pattern_of(meter.meter_id)

        def seasonal(rest: Register) -> Weight:
            return weight_of(FLAT if pattern is None or meter.estimate.is_even else fit_profile([rest], pattern))

        by_weather = pattern is not None and self.follows_weather(meter) and self._weather is not None
        now = _of_weather(pattern, self._weather) if by_weather else seasonal  # type: ignore[arg-type]
        found = missed_by(history, now)
        with_it = missed_by(history, lambda rest: seasonal(rest_of(rest, given)).beside(given))
        return None if found is None or with_it is None else Gain(found.missed, with_it.missed)


def may_follow_weather(meter: PhysicalMeter) -> bool:
    """Tell whether a fit may make the meter follow the outdoor temperature, where it is known."""
    bases = meter.estimate.bases
    return "weather" in bases or (not bases and meter.utility in HEATING)


def _ratio(by_temperature: LeftOut | None, by_calendar: LeftOut | None) -> float:
    """Give by how much the weather misses less, with what is usual of meters that heat as so many more readings."""
    if by_temperature is None or by_calendar is None or by_calendar.missed == 0:
        return _USUAL_RATIO
    own = by_temperature.missed / by_calendar.missed
    return (own * by_calendar.count + _USUAL_RATIO * _USUAL_READINGS) / (by_calendar.count + _USUAL_READINGS)


def _of_weather(pattern: tuple[float, ...], outdoors: Weather) -> Fit:
    def fit(rest: Register) -> Weight | None:
        profile = fit_degree_days([rest], pattern, outdoors)
        return None if profile is None else outdoors.weight(profile)

    return fit
