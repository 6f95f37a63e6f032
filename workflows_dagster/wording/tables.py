"""Translates headings and fixed words of tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from workflows_dagster.settings.language import Language
from workflows_dagster.wording.words import Words


def table_word(name: str, words: Words) -> str:
    """Translate a heading, or a word that a cell holds as it is stored: a quality, a utility, a type, a severity.

    Args:
        name: The English word; unknown ones are returned unchanged.
        words: The reader's language.
    """
    return _table_words(words.language).get(name, name)


@cache
def _table_words(language: Language) -> Mapping[str, str]:
    words = Words(language)
    return {
        "meter": words.say_as("table", "meter"),
        "type": words.say_as("table", "type"),
        "utility": words.say_as("table", "utility"),
        "unit": words.say_as("table", "unit"),
        "made from": words.say_as("table", "made from"),
        "physical": words.say_as("table", "physical"),
        "master": words.say_as("table", "master"),
        "virtual": words.say_as("table", "virtual"),
        "electricity": words.say_as("table", "electricity"),
        "gas": words.say_as("table", "gas"),
        "water": words.say_as("table", "water"),
        "heat": words.say_as("table", "heat"),
        "solar": words.say_as("table", "solar"),
        "day": words.say_as("table", "day"),
        "period": words.say_as("table", "period"),
        "opening": words.say_as("table", "opening"),
        "closing": words.say_as("table", "closing"),
        "consumption": words.say_as("table", "consumption"),
        "quality": words.say_as("table", "quality"),
        "estimated": words.say_as("table", "estimated"),
        "likely": words.say_as("table", "80 % band"),
        "total": words.say_as("table", "total"),
        "sum": words.say_as("table", "sum"),
        "measured": words.say_as("table", "measured"),
        "interpolated": words.say_as("table", "interpolated"),
        "extrapolated": words.say_as("table", "extrapolated"),
        "missing": words.say_as("table", "missing"),
        "provisional": words.say_as("table", "provisional"),
        "when": words.say_as("table", "when"),
        "what was found": words.say_as("table", "what was found"),
        "how much it matters": words.say_as("table", "how much it matters"),
        "what": words.say_as("table", "what"),
        "reading": words.say_as("table", "reading"),
        "what became of it": words.say_as("table", "what became of it"),
        "remark": words.say_as("table", "remark"),
        "difference": words.say_as("table", "difference"),
        "note": words.say_as("table", "note"),
        "warn": words.say_as("table", "warn"),
        "error": words.say_as("table", "error"),
    }
