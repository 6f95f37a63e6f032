"""Makes foreign texts (cells, file names, servers' answers) safe to print on a terminal or in a log."""

from __future__ import annotations

import unicodedata

# Harmless: they only join and separate letters.
_HARMLESS = frozenset("\u200c\u200d\u00ad")


def printable(text: str, keep: str = "") -> str:
    """Write what steers a terminal, turns the direction of writing or breaks a line as its escape, such as `\\x1b`.

    Args:
        text: Any text.
        keep: Characters to keep, such as line breaks.
    """
    return text if text.isprintable() else "".join(c if c in keep or _is_shown(c) else _escaped(c) for c in text)


def _is_shown(character: str) -> bool:
    return character.isprintable() or character in _HARMLESS or unicodedata.category(character) == "Zs"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
