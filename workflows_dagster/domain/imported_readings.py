"""Doubts about imported files, and the comparison of new readings with stored ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workflows_dagster.domain.findings import Finding

DoubtCode = Literal["looks_like_register", "looks_like_consumption", "stamps_are_ends"]


@dataclass(frozen=True)
class Doubt:
    """A doubt whether a file has the right kind of values for its meter.

    Attributes:
        code: The probable kind of values.
        path: The file.
        meter_id: The meter.
    """

    code: DoubtCode
    path: Path
    meter_id: str


@dataclass(frozen=True)
class Comparison:
    """A meter's good rows compared with the stored readings.

    Attributes:
        rows: Number of rows.
        new: Number of rows at instants without stored reading.
        same: Number of rows equal to the stored reading.
        changed: Number of rows that differ from the stored reading.
        words: Findings about the new and changed readings, by the meter's history.
    """

    rows: int
    new: int
    same: int
    changed: int
    words: tuple[Finding, ...]
