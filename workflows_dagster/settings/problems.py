"""Problems of the configuration: a place, a code and figures. `wording/problems.py` makes the sentence."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from workflows_dagster.domain.printable import printable
from workflows_dagster.settings.language import Language
from workflows_dagster.settings.problem_codes import Code

_SHOWN_CHARACTERS = 60
_LARGEST_SHOWN = 10**_SHOWN_CHARACTERS
# Low enough to accept two swapped letters in a name of three.
_NEAR = 0.6


class Kind(StrEnum):
    """Kinds of value that are named in messages instead of being quoted."""

    EMPTY = "empty"
    MAPPING = "mapping"
    LIST = "list"
    EMPTY_LIST = "empty_list"


Figure = str | int | float | date | Kind | tuple[str, ...] | None
Figures = Mapping[str, Figure]


@dataclass(frozen=True)
class Problem:
    """One problem.

    Attributes:
        file: Name of the file, or `environment`.
        key: Path of the key in the file, such as `strom_allgemein.subtract_meters[1]`; empty for the file as a whole.
        code: What is wrong.
        figures: The actual value and further values of the sentence. `suggestion` is the name probably meant.
    """

    file: str
    key: str
    code: Code
    figures: Figures = field(default_factory=dict, hash=False)

    @property
    def place(self) -> str:
        """The file and the key."""
        return f"{self.file}: {self.key}" if self.key else self.file

    def __str__(self) -> str:
        said = [self.code, *(f"{name}={figure}" for name, figure in self.figures.items() if figure is not None)]
        return on_one_line(f"{self.place}: {' '.join(said)}")


class SettingsError(Exception):
    """The configuration cannot be used; the text is one technical line per problem.

    Args:
        problems: All problems in the order of the files. Duplicates are dropped.
        language: The reader's language, as far as config.yaml can be read.
    """

    def __init__(self, problems: Iterable[Problem], language: Language = "en") -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        self.language: Language = language
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[SettingsError], tuple[tuple[Problem, ...], Language]]:
        return type(self), (self.problems, self.language)


def on_one_line(text: str) -> str:
    """Escape non-printing characters, which keys and values may contain."""
    return printable(text)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name most similar to `name`, ignoring case, or None."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    found = difflib.get_close_matches(name.casefold(), by_fold, n=1, cutoff=_NEAR)
    return by_fold[found[0]] if found else None


def shown(value: object) -> str | Kind:
    """Quote a value as the file writes it, shortened, or name its kind."""
    if value is None:
        return Kind.EMPTY
    if isinstance(value, str):
        text = f"'{value[:_SHOWN_CHARACTERS]}'"
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, dict):
        return Kind.MAPPING
    elif isinstance(value, list | tuple):
        return Kind.LIST if value else Kind.EMPTY_LIST
    elif isinstance(value, int) and abs(value) >= _LARGEST_SHOWN:
        text = f"{'-' if value < 0 else ''}9999…"
    elif isinstance(value, int | float | date):
        text = str(value)
    else:
        text = type(value).__name__
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
