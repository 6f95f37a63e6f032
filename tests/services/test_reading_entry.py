"""When a person says that a meter was read, and what a number that is typed in can mean."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from tests.houses import CONFIG
from workflows_dagster.services.reading_entry import WrongMomentError, moment_of, readings_written
from workflows_dagster.settings.load import Settings, load

NOW = pd.Timestamp("2026-11-26 19:30:20", tz="UTC")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder: Path = tmp_path_factory.mktemp("none")
    return load(CONFIG, {"METERS_SECRETS_DIR": str(folder), "METERS_DATA_DIR": str(folder)})


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("24.11. 18:00", "2026-11-24 18:00"),
        ("24.11.", "2026-11-24 12:00"),
        ("24.11", "2026-11-24 12:00"),
        ("24.11.2026 7:05", "2026-11-24 07:05"),
        ("24.11.25", "2025-11-24 12:00"),
        ("2026-11-24", "2026-11-24 12:00"),
        ("2026-11-24 18:00", "2026-11-24 18:00"),
        ("18:00", "2026-11-26 18:00"),
        # Of the days of that name the last one that is not in the future.
        ("30.12.", "2025-12-30 12:00"),
    ],
)
def test_a_moment_is_read_as_a_person_writes_it(settings, text, local):
    assert moment_of(text, settings, NOW).tz_convert("Europe/Berlin") == pd.Timestamp(local, tz="Europe/Berlin")


def test_today_without_a_time_is_now_while_it_is_still_morning(settings):
    morning = pd.Timestamp("2026-11-26 07:30:20", tz="UTC")
    assert moment_of("26.11.", settings, morning) == pd.Timestamp("2026-11-26 07:30", tz="UTC")


@pytest.mark.parametrize("text", ["tomorrow", "31.11.", "25:00", "27.11.2026", "", "2026-03-29 02:30"])
def test_what_is_no_moment_or_not_over_is_refused(settings, text):
    with pytest.raises(WrongMomentError):
        moment_of(text, settings, NOW)


def test_a_number_with_one_mark_before_three_digits_has_two_meanings():
    assert [meaning.value for meaning in readings_written("48.700")] == [48700.0, 48.7]
    assert [meaning.value for meaning in readings_written("48700,5")] == [48700.5]
    assert readings_written("-5") == readings_written("gas") == ()
