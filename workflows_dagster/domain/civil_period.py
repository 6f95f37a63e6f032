"""A civil day, month or year. Imports only the standard library, because the command line parses with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

_WRITTEN = re.compile(r"(?P<y>\d{4})(?:-(?P<m>\d{2})(?:-(?P<d>\d{2}))?)?", re.ASCII)
# As people type them: `31.12.2025`, `12.2025`, `12/2025`. `05/04/2025` is two days in two countries, and none here.
_TYPED = re.compile(r"(?:(?P<d>\d{1,2})\.)?(?P<m>\d{1,2})\.(?P<y>\d{4})|(?P<month>\d{1,2})/(?P<year>\d{4})", re.ASCII)


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
        """Read a day, month or year, also as `31.12.2025` or `12.2025`.

        Raises:
            ValueError: The text is none of these.
        """
        written = _WRITTEN.fullmatch(text) or _TYPED.fullmatch(text)
        if written is None:
            raise ValueError(f"'{text}' is no day, month or year")
        parts = {name: int(part) for name, part in written.groupdict().items() if part}
        year, month, day = parts.get("y", parts.get("year")), parts.get("m", parts.get("month")), parts.get("d")
        assert year is not None
        text = "-".join([f"{year:04}", *(f"{part:02}" for part in (month, day) if part is not None)])
        try:
            first = date(year, 1 if month is None else month, 1 if day is None else day)
            if day is not None:
                return cls(text, first, first)
            after = date(year + 1, 1, 1) if month is None else (first + timedelta(days=31)).replace(day=1)
        except (ValueError, OverflowError):
            raise ValueError(f"'{text}' is no day, month or year") from None
        return cls(text, first, after - timedelta(days=1))
