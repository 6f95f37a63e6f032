from __future__ import annotations

import pickle

from workflows_dagster.settings.problems import Kind, Problem, SettingsError, nearest, shown


def test_a_problem_prints_as_a_technical_line_with_place_code_and_figures():
    figures = {"name": "og1_storm", "suggestion": None}
    problem = Problem("meters.yaml", "strom_allgemein.subtract_meters[1]", "unknown_meter", figures)
    assert str(problem) == "meters.yaml: strom_allgemein.subtract_meters[1]: unknown_meter name=og1_storm"
    assert str(Problem("meters.yaml", "", "meters_empty")) == "meters.yaml: meters_empty"


def test_the_error_is_one_line_a_problem_and_says_a_repeat_once():
    first, second = Problem("a.yaml", "x", "not_text", {"value": "1"}), Problem("a.yaml", "x", "not_text")
    error = SettingsError([first, second, first], "de")
    assert error.problems == (first, second)
    assert str(error) == "a.yaml: x: not_text value=1\na.yaml: x: not_text"
    again = pickle.loads(pickle.dumps(error))
    assert (again.problems, again.language) == (error.problems, "de")


def test_a_name_that_is_near_is_found_whatever_its_case():
    assert nearest("OG1_STORM", ["og2_wasser", "og1_strom"]) == "og1_strom"
    assert nearest("zebra", ["og1_strom"]) is None


def test_a_problem_stays_on_one_line_whatever_its_key_and_value_hold():
    assert str(Problem("f", "a\nb", "not_text", {"value": "c\u2028d\x1b"})) == "f: a\\nb: not_text value=c\\u2028d\\x1b"


def test_a_value_is_shown_short_or_by_its_kind():
    assert len(shown("x" * 500)) == 60
    assert shown(True) == "true"
    assert [shown(value) for value in (None, {}, [1], [])] == [Kind.EMPTY, Kind.MAPPING, Kind.LIST, Kind.EMPTY_LIST]
