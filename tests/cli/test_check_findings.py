"""`meters check` lists what was found about the house's meters."""

from __future__ import annotations

import pandas as pd

from tests.sentences import said
from workflows_dagster.domain import days
from workflows_dagster.domain.findings import Finding
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import FINDING_DAILY, FINDING_NOW


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
