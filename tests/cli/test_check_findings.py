"""`meters check` lists what was found about the house's meters."""

from __future__ import annotations

import pandas as pd

from tests.sentences import said
from workflows_dagster.domain import days
from workflows_dagster.domain.anomaly_reasons import Reason, encoded
from workflows_dagster.domain.findings import Finding
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import ANOMALY_DAILY, FINDING_DAILY, FINDING_NOW


def test_findings_about_a_meter_that_left_the_house_are_neither_listed_nor_counted(house):
    now = pd.Timestamp.now("UTC").floor("h").as_unit("us")
    store = EmbeddedStore(house.database)
    for meter_id in ("haupt_strom", "ghost"):
        found = [Finding("reading_overdue", meter_id, now - pd.Timedelta(days=9), now, {"days": 9.0})]
        keep_findings(store, FINDING_NOW, meter_id, *days.REPRESENTABLE, found, said)
    glitch, rolled = {"count": 1.0, "lowest": 0.0, "highest": 0.0}, {"before": 99.0, "after": 1.0, "advance": 2.0}
    past = [
        Finding("rollover", "ghost", now - pd.Timedelta(days=2), now, rolled, "note"),
        Finding("glitch_dropped", "ghost", now - pd.Timedelta(days=400), now - pd.Timedelta(days=400), glitch),
    ]
    keep_findings(store, FINDING_DAILY, "ghost", *days.REPRESENTABLE, past, said)
    store.close()
    checked = house.run("check")
    assert checked.exit_code == 0, checked.output
    assert "the last reading is 9 days old." in checked.output
    assert "ghost" not in checked.output
    assert "In addition" not in checked.output


def test_advice_is_listed_with_what_to_write_its_brackets_included(house):
    now = pd.Timestamp.now("UTC").floor("h").as_unit("us")
    store = EmbeddedStore(house.database)
    figures = {"other": "boiler", "missed": 0.05, "missed_with": 0.01}
    found = [Finding("like_would_pay", "haupt_strom", now - pd.Timedelta(days=900), now, figures, "note")]
    keep_findings(store, FINDING_NOW, "haupt_strom", *days.REPRESENTABLE, found, said)
    store.close()
    checked = house.run("check")
    assert "Write estimate: [like: boiler] below it in meters.yaml." in " ".join(checked.output.split())


def weeks_of_gas(newest: float, ago: int = 0) -> pd.Series:
    """Forty weekly readings, 70 m³ apart, and a newest one."""
    last = pd.Timestamp.now("UTC").floor("D") - pd.Timedelta(days=1 + ago)
    instants = pd.date_range(end=last, periods=41, freq="7D", unit="us")
    return pd.Series([*(48000.0 + 70 * k for k in range(40)), newest], index=instants)


def as_file(house, readings: pd.Series) -> str:
    file = house.folder / "gas.csv"
    lines = [f"{at.isoformat()},{value}" for at, value in readings.items()]
    file.write_text("\n".join(["time,value", *lines]), encoding="utf-8")
    return str(file)


def test_a_typo_in_the_newest_imported_reading_is_listed_before_anything_is_computed(house):
    done = house.run("import", as_file(house, weeks_of_gas(58000.0)), "--meter", "gas_zahler")
    assert done.exit_code == 0, done.output
    checked = house.run("check")
    assert checked.exit_code == 0, checked.output
    assert "Newest readings that look wrong" in checked.output
    assert "gas_zahler: 58,000 m³" in checked.output
    assert "that is more than this meter's history lets one expect" in checked.output


def test_a_newest_reading_as_expected_is_not_listed(house):
    assert house.run("import", as_file(house, weeks_of_gas(50800.0)), "--meter", "gas_zahler").exit_code == 0
    checked = house.run("check")
    assert "look wrong" not in checked.output
    assert "No findings in the last three months need attention." in checked.output


def test_what_was_found_about_the_last_import_is_listed_however_old_and_all_else_on_request(house):
    old = weeks_of_gas(50800.0, ago=700)
    assert house.run("import", as_file(house, old), "--meter", "gas_zahler").exit_code == 0
    rolled = {"before": 99.0, "after": 1.0, "advance": 2.0}
    store = EmbeddedStore(house.database)
    for meter_id in ("gas_zahler", "haupt_strom"):
        found = [Finding("rollover", meter_id, old.index[3], old.index[4], rolled, "note")]
        keep_findings(store, FINDING_DAILY, meter_id, *days.REPRESENTABLE, found, said)
    store.close()
    checked = house.run("check").output.partition("Findings")[2]
    assert "gas_zahler" in checked
    assert "haupt_strom" not in checked
    assert "1 note that needs nothing: `meters check --all`" in checked
    everything = house.run("check", "--all").output.partition("Findings")[2]
    assert "gas_zahler" in everything
    assert "haupt_strom" in everything
    assert "In addition" not in everything


def test_the_days_that_stand_out_are_listed(house):
    today = pd.Timestamp.now("Europe/Berlin").normalize()
    why = Reason.of("plain", 0.001, 30.0, 9.0, 5.0, 12.0, days=28)
    flagged = pd.DataFrame(
        {"consumption": 30.0, "expected": 9.0, "lower": 5.0, "upper": 12.0, "delta_percent": 233.0},
        index=pd.DatetimeIndex([(today - pd.Timedelta(days=ago)) for ago in (300, 3)]).tz_convert("UTC").as_unit("us"),
    ).assign(severity="alert", code=why.code, figures=encoded(why.figures), reason="…")
    store = EmbeddedStore(house.database)
    store.replace(ANOMALY_DAILY, "haupt_strom", "kWh", *days.REPRESENTABLE, flagged)
    store.close()
    checked = house.run("check").output
    assert checked.count("30.0 kWh, more than twice the mean of the 28 days before") == 1
    assert "1 older finding" in checked
    assert house.run("check", "--all").output.count("30.0 kWh, more than twice") == 2
