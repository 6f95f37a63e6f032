"""The explanation of a meter's number over a day, month or year, with those of its sources.

All instants carry the house's zone. Names of fields are those of the JSON form.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import pandas as pd

from workflows_dagster.domain.findings import Finding
from workflows_dagster.evaluation.explanation.derived_figures import FromDifference, FromSources
from workflows_dagster.evaluation.explanation.reading_figures import FromReadings
from workflows_dagster.evaluation.explanation.reasons import Reason


@dataclass(frozen=True)
class Tally:
    """The days of one quality.

    Attributes:
        quality: The quality.
        days: How many.
        consumption: Their consumption. [meter unit]
    """

    quality: str
    days: int
    consumption: float


@dataclass(frozen=True)
class Stored:
    """The stored values of the same days.

    Attributes:
        days: How many.
        consumption: Their sum; None where none has a value. [meter unit]
        quality: The worst; None where nothing is stored.
        differing: Days on which the store and today's readings disagree in any figure, or of which only one has a day.
    """

    days: int
    consumption: float | None
    quality: str | None
    differing: tuple[date, ...]


@dataclass(frozen=True)
class Explanation:
    """The explanation of a meter's consumption over a day, month or year.

    Attributes:
        meter_id: The meter.
        description: What it counts.
        type: physical, master or virtual.
        unit: Its unit.
        period: What was asked for: `2025-03-14`, `2025-03` or `2025`.
        first: First civil day explained.
        last: Last civil day explained; earlier than asked for where the rest is not over yet.
        opens: Instant at which the first day opens.
        closes: Instant at which the last day closes, or the present for a day that is not over.
        lives_from: Where the meter's life begins later than `opens`, else None.
        lives_until: Where it ends before `closes`, else None.
        consumption: None where there is no value. [unit]
        quality: The worst day's; None where the meter has no such day.
        estimated_share: Part of the consumption that comes from longer gaps, 0..1.
        opening: Register when the first day opens. [unit]
        closing: Register when the last day closes. [unit]
        tally: Days by quality.
        reasons: Reasons for the quality, or for a missing value.
        arithmetic: How the consumption is computed; None if there is none.
        findings: Findings about the readings used.
        sources: The explanations of its sources that count in the period.
        stored: The stored values; None if nothing is stored yet, as for a running day.
        provisional: Whether the day is still running.
        lower: Lower end of the consumption's 80 % band; None where it is measured, for a source, or for today. [unit]
        upper: Upper end of it. [unit]
        opening_lower: Lower end of the 80 % band of `opening`; None where it is measured. [unit]
        opening_upper: Upper end of it. [unit]
    """

    meter_id: str
    description: str
    type: Literal["physical", "master", "virtual"]
    unit: str
    period: str
    first: date
    last: date
    opens: pd.Timestamp
    closes: pd.Timestamp
    lives_from: pd.Timestamp | None
    lives_until: pd.Timestamp | None
    consumption: float | None
    quality: str | None
    estimated_share: float | None
    opening: float | None
    closing: float | None
    tally: tuple[Tally, ...]
    reasons: tuple[Reason, ...]
    arithmetic: FromReadings | FromSources | FromDifference | None
    findings: tuple[Finding, ...] = ()
    sources: tuple[Explanation, ...] = ()
    stored: Stored | None = None
    provisional: bool = False
    lower: float | None = None
    upper: float | None = None
    opening_lower: float | None = None
    opening_upper: float | None = None

    @property
    def is_day(self) -> bool:
        """Whether one day is explained, not a month or year."""
        return len(self.period) == len("2025-03-14")
