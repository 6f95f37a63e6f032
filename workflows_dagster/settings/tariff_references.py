"""Checks tariffs against meters and each other: unknown names, units that do not convert, ambiguous prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from workflows_dagster.domain import units
from workflows_dagster.settings.documents import Document
from workflows_dagster.settings.fields import CivilDay
from workflows_dagster.settings.meter_file import Entry
from workflows_dagster.settings.problem_codes import Code
from workflows_dagster.settings.problems import Figures, Problem, nearest
from workflows_dagster.settings.references import utilities_of
from workflows_dagster.settings.utilities import Utility

_DAY: TypeAdapter[date] = TypeAdapter(CivilDay)
_HOURLY_UNIT = "kWh"
# How people write what is not supported.
_OF_BLOCKS = ("up_to", "above", "from_kwh", "to_kwh", "blocks", "tiers")
_OF_HOURS = ("when", "hours", "from", "to", "weekdays", "time")
_TIMES = "times: [{when: {from: '22:00', to: '06:00'}, unit_price: 0.24}]"


@dataclass(frozen=True)
class _Counter:
    """A meter as tariffs need it; values are None if the meter's own entry is invalid."""

    unit: str | None
    utility: str | None


@dataclass(frozen=True)
class _Written:
    """A tariff's entry in the file, valid or not."""

    file: str
    at: str
    raw: Mapping[Any, Any]

    @property
    def utility(self) -> str | None:
        """The utility, if it is a known one."""
        written = _text(self.raw.get("utility"))
        return written if written in get_args(Utility) else None

    @property
    def meter(self) -> str | None:
        return _text(self.raw.get("meter"))

    @property
    def hourly(self) -> bool:
        return self.raw.get("hourly_prices") is not None

    def prices(self) -> Iterator[tuple[str, Mapping[Any, Any]]]:
        """Give the dated prices, each with its location."""
        written = self.raw.get("prices")
        for position, price in enumerate(written if isinstance(written, list) else ()):
            if isinstance(price, dict):
                yield f"{self.at}.prices[{position}]", price

    def problem(self, key: str, code: Code, figures: Figures | None = None) -> Problem:
        return Problem(self.file, f"{self.at}.{key}" if key else self.at, code, figures or {})


def check_tariffs(document: Document, entries: Sequence[Entry], *, gas_is_given: bool) -> Iterator[Problem]:
    """Find problems between tariffs, their prices and the meters.

    Args:
        document: tariffs.yaml.
        entries: All meters of the house, including invalid ones. If meters.yaml cannot be read it is empty, and nothing
            is reported about meters.
        gas_is_given: Whether the site has gas factors.
    """
    listed = document.content.get("tariffs")
    tariffs = [
        _Written(document.file, f"tariffs[{position}]", raw)
        for position, raw in enumerate(listed if isinstance(listed, list) else ())
        if isinstance(raw, dict)
    ]
    meters = {
        entry.meter_id: _Counter(_unit(entry.raw.get("output_unit")), utility)
        for entry, utility in zip(entries, utilities_of(entries), strict=True)
        if entry.meter_id is not None
    }
    own = {tariff.meter for tariff in tariffs if tariff.meter is not None}
    for tariff in tariffs:
        yield from _whose(tariff, tariffs)
        yield from _dates(tariff)
        yield from _unsupported(tariff)
        yield from _bearer(tariff, meters, own)
        if not meters:
            continue
        if tariff.meter and tariff.meter not in meters:
            figures = {"name": tariff.meter, "suggestion": nearest(tariff.meter, meters)}
            yield tariff.problem("meter", "unknown_tariff_meter", figures)
        priced = _priced(tariff, meters, own)
        if tariff.utility and not tariff.meter and not priced and all(meter.utility for meter in meters.values()):
            yield tariff.problem("utility", "tariff_prices_nothing", {"utility": tariff.utility})
        yield from _units(tariff, priced, gas_is_given)


def _unsupported(tariff: _Written) -> Iterator[Problem]:
    """Name the kinds of prices that people know from their bills and that cannot be written here."""
    for at, price in tariff.prices():
        for key in price:
            if key in _OF_BLOCKS:
                yield Problem(tariff.file, f"{at}.{key}", "block_prices", {})
            elif key in _OF_HOURS:
                yield Problem(tariff.file, f"{at}.{key}", "prices_by_hour", {"example": _TIMES})
        if tariff.hourly and price.get("times"):
            yield Problem(tariff.file, f"{at}.times", "times_beside_hourly_prices", {})


def _whose(tariff: _Written, tariffs: Sequence[_Written]) -> Iterator[Problem]:
    utility, meter = tariff.raw.get("utility"), tariff.raw.get("meter")
    if utility is None and meter is None:
        yield tariff.problem("", "tariff_of_nothing")
    elif utility is not None and meter is not None:
        yield tariff.problem("", "tariff_of_both")
    for key, name in (("utility", tariff.utility), ("meter", tariff.meter)):
        first = next((other for other in tariffs if name is not None and other.raw.get(key) == name), tariff)
        if first is not tariff:
            yield tariff.problem(key, "tariff_twice", {"name": name, "place": first.at})


def _dates(tariff: _Written) -> Iterator[Problem]:
    """Find days with two prices, and prices without an amount."""
    if not tariff.raw.get("prices") and not tariff.hourly:
        yield tariff.problem("prices", "prices_empty" if "prices" in tariff.raw else "prices_missing")
    earlier: set[date] = set()
    for at, price in tariff.prices():
        if price.get("unit_price") is None and not tariff.hourly:
            yield Problem(tariff.file, f"{at}.unit_price", "unit_price_missing")
        try:
            day = _DAY.validate_python(price.get("valid_from"))
        except ValidationError:
            continue
        if day in earlier:
            yield Problem(tariff.file, f"{at}.valid_from", "price_same_day", {"day": day})
        earlier.add(day)


def _bearer(tariff: _Written, meters: Mapping[str, _Counter], own: set[str]) -> Iterator[Problem]:
    """Check the meter that bears the standing charge."""
    bearer = _text(tariff.raw.get("billed_meter"))
    if tariff.raw.get("meter") is not None:
        if bearer is not None:
            yield tariff.problem("billed_meter", "bearer_of_meter_tariff")
        return
    if tariff.raw.get("billed_meter") is None:
        charged = (at for at, price in tariff.prices() if price.get("standing_charge") is not None)
        for at in charged:
            yield Problem(tariff.file, f"{at}.standing_charge", "bearer_missing", {"place": tariff.at})
    elif bearer and meters and bearer not in meters:
        of_utility = [name for name, meter in meters.items() if meter.utility == tariff.utility]
        figures = {"name": bearer, "suggestion": nearest(bearer, of_utility)}
        yield tariff.problem("billed_meter", "unknown_bearer", figures)
    elif bearer in own:
        yield tariff.problem("billed_meter", "bearer_has_tariff", {"name": bearer})
    elif (
        bearer
        and bearer in meters
        and tariff.utility
        and (actual := meters[bearer].utility) not in (None, tariff.utility)
    ):
        figures = {"name": bearer, "actual": actual, "utility": tariff.utility}
        yield tariff.problem("billed_meter", "bearer_of_other_utility", figures)


def _priced(tariff: _Written, meters: Mapping[str, _Counter], own: set[str]) -> dict[str, _Counter]:
    """Give the meters that a tariff prices."""
    if tariff.meter:
        return {tariff.meter: meters[tariff.meter]} if tariff.meter in meters else {}
    return {
        name: meter
        for name, meter in meters.items()
        if meter.utility is not None and meter.utility == tariff.utility and name not in own
    }


def _units(tariff: _Written, priced: Mapping[str, _Counter], gas_is_given: bool) -> Iterator[Problem]:
    counted = {name: meter for name, meter in priced.items() if meter.unit is not None}
    if tariff.hourly:
        volume = next((name for name, meter in counted.items() if not units.is_energy(meter.unit or "")), None)
        if volume is not None:
            figures = {"per": _HOURLY_UNIT, "name": volume, "unit": counted[volume].unit}
            yield tariff.problem("hourly_prices", "hourly_needs_energy", figures)
    for at, price in tariff.prices():
        if price.get("unit_price") is None:
            continue
        if price.get("per") is None:
            several = tuple(dict.fromkeys(str(meter.unit) for meter in counted.values()))
            if len(several) > 1:
                several_units = {"utility": tariff.utility, "units": several, "unit": several[0]}
                yield Problem(tariff.file, f"{at}.per", "price_unit_missing", several_units)
            continue
        per = _unit(price.get("per"))
        for name, meter in counted.items() if per else ():
            if problem := _crossing(f"{at}.per", str(per), name, meter, tariff.file, gas_is_given):
                yield problem
                break


def _crossing(key: str, per: str, name: str, meter: _Counter, file: str, gas_is_given: bool) -> Problem | None:
    """Give a problem if a price's unit cannot be converted to the meter's unit."""
    unit = str(meter.unit)
    if units.same_quantity(unit, per):
        return None
    figures = {"per": per, "name": name, "unit": unit}
    if meter.utility != "gas":
        return Problem(file, key, "price_unit_differs", figures)
    return None if gas_is_given else Problem(file, key, "gas_price_without_factors", figures)


def _text(written: object) -> str | None:
    return written if isinstance(written, str) and written else None


def _unit(written: object) -> str | None:
    try:
        return units.canonical(written) if isinstance(written, str) else None
    except units.UnitError:
        return None
