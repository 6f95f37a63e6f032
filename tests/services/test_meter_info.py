"""What a query has to know of the meters: the report's rule of what adds up, replacements, prices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from workflows_dagster.domain.days import REPRESENTABLE
from workflows_dagster.services.meter_info import AT, meter_facts, write_meter_info
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MeterBook
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import METER_CHANGE, METER_INFO


def test_main_meters_are_those_of_the_report(shipped: Settings) -> None:
    facts = meter_facts(shipped)
    main = {name for name, one in facts.items() if one["main"]}
    assert {"strom_total", "gas_total", "haupt_wasser"} <= main
    assert main.isdisjoint({"eg_strom", "eg_kalfire", "eg_wasser", "gas_zahler", "strom_allgemein"})
    assert facts["gas_zahler_alt"]["role"] == "device"
    assert facts["eg_strom"]["depth"] == 1.0
    assert facts["gas_total"]["kwh_per_unit"] == 11.504 * 0.8885
    assert facts["haupt_wasser"]["kwh_per_unit"] != facts["haupt_wasser"]["kwh_per_unit"]


def test_every_meter_has_one_point_and_a_removed_one_none(shipped: Settings, tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "info.sqlite")
    write_meter_info(shipped, store)
    assert set(store.present(METER_INFO, *REPRESENTABLE)) == {meter.meter_id for meter in shipped.meters}
    row = store.read(METER_INFO, "strom_total").iloc[0]
    assert (row["utility"], row["main"], row["unit"]) == ("electricity", 1.0, "kWh")
    assert store.read(METER_INFO, "strom_total").index[0] == AT
    fewer = replace(shipped, meters=MeterBook([m for m in shipped.meters if m.meter_id != "solarspeicher"]))
    write_meter_info(fewer, store)
    assert "solarspeicher" not in store.present(METER_INFO, *REPRESENTABLE)
    store.close()


def test_replacements_and_prices_are_points_at_their_first_day(shipped: Settings, tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "info.sqlite")
    write_meter_info(shipped, store)
    changes = store.read(METER_CHANGE, "gas_total")
    replaced = changes[changes["kind"] == "replacement"]
    second = shipped.meters["gas_total"].periods[1]  # type: ignore[union-attr]
    assert pd.DatetimeIndex(replaced.index).tz_convert("Europe/Berlin").date.tolist() == [second.start_date]
    assert replaced["sentence"].iloc[0] == "gas_total: gas_zahler follows gas_zahler_alt"
    store.close()
