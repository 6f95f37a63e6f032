"""The house's meters, in an order in which sources precede derived meters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workflows_dagster.settings.derived_meters import Conversion, MasterMeter, Period, VirtualMeter
from workflows_dagster.settings.physical_meter import PhysicalMeter, Source

__all__ = ["Conversion", "MasterMeter", "Meter", "MeterBook", "Period", "PhysicalMeter", "Source", "VirtualMeter"]

Meter = PhysicalMeter | MasterMeter | VirtualMeter


@dataclass(frozen=True)
class MeterBook:
    """All meters of the house, in file order.

    All sources of a derived meter are in the book, and there are no cycles; `load` checks both.

    Args:
        meters: The meters, with unique ids. A derived meter without a utility gets that of its first source.
    """

    meters: Sequence[Meter]
    _by_id: dict[str, Meter] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_id = {meter.meter_id: meter for meter in self.meters}
        for meter_id in _in_order(by_id):
            meter = by_id[meter_id]
            if meter.upstream and "utility" not in meter.model_fields_set:
                by_id[meter_id] = meter.model_copy(update={"utility": by_id[meter.upstream[0]].utility})
        object.__setattr__(self, "meters", tuple(by_id[meter.meter_id] for meter in self.meters))
        object.__setattr__(self, "_by_id", by_id)

    def __getitem__(self, meter_id: str) -> Meter:
        return self._by_id[meter_id]

    def __iter__(self) -> Iterator[Meter]:
        return iter(self.meters)

    def __len__(self) -> int:
        return len(self.meters)

    def __contains__(self, meter_id: object) -> bool:
        return meter_id in self._by_id

    def __hash__(self) -> int:
        return hash(tuple(self._by_id))

    @property
    def physical(self) -> tuple[PhysicalMeter, ...]:
        """The physical meters, in file order."""
        return tuple(meter for meter in self.meters if isinstance(meter, PhysicalMeter))

    @property
    def masters(self) -> tuple[MasterMeter, ...]:
        """The master meters, in file order."""
        return tuple(meter for meter in self.meters if isinstance(meter, MasterMeter))

    @property
    def virtuals(self) -> tuple[VirtualMeter, ...]:
        """The virtual meters, in file order."""
        return tuple(meter for meter in self.meters if isinstance(meter, VirtualMeter))

    def in_order(self) -> tuple[Meter, ...]:
        """Give all meters, each after its sources, otherwise in file order."""
        return tuple(self._by_id[meter_id] for meter_id in _in_order(self._by_id))

    def contained_in(self, meter_id: str) -> tuple[str, ...]:
        """Give the meters whose use a meter's estimate follows (`like`), with all that they are made of.

        Raises:
            KeyError: There is no such meter.
        """
        reached: dict[str, None] = {}

        def reach(names: Iterable[str]) -> None:
            for name in names:
                if name not in reached:
                    reached[name] = None
                    reach([*self[name].upstream, *_like(self[name])])

        reach(_like(self[meter_id]))
        return tuple(reached)

    def sources_of(self, meter_id: str) -> tuple[PhysicalMeter, ...]:
        """Give the physical meters that a meter is made from: itself, if it is one.

        Raises:
            KeyError: There is no such meter.
        """
        meter = self[meter_id]
        if isinstance(meter, PhysicalMeter):
            return (meter,)
        found = [one for source in meter.upstream for one in self.sources_of(source)]
        return tuple({one.meter_id: one for one in found}.values())

    def subtracted_from(self, meter_id: str) -> tuple[str, ...]:
        """Give the meters that virtual meters subtract from a meter, or from a master that has it as its only source.

        What they use is part of what it counts.
        """
        wholes = {meter_id} | {
            master.meter_id
            for master in self.masters
            if any(period.source_meters == (meter_id,) for period in master.periods)
        }
        parts = [part for virtual in self.virtuals if virtual.base_meter in wholes for part in virtual.subtract_meters]
        return tuple(dict.fromkeys(parts))

    def contains(self, meter_id: str, part: str) -> bool:
        """Tell whether what a meter uses is part of what another one counts; see `subtracted_from`."""
        return part in self.subtracted_from(meter_id)

    def given_in(self, meter_id: str) -> str | None:
        """Give the meter that a physical one contains, and whose use its days take as it is (`like`); None without.

        Raises:
            KeyError: There is no such meter.
        """
        return next((part for part in _like(self[meter_id]) if self.contains(meter_id, part)), None)

    def downstream_of(self, meter_ids: Iterable[str]) -> tuple[str, ...]:
        """Give the meters and all meters derived from them, each after its sources.

        Raises:
            KeyError: There is no such meter.
        """
        reached = {self[meter_id].meter_id for meter_id in meter_ids}
        ordered = self.in_order()
        for meter in ordered:
            if not reached.isdisjoint(meter.upstream):
                reached.add(meter.meter_id)
        return tuple(meter.meter_id for meter in ordered if meter.meter_id in reached)


def _like(meter: Meter) -> tuple[str, ...]:
    like = meter.estimate.like if isinstance(meter, PhysicalMeter) else None
    return (like,) if like else ()


def _in_order(by_id: Mapping[str, Meter]) -> tuple[str, ...]:
    placed: dict[str, None] = {}

    def place(meter_id: str) -> None:
        if meter_id not in placed:
            for source in by_id[meter_id].upstream:
                place(source)
            placed[meter_id] = None

    for meter_id in by_id:
        place(meter_id)
    return tuple(placed)
