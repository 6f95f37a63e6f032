"""Causes of alerts in the stored results."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from tests.sentences import said as finding_said
from workflows_dagster.alerts.findings import broken_promises, live_causes, overdue_readings, unusual_days
from workflows_dagster.domain import days
from workflows_dagster.domain.anomaly_reasons import Reason, encoded
from workflows_dagster.domain.findings import Finding
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.records.live_status import LiveStatus, write_live_status
from workflows_dagster.stores.ports import ANOMALY_DAILY, BASE_LOAD_DAILY, FINDING_MONTHLY, FINDING_NOW
from workflows_dagster.wording.alerts import alert_sentence
from workflows_dagster.wording.words import Words

HOUSE = """
    meters:
      - {meter_id: main, type: physical, output_unit: kWh}
      - {meter_id: flat, type: physical, output_unit: kWh}
      - meter_id: whole
        type: master
        output_unit: kWh
        periods: [{start_date: 2026-01-01, end_date: 9999-12-31, composition_type: single, source_meters: [main]}]
      - meter_id: rest
        type: virtual
        output_unit: kWh
        calculation_type: subtraction
        base_meter: whole
        subtract_meters: [flat]
"""
NOW = pd.Timestamp("2026-06-15 12:00", tz="UTC")


@pytest.fixture
def house(small_house):
    return small_house(HOUSE)


def opening(day):
    return pd.Timestamp(day, tz="Europe/Berlin").tz_convert("UTC").as_unit("us")


def keep(house, measurement, *findings):
    for meter_id in {finding.meter_id for finding in findings}:
        mine = [finding for finding in findings if finding.meter_id == meter_id]
        keep_findings(house.store, measurement, meter_id, *days.REPRESENTABLE, mine, finding_said)


def finding(meter_id, code, figures=None, severity="warn", day="2026-06-01"):
    return Finding(code, meter_id, opening(day), opening(day) + pd.Timedelta(days=9), figures or {}, severity)


def judge(house, meter_id, by_day, measurement=ANOMALY_DAILY, severity="alert"):
    by_day = dict(sorted(by_day.items()))
    points = pd.DataFrame(
        {
            "delta_percent": list(by_day.values()),
            "severity": [severity] * len(by_day),
            "reason": [f"{percent:+g} % of what is usual" for percent in by_day.values()],
        },
        index=pd.DatetimeIndex([opening(day) for day in by_day]).as_unit("us"),
    )
    house.store.replace(measurement, meter_id, "kWh", *days.REPRESENTABLE, points)


def said(cause):
    return alert_sentence(cause.code, cause.figures, Words())


def test_a_meter_that_is_not_read_is_a_cause_and_a_note_is_none(house):
    keep(
        house,
        FINDING_NOW,
        finding("main", "reading_overdue", {"days": 9.0}),
        finding("flat", "extrapolated_long", severity="note"),
        finding("gone", "no_readings"),
    )
    (cause,) = overdue_readings(house.settings, house.store)
    assert (cause.key, said(cause)) == ("house:main:reading_overdue", "main: the last reading is 9 days old.")
    assert cause.since == opening("2026-06-01")
    assert cause.lasts


def test_a_broken_promise_is_reported_once_a_meter_by_its_newest_finding(house):
    keep(
        house,
        FINDING_MONTHLY,
        finding("rest", "not_conserved", {"amount": 1.0, "days": 1.0}, "error", "2019-02-01"),
        finding("rest", "not_conserved", {"amount": 2.0, "days": 1.0, "law": "advance"}, "error", "2026-05-02"),
        finding("rest", "residual_clipped", {"amount": 1.0, "days": 1.0, "net": 1.0}, day="2026-05-03"),
    )
    (cause,) = broken_promises(house.settings, house.store)
    text = said(cause)
    assert text.startswith("rest, 2026-05-02: on one day the consumption differs by 2 kWh from")
    assert text.endswith("It has happened 2 times.")


def test_an_unusual_day_is_reported_with_its_reason(house):
    judge(house, "flat", {"2026-06-14": 250.0})
    judge(house, "main", {"2026-06-14": 60.0}, severity="notice")
    (cause,) = unusual_days(house.settings, house.store, NOW)
    assert said(cause) == "flat, 2026-06-14: +250 % of what is usual."
    assert (cause.key, cause.since, cause.lasts) == ("house:flat:use:above", opening("2026-06-14"), False)


def test_an_unusual_day_is_reported_in_the_readers_language(house):
    why = Reason.of("day", 0.01, 12.5, 6.0, 5.0, 7.0, weekday=6)
    figures = {"delta_percent": 108.0, "severity": ["alert"], "code": [why.code], "figures": [encoded(why.figures)]}
    points = pd.DataFrame({**figures, "reason": ["a sentence"]}, index=pd.DatetimeIndex([opening("2026-06-14")]))
    house.store.replace(ANOMALY_DAILY, "flat", "kWh", *days.REPRESENTABLE, points)
    (cause,) = unusual_days(house.settings, house.store, NOW)
    assert said(cause) == "flat, 2026-06-14: 12.5 kWh, usual for a Sunday at this season 6.0 (5.0–7.0)."
    german = alert_sentence(cause.code, cause.figures, Words("de"))
    assert german == "flat, 14.06.2026: 12,5 kWh, üblich an einem Sonntag in dieser Jahreszeit sind 6,0 (5,0–7,0)."


def test_unusual_days_alike_are_one_cause_and_the_other_way_is_another(house):
    judge(house, "flat", {"2026-06-05": 250.0, "2026-06-06": 260.0, "2026-06-09": -90.0})
    judge(house, "flat", {"2026-06-10": 120.0}, BASE_LOAD_DAILY)
    causes = {cause.key: said(cause) for cause in unusual_days(house.settings, house.store, NOW)}
    alike = "2 of the last 14 days are unusual like this."
    assert causes == {
        "house:flat:use:above": f"flat, 2026-06-06: +260 % of what is usual. {alike}",
        "house:flat:use:below": "flat, 2026-06-09: -90 % of what is usual.",
        "house:flat:base_load:above": "flat, 2026-06-10: +120 % of what is usual.",
    }


def test_what_the_whole_says_of_a_day_its_parts_need_not_repeat(house):
    judge(house, "rest", {"2026-06-14": 300.0})
    judge(house, "whole", {"2026-06-13": 200.0})
    judge(house, "main", {"2026-06-14": 210.0, "2026-06-13": 205.0, "2026-06-12": 220.0})
    causes = [said(cause) for cause in unusual_days(house.settings, house.store, NOW)]
    assert causes == [
        "rest, 2026-06-14: +300 % of what is usual.",
        "whole, 2026-06-13: +200 % of what is usual.",
        "main, 2026-06-12: +220 % of what is usual.",
    ]


def test_history_is_left_to_the_months_report(house):
    judge(house, "flat", {"2026-05-31": 250.0})
    assert unusual_days(house.settings, house.store, NOW) == []
    judge(house, "flat", {"2026-06-01": 250.0})
    assert len(unusual_days(house.settings, house.store, NOW)) == 1


def test_a_house_in_good_order_has_no_causes(house):
    assert list(broken_promises(house.settings, house.store)) == []
    assert list(overdue_readings(house.settings, house.store)) == []
    assert unusual_days(house.settings, house.store, NOW) == []


def told(house, at="2026-06-15 11:55", connected=None, problem=None, clock=0.1, silent=None):
    instants = [pd.Timestamp(text, tz="UTC") if text else None for text in (at, connected)]
    write_live_status(house.store, LiveStatus(*instants, problem, clock, silent or {}))


def live_codes(house, url="http://homeassistant:8123"):
    assistant = house.settings.site.home_assistant.model_copy(update={"url": url})
    settings = replace(house.settings, site=house.settings.site.model_copy(update={"home_assistant": assistant}))
    return {cause.code: said(cause) for cause in live_causes(settings, house.store, NOW)}


def test_a_home_assistant_out_of_reach_for_a_day_is_reported_with_the_reason(house):
    told(house, connected="2026-06-14 12:30", problem="Home Assistant: the host ha is not known.")
    assert live_codes(house) == {}
    told(house, connected="2026-06-14 11:00", problem="Home Assistant: the host ha is not known.")
    assert "the host ha is not known" in live_codes(house)["live_down"]


def test_a_process_that_says_nothing_for_a_day_is_reported(house):
    told(house, at="2026-06-13 11:00", connected="2026-06-13 11:00")
    assert set(live_codes(house)) == {"live_silent"}
    assert live_codes(house, url=None) == {}


def test_a_clock_and_a_sensor_that_sends_nothing_are_reported(house):
    silent = {"sensor.oven": "2026-06-13T12:00:00+00:00", "sensor.lamp": "2026-06-15T08:00:00+00:00"}
    told(house, connected="2026-06-15 11:55", clock=-7.25, silent=silent)
    found = live_codes(house)
    assert set(found) == {"live_clock", "live_sensor"}
    assert "7 s apart" in found["live_clock"]
    assert "sensor.oven" in found["live_sensor"]
    told(house, connected="2026-06-15 11:55")
    assert live_codes(house) == {}
