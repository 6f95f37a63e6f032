"""Unusual days as the store keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from workflows_dagster.domain.anomaly_reasons import Reason, decoded, encoded
from workflows_dagster.stores.ports import Measurement, ProcessedStore


def write_anomalies(
    store: ProcessedStore,
    measurement: Measurement,
    meter_id: str,
    unit: str,
    bounds: tuple[pd.Timestamp, pd.Timestamp],
    judged: pd.DataFrame,
    sentence: Callable[[Reason], str],
) -> None:
    """Make judged days all that the store holds of a meter in a range.

    Args:
        store: Where to write.
        measurement: `ANOMALY_DAILY` or `BASE_LOAD_DAILY`.
        meter_id: The meter.
        unit: Its unit.
        bounds: First instant, and the instant after the last, UTC.
        judged: As `Anomalies` judges them.
        sentence: Writes a reason in the house's language, for Grafana only: nothing reads it back.

    Raises:
        StoreError: The range does not read back as written.
    """
    reasons: list[Reason | None] = list(judged["reason"])
    columns: dict[str, list[str | None]] = {
        "code": [reason.code if reason else None for reason in reasons],
        "figures": [encoded(reason.figures) if reason else None for reason in reasons],
        "reason": [sentence(reason) if reason else None for reason in reasons],
    }
    texts = {name: pd.Series(column, judged.index, dtype=object) for name, column in columns.items()}
    points = judged.assign(**texts)
    store.replace(measurement, meter_id, unit, *bounds, points[list(measurement.fields)])


def reason_of(row: Mapping[Any, Any]) -> Reason | None:
    """Read the reason of a stored day; None where an older version stored a sentence only."""
    return decoded(row.get("code"), row.get("figures"))
