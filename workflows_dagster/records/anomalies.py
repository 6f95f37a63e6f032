"""Anomalies in the processed store: the flagged days, and separately the expectation of every judged day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workflows_dagster.domain.anomaly_reasons import Reason, decoded, encoded
from workflows_dagster.domain.days import REPRESENTABLE
from workflows_dagster.stores.ports import (
    ANOMALY_DAILY,
    BASE_LOAD_DAILY,
    BASE_LOAD_EXPECTATION_DAILY,
    EXPECTATION_DAILY,
    Measurement,
    ProcessedStore,
)


class Judgement(NamedTuple):
    """The two measurements of one kind of judgement.

    Attributes:
        flagged: The unusual days.
        expectation: The expectation of every judged day.
    """

    flagged: Measurement
    expectation: Measurement


USE = Judgement(ANOMALY_DAILY, EXPECTATION_DAILY)
BASE_LOAD = Judgement(BASE_LOAD_DAILY, BASE_LOAD_EXPECTATION_DAILY)


def write_anomalies(
    store: ProcessedStore,
    kind: Judgement,
    meter_id: str,
    unit: str,
    bounds: tuple[pd.Timestamp, pd.Timestamp],
    judged: pd.DataFrame,
    sentence: Callable[[Reason], str],
) -> None:
    """Replace a meter's judged days in a range.

    Args:
        store: Where to write.
        kind: `USE` or `BASE_LOAD`.
        meter_id: The meter.
        unit: Its unit.
        bounds: First instant, and the instant after the last, UTC.
        judged: As `Anomalies` judges them.
        sentence: Writes a reason in the house's language, for Grafana only; the program never reads it.

    Raises:
        StoreError: The range does not read back as written.
    """
    store.replace(kind.expectation, meter_id, unit, *bounds, judged[list(kind.expectation.fields)])
    flagged = judged[judged["severity"].notna()]
    reasons: list[Reason | None] = list(flagged["reason"])
    columns: dict[str, list[str | None]] = {
        "code": [reason.code if reason else None for reason in reasons],
        "figures": [encoded(reason.figures) if reason else None for reason in reasons],
        "reason": [sentence(reason) if reason else None for reason in reasons],
    }
    texts = {name: pd.Series(column, flagged.index, dtype=object) for name, column in columns.items()}
    points = flagged.assign(**texts)
    store.replace(kind.flagged, meter_id, unit, *bounds, points[list(kind.flagged.fields)])


def move_expectations(store: ProcessedStore) -> None:
    """Move the expectations that an older version stored with the flagged days.

    The embedded store does so itself when it is opened. Expectations are written before anything is removed, and
    existing ones are kept; so the move may be interrupted at any point, and repeating it changes nothing.

    Args:
        store: The store; nothing else may write anomalies meanwhile.

    Raises:
        StoreError: A range does not read back as written.
    """
    for kind in (USE, BASE_LOAD):
        flagged = store.texts(kind.flagged, "severity")
        for meter_id, instants in store.present(kind.flagged, *REPRESENTABLE).items():
            if len(instants) > len(flagged.get(meter_id, ())):
                _move(store, kind, meter_id)


def _move(store: ProcessedStore, kind: Judgement, meter_id: str) -> None:
    judged = store.read(kind.flagged, meter_id)
    known = store.read(kind.expectation, meter_id)
    fields = list(kind.expectation.fields)
    units = judged["unit"].to_numpy(dtype=object)
    cuts = np.flatnonzero(units[1:] != units[:-1]) + 1
    # A range holds one unit; an older version may have left days of another one.
    for first, last in pairwise([0, *cuts.tolist(), len(judged)]):
        days, unit = judged.iloc[first:last], str(units[first])
        bounds = (days.index[0], days.index[-1] + pd.Timedelta(microseconds=1))
        inside = known[(known.index >= bounds[0]) & (known.index < bounds[1])]
        missing = days[~days.index.isin(inside.index)]
        both = pd.concat([part for part in (inside[fields], missing[fields]) if len(part)]).sort_index()
        store.replace(kind.expectation, meter_id, unit, *bounds, both)
        store.replace(
            kind.flagged, meter_id, unit, *bounds, days.loc[days["severity"].notna(), list(kind.flagged.fields)]
        )


def reason_of(row: Mapping[Any, Any]) -> Reason | None:
    """Read the reason of a stored day; None where an older version stored a sentence only."""
    return decoded(row.get("code"), row.get("figures"))
