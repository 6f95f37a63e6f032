"""Builds the event-log rows of a batch of materializations from a template.

The events of one step differ in partition, time and figures. Dagster's serialiser walks through every event, a quarter
of the time of a backfill. Here it is called once per kind of event; the values of the others are filled into a
template. The first event of each kind is built both ways: if the rows differ, and for unknown kinds, Dagster's row is
used.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import dagster as dg

Row = dict[str, Any]
RowOfEvent = Callable[[dg.EventLogEntry], Row]

MATERIALIZATION = dg.DagsterEventType.ASSET_MATERIALIZATION.value

# Placeholders for the values that vary; they occur nowhere else in an event.
_PARTITION = "the-partition-of-the-row"
_MOMENT = 33_333_333_333.123456
_MARKERS: dict[type[dg.MetadataValue], Callable[[int], Any]] = {
    dg.FloatMetadataValue: lambda number: float(f"1.23456789{number + 10_000}e200"),
    dg.IntMetadataValue: lambda number: 987_654_321_000_000_000 + number,
    dg.TextMetadataValue: lambda number: f"text-{number}-of-the-row",
}
_MOST_ENTRIES = 1000

Shape = tuple[tuple[str, type[dg.MetadataValue]], ...]


def materialization_of(event: dg.EventLogEntry) -> dg.AssetMaterialization | None:
    """Give an event's materialization; None for any other event."""
    dagster_event = event.dagster_event
    # Dagster's own properties look up the event type several times each.
    if dagster_event is None or dagster_event.event_type_value != MATERIALIZATION:
        return None
    specifics: Any = dagster_event.event_specific_data
    made: dg.AssetMaterialization = specifics.materialization
    return made


def asset_name(event: dg.EventLogEntry) -> str:
    """Give the asset key of an event as text."""
    made = materialization_of(event)
    return str(made.asset_key if made is not None else event.get_dagster_event().asset_key)


def with_equal_tags(tagged: Sequence[tuple[dg.EventLogEntry, int]]) -> Iterator[list[tuple[dg.EventLogEntry, int]]]:
    """Group the events with their ids: consecutive materializations of one asset with equal tags, or single events."""
    group: list[tuple[dg.EventLogEntry, int]] = []
    first: dg.AssetMaterialization | None = None
    for event, event_id in tagged:
        made = materialization_of(event)
        if not (
            group
            and made is not None
            and first is not None
            and event_id == group[-1][1] + 1
            and made.asset_key == first.asset_key
            and made.tags == first.tags
        ):
            if group:
                yield group
            group, first = [], made
        group.append((event, event_id))
    if group:
        yield group


class _Template(NamedTuple):
    """An event's row as a template.

    Attributes:
        unchanging: Values that must be equal in all events of the kind.
        row: The row; its event, partition and timestamp are replaced.
        pieces: Text between the gaps, one more than there are gaps.
        gaps: What each gap holds: the number of a metadata entry, or (numbered after those) time and partition.
    """

    unchanging: tuple[Any, ...]
    row: Row
    pieces: list[str]
    gaps: list[int]

    def filled(self, event: dg.EventLogEntry, made: dg.AssetMaterialization) -> Row:
        """Give the row of another event."""
        values = [json.dumps(entry.value) for entry in made.metadata.values()]
        values += [json.dumps(event.timestamp), json.dumps(made.partition)]
        text = [self.pieces[0]]
        for gap, piece in zip(self.gaps, self.pieces[1:], strict=True):
            text.append(values[gap])
            text.append(piece)
        return {
            **self.row,
            "event": "".join(text),
            "partition": made.partition,
            "timestamp": datetime.fromtimestamp(event.timestamp, UTC).replace(tzinfo=None),
        }


class MaterializationRows:
    """Makes the rows of a batch's materializations."""

    def __init__(self, row_of: RowOfEvent) -> None:
        """Start without templates.

        Args:
            row_of: Dagster's function that builds the row of an event.
        """
        self._row_of = row_of
        self._templates: dict[Shape, _Template | None] = {}

    def row(self, event: dg.EventLogEntry, made: dg.AssetMaterialization) -> Row:
        """Give the row of a materialization event, exactly as Dagster would build it."""
        shape = tuple((label, type(value)) for label, value in made.metadata.items())
        if made.partition is None or len(shape) > _MOST_ENTRIES or any(kind not in _MARKERS for _, kind in shape):
            return self._row_of(event)
        if shape not in self._templates:
            self._templates[shape] = self._template(event, made, shape)
        template = self._templates[shape]
        if template is None or template.unchanging != _unchanging(event, made):
            return self._row_of(event)
        return template.filled(event, made)

    def _template(self, event: dg.EventLogEntry, made: dg.AssetMaterialization, shape: Shape) -> _Template | None:
        """Make a template from an event; None if the filled template differs from Dagster's row."""
        markers = [_MARKERS[kind](number) for number, (_, kind) in enumerate(shape)]
        marked = dg.AssetMaterialization(
            asset_key=made.asset_key,
            description=made.description,
            metadata={label: marker for (label, _), marker in zip(shape, markers, strict=True)},
            partition=_PARTITION,
            tags=made.tags,
        )
        dagster_event = event.get_dagster_event()
        specifics: Any = dagster_event.event_specific_data
        specifics = specifics._replace(materialization=marked)
        row = self._row_of(
            event._replace(timestamp=_MOMENT, dagster_event=dagster_event._replace(event_specific_data=specifics))
        )
        gaps = list(_gaps(row["event"], [*markers, _MOMENT, _PARTITION]))
        if len(gaps) != len(markers) + 2:
            return None
        pieces, begin = [], 0
        for start, end, _ in gaps:
            pieces.append(row["event"][begin:start])
            begin = end
        template = _Template(
            _unchanging(event, made), row, [*pieces, row["event"][begin:]], [number for *_, number in gaps]
        )
        return template if template.filled(event, made) == self._row_of(event) else None


def _gaps(text: str, markers: list[Any]) -> Iterator[tuple[int, int, int]]:
    """Give start, end and number of each marker in a text, in order; markers that occur twice are skipped."""
    found = []
    for number, marker in enumerate(markers):
        written = json.dumps(marker)
        start = text.find(written)
        if text.count(written) == 1:
            found.append((start, start + len(written), number))
    yield from sorted(found)


def _unchanging(event: dg.EventLogEntry, made: dg.AssetMaterialization) -> tuple[Any, ...]:
    """Give all values of an event except partition, time and figures."""
    dagster_event = event.get_dagster_event()
    specifics: Any = dagster_event.event_specific_data
    return (
        event._replace(timestamp=0.0, dagster_event=None),
        dagster_event._replace(event_specific_data=None),
        specifics._replace(materialization=None),
        made.asset_key,
        made.description,
        made.tags,
    )
