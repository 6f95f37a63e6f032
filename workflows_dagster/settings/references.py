"""Checks references between meters: unknown names, cycles, impossible conversions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from workflows_dagster.domain import units
from workflows_dagster.settings.estimates import like_of
from workflows_dagster.settings.meter_file import Entry
from workflows_dagster.settings.problems import Problem, nearest
from workflows_dagster.settings.utilities import Utility, utility_by_name

Role = Literal["source", "base", "subtract", "like"]


@dataclass(frozen=True)
class Link:
    """A meter's reference to one of its sources.

    Attributes:
        key: Path of the reference in the file.
        source: The id referred to.
        role: A master's source, a virtual meter's base, a subtracted meter, or the one that an estimate follows.
    """

    key: str
    source: str
    role: Role


def links(entry: Entry) -> tuple[Link, ...]:
    """Give a meter's sources as far as they are readable, despite other errors in the entry."""
    found: list[Link] = []
    if entry.kind == "master":
        for at, period in _periods(entry):
            for position, source in _texts(period.get("source_meters")):
                found.append(Link(f"{at}.source_meters[{position}]", source, "source"))
    elif entry.kind == "virtual":
        base = entry.raw.get("base_meter")
        if isinstance(base, str):
            found.append(Link(f"{entry.label}.base_meter", base, "base"))
        for position, source in _texts(entry.raw.get("subtract_meters")):
            found.append(Link(f"{entry.label}.subtract_meters[{position}]", source, "subtract"))
    else:
        like = like_of(entry.raw.get("estimate"))
        if like is not None:
            found.append(Link(f"{entry.label}.estimate", like, "like"))
    return tuple(found)


def check_references(entries: Sequence[Entry]) -> Iterator[Problem]:
    """Find problems between meters: unknown names, cycles, impossible conversions.

    Args:
        entries: All entries of the file, including invalid ones, whose ids count as known.
    """
    known: dict[str, Entry] = {}
    for entry in entries:
        if entry.meter_id is not None:
            known.setdefault(entry.meter_id, entry)
    for entry in entries:
        for link in links(entry):
            if link.source not in known:
                others = [name for name in known if name != entry.meter_id]
                figures = {"name": link.source, "suggestion": nearest(link.source, others)}
                yield Problem(entry.file, link.key, "unknown_meter", figures)
    yield from _cycles(known)
    for entry in entries:
        yield from _units(entry, known)


def converts_gas(entries: Sequence[Entry]) -> str | None:
    """Give the label of a meter that needs the gas factors, or None."""
    by_id = {entry.meter_id: entry for entry in entries}
    for entry in entries:
        unit = _unit(entry.raw.get("output_unit"))
        for link in links(entry):
            source = _unit(by_id[link.source].raw.get("output_unit")) if link.source in by_id else None
            if link.role == "subtract" and unit and source and not units.same_quantity(unit, source):
                return entry.label
    return None


def utilities_of(entries: Sequence[Entry]) -> tuple[Utility | None, ...]:
    """Give each meter's utility, given or derived, as `MeterBook` does; None if it is unknown."""
    known: dict[str, Entry] = {}
    for entry in entries:
        if entry.meter_id is not None:
            known.setdefault(entry.meter_id, entry)
    return tuple(_utility(entry.meter_id, known, frozenset()) for entry in entries)


def _cycles(known: Mapping[str, Entry]) -> Iterator[Problem]:
    done: set[str] = set()

    def visit(meter_id: str, path: tuple[str, ...]) -> Iterator[Problem]:
        for link in links(known[meter_id]):
            if link.source in path:
                ring = (*path[path.index(link.source) :], link.source)
                yield Problem(known[meter_id].file, link.key, "made_from_itself", {"ring": " → ".join(ring)})
            elif link.source in known and link.source not in done:
                yield from visit(link.source, (*path, link.source))
        done.add(meter_id)

    for meter_id in known:
        if meter_id not in done:
            yield from visit(meter_id, (meter_id,))


def _units(entry: Entry, known: Mapping[str, Entry]) -> Iterator[Problem]:
    if entry.kind == "master":
        yield from _source_units(entry, known)
    unit = _unit(entry.raw.get("output_unit"))
    if unit is None:
        return
    base: str | None = None
    for link in links(entry):
        source = _unit(known[link.source].raw.get("output_unit")) if link.source in known else None
        if source is None or link.source == entry.meter_id:
            continue
        base = source if link.role == "base" else base
        if link.role == "subtract":
            # A base of another quantity is reported already; units that agree with the base are fine.
            if base is None or units.same_quantity(base, unit) or not units.same_quantity(base, source):
                yield from _conversion(entry, unit, link, source, known)
        elif link.role != "like" and not units.same_quantity(source, unit):
            figures = {"name": link.source, "unit": source, "output_unit": unit}
            yield Problem(entry.file, link.key, "unit_does_not_convert", figures)


def _source_units(entry: Entry, known: Mapping[str, Entry]) -> Iterator[Problem]:
    for at, period in _periods(entry):
        said = _unit(period.get("source_unit"))
        for _, source in _texts(period.get("source_meters")):
            actual = _unit(known[source].raw.get("output_unit")) if source in known else None
            if said and actual and not units.same_quantity(said, actual):
                figures = {"declared": said, "name": source, "unit": actual}
                yield Problem(entry.file, f"{at}.source_unit", "source_unit_differs", figures)
                break


def _conversion(entry: Entry, unit: str, link: Link, source: str, known: Mapping[str, Entry]) -> Iterator[Problem]:
    declared = entry.raw.get("subtract_meter_conversions")
    conversion = declared.get(link.source) if isinstance(declared, dict) else None
    crosses = not units.same_quantity(source, unit)
    at = f"{entry.label}.subtract_meter_conversions"
    allocated = "allocation" in (units.quantity_of(source), units.quantity_of(unit))
    is_gas = _utility(entry.meter_id, known, frozenset()) == "gas" and not allocated
    figures = {"name": link.source, "unit": source, "output_unit": unit, "meter": entry.label}
    if crosses and not is_gas:
        yield Problem(entry.file, link.key, "conversion_impossible", figures)
    elif crosses and conversion is None:
        yield Problem(entry.file, link.key, "conversion_missing", figures)
    if not isinstance(conversion, dict):
        return
    for name, wanted, whose in (("from_unit", source, link.source), ("to_unit", unit, entry.label)):
        said = _unit(conversion.get(name))
        if said is not None and said != wanted:
            figures = {"declared": said, "name": whose, "unit": wanted, "key": name}
            yield Problem(entry.file, f"{at}.{link.source}.{name}", "conversion_unit_differs", figures)


def _utility(meter_id: str | None, known: Mapping[str, Entry], passed: frozenset[str]) -> Utility | None:
    """Give a meter's utility, given or derived, as `MeterBook` does."""
    if meter_id is None or meter_id not in known or meter_id in passed:
        return None
    entry = known[meter_id]
    given = entry.raw.get("utility")
    for utility in get_args(Utility):
        if given == utility:
            return utility  # type: ignore[no-any-return]
    sources = [link for link in links(entry) if link.role != "like"]
    if sources:
        return _utility(sources[0].source, known, passed | {meter_id})
    unit = _unit(entry.raw.get("output_unit"))
    return utility_by_name(unit, f"{meter_id} {entry.raw.get('description') or ''}") if unit else None


def _periods(entry: Entry) -> Iterator[tuple[str, dict[Any, Any]]]:
    written = entry.raw.get("periods")
    for position, period in enumerate(written if isinstance(written, list) else ()):
        if isinstance(period, dict):
            yield f"{entry.label}.periods[{position}]", period


def _texts(written: object) -> Iterator[tuple[int, str]]:
    for position, value in enumerate(written if isinstance(written, list) else ()):
        if isinstance(value, str):
            yield position, value


def _unit(written: object) -> str | None:
    try:
        return units.canonical(written) if isinstance(written, str) else None
    except units.UnitError:
        return None
