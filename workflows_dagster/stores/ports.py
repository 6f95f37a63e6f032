"""The interface of the stores of raw readings and processed series, independent of the backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from workflows_dagster.stores.tagged import FieldKind, TaggedStore


class StoreError(RuntimeError):
    """The store failed: unreachable, not allowed, damaged, or it lost written data.

    The text names the store, the fact and the remedy, and holds no secret.
    """


@dataclass(frozen=True, order=True)
class EarlierName:
    """An entity's name before it was renamed.

    Attributes:
        entity_id: Tag `entity_id`, without the domain.
        until: Instant from which on the next name holds, UTC.
    """

    entity_id: str
    until: pd.Timestamp


@dataclass(frozen=True, order=True)
class RawSeries:
    """Address of one meter's raw readings: Home Assistant's measurement, entity and field.

    Attributes:
        measurement: InfluxDB measurement, usually the unit.
        entity_id: Tag `entity_id`, without the domain.
        field: Field that holds the number.
        domain: Tag `domain`, or None for any.
        earlier: Names that the entity had before, the oldest first.
    """

    measurement: str
    entity_id: str
    field: str = "value"
    domain: str | None = None
    earlier: tuple[EarlierName, ...] = ()

    def parts(self) -> tuple[RawSeries, ...]:
        """Give the series of each name, the oldest first."""
        names = [*(name.entity_id for name in self.earlier), self.entity_id]
        return tuple(RawSeries(self.measurement, name, self.field, self.domain) for name in names)


@dataclass(frozen=True)
class Measurement:
    """Name and fields of one processed measurement.

    Every point has the tags `meter_id` and `unit`; a field that is absent from a point reads as NaN or None.

    Attributes:
        name: Its name.
        fields: Kind of value of each field.
        unit_as: A further tag that repeats the unit, such as `currency` for costs.
    """

    name: str
    fields: Mapping[str, FieldKind]
    unit_as: str | None = None


_REGISTER: dict[str, FieldKind] = {
    "value": "number",
    "closing": "number",
    "quality": "text",
    "lower": "number",
    "upper": "number",
}
REGISTER_DAILY = Measurement("meter_interpolated_daily", _REGISTER)
CONSUMPTION_DAILY = Measurement(
    "meter_consumption",
    {
        "consumption": "number",
        "quality": "text",
        "estimated_share": "number",
        "residual": "number",
        "lower": "number",
        "upper": "number",
    },
)
PROFILE = Measurement(
    "meter_profile",
    {
        "base": "number",
        "season": "number",
        "version": "text",
        "table": "text",
        "profile": "text",
        "mean": "number",
        "scale": "number",
        "scale_beyond": "number",
    },
)

RUNNING_DAY = Measurement(
    "meter_running_day",
    {"consumption": "number", "closing": "number", "quality": "text", "estimated_share": "number", "until": "text"},
)

REGISTER_MONTHLY = Measurement("meter_interpolated_monthly", _REGISTER)
CONSUMPTION_MONTHLY = Measurement(
    "meter_consumption_monthly",
    {
        "consumption": "number",
        "per_day": "number",
        "estimated_share": "number",
        "previous_month": "number",
        "previous_year": "number",
        "quality": "text",
        "days": "number",
        "lower": "number",
        "upper": "number",
    },
)
_SUM: dict[str, FieldKind] = {
    "consumption": "number",
    "lower": "number",
    "upper": "number",
    "quality": "text",
    "estimated_share": "number",
    "days": "number",
    "missing_days": "number",
}
CONSUMPTION_YEARLY = Measurement("meter_consumption_yearly", _SUM)
# The running month only.
MONTH_TO_DATE = Measurement("meter_month_to_date", {**_SUM, "previous_month": "number", "previous_year": "number"})
COST_DAILY = Measurement(
    "meter_cost",
    {"cost": "number", "unit_price": "number", "standing_charge": "number", "lower": "number", "upper": "number"},
    unit_as="currency",
)
_EXPECTED: dict[str, FieldKind] = {"expected": "number", "lower": "number", "upper": "number"}
_FLAGGED: dict[str, FieldKind] = {
    **_EXPECTED,
    "delta_percent": "number",
    "severity": "text",
    "code": "text",
    "figures": "text",
    "reason": "text",
}
# Flagged days only; the expectations of all judged days are a separate measurement.
ANOMALY_DAILY = Measurement("meter_anomaly", {"consumption": "number", **_FLAGGED})
EXPECTATION_DAILY = Measurement("meter_expectation", _EXPECTED)
BASE_LOAD_DAILY = Measurement("meter_base_load", {"base_load": "number", **_FLAGGED})
BASE_LOAD_EXPECTATION_DAILY = Measurement("meter_base_load_expectation", {"base_load": "number", **_EXPECTED})
# Findings are written with the day on which they begin, by month, or as present state.
_FINDING: dict[str, FieldKind] = {
    "code": "text",
    "severity": "text",
    "sentence": "text",
    "until": "text",
    "figures": "text",
}
FINDING_DAILY = Measurement("meter_finding", _FINDING)
FINDING_MONTHLY = Measurement("meter_finding_monthly", _FINDING)
FINDING_NOW = Measurement("meter_finding_now", _FINDING)
# One point per month, at the month's opening: for a meter the digests of its stored days, for a result those of its
# inputs when it was computed (records/made_from.py).
MADE_FROM = Measurement("meter_made_from", {"digest": "text", "days": "text"})
# One point, at the month's opening, per entity and UTC month in which our own writers wrote or deleted readings. Polls
# for changed readings reread these months. Each write makes a new mark: one that begins with `WRITING` before, which is
# replaced after everything is stored.
READINGS_CHANGED = Measurement("meter_readings_changed", {"mark": "text"})
WRITING = "writing "
# The note that a person added to a reading, at the instant of the reading.
READING_NOTE = Measurement("meter_reading_note", {"note": "text"})
# One point per meter, at the time of the last import or entry: instants of the first and last reading added.
READINGS_ADDED = Measurement("meter_readings_added", {"first": "text", "last": "text"})
# One point per month, at the month's opening, per meter that is given back to Home Assistant: what it has of the month.
STATISTICS_SENT = Measurement(
    "meter_statistics_sent",
    {
        "inputs": "text",
        "digest": "text",
        "use": "number",
        "cost": "number",
        "first": "text",
        "last": "text",
        "shown": "number",
    },
)
# One point per meter, at the beginning of time: what a query needs to know of it, such as which meters to add up.
METER_INFO = Measurement(
    "meter_info",
    {
        "utility": "text",
        "main": "number",
        "role": "text",
        "depth": "number",
        "fed_in": "number",
        "kwh_per_unit": "number",
        "description": "text",
    },
)
# One point per replacement of a meter and per change of a price, at the opening of its first day.
METER_CHANGE = Measurement("meter_change", {"kind": "text", "sentence": "text"})
# One point for the house: from when on power and events are there; those before were deleted.
STREAMS_KEPT = Measurement("home_streams_kept", {"since": "text"})
# One point for the house: how the live connection to Home Assistant is.
LIVE_STATUS = Measurement(
    "home_assistant_status",
    {"at": "text", "connected": "text", "problem": "text", "clock": "number", "silent": "text"},
)
# One point for the house: how the last run ended, what failed, when the newest backup was made.
HOUSE_STATUS = Measurement(
    "house_status", {"run_ended": "text", "run_result": "text", "failed_jobs": "text", "backup": "text"}
)

MEASUREMENTS: tuple[Measurement, ...] = (
    REGISTER_DAILY,
    CONSUMPTION_DAILY,
    REGISTER_MONTHLY,
    CONSUMPTION_MONTHLY,
    CONSUMPTION_YEARLY,
    MONTH_TO_DATE,
    ANOMALY_DAILY,
    EXPECTATION_DAILY,
    BASE_LOAD_DAILY,
    BASE_LOAD_EXPECTATION_DAILY,
    COST_DAILY,
    PROFILE,
    RUNNING_DAY,
    FINDING_DAILY,
    FINDING_MONTHLY,
    FINDING_NOW,
    MADE_FROM,
    READINGS_CHANGED,
    READING_NOTE,
    READINGS_ADDED,
    STATISTICS_SENT,
    LIVE_STATUS,
    STREAMS_KEPT,
    METER_INFO,
    METER_CHANGE,
    HOUSE_STATUS,
)


class RawStore(Protocol):
    """Raw readings, in Home Assistant's layout."""

    def readings(
        self,
        series: RawSeries,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
        *,
        before: int = 0,
        after: int = 0,
    ) -> pd.Series:
        """Read one series in `[start, end)`, and its neighbours outside.

        Args:
            series: The series. Without a domain, all domains are read as one series.
            start: First instant, UTC; None reads from the first reading on.
            end: Instant after the last, UTC; None reads to the last reading.
            before: Number of readings before `start` to add, the latest ones.
            after: Number of readings at or after `end` to add, the earliest ones.

        Returns:
            Values by instant: `float64`, index `DatetimeIndex` (`datetime64[us, UTC]`), strictly increasing. Empty if
            there are none. Strings and other fields never appear. Of two domains at one instant, the one written last
            wins if the store knows it (embedded), else `input_number`, else the last by name (InfluxDB).

        Raises:
            StoreError: The store cannot be read.
        """
        ...

    def write_readings(self, series: RawSeries, readings: pd.Series) -> None:
        """Write readings, replacing those at equal instants. A repeat changes nothing.

        The entity's changed months are marked (`READINGS_CHANGED`), so that every stored change is marked even if this
        process is killed. `delete_readings` does the same.

        Args:
            series: Where to write. Without a domain, `input_number` is written.
            readings: Finite values by UTC instant, in any order; of two at one instant the last wins. Negative zero is
                stored as zero.

        Raises:
            StoreError: Not everything was stored.
            ValueError: A value is not finite, or the index is not instants with a zone (our bug).
        """
        ...

    def delete_readings(self, series: RawSeries, start: pd.Timestamp, end: pd.Timestamp) -> None:
        """Delete the readings of a series in `[start, end)`, both UTC.

        InfluxDB cannot delete one field: there, the points' other fields go with it.

        Raises:
            StoreError: Not everything was deleted.
        """
        ...

    def retention(self) -> pd.Timedelta | None:
        """Tell how long readings are kept before they expire; None for ever.

        Raises:
            StoreError: The store cannot be asked.
        """
        ...

    def fingerprints(
        self, series: Sequence[RawSeries], start: pd.Timestamp | None = None, end: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        """Summarise each series by UTC month, cheaply and for all series at once.

        Args:
            series: The series.
            start: Opening of the first month, UTC; None for the first with readings.
            end: Opening of the month after the last, UTC; None for the last with readings.

        Returns:
            Frame with columns `series` (RawSeries as asked), `month` (`YYYY-MM`), `count` (int), `sum` (float),
            `first` and `last` (UTC timestamps of the month's first and last reading), ordered by series as asked, then
            month. Equal data gives an equal frame. Readings of two domains at one instant both count.
        """
        ...

    def catalogue(self) -> pd.DataFrame:
        """List every numeric series that the raw store holds.

        Returns:
            Frame with columns `measurement`, `entity_id`, `field`, `domain` (None where points carry no such tag),
            `count`, `first`, `last`, ordered by the first four.
        """
        ...


class ProcessedStore(Protocol):
    """Processed series, which the owner's Grafana reads."""

    def replace(
        self,
        measurement: Measurement,
        meter_id: str,
        unit: str,
        start: pd.Timestamp,
        end: pd.Timestamp,
        points: pd.DataFrame,
    ) -> None:
        """Replace a meter's points in `[start, end)` by `points`. A repeat changes nothing.

        It returns only when the range reads back as given. Points that stay valid are never missing meanwhile.

        Args:
            measurement: Where to write.
            meter_id: Tag `meter_id`.
            unit: Tag `unit`. Points of the meter in the range under another unit are removed.
            start: First instant, UTC.
            end: Instant after the last, UTC.
            points: Index UTC instants in `[start, end)`, strictly increasing; columns among the measurement's fields;
                NaN or None means that the point lacks the field. A row without any field is no point. Negative zero is
                stored as zero; texts contain no carriage return and no NUL.

        Raises:
            StoreError: The range does not read back as given.
            ValueError: The points break the rules above (our bug).
        """
        ...

    def read(
        self,
        measurement: Measurement,
        meter_id: str,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> pd.DataFrame:
        """Read a meter's points in `[start, end)`.

        Returns:
            Index UTC instants (`datetime64[us, UTC]`, name `time`), increasing; columns all of the measurement's fields
            in order: numbers as `float64` (NaN where absent), texts as `object` (None where absent), and last `unit`
            (`object`).
        """
        ...

    def present(self, measurement: Measurement, start: pd.Timestamp, end: pd.Timestamp) -> dict[str, pd.DatetimeIndex]:
        """Give the instants of existing points in `[start, end)` by meter, increasing."""
        ...

    def texts(
        self,
        measurement: Measurement,
        field: str,
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
    ) -> dict[str, pd.Series]:
        """Read one text field of all meters in `[start, end)`.

        Returns:
            By meter, for those that have any: values (`object` of `str`), index UTC instants, increasing.

        Raises:
            StoreError: The store cannot be read.
        """
        ...


class Store(RawStore, ProcessedStore, TaggedStore, Protocol):
    """Raw readings, processed series and rows with tags of their own in one backend."""

    def close(self) -> None:
        """Release files and connections."""
        ...
