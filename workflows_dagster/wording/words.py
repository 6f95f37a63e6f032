"""Sentences in the reader's language."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from workflows_dagster.settings.language import Language
from workflows_dagster.settings.site import Site
from workflows_dagster.wording.catalogue import catalogue
from workflows_dagster.wording.formatter import UTC, Formatter


class Words:
    """Gives sentences and formats in one language.

    Args:
        language: The reader's language.
        zone: The zone in which instants are written.

    Attributes:
        language: The same.
        zone: The same.
        format: Formatter of the same language and zone.
    """

    def __init__(self, language: Language = "en", zone: ZoneInfo = UTC) -> None:
        self.language, self.zone = language, zone
        self.format = Formatter(language, zone)
        self._catalogue = catalogue(language)

    def say(self, sentence: str, /, **figures: object) -> str:
        """Translate a sentence and fill in its named placeholders.

        Args:
            sentence: The English sentence, a literal, so that the test of the catalogues finds it.
            figures: Values of its placeholders, formatted already.
        """
        translated = self._catalogue.gettext(sentence)
        return translated.format_map(figures) if figures else translated

    def say_as(self, context: str, sentence: str, /, **figures: object) -> str:
        """Translate a word whose translation depends on where it stands.

        Args:
            context: Where it stands, a literal.
            sentence: The English word or sentence, a literal.
            figures: Values of its placeholders, formatted already.
        """
        translated = self._catalogue.pgettext(context, sentence)
        return translated.format_map(figures) if figures else translated

    def say_count(self, one: str, many: str, number: int, /, **figures: object) -> str:
        """Translate a sentence that counts something.

        Args:
            one: The English sentence for exactly one, a literal.
            many: For any other number, a literal.
            number: How many.
            figures: Values of the placeholders, formatted already; `{number}` is filled in by itself.
        """
        figures = {"number": self.format.count(number)} | figures
        return self._catalogue.ngettext(one, many, number).format_map(figures)


def words_of(site: Site) -> Words:
    """Give the words of a house: in its language and zone."""
    return Words(site.language, site.zone)


def marked(sentence: str) -> str:
    """Mark a literal for the catalogues that is translated elsewhere, by `Words.say`."""
    return sentence
