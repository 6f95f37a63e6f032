"""Schemas of the frames that cross a layer: columns, units, kinds of values, index.

At a layer's border, `check` compares names, types and index, at almost no cost; `validate`, for tests, also checks
every value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from workflows_dagster.domain.allocation import QUALITIES

Kind = Literal["number", "text", "whole", "flag", "object"]
# The `kind` of a column's dtype.
_DTYPES: dict[Kind, str] = {"number": "f", "text": "O", "whole": "iu", "flag": "b", "object": "O"}
_METER, _SHARE, _PRICE = "meter unit", "1", "currency/meter unit"


class FrameError(ValueError):
    """A frame violates its schema; this is a bug of the program."""


@dataclass(frozen=True)
class Column:
    """One column of a schema.

    Attributes:
        meaning: What it holds, as a sentence.
        unit: Its unit; empty for texts and flags.
        kind: A float (NaN if unknown), a text (None if absent), an integer, a bool, or an object of this package.
        lowest: Least value. [unit]
        highest: Largest value. [unit]
        words: Allowed texts; empty allows any.
    """

    meaning: str
    unit: str = ""
    kind: Kind = "number"
    lowest: float = -np.inf
    highest: float = np.inf
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Schema:
    """Columns and index of a frame.

    Attributes:
        name: Its name in errors.
        columns: Its columns, in order.
        index: Openings of days (UTC instants, `datetime64[us, UTC]`) or civil days (`object` of `date`); increasing.
    """

    name: str
    columns: Mapping[str, Column]
    index: Literal["openings", "civil days"] = "openings"

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame after checking columns, types and index, at a cost independent of its length.

        Raises:
            FrameError: They violate the schema.
        """
        if list(frame.columns) != list(self.columns):
            raise FrameError(f"{self.name}: columns are {list(frame.columns)}, not {list(self.columns)}")
        for (name, column), dtype in zip(self.columns.items(), frame.dtypes, strict=True):
            if len(frame) and dtype.kind not in _DTYPES[column.kind]:
                raise FrameError(f"{self.name}: column '{name}' has the type {dtype}, which is no {column.kind}")
        if len(frame) and self.index == "openings" and str(frame.index.dtype) != "datetime64[us, UTC]":
            raise FrameError(f"{self.name}: the index has the type {frame.index.dtype}, not datetime64[us, UTC]")
        if not frame.index.is_monotonic_increasing or not frame.index.is_unique:
            raise FrameError(f"{self.name}: the index does not increase")
        return frame

    def validate(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the frame after checking it and every value in it.

        Raises:
            FrameError: Something violates the schema.
        """
        self.check(frame)
        if self.index == "civil days" and not all(type(day) is date for day in frame.index):
            raise FrameError(f"{self.name}: the index holds something that is no date")
        for name, column in self.columns.items():
            values = frame[name]
            if column.kind == "object":
                wrong = False
            elif column.kind == "text":
                said = set(values.dropna())
                wrong = bool(said - set(column.words)) if column.words else any(type(word) is not str for word in said)
            else:
                known = values.dropna().to_numpy(dtype=float)
                wrong = bool((known < column.lowest).any() or (known > column.highest).any() or np.isinf(known).any())
            if wrong:
                raise FrameError(f"{self.name}: column '{name}' holds a value that it may not")
        return frame


_OPENING = Column("Register when the day opens.", _METER)
_CLOSING = Column("Register when the day closes.", _METER)
_QUALITY = Column("How it is known: measured, interpolated, extrapolated, missing.", kind="text", words=QUALITIES)
_ESTIMATED = Column("Part of the consumption that is estimated.", _SHARE, lowest=0.0, highest=1.0)
_CONSUMED: dict[str, Column] = {
    "consumption": Column("Consumption of the day; below 0 where a counter turns back.", _METER),
    "quality": _QUALITY,
    "estimated_share": _ESTIMATED,
}
_BAND: dict[str, Column] = {
    "lower": Column("Lower end of the 80 % band of an estimated consumption; absent where measured.", _METER),
    "upper": Column("Its upper end.", _METER),
}
BAND_COLUMNS = tuple(_BAND)
_REGISTER_BAND: dict[str, Column] = {
    "opening_lower": Column("Lower end of the 80 % band of an estimated `opening`; absent where measured.", _METER),
    "opening_upper": Column("Its upper end.", _METER),
}
REGISTER_BAND_COLUMNS = tuple(_REGISTER_BAND)
_RESIDUAL = Column("Signed difference before it is kept from falling below 0.", _METER)

DAYS = Schema("days of a meter", {"opening": _OPENING, "closing": _CLOSING, **_CONSUMED, **_BAND, **_REGISTER_BAND})
VIRTUAL_DAYS = Schema("days of a virtual meter", {**_CONSUMED, "residual": _RESIDUAL, **_BAND})
STORED_DAYS = Schema(
    "stored days", {**DAYS.columns, "residual": _RESIDUAL, "unit": Column("Unit of the meter.", kind="text")}
)
COSTS = Schema(
    "costs of a meter",
    {
        "cost": Column("What the day cost, all included.", "currency"),
        "unit_price": Column("Mean price of the day.", _PRICE),
        "standing_charge": Column("The day's share of the standing charge.", "currency"),
        "lower": Column("Lower end of the 80 % band of an estimated cost; absent where measured.", "currency"),
        "upper": Column("Its upper end.", "currency"),
    },
)


def _expected(unit: str) -> dict[str, Column]:
    return {
        "expected": Column("What is usual.", unit),
        "lower": Column("Least that is still usual.", unit),
        "upper": Column("Most that is still usual.", unit),
        "delta_percent": Column("Difference from what is expected.", "%"),
        "severity": Column("alert, notice, or nothing on a usual day.", kind="text", words=("alert", "notice")),
        "reason": Column("Why it stands out.", kind="object"),
    }


ANOMALIES = Schema("judged days", {"consumption": Column("What the day used.", _METER), **_expected(_METER)})
BASE_LOADS = Schema(
    "judged base loads",
    {
        "base_load": Column("Least consumption over four hours running.", f"{_METER}/h", lowest=0.0),
        **_expected(f"{_METER}/h"),
    },
)
MONTHS = Schema(
    "months of a meter",
    {
        "value": Column("Register when the first day opens.", _METER),
        "closing": Column("Register when the last day closes.", _METER),
        "quality": _QUALITY,
        "consumption": Column("Consumption of the month.", _METER),
        "per_day": Column("Mean consumption of the days with a value.", f"{_METER}/d"),
        "estimated_share": _ESTIMATED,
        "previous_month": Column("The same of the month before.", f"{_METER}/d"),
        "previous_year": Column("The same of the month a year before.", f"{_METER}/d"),
        "days": Column("Days that there are.", "d", "whole", lowest=1.0, highest=31.0),
        "missing_days": Column("Days of them without a value.", "d", "whole", lowest=0.0, highest=31.0),
        "whole": Column("Whether every calendar day has a value.", kind="flag"),
        "clipped": Column("By how much the days' residuals lay below 0.", _METER, lowest=0.0),
        "residual": Column("Signed sum of the days' residuals.", _METER),
        "opening_lower": Column("Lower end of the 80 % band of an estimated `value`; absent where measured.", _METER),
        "opening_upper": Column("Its upper end.", _METER),
    },
    index="civil days",
)

BANDED_MONTHS = Schema("months of a meter and their bands", {**MONTHS.columns, **_BAND}, index="civil days")
_SUM: dict[str, Column] = {
    "consumption": Column("Sum of the days that there are.", _METER),
    **_BAND,
    "quality": _QUALITY,
    "estimated_share": _ESTIMATED,
    "days": Column("Days that there are.", "d", "whole", lowest=1.0, highest=366.0),
    "missing_days": Column("Days of them without a value.", "d", "whole", lowest=0.0, highest=366.0),
}
YEARS = Schema("years of a meter", _SUM, index="civil days")
MONTH_TO_DATE = Schema(
    "a meter's month to date",
    {
        **_SUM,
        "previous_month": Column("The same days of the month before.", _METER),
        "previous_year": Column("The same days of the month a year before.", _METER),
    },
    index="civil days",
)
