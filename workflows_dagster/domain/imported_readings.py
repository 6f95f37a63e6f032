"""What an import says about whole files and about a meter's new readings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workflows_dagster.domain.findings import Finding

DoubtCode = Literal["looks_like_register", "looks_like_consumption", "stamps_are_ends"]


@dataclass(frozen=True)
class Doubt:
    """Why a file is probably not what the meter takes.

    Attributes:
        code: What it looks like.
        path: The file.
        meter_id: The meter.
    """

    code: DoubtCode
    path: Path
    meter_id: str


@dataclass(frozen=True)
class Comparison:
    """A meter's good rows beside what is stored.

    Attributes:
        rows: How many rows there are.
        new: At instants at which nothing is stored.
        same: As they are stored.
        changed: With another value than is stored at their instant.
        words: Findings about the new and changed readings, with the meter's own history.
    """

    rows: int
    new: int
    same: int
    changed: int
    words: tuple[Finding, ...]
