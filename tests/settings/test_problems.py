from __future__ import annotations

import pickle

from workflows_dagster.settings.problems import Problem, SettingsError, did_you_mean, shown


def test_a_problem_reads_as_file_key_fact_and_remedy():
    problem = Problem("meters.yaml", "strom_allgemein.subtract_meters[1]", "no meter 'og1_storm'", "Did you mean 'x'?")
    assert str(problem) == "meters.yaml: strom_allgemein.subtract_meters[1]: no meter 'og1_storm'. Did you mean 'x'?"


def test_a_problem_of_the_whole_file_has_no_key():
    assert (
        str(Problem("meters.yaml", "", "the file is empty", "Fill it.")) == "meters.yaml: the file is empty. Fill it."
    )


def test_the_error_is_one_line_a_problem_and_says_a_repeat_once():
    first, second = Problem("a.yaml", "x", "one", "Do."), Problem("b.yaml", "y", "two", "Do.")
    error = SettingsError([first, second, first])
    assert error.problems == (first, second)
    assert str(error) == "a.yaml: x: one. Do.\nb.yaml: y: two. Do."
    assert pickle.loads(pickle.dumps(error)).problems == error.problems


def test_a_name_that_is_near_is_suggested_whatever_its_case():
    assert did_you_mean("OG1_STORM", ["og2_wasser", "og1_strom"], "Remove it.") == "Did you mean 'og1_strom'?"
    assert did_you_mean("zebra", ["og1_strom"], "Remove it.") == "Remove it."


def test_a_problem_stays_on_one_line_whatever_its_key_and_value_hold():
    assert str(Problem("f", "a\nb", "c\u2028d\x1b", "Do.")) == "f: a\\nb: c\\u2028d\\x1b. Do."


def test_a_value_is_shown_short():
    assert len(shown("x" * 500)) == 60
    assert shown(None) == "an empty value"
    assert shown(True) == "true"
