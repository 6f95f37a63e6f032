"""A house in a notebook: its days, months, findings and explanations."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
import yaml

from tests.houses import SmallHouse
from workflows_dagster import House
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.season import table_profile
from workflows_dagster.pipeline.backfill import backfill, dagster_instance, fit_missing_profiles
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.records.profiles import keep_profile
from workflows_dagster.services.meters import UnknownMeterError
from workflows_dagster.settings.dagster_home import HOME_VARIABLE
from workflows_dagster.settings.load import load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.open import embedded_path
from workflows_dagster.stores.ports import RawSeries

METERS = """
meters:
  - {meter_id: gas, type: physical, output_unit: m³, installation_date: 2024-01-01, pattern: heating}
  - {meter_id: flat, type: physical, output_unit: m³, installation_date: 2024-01-01}
  - {meter_id: rest, type: virtual, output_unit: m³, calculation_type: subtraction, base_meter: gas,
     subtract_meters: [flat]}
"""
TABLE = (18, 16, 13, 8, 4, 1, 1, 1, 4, 8, 12, 14)
WINTER = DayRange(date(2024, 1, 1), date(2024, 3, 31))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A house whose two meters were read by hand, after a backfill of a winter."""
    folder = tmp_path_factory.mktemp("house")
    config = folder / "config"
    config.mkdir()
    (config / "config.yaml").write_text("timezone: Europe/Berlin\n")
    (config / "meters.yaml").write_text(METERS, encoding="utf-8")
    (config / "seasonal_patterns.yaml").write_text(
        yaml.safe_dump({"patterns": {"heating": {"monthly_percentages": list(TABLE)}}})
    )
    settings = load(config, environ(folder))
    store = EmbeddedStore(embedded_path(settings.data_dir))
    house = SmallHouse(settings, store)
    house.read("gas", {"2024-01-01": 1000.0, "2024-02-10 09:00": 1151.7, "2024-04-02 18:30": 1290.3}, unit="m³")
    house.read("flat", {"2024-01-01": 10.0, "2024-04-02 18:30": 93.2}, unit="m³")
    # A profile of a version that knew no bands yet.
    keep_profile(store, "gas", "m³", table_profile(TABLE), pd.Timestamp("2024-04-03", tz="UTC"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(HOME_VARIABLE, str(folder / "dagster"))
        with dagster_instance(folder / "dagster") as instance:
            fit_missing_profiles(settings, instance)
            backfill(settings, instance, ["gas", "flat", "rest"], WINTER)
    yield folder
    store.close()


def environ(folder: Path) -> dict[str, str]:
    return {"METERS_DATA_DIR": str(folder / "data"), "METERS_SECRETS_DIR": str(folder / "secrets")}


@pytest.fixture
def house(folder: Path) -> Iterator[House]:
    with House.open(folder / "config", environ(folder)) as house:
        yield house


def test_estimated_days_have_their_bands_also_after_an_update_from_a_version_without(house: House) -> None:
    for meter in house.meters:
        frame = house.days(meter)
        assert (frame["upper"] > frame["consumption"])[frame["estimated_share"] > 0].any()
        assert frame["lower"].isna().equals(frame["estimated_share"] == 0)


def test_a_year_of_days_comes_in_the_houses_own_time_with_units(house: House) -> None:
    assert house.meters == ["gas", "flat", "rest"]
    frame = house.days("gas", "2024")
    assert len(frame) == WINTER.count
    assert frame.index.name == "day"
    assert str(frame.index[-1]) == "2024-03-31 00:00:00+01:00"
    assert list(frame.columns) == [
        "opening", "closing", "consumption", "quality", "estimated_share", "lower", "upper",
        "opening_lower", "opening_upper", "residual", "unit"
    ]  # fmt: skip
    assert set(frame["unit"]) == {"m³"}
    assert frame["consumption"].sum() == pytest.approx(frame["closing"].iloc[-1] - 1000.0)
    assert len(house.days("gas", "2024-02")) == 29
    assert len(house.days("gas", "2024-02-29")) == 1
    assert house.days("gas", "2025").empty


def test_all_days_are_selected_by_pandas_like_any_series_of_civil_time(house: House) -> None:
    frame = house.days("rest").loc["2024-02":"2024-03"]
    assert len(frame) == 29 + 31
    assert (frame["consumption"] >= 0).all()


def test_months_are_the_sums_of_their_days(house: House) -> None:
    months = house.months("gas", "2024")
    assert list(months.index) == list(pd.period_range("2024-01", "2024-03", freq="M"))
    assert months.loc["2024-02", "consumption"] == pytest.approx(house.days("gas", "2024-02")["consumption"].sum())
    assert set(months["quality"]) == {"interpolated"}
    assert house.months("gas", "2025").empty


@pytest.mark.parametrize("meter_id", ["gas", "flat", "rest"])
@pytest.mark.parametrize("period", ["2024-02", "2024-03-05"])
def test_what_is_analysed_now_equals_what_is_stored_to_the_last_bit(house: House, meter_id: str, period: str) -> None:
    now, stored = house.analyse(meter_id, period).days, house.days(meter_id, period)
    assert len(now) == len(stored)
    for column in now.columns:
        left = pd.Series(now[column].to_numpy())
        pd.testing.assert_series_equal(left, pd.Series(stored[column].to_numpy()), check_exact=True, check_dtype=False)


def test_analysing_looks_at_the_readings_and_stores_nothing(house: House) -> None:
    before, gas, instant = house.days("gas"), RawSeries("m³", "gas"), pd.Timestamp("2024-01-20T08:00Z")
    house.store.write_readings(gas, pd.Series([1040.0], pd.DatetimeIndex([instant]).as_unit("us")))
    try:
        changed = house.analyse("gas", "2024-01").days
    finally:
        house.store.delete_readings(gas, instant, instant + pd.Timedelta(seconds=1))
    assert changed["consumption"].iloc[0] != before["consumption"].iloc[0]
    pd.testing.assert_frame_equal(house.days("gas"), before)


def test_a_number_is_explained_and_the_findings_are_counted(house: House) -> None:
    explained = house.explain("gas", "2024-02")
    assert explained.consumption == pytest.approx(house.months("gas", "2024-02")["consumption"].iloc[0])
    found = house.findings()
    assert len(found.recent) + found.older + found.notes > 0


def test_an_unknown_meter_is_told_with_the_nearest_name(house: House) -> None:
    with pytest.raises(UnknownMeterError, match=r"no meter 'gsa' in meters.yaml. Did you mean 'gas'\?"):
        house.days("gsa")
    with pytest.raises(ValueError, match="'last year' is no day, month or year"):
        house.days("gas", "last year")


def test_dagster_loads_one_day_and_says_what_to_use_for_several(folder: Path, house: House) -> None:
    definitions = build_definitions(house.settings)
    with dagster_instance(folder / "dagster") as instance:
        loaded = definitions.load_asset_value("gas", partition_key="2024-03-05", instance=instance)
        assert loaded["consumption"].to_list() == house.days("gas", "2024-03-05")["consumption"].to_list()
        sentence = r"gas: no day is named.* for several days use .*House\.open\(\)\.days\('gas', '2024'\)"
        with pytest.raises(dg.DagsterInvariantViolationError, match=sentence):
            definitions.load_asset_value("gas", instance=instance)


def test_the_package_itself_imports_nothing_heavy_and_a_house_no_dagster(folder: Path) -> None:
    code = (
        "import sys, workflows_dagster\n"
        "light = {'pandas', 'pydantic'}.isdisjoint(sys.modules)\n"
        f"house = workflows_dagster.House.open({str(folder / 'config')!r}, {environ(folder)!r})\n"
        "days = house.days('gas', '2024')\n"
        "print(light, len(days), {'dagster', 'workflows_dagster.pipeline', 'scipy'}.isdisjoint(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", str(WINTER.count), "True"]
