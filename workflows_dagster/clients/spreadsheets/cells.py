"""Parses one cell: a number or a time, in English or German notation."""

from __future__ import annotations

import math
import re
from datetime import time

from workflows_dagster.clients.spreadsheets.tables import Cell, shown
from workflows_dagster.clients.spreadsheets.verdicts import CellError
from workflows_dagster.domain.degree_days import PLAUSIBLE_CELSIUS
from workflows_dagster.domain.number_notation import AmbiguousNumberError, Mark, NotANumberError, meanings, number_from

# A day without a time is taken as noon: people read meters by day, and midnight would be wrong by half a day on average
# and could move the reading into the day before.
TIME_OF_A_BARE_DAY = time(12)
FIRST_YEAR, LAST_YEAR = 1900, 2199

_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)


def number(cell: Cell, *, seen: frozenset[Mark], usual: Mark, is_temperature: bool = False) -> float:
    """Read a register reading, or a temperature, in either notation.

    A number with one mark before exactly three digits (`48.700`) is read by the decimal mark of its column. If the
    column shows none, the format's usual decimal mark is accepted and the other mark is refused, since a wrong guess
    would be wrong by a factor of a thousand.

    Args:
        cell: The cell.
        seen: Decimal marks of the column's unambiguous numbers.
        usual: Decimal mark of the format.
        is_temperature: Whether it is an outdoor temperature. [°C]

    Raises:
        CellError: The cell is not a number, ambiguous, not finite, or negative; or no possible temperature.
    """
    if cell is None:
        raise CellError("reading_empty")
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        raise CellError("not_a_number", cell=shown(cell))
    value = _written(cell, seen, usual) if isinstance(cell, str) else _finite(cell)
    if not math.isfinite(value):
        raise CellError("not_finite", cell=shown(cell))
    if is_temperature:
        if not PLAUSIBLE_CELSIUS[0] <= value <= PLAUSIBLE_CELSIUS[1]:
            raise CellError("not_a_temperature", cell=shown(cell))
        return value + 0.0
    if value < 0.0:
        raise CellError("negative", cell=shown(cell))
    return value + 0.0  # Also turns -0.0 into 0.0.


def _written(text: str, seen: frozenset[Mark], usual: Mark) -> float:
    if _NOT_FINITE.fullmatch(text):
        return math.nan
    found = meanings(text)
    decimal = next(iter(seen)) if len(seen) == 1 else None
    if not seen and found and found[-1].decimal == usual:
        decimal = usual
    try:
        return number_from(text, decimal)
    except NotANumberError:
        raise CellError("not_a_number", cell=shown(text)) from None
    except AmbiguousNumberError as error:
        # With a further zero, three decimals are no longer ambiguous.
        fraction = f"{error.fraction.value:.12g}"
        fraction += "0" if len(fraction.partition(".")[2]) == 3 else ""
        raise CellError("ambiguous", cell=shown(text), whole=f"{error.whole.value:.12g}", fraction=fraction) from None


def _finite(cell: int | float) -> float:
    try:
        return float(cell)
    except OverflowError:
        return math.inf
