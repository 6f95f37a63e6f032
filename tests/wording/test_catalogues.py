"""The catalogues translate every sentence of the code, and are compiled."""

from __future__ import annotations

import functools
import gettext
import io
import string

import pytest
from babel.messages.mofile import read_mo

from workflows_dagster.wording import Words
from workflows_dagster.wording.compilation import (
    TRANSLATED,
    compiled,
    read_source,
    sentences_in_code,
    sources,
    untranslated,
)

said_in_code = functools.cache(sentences_in_code)
FILES = [(language, path) for language in TRANSLATED for path in sources(language)]
IDS = [f"{language}-{path.stem}" for language, path in FILES]


def _texts(value) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _entries(mo: bytes) -> set[tuple[str | None, tuple[str, ...], tuple[str, ...]]]:
    return {(m.context, _texts(m.id), _texts(m.string)) for m in read_mo(io.BytesIO(mo)) if m.id}


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_there_are_sentences_and_catalogues():
    assert len(said_in_code()) >= 5
    assert FILES


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_sentence_of_the_code_is_translated(language):
    assert [message.id for message in untranslated(language)] == []


@pytest.mark.parametrize(("language", "path"), FILES, ids=IDS)
def test_a_catalogue_translates_only_what_the_code_says(language, path):
    said = {(message.id, message.context) for message in said_in_code()}
    assert [m.id for m in read_source(path, language) if m.id and (m.id, m.context) not in said] == []


@pytest.mark.parametrize(("language", "path"), FILES, ids=IDS)
def test_the_compiled_catalogue_is_the_one_that_is_edited(language, path):
    committed, fresh = path.with_suffix(".mo").read_bytes(), compiled(path, language)
    assert _entries(committed) == _entries(fresh), "run `make words`"


@pytest.mark.parametrize(("language", "path"), FILES, ids=IDS)
def test_a_translation_has_the_placeholders_of_its_sentence(language, path):
    for message in read_source(path, language):
        if not message.id:
            continue
        known = [_placeholders(text) for text in _texts(message.id)]
        for text in _texts(message.string):
            assert _placeholders(text) in known, message.id


def test_no_sentence_is_translated_twice():
    for language in TRANSLATED:
        ids = [(m.id, m.context) for path in sources(language) for m in read_source(path, language) if m.id]
        assert len(ids) == len(set(ids))


def test_two_readers_of_one_process_each_get_their_language():
    before = gettext.gettext("{number} day")
    german, english = Words("de"), Words("en")
    assert german.say_count("{number} day", "{number} days", 2) == "2 Tage"
    assert english.say_count("{number} day", "{number} days", 1) == "1 day"
    assert german.say("{first} and {last}", first="Gas", last="Wasser") == "Gas und Wasser"
    assert gettext.gettext("{number} day") == before
