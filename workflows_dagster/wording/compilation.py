"""Compiles the catalogues: `python -m workflows_dagster.wording.compilation`, after a `.po` file was edited.

Sentences without a translation are printed as entries to paste into a catalogue.
"""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from workflows_dagster.settings.language import Language
from workflows_dagster.wording.catalogue import folder_of

_PACKAGE = Path(__file__).parents[1]
# A compiled catalogue changes only with its source.
_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
_CALLS = {
    "gettext": None,
    "ngettext": (1, 2),
    "plural": (1, 2),
    "npgettext": ((1, "c"), 2, 3),
    "say": None,
    "marked": None,
    "say_as": ((1, "c"), 2),
    "say_count": (1, 2),
}
_WHERE = [("**.py", "python"), ("web/templates/*.html", "jinja2")]
TRANSLATED: tuple[Language, ...] = tuple(language for language in get_args(Language) if language != "en")


def sentences_in_code() -> Catalog:
    """Collect all sentences in the code, with their files."""
    found = Catalog()
    for file, line, sentence, _, context in extract_from_dir(_PACKAGE, _WHERE, keywords=_CALLS):
        found.add(sentence, locations=[(file, line)], context=context)
    return found


def sources(language: Language) -> list[Path]:
    """List the source files (`.po`) of a language's catalogues."""
    return sorted(folder_of(language).glob("*.po"))


def read_source(path: Path, language: Language) -> Catalog:
    """Read the source of a catalogue."""
    with path.open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def compiled(path: Path, language: Language) -> bytes:
    """Give the compiled form of a catalogue."""
    result, source = io.BytesIO(), read_source(path, language)
    source.creation_date = source.revision_date = _NO_DATE
    write_mo(result, source)
    return result.getvalue()


def untranslated(language: Language) -> list[Message]:
    """List the sentences without a translation into a language."""
    known = {
        (message.id, message.context)
        for path in sources(language)
        for message in read_source(path, language)
        if message.string and all(message.string if isinstance(message.string, tuple) else [message.string])
    }
    return [message for message in sentences_in_code() if message.id and (message.id, message.context) not in known]


def main() -> None:
    """Rewrite all `.mo` files, and print the sentences without translation."""
    for language in TRANSLATED:
        for path in sources(language):
            path.with_suffix(".mo").write_bytes(compiled(path, language))
        missing = Catalog()
        for message in untranslated(language):
            missing.add(message.id, locations=message.locations, context=message.context)
        if len(missing):
            write_po(sys.stdout.buffer, missing, omit_header=True)


if __name__ == "__main__":
    main()
