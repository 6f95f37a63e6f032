"""Names what may have gone wrong when a typed reading does not fit: the reading that was meant."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

SlipKind = Literal["digits_swapped", "decimals_missing", "digit_missing", "other_meter"]
_MOST_DECIMALS = 3


@dataclass(frozen=True)
class Expected:
    """Where a meter's reading is expected.

    Attributes:
        last: Its reading before. [meter unit]
        lower: Lower end of the advance's band since then. [meter unit]
        upper: Upper end of it. [meter unit]
    """

    last: float
    lower: float
    upper: float

    def holds(self, value: float) -> bool:
        """Tell whether a reading lies in the band."""
        return self.lower <= value - self.last <= self.upper


@dataclass(frozen=True)
class Slip:
    """What may have been meant.

    Attributes:
        kind: What went wrong.
        value: The reading that was meant. [meter unit]
        advance: Its advance. [meter unit]
        meter_id: The meter that it belongs to, where it is another; else empty.
    """

    kind: SlipKind
    value: float
    advance: float
    meter_id: str = ""


def likely_slip(value: float, expected: Expected, others: Mapping[str, Expected]) -> Slip | None:
    """Give the first slip that makes a reading fit: swapped digits, a lost mark or digit, another meter's reading.

    Args:
        value: The reading as typed. [meter unit]
        expected: Where it was expected.
        others: Where the readings of other meters are expected.
    """
    for kind, meant in _meant(value):
        if expected.holds(meant):
            return Slip(kind, meant, meant - expected.last)
    for meter_id, other in others.items():
        if other.holds(value) and not expected.holds(value):
            return Slip("other_meter", value, value - other.last, meter_id)
    return None


def _meant(value: float) -> Iterator[tuple[SlipKind, float]]:
    """Give readings that a slip turns into the typed one, the most likely first."""
    written = f"{value:.{_MOST_DECIMALS}f}".rstrip("0").rstrip(".")
    digits = [place for place, char in enumerate(written) if char.isdigit()]
    for left, right in itertools.pairwise(digits):
        chars = list(written)
        chars[left], chars[right] = chars[right], chars[left]
        if "".join(chars) != written:
            yield "digits_swapped", float("".join(chars))
    for power in range(1, _MOST_DECIMALS + 1):
        yield "decimals_missing", value / 10**power
    if "." not in written:
        for digit in range(10):
            yield "digit_missing", value * 10 + digit
