"""A civil day, month or year. Imports only the standard library, because the command line parses with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

_WRITTEN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?", re.ASCII)


@dataclass(frozen=True)
class CivilPeriod:
    """A day, month or year.

    Attributes:
        name: `2025-03-14`, `2025-03` or `2025`.
        first: Its first civil day.
        last: Its last civil day.
    """

    name: str
    first: date
    last: date

    @property
    def is_month(self) -> bool:
        """Whether it is a month."""
        return len(self.name) == len("2025-03")

    @classmethod
    def parse(cls, text: str) -> CivilPeriod:
        """Read a day, month or year.

        Raises:
            ValueError: The text is none of these.
        """
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise ValueError(f"'{text}' is no day, month or year")
        year, month, day = (int(part) if part else None for part in written.groups())
        assert year is not None
        try:
            first = date(year, month or 1, day or 1)
            if day is not None:
                return cls(text, first, first)
            after = date(year + 1, 1, 1) if month is None else (first + timedelta(days=31)).replace(day=1)
        except (ValueError, OverflowError):
            raise ValueError(f"'{text}' is no day, month or year") from None
        return cls(text, first, after - timedelta(days=1))
