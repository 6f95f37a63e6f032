"""An entity that was renamed in Home Assistant: one register across its names."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation, raw_series
from workflows_dagster.pipeline.assets.meters import raw_key
from workflows_dagster.settings.load import load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.stores.ports import RawSeries

UNTIL = "2024-03-10T14:00"
RENAMED = (
    "meters:\n"
    "  - meter_id: m\n"
    "    type: physical\n"
    "    output_unit: {unit}\n"
    "    installation_date: 2024-03-01\n"
    "    source: {{entity_id: {names}}}\n"
)
TWO = f"[{{id: strom, until: {UNTIL}}}, {{id: strom_2}}]"
THREE = f"[{{id: strom, until: 2024-03-05}}, {{id: between, until: {UNTIL}}}, {{id: strom_2}}]"


def counted(every: str) -> pd.Series:
    index = pd.date_range("2024-03-01", "2024-03-20", freq=every, tz="Europe/Berlin").tz_convert("UTC").as_unit("us")
    return pd.Series(5230 + np.cumsum(np.random.default_rng(1).uniform(0, 1, len(index))).round(3), index=index)


def local(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="Europe/Berlin").tz_convert("UTC")


@pytest.mark.parametrize(("unit", "every"), [("kWh", "1h"), ("m³", "15min"), ("l", "8h")])
@pytest.mark.parametrize("names", [TWO, THREE], ids=["two names", "three names"])
def test_the_register_goes_on_across_its_names_and_the_hours_between_belong_to_the_gap(small_house, names, unit, every):
    readings = counted(every)
    silent = readings[(readings.index < local("2024-03-10 12:00")) | (readings.index >= local("2024-03-11 09:00"))]
    one = small_house(RENAMED.format(unit=unit, names="strom"))
    one.store.write_readings(RawSeries(unit, "strom"), silent)
    asked = DayRange(date(2024, 3, 1), date(2024, 3, 19))
    expected = Evaluation(one.settings, one.store).days("m", asked)
    one.store.delete_readings(RawSeries(unit, "strom"), silent.index[0], local("2024-04-01"))
    settings = small_house(RENAMED.format(unit=unit, names=names)).settings
    meter = settings.meters.physical[0]
    one.store.write_readings(raw_series(meter), silent)
    parts = [one.store.readings(part) for part in raw_series(meter).parts()]
    assert all(len(part) for part in parts)
    assert parts[-1].index[0] >= local("2024-03-11 09:00")
    # What the old name sends later is another story.
    one.store.write_readings(RawSeries(unit, "strom"), pd.Series([9.0], index=parts[-1].index[-1:]))
    found = Evaluation(settings, one.store).days("m", asked)
    pd.testing.assert_frame_equal(found.days, expected.days, check_exact=True)
    assert [finding.code for finding in found.findings] == [finding.code for finding in expected.findings]
    alone = Evaluation(settings, one.store).days("m", DayRange.single(date(2024, 3, 10)))
    pd.testing.assert_frame_equal(alone.days, expected.days.iloc[9:10], check_exact=True, check_freq=False)
    assert raw_key(meter).path == ["lampfi", "strom"]


def test_readings_next_to_a_range_come_from_whichever_name_has_them(small_house):
    house = small_house(RENAMED.format(unit="kWh", names=THREE))
    series, readings = raw_series(house.settings.meters.physical[0]), counted("6h")
    house.store.write_readings(series, readings)
    pd.testing.assert_series_equal(house.store.readings(series), readings, check_names=False, check_freq=False)
    for start, end in (("2024-03-04", "2024-03-06"), ("2024-03-12", "2024-03-12"), ("2024-03-01", "2024-03-02")):
        lo, hi = local(start), local(end)
        first, last = readings.index.searchsorted(lo), readings.index.searchsorted(hi)
        expected = readings.iloc[max(first - 30, 0) : last + 40]
        found = house.store.readings(series, lo, hi, before=30, after=40)
        pd.testing.assert_series_equal(found, expected, check_names=False, check_freq=False)


@pytest.mark.parametrize(
    "names",
    [
        "[]",
        "[strom, strom_2]",
        "[{id: strom}, {id: strom_2}]",
        f"[{{id: strom, until: {UNTIL}}}]",
        "[{id: a, until: 2024-03-10}, {id: b, until: 2024-03-09}, {id: c}]",
    ],
)
def test_a_list_of_names_without_times_in_order_is_refused(small_house, tmp_path, names):
    small_house(RENAMED.format(unit="kWh", names="strom"))
    config = next(tmp_path.rglob("meters.yaml")).parent
    (config / "meters.yaml").write_text(RENAMED.format(unit="kWh", names=names))
    with pytest.raises(SettingsError):
        load(config, {})
