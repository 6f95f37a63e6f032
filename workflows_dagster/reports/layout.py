"""The order of the report's rows: a utility's main meters, their sub-meters, and the devices of masters."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from workflows_dagster.domain import units
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter, MeterBook, VirtualMeter
from workflows_dagster.settings.utilities import Utility

Role = Literal["main", "rest", "part"]


@dataclass(frozen=True)
class Place:
    """One meter's place in its utility's table.

    Attributes:
        meter: The meter.
        role: One of the utility's main meters, a remainder, or any other.
        depth: Number of meters above it in the table.
        devices: A master's source meters; empty for other meters.
        fed_in: Whether it counts energy fed into the grid.
    """

    meter: Meter
    role: Role
    depth: int
    devices: tuple[Meter, ...] = ()
    fed_in: bool = False


def fed_into_grid(settings: Settings) -> frozenset[str]:
    """Return the meters that count feed-in: by their own tariff, or masters by those of all their sources."""
    paid_for: set[str] = set()
    for meter in settings.meters.in_order():
        tariff = settings.tariffs.of_meter(meter)
        only_such = isinstance(meter, MasterMeter) and paid_for.issuperset(meter.upstream)
        if only_such or (tariff is not None and tariff.feed_in):
            paid_for.add(meter.meter_id)
    return frozenset(paid_for)


def layout(meters: MeterBook, fed_in: Collection[str] = ()) -> dict[Utility, tuple[Place, ...]]:
    """Lay out the house's meters by utility (docs/explanation/methods.md#main-meters).

    A virtual meter and the meters subtracted in it are parts of its base. A master replaces its devices. A utility's
    main meters are those that are part of nothing and are a master or have parts; where there is none, all that are
    part of nothing and count the quantity of the first. A feed-in meter is never a main meter.

    Args:
        meters: The house's meters.
        fed_in: Those of them that count feed-in.

    Returns:
        By utility, in the order electricity, gas, water, heat, solar: main meters, each followed by its parts, the
        remainder first; then meters that belong to no main meter. Devices get no place of their own.
    """
    stands_for = {device: meter.meter_id for meter in meters.masters for device in meter.upstream}
    whole = _wholes(meters, stands_for)
    places: dict[Utility, tuple[Place, ...]] = {}
    for utility in get_args(Utility):
        own = [m for m in meters if m.utility == utility and m.meter_id not in stands_for]
        roots = [meter for meter in own if meter.meter_id not in whole]
        using = [meter for meter in roots if meter.meter_id not in fed_in]
        main = [m for m in using if isinstance(m, MasterMeter) or m.meter_id in whole.values()] or using
        main = [meter for meter in main if units.same_quantity(meter.output_unit, main[0].output_unit)]
        others = [meter for meter in roots if meter not in main]
        tree = [step for root in (*main, *others) for step in _descend(root, own, whole, 0)]
        if tree:
            places[utility] = tuple(
                Place(
                    meter,
                    "main" if meter in main else "rest" if isinstance(meter, VirtualMeter) else "part",
                    depth,
                    tuple(meters[device] for device in meter.upstream) if isinstance(meter, MasterMeter) else (),
                    meter.meter_id in fed_in,
                )
                for meter, depth in tree
            )
    return places


def _wholes(meters: MeterBook, stands_for: Mapping[str, str]) -> dict[str, str]:
    """Map each part to the meter of the same utility that contains it; the result has no cycle."""
    whole: dict[str, str] = {}
    for virtual in meters.virtuals:
        base = stands_for.get(virtual.base_meter, virtual.base_meter)
        for member in (virtual.meter_id, *virtual.subtract_meters):
            part = stands_for.get(member, member)
            if meters[part].utility != meters[base].utility or part in whole or part in _above(base, whole):
                continue
            whole[part] = base
    return whole


def _above(meter_id: str, whole: Mapping[str, str]) -> Iterator[str]:
    """Give a meter and all meters that contain it."""
    current: str | None = meter_id
    while current is not None:
        yield current
        current = whole.get(current)


def _descend(meter: Meter, own: Sequence[Meter], whole: Mapping[str, str], depth: int) -> Iterator[tuple[Meter, int]]:
    """Give a meter and all its parts with their depth, the remainder before the sub-meters."""
    yield meter, depth
    parts = [part for part in own if whole.get(part.meter_id) == meter.meter_id]
    for part in sorted(parts, key=lambda part: not isinstance(part, VirtualMeter)):
        yield from _descend(part, own, whole, depth + 1)
