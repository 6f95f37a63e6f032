"""What is found about a day makes it stale when code or figures change, and never when a word does."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.sentences import said
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation, raw_series
from workflows_dagster.records.days import write_days
from workflows_dagster.records.findings import keep_findings, kept_findings
from workflows_dagster.repair.stale_days import StaleDays
from workflows_dagster.stores.ports import FINDING_DAILY
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_writer

HOUSE = """
    meters:
      - {meter_id: main, type: physical, output_unit: kWh, register_digits: 5}
      - {meter_id: by_hand, type: physical, output_unit: kWh, reading_interval_days: 30}
      - meter_id: hours
        type: physical
        output_unit: kWh
        source: {kind: interval, measurement: energy, entity_id: hours}
"""
WITHIN = DayRange(date(2024, 1, 1), date(2024, 6, 30))
METERS = ("main", "by_hand", "hours")
# Written by the last version whose findings were sentences, for the readings below.
BEFORE = json.loads((Path(__file__).parent / "findings_with_sentences.json").read_text(encoding="utf-8"))


def hourly(values: list[float]) -> pd.Series:
    index = pd.date_range("2024-01-01", periods=len(values), freq="h", tz="UTC").as_unit("us")
    return pd.Series(values, index=index)


def readings() -> dict[str, pd.Series]:
    main = [99_800.0 + 0.5 * k for k in range(390)] + [99_995.0, 3.0] + [3.0 + 0.5 * k for k in range(1, 100)]
    main[50] = 0.0
    del main[200:203]
    months = pd.DatetimeIndex([pd.Timestamp(2024, m, 1, 12, tz="UTC") for m in (1, 2, 4, 5, 6)]).as_unit("us")
    hours = hourly([0.5] * 30 + [-1.0] + [0.5] * 20)
    return {
        "main": hourly(main),
        "by_hand": pd.Series([0.0, 30.0, 90.0, 5.0, 35.0], index=months),
        "hours": hours[~hours.index.hour.isin([12, 13])],
    }


@pytest.fixture
def house(small_house):
    """A house whose days are computed, and about which nothing is kept yet."""
    made = small_house(HOUSE)
    cuts = WITHIN.openings(made.settings.site.zone)
    for meter_id, series in readings().items():
        made.store.write_readings(raw_series(made.settings.meters[meter_id]), series)
        evaluated = Evaluation(made.settings, made.store).days(meter_id, WITHIN)
        write_days(made.store, meter_id, "kWh", cuts[0], cuts[-1], evaluated.days)
    return made


def keep(house, sentence) -> None:
    cuts = WITHIN.openings(house.settings.site.zone)
    for meter_id in METERS:
        findings = Evaluation(house.settings, house.store).days(meter_id, WITHIN).findings
        keep_findings(house.store, FINDING_DAILY, meter_id, cuts[0], cuts[-1], findings, sentence)


def write_rows(house, rows) -> None:
    by_meter = defaultdict(list)
    for row in rows:
        by_meter[row["meter_id"]].append(row)
    for meter_id, mine in by_meter.items():
        # As `keep_findings` does, of two that begin together the later stands a microsecond later.
        at = [pd.Timestamp(row["start"]).as_unit("us") + pd.Timedelta(microseconds=k) for k, row in enumerate(mine)]
        points = pd.DataFrame(
            [
                {name: row[name] for name in ("code", "severity", "sentence", "until")}
                | {"figures": json.dumps(row["figures"])}
                for row in mine
            ],
            index=pd.DatetimeIndex(at),
            dtype=object,
        )
        house.store.replace(FINDING_DAILY, meter_id, "finding", *days.REPRESENTABLE, points)


def stale(house) -> dict[str, set[date]]:
    computed = [day.date() for day in pd.date_range(WITHIN.first, WITHIN.last)]
    judged = StaleDays(house.settings, house.store, WITHIN, lambda _: computed)
    return {meter_id: found for meter_id in METERS if (found := judged.among(meter_id, [WITHIN]))}


def test_days_whose_findings_are_not_kept_are_stale(house):
    assert {meter_id: len(found) for meter_id, found in stale(house).items()} == {"main": 2, "by_hand": 2, "hours": 2}


@pytest.mark.parametrize(
    "sentence",
    [said, lambda _: "an entirely different word", lambda finding: f"{finding.code}!"],
    ids=["as written now", "reworded", "another language"],
)
def test_another_word_makes_no_day_stale(house, sentence):
    keep(house, sentence)
    assert stale(house) == {}


def test_another_language_makes_no_day_stale(house):
    keep(house, finding_writer(house.settings, Words("de", house.settings.site.zone)))
    assert stale(house) == {}


def test_findings_that_were_stored_as_sentences_make_no_day_stale_and_are_read(house):
    write_rows(house, BEFORE)
    assert stale(house) == {}
    sentences = [said(finding) for meter_id in METERS for finding in kept_findings(house.store, meter_id)]
    assert len(sentences) == len(BEFORE)
    assert "no reading for 60 days while 60 kWh were used." in sentences
    assert sum("8 kWh within 1 hour, at most 0.5 kWh in any gap nearby." in sentence for sentence in sentences) == 1


@pytest.mark.parametrize("changed", range(len(BEFORE)))
def test_another_figure_makes_its_day_stale(house, changed):
    rows = [dict(row, figures=dict(row["figures"])) for row in BEFORE]
    row = rows[changed]
    name = next(iter(row["figures"]))
    row["figures"][name] += 1
    write_rows(house, rows)
    day = days.civil_day(pd.Timestamp(row["start"]), house.settings.site.zone)
    assert stale(house) == {row["meter_id"]: {day}}


def test_a_finding_of_a_code_that_is_unknown_here_is_left_out_and_logged(house, caplog):
    write_rows(house, [*BEFORE[:1], {**BEFORE[1], "code": "written_by_a_newer_version"}])
    assert [finding.code for finding in kept_findings(house.store, "main")] == ["glitch_dropped"]
    assert "written_by_a_newer_version" in caplog.text
