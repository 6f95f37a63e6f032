"""Tables on the terminal."""

from __future__ import annotations

from rich.console import Console


def wide_console(width: int = 200) -> Console:
    """Make a console for a table, as wide as need be where there is no terminal.

    Args:
        width: Characters in a line where there is no terminal.
    """
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=width)
