"""Measurements with tags of their own, such as Home Assistant's events, and the store's interface for their rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import pandas as pd

FieldKind = Literal["number", "text"]


@dataclass(frozen=True)
class TaggedMeasurement:
    """Name, tags and fields of a measurement whose points belong to no meter.

    Attributes:
        name: Its name.
        tags: Its tags. At one instant there is one point for each combination of their values; an absent tag is None.
        fields: Kind of value of each field; an absent field is NaN or None.
        raw: It is a raw stream, kept beside the readings for a limited time, and not a result.
    """

    name: str
    tags: tuple[str, ...]
    fields: Mapping[str, FieldKind]
    raw: bool = False


SMART_METER = TaggedMeasurement(
    "smart_meter",
    ("source",),
    {"total_power_w": "number", "peak_power_w": "number", "daily_kwh": "number", "known_share": "number"},
)
SMART_METER_CIRCUIT = TaggedMeasurement(
    "smart_meter_circuit", ("circuit_name",), {"power_w": "number", "percentage": "number"}
)
HOME_ASSISTANT_EVENTS = TaggedMeasurement(
    "home_assistant_events",
    ("entity_id", "domain"),
    {"state": "text", "previous_state": "text", "attributes": "text"},
    raw=True,
)
HOME_POWER = TaggedMeasurement("home_power", ("entity_id",), {"power_w": "number", "available": "number"}, raw=True)
EVENT_ENERGY_CORRELATION = TaggedMeasurement(
    "event_energy_correlation",
    ("entity_id", "domain", "state", "previous_state"),
    {
        "power_before_w": "number",
        "power_after_w": "number",
        "power_delta_w": "number",
        "power_delta_pct": "number",
        "confidence": "number",
        "sample_gap_s": "number",
        "concurrent_events": "number",
        "method": "text",
    },
)
DEVICE_POWER = TaggedMeasurement(
    "device_power",
    ("entity_id",),
    {"on_w": "number", "off_w": "number", "spread_w": "number", "events": "number", "on_hours": "number"},
)
TAGGED_MEASUREMENTS = (
    SMART_METER,
    SMART_METER_CIRCUIT,
    HOME_ASSISTANT_EVENTS,
    HOME_POWER,
    EVENT_ENERGY_CORRELATION,
    DEVICE_POWER,
)
RAW_STREAMS = tuple(measurement for measurement in TAGGED_MEASUREMENTS if measurement.raw)


class TaggedStore(Protocol):
    """Rows of measurements with tags of their own."""

    def add_rows(self, measurement: TaggedMeasurement, rows: pd.DataFrame) -> None:
        """Store rows beside those that exist, replacing those of equal tags and instant. A repeat changes nothing.

        Args:
            measurement: Where they go.
            rows: Columns `time` (UTC), the tags, and fields of the measurement, in any order of rows; of two with equal
                tags and instant the last wins. A row without any field is no row.

        Raises:
            StoreError: Not everything was stored.
            ValueError: A row breaks the rules (our bug).
        """
        ...

    def replace_rows(
        self, measurement: TaggedMeasurement, start: pd.Timestamp, end: pd.Timestamp, rows: pd.DataFrame
    ) -> None:
        """Replace all rows of a measurement in `[start, end)`. A repeat changes nothing.

        Args:
            measurement: Where they go.
            start: First instant, UTC.
            end: Instant after the last, UTC.
            rows: As `add_rows` takes them, in `[start, end)`.

        Raises:
            StoreError: The range does not read back as given.
            ValueError: A row breaks the rules (our bug).
        """
        ...

    def rows(
        self,
        measurement: TaggedMeasurement,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Read the rows in `[start, end)` that have these tags.

        Returns:
            Columns `time` (`datetime64[us, UTC]`), the tags (`object`, None where absent), and all fields (`float64` or
            `object`), in order of time and tags.

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    def delete_rows(self, measurement: TaggedMeasurement, start: pd.Timestamp, end: pd.Timestamp) -> None:
        """Delete all rows of a measurement in `[start, end)`.

        Raises:
            StoreError: Not everything was deleted.
        """
        ...
