"""What is wrong with the configuration, said so that the house owner can mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN_CHARACTERS = 60
# Low enough that two swapped letters of a name of three are near.
_NEAR = 0.6


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        file: Name of the file, or `environment`.
        key: Path of the key in the file, such as `strom_allgemein.subtract_meters[1]`; empty for the file as a whole.
        fact: What is wrong, with the actual value and without a full stop.
        remedy: What to do, as a sentence.
    """

    file: str
    key: str
    fact: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.key}" if self.key else self.file
        text = f"{place}: {self.fact}. {self.remedy}"
        # A key or value may hold anything; the line stays one line.
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class SettingsError(Exception):
    """The configuration cannot be used; the text is one line a problem.

    Args:
        problems: All problems in the order of the files. A repeat is said once.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[SettingsError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that `name` was probably meant to be, whatever its case, or None."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=_NEAR)
    return by_fold[found[0]] if found else None


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """Give the remedy for an unknown name: the nearest known one, or `otherwise` where none is near."""
    found = nearest(name, known)
    return f"Did you mean '{found}'?" if found else otherwise


def shown(value: object) -> str:
    """Show a value from a file in a sentence, shortened."""
    if value is None:
        return "an empty value"
    if isinstance(value, str):
        text = f"'{value}'"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, dict):
        return "a mapping"
    elif isinstance(value, list | tuple):
        return "a list" if value else "an empty list"
    else:
        text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
