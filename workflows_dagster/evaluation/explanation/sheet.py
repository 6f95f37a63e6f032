"""Lays out an explanation in at most 100 columns: labels on the left, sources indented under their derived meter."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

WIDTH = 100
# A register is written with all of its digits, at most this many.
REGISTER_DIGITS = 12
_LABEL = 14
_INDENT = 4


class Sheet:
    """Gathers the lines of an explanation.

    Args:
        level: Depth below the meter asked for.

    Attributes:
        level: The same.
    """

    def __init__(self, level: int = 0) -> None:
        self.level = level
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self._lines)

    def title(self, text: str) -> None:
        """Write the title line."""
        self._put(text, "")

    def entry(self, label: str, *lines: str) -> None:
        """Write lines next to a label; long lines wrap."""
        for number, line in enumerate(lines):
            self._put(line, label if number == 0 else "", labelled=True)

    def table(self, label: str, rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
        """Write rows with aligned columns under a label.

        Args:
            label: Label before the first row.
            rows: Cells, as many in each row.
            right: Columns that are aligned to the right.
        """
        widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
        for number, row in enumerate(rows):
            cells = (c.rjust(w) if k in right else c.ljust(w) for k, (c, w) in enumerate(zip(row, widths, strict=True)))
            self._lines.append(self._margin + (label if number == 0 else "").ljust(_LABEL) + "  ".join(cells).rstrip())

    def gap(self) -> None:
        """Add an empty line."""
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def below(self, text: str) -> None:
        """Add an already indented sheet."""
        self.gap()
        self._lines.extend(text.split("\n"))

    @property
    def _margin(self) -> str:
        return " " * (_INDENT * self.level)

    def _put(self, text: str, label: str, *, labelled: bool = False) -> None:
        begin = self._margin + (label.ljust(_LABEL) if labelled else "")
        if labelled and label and len(label) >= _LABEL:
            begin = self._margin + label + "  "
        then = self._margin + " " * (_LABEL if labelled else 0)
        self._lines.extend(
            textwrap.wrap(
                text,
                WIDTH,
                initial_indent=begin,
                subsequent_indent=then,
                break_long_words=False,
                break_on_hyphens=False,
                drop_whitespace=True,
            )
            or [begin.rstrip()]
        )
