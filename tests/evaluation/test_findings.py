"""What a review finds over small houses, and in the sample household: the faults put there on purpose, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pandas as pd
import pytest

from tests.houses import SAMPLE_DAYS, small
from tests.sentences import said
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.findings import Finding
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.findings import Review, Reviewed
from workflows_dagster.records.days import write_days
from workflows_dagster.records.findings import keep_findings, kept_findings
from workflows_dagster.sample_house import write_sample
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import FINDING_DAILY, FINDING_MONTHLY, FINDING_NOW, Store

HOUSE = small("2024-01-01", main="reading_interval_days: 30")
REPLACED = """\
meters:
  - {meter_id: old, type: physical, output_unit: kWh, installation_date: 2024-01-01, deinstallation_date: 2024-03-20}
  - {meter_id: new, type: physical, output_unit: kWh, installation_date: 2024-03-10}
  - meter_id: total
    type: master
    output_unit: kWh
    periods:
      - {start_date: 2024-01-01, end_date: 2024-03-09, composition_type: single, source_meters: [old], source_unit: kWh}
      - {start_date: 2024-03-10, end_date: 9999-12-31, composition_type: single, source_meters: [new], source_unit: kWh}
"""


def compute(settings: Settings, store: Store, first: date, last: date) -> None:
    """Compute and keep all meters' days, as their assets do."""
    evaluation, zone = Evaluation(settings, store), settings.site.zone
    start, end = days.opening(first, zone), days.closing(last, zone)
    for meter in settings.meters.in_order():
        evaluated = evaluation.days(meter.meter_id, DayRange(first, last))
        write_days(store, meter.meter_id, meter.output_unit, start, end, evaluated.days)
        keep_findings(store, FINDING_DAILY, meter.meter_id, start, end, evaluated.findings, said)


def review(settings: Settings, store: Store, first: date, last: date, now: str) -> dict[str, Reviewed]:
    reviewer = Review(settings, store, pd.Timestamp(now, tz="Europe/Berlin").tz_convert("UTC"))
    names = [meter.meter_id for meter in settings.meters]
    return {reviewed.meter_id: reviewed for reviewed in reviewer.of(names, DayRange(first, last))}


def codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def hourly(first: str, last: str, rate: float) -> dict[str, float]:
    times = pd.date_range(first, last, freq="h", tz="Europe/Berlin")
    return {str(time.tz_localize(None)): rate * k for k, time in enumerate(times)}


@pytest.fixture
def house(small_house):
    made = small_house(HOUSE)
    made.read("main", {"2024-01-01": 0, "2024-02-01": 310, "2024-03-01": 600, "2024-03-28": 870})
    made.read("flat", hourly("2024-01-01", "2024-03-28", 0.2))
    compute(made.settings, made.store, date(2024, 1, 1), date(2024, 3, 27))
    return made


def test_a_good_house_has_nothing_to_say(house):
    found = review(house.settings, house.store, date(2024, 3, 1), date(2024, 3, 27), "2024-03-28 02:00")
    assert [codes(reviewed.findings) for reviewed in found.values()] == [[], [], []]


def test_a_stored_day_that_was_changed_by_hand_breaks_the_seam_and_what_is_made_from_it(house):
    zone, day = house.settings.site.zone, date(2024, 3, 10)
    start, end = days.opening(day, zone), days.closing(day, zone)
    wrong = Evaluation(house.settings, house.store).days("main", DayRange.single(day)).days
    wrong["closing"] += 5.0
    wrong["consumption"] += 5.0
    write_days(house.store, "main", "kWh", start, end, wrong)
    found = review(house.settings, house.store, day, day, "2024-03-28 02:00")
    assert codes(found["main"].of_months) == ["not_conserved"]
    assert codes(found["rest"].of_months) == ["not_conserved"]
    assert codes(kept_findings(house.store, "rest", measurements=[FINDING_MONTHLY])) == ["not_conserved"]


def test_what_is_no_longer_so_is_no_longer_kept(house):
    """An overdue reading, and then the reading."""
    late = review(house.settings, house.store, date(2024, 3, 27), date(2024, 3, 27), "2024-05-15 02:00")
    assert codes(late["main"].at_present) == ["reading_overdue"]
    assert codes(late["flat"].at_present) == ["reading_overdue"]
    house.read("main", {"2024-05-15": 1300})
    house.read("flat", hourly("2024-01-01", "2024-05-15", 0.2))
    well = review(house.settings, house.store, date(2024, 3, 27), date(2024, 3, 27), "2024-05-15 02:00")
    assert codes(well["main"].at_present) == []
    assert kept_findings(house.store, "main", measurements=[FINDING_NOW]) == []


def test_a_month_that_a_neighbour_evens_out_is_judged_anew_when_the_neighbour_changes(small_house):
    """What is found of January rests on the residual of February and March."""
    made = small_house(HOUSE)
    made.read("main", {"2024-01-01": 0, "2024-02-01": 100, "2024-03-01": 1000, "2024-03-28": 1900})
    made.read("flat", hourly("2024-01-01", "2024-03-28", 0.2))
    first, last, now = date(2024, 1, 1), date(2024, 3, 27), "2024-03-28 06:00"
    compute(made.settings, made.store, first, last)
    review(made.settings, made.store, first, last, now)
    assert codes(kept_findings(made.store, "rest", measurements=[FINDING_MONTHLY])) == ["residual_clipped"]
    made.read("main", {"2024-03-01": 101, "2024-03-28": 102})
    compute(made.settings, made.store, first, last)
    march = review(made.settings, made.store, date(2024, 3, 1), last, now)
    january, *_ = kept_findings(made.store, "rest", measurements=[FINDING_MONTHLY])
    assert january.code == "residual_negative"
    assert january.start < pd.Timestamp("2024-02-01", tz="UTC")
    assert all(finding.start > pd.Timestamp("2024-02-28", tz="UTC") for finding in march["rest"].of_months)


def test_a_meter_without_any_reading_says_so(small_house):
    made = small_house(HOUSE)
    found = review(made.settings, made.store, date(2024, 3, 27), date(2024, 3, 27), "2024-03-28 02:00")
    assert codes(found["main"].at_present) == ["no_readings"]
    assert "no reading at all in `main`" in said(found["main"].at_present[0])


def test_a_meter_that_is_gone_is_not_missed(small_house):
    made = small_house(REPLACED)
    made.read("old", hourly("2024-01-01", "2024-03-20", 1.0))
    made.read("new", hourly("2024-03-10", "2024-06-01", 1.0))
    compute(made.settings, made.store, date(2024, 1, 1), date(2024, 5, 31))
    found = review(made.settings, made.store, date(2024, 5, 31), date(2024, 5, 31), "2024-06-01 02:00")
    assert found["old"].at_present == ()


def test_what_the_old_meter_counted_beside_the_new_one_is_unclaimed_month_by_month(small_house):
    made = small_house(REPLACED)
    made.read("old", hourly("2024-01-01", "2024-03-20", 1.0))
    made.read("new", hourly("2024-03-10", "2024-04-01", 1.0))
    compute(made.settings, made.store, date(2024, 1, 1), date(2024, 3, 31))
    found = review(made.settings, made.store, date(2024, 1, 1), date(2024, 3, 31), "2024-04-01 02:00")
    (unclaimed,) = found["total"].of_months
    assert unclaimed.figures["amount"] == pytest.approx(240.0)
    assert "between 2024-03-10 and 2024-03-19 belong to no period" in said(unclaimed, "m³")
    alone = review(made.settings, made.store, date(2024, 3, 15), date(2024, 3, 15), "2024-04-01 02:00")
    assert alone["total"].of_months == (unclaimed,)


def test_estimates_that_meet_measurements_are_a_note_and_a_wrong_wire_is_a_warning(small_house):
    made = small_house(HOUSE)
    made.read("main", {"2024-01-01": 0, "2024-02-01": 310, "2024-03-01": 600, "2024-04-01": 910})
    # The flat used nothing for half of March, and then more a day than the house's mean.
    quiet, busy = hourly("2024-01-01", "2024-03-15", 0.1), hourly("2024-03-15", "2024-04-01", 0.6)
    made.read("flat", {**quiet, **{time: value + max(quiet.values()) for time, value in busy.items()}})
    compute(made.settings, made.store, date(2024, 1, 1), date(2024, 3, 31))
    march = (date(2024, 3, 1), date(2024, 3, 31))
    (note,) = review(made.settings, made.store, *march, "2024-04-01 02:00")["rest"].of_months
    assert (note.code, note.severity) == ("residual_clipped", "note")
    assert note.figures["net"] > 0
    worst = review(made.settings, made.store, *march, "2024-04-01 02:00")["rest"].worst_days
    assert len(worst) == 10
    assert worst.iloc[0] == worst.min() == pytest.approx(-4.4, abs=0.05)
    made.read("flat", {time: 9 * value for time, value in hourly("2024-01-01", "2024-04-01", 0.1).items()})
    compute(made.settings, made.store, date(2024, 1, 1), date(2024, 3, 31))
    warned = review(made.settings, made.store, *march, "2024-04-01 02:00")["rest"].of_months
    assert [(finding.code, finding.severity) for finding in warned] == [("residual_negative", "warn")]


def test_a_remainder_below_zero_within_its_band_is_a_note_and_too_much_over_whole_gaps_a_warning(small_house):
    first, last, now = date(2024, 1, 1), date(2024, 3, 31), "2024-04-01 02:00"
    # The flat uses 2.4 a day: 218.4 in three months. A reading in April leaves open what of it belongs to March.
    open_end = ({"2024-04-20": 262.0}, ("residual_clipped", "band"))
    known = ({"2024-03-31": 200.0, "2024-04-01": 202.0}, ("residual_negative", None))
    for later, expected in (open_end, known):
        made = small_house(HOUSE)
        made.read("main", {"2024-01-01": 0, "2024-02-15": 108.0, **later})
        made.read("flat", hourly("2024-01-01", "2024-04-01", 0.1))
        compute(made.settings, made.store, first, last)
        (found,) = review(made.settings, made.store, date(2024, 2, 1), date(2024, 2, 29), now)["rest"].of_months
        assert (found.code, found.figures.get("over")) == expected


@pytest.fixture(scope="module")
def sample_findings(shipped, tmp_path_factory):
    """Everything found in the sample household's years of faults."""
    store = EmbeddedStore(tmp_path_factory.mktemp("review") / "sample.sqlite")
    first, last = date(2024, 1, 1), date(2025, 8, 31)
    write_sample(store, shipped.meters, shipped.site.zone, date(2025, 9, 1), start=first)
    compute(shipped, store, first, last)
    found = review(shipped, store, first, last, "2025-09-01 02:00")
    yield [finding for reviewed in found.values() for finding in reviewed.findings]
    store.close()


def test_the_faults_of_the_sample_are_found_and_nothing_else(sample_findings):
    asking = {(f.code, f.meter_id, str(f.start)[:10]) for f in sample_findings if f.severity != "note"}
    assert asking == {
        ("glitch_dropped", "eg_strom", "2024-02-14"),
        ("glitch_dropped", "gastherme_gesamt", "2024-06-05"),
        ("reading_late", "og1_heat", "2025-01-13"),
        ("reading_late", "haupt_strom", "2025-03-08"),
        ("reading_late", "og2_wasser_warm", "2025-04-03"),
    }


def test_the_rollover_of_the_sample_is_noted(sample_findings):
    (rollover,) = [finding for finding in sample_findings if finding.code == "rollover"]
    assert rollover.meter_id == "og2_wasser_kalt"
    assert rollover.severity == "note"


def test_findings_are_the_same_for_a_day_alone(shipped, sample_store):
    """One day or ten years: the finding of a day does not depend on what else is asked."""
    whole = [
        finding
        for meter in shipped.meters.physical
        for finding in Evaluation(shipped, sample_store).days(meter.meter_id, SAMPLE_DAYS).findings
        if days.opening(SAMPLE_DAYS.first, shipped.site.zone) <= finding.start
    ]
    assert len(whole) >= 4
    for finding in whole:
        day = days.civil_day(finding.start, shipped.site.zone)
        alone = Evaluation(shipped, sample_store).days(finding.meter_id, DayRange.single(day)).findings
        assert finding in alone


def test_findings_that_begin_together_are_all_kept(tmp_path):
    store = EmbeddedStore(tmp_path / "kept.sqlite")
    at = pd.Timestamp("2024-05-01", tz="UTC").as_unit("us")
    three = [
        Finding("unclaimed_consumption", "strom", at, at, {"amount": 1.0, "days": 1.0, "source": s}) for s in "abc"
    ]
    end = at + pd.Timedelta(days=1)
    keep_findings(store, FINDING_DAILY, "strom", at, end, three, said)
    keep_findings(store, FINDING_DAILY, "strom", at, end, three, said)
    kept = kept_findings(store, "strom")
    assert [(f.code, f.figures) for f in kept] == [(f.code, f.figures) for f in three]
    keep_findings(store, FINDING_DAILY, "strom", at, end, three[:1], said)
    assert [f.figures["source"] for f in kept_findings(store, "strom")] == ["a"]
    store.close()


ONE_METER = """\
meters:
  - {meter_id: main, type: physical, output_unit: kWh, installation_date: 2022-01-01EXTRA}
"""


def at_present(made, now):
    day = date(2024, 3, 1)
    return review(made.settings, made.store, day, day, now)["main"].at_present


def test_a_single_reading_long_ago_is_a_warning_that_says_which_days_have_no_value(small_house):
    made = small_house(ONE_METER.replace("EXTRA", ""))
    made.read("main", {"2022-01-01 10:00": 100.0})
    (found,) = at_present(made, "2024-10-12 10:00")
    assert (found.code, found.severity) == ("reading_overdue", "warn")
    assert said(found) == (
        "the last reading is 1,015 days old; the days since 2022-01-01 have no value, because a single reading tells "
        "no rate to go on with. See whether the sensor and Home Assistant are running."
    )
    assert codes(kept_findings(made.store, "main", measurements=[FINDING_NOW])) == ["reading_overdue"]


def test_a_register_that_stood_still_and_is_silent_for_longer_than_is_extrapolated_is_a_warning(small_house):
    made = small_house(ONE_METER.replace("EXTRA", ", max_extrapolation_days: 60"))
    made.read("main", {"2024-01-01": 100.0, "2024-01-02": 100.0, "2024-01-03": 100.0, "2024-01-04": 100.0})
    assert codes(at_present(made, "2024-03-01")) == ["estimated_backwards"]
    found = at_present(made, "2024-04-04")[0]
    assert (found.code, found.severity) == ("reading_overdue", "warn")
    assert "is 91 days old; the days since 2024-03-04 have no value. See whether" in said(found)
    last_with_value, first_without = (
        Evaluation(made.settings, made.store)
        .days("main", DayRange(date(2024, 3, 3), date(2024, 3, 4)))
        .days["consumption"]
    )
    assert last_with_value == 0.0
    assert pd.isna(first_without)


def test_a_reading_overdue_beyond_what_is_extrapolated_says_so_too(small_house):
    made = small_house(ONE_METER.replace("EXTRA", ", reading_interval_days: 30"))
    made.read("main", {"2022-01-01": 0.0, "2022-01-31": 300.0})
    (found,) = at_present(made, "2024-06-01")
    assert (
        "About 8,520 kWh should have been used since. Read the meter. The days since 2023-03-07 have no value."
        in said(found)
    )


def test_a_first_reading_by_hand_is_only_noted_until_the_next_one_is_due(small_house):
    made = small_house(ONE_METER.replace("EXTRA", ", reading_interval_days: 365"))
    made.read("main", {"2024-01-01": 100.0})
    noted = [finding for finding in at_present(made, "2024-06-01") if finding.code == "reading_overdue"]
    assert [finding.severity for finding in noted] == ["note"]
    assert "no value, because a single reading tells no rate to go on with. Read the meter." in said(noted[0])


def test_a_meter_that_was_removed_without_ever_being_read_says_so(small_house):
    made = small_house(ONE_METER.replace("EXTRA", ", deinstallation_date: 2024-01-31"))
    (found,) = at_present(made, "2024-10-12 10:00")
    assert (found.code, found.severity) == ("no_readings", "warn")
    zone = made.settings.site.zone
    assert (found.start, found.end) == (days.opening(date(2022, 1, 1), zone), days.closing(date(2024, 1, 31), zone))
    assert at_present(made, "2021-12-31") == ()


def test_days_before_a_single_reading_are_not_called_estimated(small_house):
    made = small_house(ONE_METER.replace("EXTRA", ""))
    made.read("main", {"2024-02-01": 100.0})
    (found,) = at_present(made, "2024-02-10")
    assert found.code == "estimated_backwards"
    assert "761 days after the installation; the days before it have no value. An initial_reading" in said(found)
    made.read("main", {"2024-02-09": 140.0})
    (found,) = at_present(made, "2024-02-10")
    assert "the days before it are estimated backwards from what was used later." in said(found)


def test_a_reading_dated_in_the_future_is_told_and_hides_no_silence_quietly(small_house):
    made = small_house(ONE_METER.replace("EXTRA", ""))
    made.read("main", {"2024-01-01": 100.0, "2024-01-02": 110.0, "2027-05-01": 900.0})
    found = at_present(made, "2024-09-01 10:00")[0]
    assert (found.code, found.severity) == ("reading_ahead", "warn")
    assert said(found) == (
        "a reading is dated 2027-05-01, which is still to come; the days until now are computed towards it. Correct "
        "its date, or delete it."
    )


def test_a_sensor_whose_clock_is_a_little_ahead_is_not_told_of(small_house):
    made = small_house(ONE_METER.replace("EXTRA", ""))
    made.read("main", {"2024-01-01": 100.0, "2024-01-02": 110.0, "2024-01-02 12:30": 111.0})
    assert "reading_ahead" not in codes(at_present(made, "2024-01-02 12:00"))
