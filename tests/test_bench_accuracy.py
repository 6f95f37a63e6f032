"""The published accuracy: reading a folder, measuring, and writing the document."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from bench.accuracy import __main__ as accuracy
from bench.accuracy.bands import Judged, constant_share, judge_months, judge_next
from bench.accuracy.document import Chapter, write_document
from bench.accuracy.households import Household, UnreadableSeriesError, find_households, read_series
from bench.accuracy.methods import DEGREE_DAYS, METHODS, PROFILE, STRAIGHT, TABLE, look_at, register_of
from bench.accuracy.trials import (
    DEGREE_DAYS_AFTERWARDS,
    Errors,
    between_readings,
    beyond_readings,
    months_of,
    true_days,
    weighted_error,
)

LONDON = ZoneInfo("Europe/London")


def weather(days: int) -> pd.Series:
    """Temperature by the hour: a cosine over the year and weather that lasts some days."""
    index = pd.date_range("2021-01-01", periods=days * 24, freq="h", tz="UTC", unit="us")
    noise = np.repeat(np.random.default_rng(5).normal(0, 1.5, days), 24)
    lasting = pd.Series(noise).ewm(span=96).mean().to_numpy() * 3
    return pd.Series(10 - 8 * np.cos(2 * np.pi * (np.arange(days * 24) / 24 - 20) / 365.25) + lasting, index=index)


def heated(temperatures: pd.Series) -> pd.Series:
    """A house that burns a little all the time, and 0.1 an hour for each degree below 15 °C."""
    return 0.2 + 0.1 * (15.0 - temperatures).clip(lower=0)


@pytest.fixture(scope="module")
def gas() -> Household:
    temperatures = weather(680)
    return Household("made_up_gas", "gas", heated(temperatures), LONDON, temperatures)


@pytest.fixture(scope="module")
def chapter(gas: Household) -> Chapter:
    return Chapter(gas, between_readings(gas, gaps=(30, 180), schedules=2), beyond_readings(gas, (30,), schedules=1))


def save(series: pd.Series, path: Path, time: str, value: str) -> None:
    pd.DataFrame({time: series.index, value: series.to_numpy()}).to_csv(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    temperatures = weather(200)
    save(heated(temperatures), tmp_path / "my_gas.csv.gz", "start", "value")
    save(temperatures * 0 + 0.3, tmp_path / "my_electricity.csv", "time", "kwh")
    save(temperatures, tmp_path / "outdoor_temperature.csv", "dt", "tempC")
    (tmp_path / "notes.csv").write_text("nothing,to\nsee,here\n")
    return tmp_path


def test_a_folder_is_read_by_the_names_of_its_files(folder):
    gas, electricity = find_households([folder, folder], LONDON)
    assert (gas.name, gas.kind, len(gas.hours), gas.temperatures is not None) == ("my_gas", "gas", 4800, True)
    assert (electricity.name, electricity.kind, electricity.temperatures) == ("my_electricity", "electricity", None)


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert find_households([tmp_path / "nowhere"], LONDON) == []


def test_an_hour_that_is_not_in_the_file_used_nothing(tmp_path):
    hours = heated(weather(150)).drop(pd.Timestamp("2021-02-03 04:00", tz="UTC"))
    save(hours, tmp_path / "gas.csv", "start", "value")
    (gas,) = find_households([tmp_path], LONDON)
    assert gas.hours[pd.Timestamp("2021-02-03 04:00", tz="UTC")] == 0.0
    assert len(gas.hours) == 3600


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        ("start,value\n2024-01-01 00:00,1\n", "less than 120 days"),
        ("a,b\n1,2\n", "columns a, b"),
        ("start,value\nyesterday,1\n", "'yesterday' in column 'start' is no time"),
    ],
    ids=["too short", "no times", "no time"],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, content, fact):
    (tmp_path / "gas.csv").write_text(content)
    with pytest.raises(UnreadableSeriesError, match=rf"gas\.csv: .*{fact}"):
        find_households([tmp_path], LONDON)


def test_what_was_given_back_is_no_consumption(tmp_path):
    hours = heated(weather(150))
    hours.iloc[77] = -1.0
    save(hours, tmp_path / "gas.csv", "start", "value")
    with pytest.raises(UnreadableSeriesError, match="-1 at 2021-01-04 05:00"):
        find_households([tmp_path], LONDON)


def test_of_the_columns_the_times_and_the_last_numbers_count(folder):
    assert read_series(folder / "outdoor_temperature.csv").iloc[0] == weather(200).iloc[0]


def test_the_register_is_looked_at_as_often_as_asked_and_at_both_ends(gas):
    register = register_of(gas.hours)
    readings = look_at(register, 30, seed=1)
    gaps = np.diff(readings.index.asi8) / 86_400_000_000
    assert (readings.index[0], readings.index[-1]) == (register.index[0], register.index[-1])
    assert (gaps[1:-1] >= 23.9).all()
    assert (gaps <= 36.1).all()
    assert len(look_at(register, 30, seed=1).index.difference(readings.index)) == 0
    assert len(look_at(register, 30, seed=2).index.difference(readings.index)) > 0


def test_only_whole_days_and_months_are_compared(gas):
    whole = true_days(gas)
    assert whole.index[0] == pd.Timestamp("2021-01-02", tz="UTC")
    assert months_of(whole, gas).index[0] == "2021-02"


def test_a_unit_in_the_wrong_month_counts_twice():
    assert weighted_error(np.array([9.0, 11.0]), np.array([10.0, 10.0])) == pytest.approx(10.0)


def test_an_hourly_register_misplaces_nothing(chapter):
    assert chapter.between.hourly < 1e-6


def test_a_house_that_follows_the_weather_is_told_best_by_degree_days(chapter):
    for errors in chapter.between.months.values():
        assert errors.mean(DEGREE_DAYS) < 0.7 * errors.mean(PROFILE)
    assert chapter.between.months[180].mean(PROFILE) < chapter.between.months[180].mean(STRAIGHT)


def test_ahead_the_weather_that_came_helps_most(chapter):
    errors = chapter.ahead.errors[30, 90]
    assert errors.mean(DEGREE_DAYS_AFTERWARDS) < 0.5 * errors.mean(DEGREE_DAYS)
    assert errors.mean(PROFILE) < errors.mean(STRAIGHT)


def test_a_series_of_half_a_year_has_nothing_to_extrapolate():
    short = Household("short", "water", heated(weather(200)), LONDON)
    ahead = beyond_readings(short, schedules=1)
    assert (ahead.errors, ahead.cuts) == ({}, 0)


def test_schedules_are_compared_one_by_one():
    errors = Errors({PROFILE: [1.0, 2.0, 3.0, 6.0], TABLE: [2.0, 3.0, 4.0, 5.0]})
    assert (errors.mean(PROFILE), errors.nearer(PROFILE, TABLE)) == (3.0, 0.75)


def test_the_document_shows_every_figure_and_is_the_same_every_time(chapter):
    text = write_document([chapter], schedules=2)
    months = chapter.between.months[30]
    row = " | ".join(f"{months.mean(method):.1f} ± {months.deviation(method):.1f}" for method in METHODS)
    assert f"| 30 | {row} |\n" in text
    assert "degree days against profile: clearly nearer at 30 and 180 days, clearly further at no gap." in text
    assert text == write_document([chapter], schedules=2)
    assert max(len(line) for line in text.splitlines() if not line.startswith(("|", "- "))) <= 120


def test_without_any_series_the_document_is_left_alone(tmp_path, capsys):
    document = tmp_path / "accuracy.md"
    document.write_text("as it was")
    done = accuracy.main(["--output", str(document)], {}, shared=tmp_path / "nowhere")
    assert (done, document.read_text()) == (0, "as it was")
    assert "no household's hours are here" in capsys.readouterr().out


def test_a_folder_that_was_named_but_is_not_there_is_a_mistake(tmp_path, capsys):
    document = tmp_path / "accuracy.md"
    named = {"METERS_BENCH_DATA": str(tmp_path / "typo")}
    assert accuracy.main(["--output", str(document)], named, shared=tmp_path) == 2
    assert not document.exists()
    assert "there is no folder" in capsys.readouterr().out


def test_an_owners_own_folder_is_measured_too(folder, tmp_path, capsys):
    document = tmp_path / "accuracy.md"
    arguments = [str(folder), "--schedules", "1", "--output", str(document), "--zone", "Europe/Berlin"]
    assert accuracy.main(arguments, {}, shared=tmp_path / "nowhere") == 0
    text = document.read_text(encoding="utf-8")
    assert "## Gas: `my_gas`" in text
    assert "## Electricity: `my_electricity`" in text
    assert "Europe/Berlin" in text
    assert str(folder) not in text
    assert "OpenDSM" not in text


def test_a_further_series_stands_in_tables_of_its_own_with_its_source(gas):
    other = replace(gas, name="far_gas", source="Made up for this test.")
    between = between_readings(other, gaps=(30, 90, 180, 365), schedules=1)
    text = write_document([Chapter(other, between, beyond_readings(other, (30,), schedules=1))], schedules=1)
    assert "`far_…`: Made up for this test.\n" in text
    assert f"| `far_gas` | straight line | {between.months[30].mean(STRAIGHT):.1f} |" in text
    assert "## Gas:" not in text


def test_bands_are_judged_by_how_often_they_hold_how_wide_they_are_and_how_far_truths_lie_outside():
    judged = Judged(np.array([1.0, 1.0]), np.array([1.1, 1.5]), np.array([0.2, 0.2]))
    assert (judged.coverage, judged.width) == (0.5, pytest.approx(0.4))
    assert judged.score == pytest.approx(0.4 + 10 * 0.3 / 2)
    assert constant_share([judged]) == pytest.approx(0.42)
    assert judged.by_share(0.5).coverage == 1.0


def test_the_document_tells_of_the_bands(gas, chapter):
    with_bands = replace(chapter, bands=judge_months(gas, (30, 180), 2), bands_ahead=judge_next(gas, (90,), 1))
    text = write_document([with_bands], schedules=2)
    assert "## Bands" in text
    row = f"| 30 | 1 | {100 * with_bands.bands[30].coverage:.0f} |"
    assert row in text
    assert "## Bands" not in write_document([chapter], schedules=2)
