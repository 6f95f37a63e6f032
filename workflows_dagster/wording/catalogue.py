"""Reads translations of English sentences from gettext catalogues.

English is the source language: a sentence without a translation stays English. A language's catalogues are all files
in its folder, one per subject, so that each can be edited separately.
"""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path

from workflows_dagster.settings.language import Language

LOCALES = Path(__file__).with_name("locales")


def folder_of(language: Language) -> Path:
    """Give the folder of a language's catalogues."""
    return LOCALES / language / "LC_MESSAGES"


@cache
def catalogue(language: Language) -> gettext.NullTranslations:
    """Read a language's catalogues; English has none."""
    if language == "en":
        return gettext.NullTranslations()
    chain = gettext.NullTranslations()
    for path in sorted(folder_of(language).glob("*.mo"), reverse=True):
        with path.open("rb") as file:
            translations = gettext.GNUTranslations(file)
        translations.add_fallback(chain)
        chain = translations
    return chain
