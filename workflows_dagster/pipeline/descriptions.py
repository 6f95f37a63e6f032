"""Escapes the owner's texts for descriptions on Dagster's page, which are Markdown."""

import re

from workflows_dagster.domain.printable import printable

_MARKED = re.compile(r"[\\`*_{}\[\]<>#|~!&]|^[-+=]|^\d+[.)]|://|(?<=www)\.|@")


def as_text(text: str) -> str:
    """Escape a text so that it is shown literally: no link, no picture, no HTML."""
    on_one_line = printable(" ".join(text.split()))
    return _MARKED.sub(lambda found: "".join(c if c.isalnum() else f"\\{c}" for c in found[0]), on_one_line)


def as_code(name: str) -> str:
    """Write a name as code."""
    return "`" + printable(name).replace("`", "'") + "`"
