"""Reasons for a day's quality or for a missing value, as codes with figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import pandas as pd

Figure = float | str | date | pd.Timestamp
Code = Literal[
    "extrapolated_before",
    "extrapolated_after",
    "hours_bridged",
    "hours_fitted",
    "hours_known",
    "interpolated",
    "nothing_used",
    "measured",
    "no_reading",
    "not_yet_installed",
    "before_first_reading",
    "taken_out",
    "no_rate",
    "too_far",
    "no_period",
    "source_without_value",
    "sources_without_value",
    "no_source_there",
    "base_not_there",
    "term_without_value",
    "terms_without_value",
]


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes:
        code: Which one.
        figures: Values of its sentence: instants, days, amounts [meter unit], lengths [d] and names.
        missing: Number of days without a value; None if the reason concerns one day.
        first_missing: The first of them.
    """

    code: Code
    figures: Mapping[str, Figure]
    missing: int | None = None
    first_missing: date | None = None
