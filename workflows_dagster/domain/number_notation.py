"""Numbers as people write them: `46.226,4`, `46,226.4`, `46226,4`, `46 226.4`.

A number with one mark before exactly three digits (`48.700`, `48,700`) has two meanings; anything else has one or none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Mark = Literal[".", ","]

_OTHER: dict[str, Mark] = {".": ",", ",": "."}
_PLAIN = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>\d*)(?:(?P<mark>[.,])(?P<decimals>\d*))?(?P<power>[eE][+-]?\d+)?", re.ASCII
)
_GROUPED = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>\d{1,3}(?P<between>[.,' \u00a0\u202f\u2019])\d{3}(?:(?P=between)\d{3})*)"
    r"(?:(?P<mark>[.,])(?P<decimals>\d+))?",
    re.ASCII,
)


@dataclass(frozen=True)
class Meaning:
    """One way to read a number.

    Attributes:
        plain: The number as a program writes it, such as `-46226.4`.
        decimal: The decimal mark of this reading; None if the text has none.
    """

    plain: str
    decimal: Mark | None

    @property
    def value(self) -> float:
        """The number."""
        return float(self.plain)


class NotANumberError(ValueError):
    """The text is not a number in any notation."""


class AmbiguousNumberError(ValueError):
    """The text has two meanings that differ by a factor of a thousand.

    Args:
        whole: The number when the mark separates thousands.
        fraction: The number when it is the decimal mark.
    """

    def __init__(self, whole: Meaning, fraction: Meaning) -> None:
        self.whole, self.fraction = whole, fraction
        super().__init__(f"{whole.plain} or {fraction.plain}")


def meanings(text: str) -> tuple[Meaning, ...]:
    """Give all meanings of a text: none, one, or two (the whole number first)."""
    text = text.strip().replace("\N{MINUS SIGN}", "-")
    if grouped := _GROUPED.fullmatch(text):
        sign, between, mark = grouped["sign"], grouped["between"], grouped["mark"]
        groups = grouped["whole"].split(between)
        whole = sign + "".join(groups)
        if mark is not None:
            return () if mark == between else (Meaning(f"{whole}.{grouped['decimals']}", _mark(mark)),)
        if between not in _OTHER:
            return (Meaning(whole, None),)
        fraction = Meaning(f"{sign}{groups[0]}.{groups[1]}", _mark(between))
        if groups[0] == "0":
            return (fraction,)
        as_whole = Meaning(whole, _OTHER[between])
        return (as_whole,) if len(groups) > 2 else (as_whole, fraction)
    plain = _PLAIN.fullmatch(text)
    # A comma at the end is punctuation, not part of the number.
    if not plain or not (plain["whole"] or plain["decimals"]) or (plain["mark"] == "," and not plain["decimals"]):
        return ()
    decimals = f".{plain['decimals']}" if plain["decimals"] else ""
    number = f"{plain['sign']}{plain['whole']}{decimals}{plain['power'] or ''}"
    return (Meaning(number, _mark(plain["mark"]) if plain["mark"] else None),)


def decimal_marks(texts: Iterable[str]) -> frozenset[Mark]:
    """Give the decimal marks of a column's unambiguous numbers."""
    found = (meanings(text) for text in texts)
    return frozenset(only[0].decimal for only in found if len(only) == 1 and only[0].decimal)


def number_from(text: str, decimal: Mark | None = None) -> float:
    """Parse a number in either notation.

    Args:
        text: What a person wrote.
        decimal: The decimal mark that decides between two meanings; None if unknown.

    Raises:
        NotANumberError: It is not a number.
        AmbiguousNumberError: It has two meanings, and `decimal` is None.
    """
    found = meanings(text)
    if not found:
        raise NotANumberError(text)
    if len(found) == 1:
        return found[0].value
    decided = [meaning for meaning in found if meaning.decimal == decimal]
    if not decided:
        raise AmbiguousNumberError(*found)
    return decided[0].value


def _mark(written: str) -> Mark:
    return "." if written == "." else ","
