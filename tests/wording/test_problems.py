"""Every problem of the configuration has a sentence in both languages."""

from __future__ import annotations

import string
from pathlib import Path
from typing import get_args

import pytest

from tests.settings.houses import METERS, write_house
from workflows_dagster.settings.load import load
from workflows_dagster.settings.problem_codes import Code
from workflows_dagster.settings.problems import Kind, Problem, SettingsError
from workflows_dagster.wording import Words
from workflows_dagster.wording.problem_sentences import SENTENCES
from workflows_dagster.wording.problems import problem_text, problem_texts

GERMAN, ENGLISH = Words("de"), Words("en")


def test_every_code_has_a_sentence_and_every_sentence_a_code():
    assert set(SENTENCES) == set(get_args(Code))


@pytest.mark.parametrize("code", get_args(Code))
def test_a_code_reads_differently_in_german_and_shows_all_its_figures(code: Code):
    fact, remedy = SENTENCES[code]
    names = {name for text in (fact, remedy) for _, name, _, _ in string.Formatter().parse(text) if name}
    joined = {name for text in (fact, remedy) for _, name, joint, _ in string.Formatter().parse(text) if name and joint}
    figures = {name: (f"<{name}>", "x") if name in joined else f"<{name}>" for name in names}
    problem = Problem("meters.yaml", "m.key", code, figures)
    english, german = problem_text(problem, ENGLISH), problem_text(problem, GERMAN)
    assert english != german
    assert english.startswith("meters.yaml: m.key: ")
    assert german.endswith(".")
    for name in names:
        assert f"<{name}>" in english
        assert f"<{name}>" in german


def test_a_suggestion_takes_the_place_of_the_remedy():
    problem = Problem("meters.yaml", "rest.base_meter", "unknown_meter", {"name": "flta", "suggestion": "flat"})
    assert problem_text(problem, ENGLISH) == "meters.yaml: rest.base_meter: no meter 'flta'. Did you mean 'flat'?"
    assert problem_text(problem, GERMAN) == "meters.yaml: rest.base_meter: kein Zähler 'flta'. Meinten Sie 'flat'?"


def test_names_are_joined_and_kinds_of_value_are_named_in_the_readers_language():
    problem = Problem("c.yaml", "k", "not_one_of", {"value": Kind.EMPTY_LIST, "choices": ("a", "b", "c")})
    assert problem_text(problem, ENGLISH) == "c.yaml: k: an empty list is not a, b or c. Write a, b or c."
    assert (
        problem_text(problem, GERMAN) == "c.yaml: k: eine leere Liste ist nicht a, b oder c. Schreiben Sie a, b oder c."
    )
    one = Problem("c.yaml", "k", "not_one_of", {"value": "'x'", "choices": ("a",)})
    assert problem_text(one, ENGLISH) == "c.yaml: k: 'x' is not a. Write a."


def test_a_problem_stays_on_one_line_whatever_its_key_and_value_hold():
    problem = Problem("f", "a\nb", "not_text", {"value": "c\u2028d\x1b"})
    assert problem_text(problem, ENGLISH) == "f: a\\nb: c\\u2028d\\x1b is not text. Put it in quotes."


def test_braces_in_a_value_stay_as_they_are():
    problem = Problem("f", "a", "not_text", {"value": "{value.real}"})
    assert problem_text(problem, GERMAN) == "f: a: {value.real} ist kein Text. Setzen Sie ihn in Anführungszeichen."


def test_config_yaml_decides_the_language_of_its_own_problems(tmp_path: Path):
    folder = write_house(tmp_path, config="language: de\ntimezone: Mars/Olympus\n", meters=METERS)
    with pytest.raises(SettingsError) as caught:
        load(folder, {})
    assert problem_texts(caught.value) == [
        "config.yaml: timezone: keine Zeitzone 'Mars/Olympus'. "
        "Schreiben Sie einen IANA-Namen, zum Beispiel Europe/Berlin."
    ]
    assert str(caught.value) == "config.yaml: timezone: unknown_zone value='Mars/Olympus'"
