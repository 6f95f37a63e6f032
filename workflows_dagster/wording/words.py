"""Translates sentences into the reader's language."""

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
            sentence: The English sentence, a literal, so that the catalogues' test finds it.
            figures: Formatted values of its placeholders.
        """
        translated = self._catalogue.gettext(sentence)
        return translated.format_map(figures) if figures else translated

    def say_as(self, context: str, sentence: str, /, **figures: object) -> str:
        """Translate a word whose translation depends on its context.

        Args:
            context: The context, a literal.
            sentence: The English word or sentence, a literal.
            figures: Formatted values of its placeholders.
        """
        translated = self._catalogue.pgettext(context, sentence)
        return translated.format_map(figures) if figures else translated

    def say_count(self, one: str, many: str, number: int, /, **figures: object) -> str:
        """Translate a sentence that counts something.

        Args:
            one: The English sentence for exactly one, a literal.
            many: The sentence for any other number, a literal.
            number: The number.
            figures: Formatted values of the placeholders; `{number}` is added automatically.
        """
        figures = {"number": self.format.count(number)} | figures
        return self._catalogue.ngettext(one, many, number).format_map(figures)


def words_of(site: Site) -> Words:
    """Give the words in a house's language and zone."""
    return Words(site.language, site.zone)


def marked(sentence: str) -> str:
    """Mark a literal for the catalogues that `Words.say` translates elsewhere."""
    return sentence
