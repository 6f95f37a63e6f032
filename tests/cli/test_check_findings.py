"""`meters check` lists what was found about the house's meters."""

from __future__ import annotations

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.findings import Finding
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import FINDING_DAILY, FINDING_NOW


def test_findings_about_a_meter_that_left_the_house_are_neither_listed_nor_counted(house):
    now = pd.Timestamp.now("UTC").floor("h").as_unit("us")
    store = EmbeddedStore(house.database)
    for meter_id, code in (("haupt_strom", "reading_overdue"), ("ghost", "no_readings")):
        found = [Finding(code, meter_id, now - pd.Timedelta(days=9), now, f"{meter_id} is silent.")]
        keep_findings(store, FINDING_NOW, meter_id, *days.REPRESENTABLE, found)
    past = [
        Finding("rollover", "ghost", now - pd.Timedelta(days=2), now, "it rolled over.", {}, "note"),
        Finding("glitch_dropped", "ghost", now - pd.Timedelta(days=400), now - pd.Timedelta(days=400), "a glitch."),
    ]
    keep_findings(store, FINDING_DAILY, "ghost", *days.REPRESENTABLE, past)
    store.close()
    said = house.run("check")
    assert said.exit_code == 0, said.output
    assert "haupt_strom is silent." in said.output
    assert "ghost" not in said.output
    assert "Besides" not in said.output
