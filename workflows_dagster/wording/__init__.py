"""Codes and figures as sentences in German and English, and the formatter of numbers, dates and units.

The language is an argument everywhere, never a setting of the process: one process may serve readers of both.
"""

from workflows_dagster.settings.language import Language
from workflows_dagster.wording.formatter import Formatter
from workflows_dagster.wording.words import Words, words_of

__all__ = ["Formatter", "Language", "Words", "words_of"]
