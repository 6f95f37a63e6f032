"""The weight of each physical meter: its stored profile, and its fit to the meter's history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from workflows_dagster.domain.bands import Spread
from workflows_dagster.domain.degree_days import DegreeDayProfile, Weather
from workflows_dagster.domain.given_use import GivenUse, rest_of
from workflows_dagster.domain.left_out import missed_by
from workflows_dagster.domain.like_profile import LikeProfile
from workflows_dagster.domain.profile_choice import BETTER, Candidates, fit_best, of_weather, weight_for
from workflows_dagster.domain.register import Register
from workflows_dagster.domain.season import FLAT, Profile, Weight, fit_profile, table_profile, weight_of
from workflows_dagster.evaluation.like import LikeUse, days_around, fitted_like, weight_like
from workflows_dagster.evaluation.outdoor_temperature import weather
from workflows_dagster.records.profiles import Kept, kept
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.stores.ports import Store

# Gives the use of a meter, in a unit.
UseOf = Callable[[str, str], LikeUse]
# Meters that may follow the weather without being told to.
HEATING = ("gas", "heat")


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
        return self.missed_with <= BETTER * self.missed


class MeterWeights:
    """Gives the weights of one house's meters.

    Args:
        settings: The house.
        store: Its profiles and outdoor temperatures.
        use_of: Gives the use of another meter that a meter contains or goes along with.
    """

    def __init__(self, settings: Settings, store: Store, use_of: UseOf | None = None) -> None:
        self._settings, self._store, self._use_of = settings, store, use_of
        self._zone = settings.site.zone
        self._kept: dict[str, Kept | None] = {}
        self._profiles: dict[str, Profile] = {}
        self._given: dict[str, LikeUse] = {}
        self._weights: dict[tuple[str, Profile], Weight] = {}

    @cached_property
    def _weather(self) -> Weather | None:
        return weather(self._settings, self._store)

    def profile(self, meter: PhysicalMeter) -> Profile:
        """Give the profile that the meter's days are computed with: the stored one, else its table, else flat."""
        if meter.meter_id not in self._profiles:
            pattern = self._settings.pattern_of(meter.meter_id)
            may_vary = (pattern is not None and not meter.estimate.is_even) or self._along_with(meter) is not None
            stored = self._kept_of(meter) if may_vary else Kept(FLAT, None)
            # A profile without a table is of a time when the meter had none.
            is_usable = stored is not None and (stored.profile.percentages is not None or not may_vary)
            # A stored profile may follow a meter that meters.yaml does not name any more.
            if stored and isinstance(stored.profile, LikeProfile):
                is_usable = self._along_with(meter) == stored.profile.other
            self._profiles[meter.meter_id] = stored.profile if stored and is_usable else table_profile(pattern)
        return self._profiles[meter.meter_id]

    def spread(self, meter: PhysicalMeter) -> Spread | None:
        """Give how irregular the meter is by what is stored with its profile; None before the first fit."""
        stored = self._kept_of(meter)
        return None if stored is None else stored.spread

    def _kept_of(self, meter: PhysicalMeter) -> Kept | None:
        if meter.meter_id not in self._kept:
            self._kept[meter.meter_id] = kept(self._store, meter.meter_id)
        return self._kept[meter.meter_id]

    def follows_weather(self, meter: PhysicalMeter) -> bool:
        """Tell whether the meter's days depend on the outdoor temperature."""
        return isinstance(self.profile(meter), DegreeDayProfile)

    def may_come_to_follow_weather(self, meter: PhysicalMeter) -> bool:
        """Tell whether a fit could make the meter follow the weather, which it does not do yet.

        Raises:
            StoreError: The outdoor temperature cannot be read.
        """
        return may_follow_weather(meter) and not self.follows_weather(meter) and self._weather is not None

    def awaits_fit(self, meter: PhysicalMeter) -> bool:
        """Tell whether the meter is to follow another one, whose share is not fitted yet."""
        return self._along_with(meter) is not None and not isinstance(self.profile(meter), LikeProfile)

    def weight(self, meter: PhysicalMeter) -> Weight:
        """Give the meter's weight; days without a known temperature have that of a usual year.

        Raises:
            StoreError: The outdoor temperature cannot be read.
        """
        return self.of_profile(meter, self.profile(meter))

    def of_profile(self, meter: PhysicalMeter, profile: Profile) -> Weight:
        """Give the weight that the meter has with a profile.

        Raises:
            StoreError: The outdoor temperature cannot be read.
        """
        if (meter.meter_id, profile) not in self._weights:
            if isinstance(profile, LikeProfile) and self._use_of is not None:
                weight: Weight = weight_like(self._use(meter, profile.other), profile)
            else:
                outdoors = self._weather if isinstance(profile, DegreeDayProfile) else None
                weight = weight_for(profile, outdoors, self.given(meter))
            self._weights[meter.meter_id, profile] = weight
        return self._weights[meter.meter_id, profile]

    def given(self, meter: PhysicalMeter) -> GivenUse | None:
        """Give the use of another meter that is taken as it is; None where all is spread."""
        part = self._settings.meters.given_in(meter.meter_id)
        return None if part is None or self._use_of is None else self._use(meter, part)

    def _use(self, meter: PhysicalMeter, other: str) -> LikeUse:
        """Give the use of another meter: in this one's unit if it is contained, else in its own."""
        assert self._use_of is not None
        if meter.meter_id not in self._given:
            meters = self._settings.meters
            unit = meter.output_unit if meters.contains(meter.meter_id, other) else meters[other].output_unit
            self._given[meter.meter_id] = self._use_of(other, unit)
        return self._given[meter.meter_id]

    def _along_with(self, meter: PhysicalMeter) -> str | None:
        """Give the meter whose use this one goes along with, without containing it."""
        like = meter.estimate.like
        return None if like is None or self._settings.meters.contains(meter.meter_id, like) else like

    def fitted(self, meter: PhysicalMeter, history: Register) -> Profile:
        """Fit the meter's profile to its whole history; a meter without a monthly table is flat.

        Args:
            meter: The meter.
            history: All its valid readings.

        Raises:
            StoreError: The outdoor temperature cannot be read.
        """
        pattern, other = self._settings.pattern_of(meter.meter_id), self._along_with(meter)
        if other is not None and self._use_of is not None:
            found = fitted_like(history, pattern, other, self._use(meter, other))
            if found is not None:
                return found
        if pattern is None or meter.estimate.is_even:
            return FLAT
        candidates = Candidates(
            pattern,
            weather=self._weather if may_follow_weather(meter) else None,
            only_weather=meter.estimate.is_weather,
            has_weather=self.follows_weather(meter),
            given=self.given(meter),
        )
        return fit_best(history, candidates)

    def gain_of(self, meter: PhysicalMeter, part: str, history: Register) -> Gain | None:
        """Compare the readings left out with and without the use of another meter; None if that says nothing.

        Args:
            meter: The meter.
            part: The meter that it contains, or goes along with.
            history: All its valid readings.

        Raises:
            StoreError: The other meter's readings cannot be read.
        """
        if self._use_of is None:
            return None
        pattern = self._settings.pattern_of(meter.meter_id)

        def seasonal(rest: Register) -> Weight:
            return weight_of(FLAT if pattern is None or meter.estimate.is_even else fit_profile([rest], pattern))

        by_weather = pattern is not None and self.follows_weather(meter) and self._weather is not None
        now = of_weather(pattern, self._weather) if by_weather else seasonal  # type: ignore[arg-type]
        found = missed_by(history, now)
        if self._settings.meters.contains(meter.meter_id, part):
            given = self._use_of(part, meter.output_unit)
            with_it = missed_by(history, lambda rest: seasonal(rest_of(rest, given)).beside(given))
        else:
            use = self._use_of(part, self._settings.meters[part].output_unit).held(days_around(history, self._zone))
            with_it = missed_by(history, lambda rest: _along(rest, pattern, part, use))
        return None if found is None or with_it is None else Gain(found.missed, with_it.missed)


def _along(rest: Register, pattern: tuple[float, ...] | None, other: str, use: LikeUse) -> Weight | None:
    found = fitted_like(rest, pattern, other, use)
    return weight_like(use, found) if isinstance(found, LikeProfile) else None


def may_follow_weather(meter: PhysicalMeter) -> bool:
    """Tell whether a fit may make the meter follow the outdoor temperature, where it is known."""
    bases = meter.estimate.bases
    return "weather" in bases or (not bases and meter.utility in HEATING)
