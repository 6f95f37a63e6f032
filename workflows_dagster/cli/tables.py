"""Tables and progress on the terminal."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from workflows_dagster.domain.printable import printable


class TerminalConsole(Console):
    """A console that prints texts as they are: without control characters, and brackets are no markup."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("markup", False)
        super().__init__(file=options.pop("file", getattr(sys.stdout, "styled", None)), **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make a text to be printed or put into a cell."""
        return super().render_str(printable(text, "\n"), **options)


def wide_console(width: int = 200) -> Console:
    """Make a console for tables, with a fixed width if there is no terminal.

    Args:
        width: Width without a terminal. [characters]
    """
    console = TerminalConsole(highlight=False)
    return console if console.is_terminal else TerminalConsole(highlight=False, width=width)
