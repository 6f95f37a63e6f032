"""Turns codes and figures into German and English sentences, and formats numbers, dates and units.

The language is always an argument, never a process-wide setting: one process may serve readers of both.
"""

from workflows_dagster.settings.language import Language
from workflows_dagster.wording.formatter import Formatter
from workflows_dagster.wording.words import Words, words_of

__all__ = ["Formatter", "Language", "Words", "words_of"]
