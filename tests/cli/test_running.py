"""`meters demo --tibber` from API to table, and a table that fits the terminal."""

from __future__ import annotations

import io
import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from workflows_dagster.cli import main
from workflows_dagster.cli.last_months import print_last_months
from workflows_dagster.cli.tibber_house import tibber_house
from workflows_dagster.domain import days
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

METERS = """
meters:
  - {meter_id: haupt_strom, type: physical, output_unit: kWh, installation_date: 2020-03-01, register_digits: 6}
  - {meter_id: eg_strom_1LOG0007013695, type: physical, output_unit: kWh, installation_date: 2020-03-01}
  - meter_id: strom_rest
    type: virtual
    output_unit: kWh
    calculation_type: subtraction
    base_meter: haupt_strom
    subtract_meters: [eg_strom_1LOG0007013695]
"""


def write_house(folder: Path, config: str = "timezone: Europe/Berlin") -> dict[str, str]:
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text(config, encoding="utf-8")
    (folder / "config" / "meters.yaml").write_text(METERS, encoding="utf-8")
    (folder / "config" / "seasonal_patterns.yaml").write_text("patterns: {}", encoding="utf-8")
    return {
        "METERS_CONFIG_DIR": str(folder / "config"),
        "METERS_DATA_DIR": str(folder / "data"),
        "METERS_SECRETS_DIR": str(folder / "secrets"),
        "DAGSTER_HOME": str(folder / "dagster"),
        "TIBBER_API_TOKEN": "",
    }


class Demo:
    """A house of three meters after `meters demo --tibber --years 1`."""

    def __init__(self, folder: Path) -> None:
        environ = write_house(folder)
        self.settings: Settings = load(environ=environ)
        self.result: Result = CliRunner().invoke(main, ["demo", "--tibber", "--years", "1"], env=environ)
        self.store = EmbeddedStore(folder / "data" / "utility_meters.sqlite")

    @property
    def last(self) -> date:
        """The last day that was computed."""
        stamps = read_days(self.store, "haupt_strom").index[-1:]
        return days.civil_days(pd.DatetimeIndex(stamps), self.settings.site.zone)[0]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory):
    demo = Demo(tmp_path_factory.mktemp("demo"))
    yield demo
    demo.store.close()


def test_the_demo_brings_a_year_of_hours_over_the_api_and_its_days_add_up_to_them(demo: Demo) -> None:
    assert demo.result.exit_code == 0, demo.result.output
    hours = demo.store.readings(RawSeries("energy", "haupt_strom", "consumption"))
    assert f"{len(hours):,} new hours of haupt_strom came over Tibber's API" in demo.result.output
    assert len(demo.store.readings(RawSeries("energy", "haupt_strom", "unit_price"))) == len(hours)
    frame = read_days(demo.store, "haupt_strom")
    assert len(frame) in (365, 366)
    zone = demo.settings.site.zone
    by_day = hours.groupby(days.civil_days(pd.DatetimeIndex(hours.index), zone)).sum()
    civil = days.civil_days(pd.DatetimeIndex(frame.index), zone)
    assert frame["consumption"].to_numpy() == pytest.approx(by_day.reindex(civil).to_numpy())
    assert set(frame["quality"]) == {"measured"}


def test_the_demo_keeps_what_a_person_reads_as_anchors_and_not_a_register_that_reports(demo: Demo) -> None:
    anchors = demo.store.readings(RawSeries("kWh", "haupt_strom"))
    assert 8 <= len(anchors) <= 27
    frame = read_days(demo.store, "haupt_strom")
    civil = list(days.civil_days(pd.DatetimeIndex(frame.index), demo.settings.site.zone))
    read_on = list(days.civil_days(pd.DatetimeIndex(anchors.index), demo.settings.site.zone))
    compared = [
        (frame.iloc[civil.index(day)], value) for day, value in zip(read_on, anchors, strict=True) if day in civil
    ]
    assert len(compared) >= 8
    # Each hour is rounded to a watt-hour, a year of them to a tenth of a kilowatt-hour.
    assert all(day["opening"] - 0.5 < value < day["closing"] + 0.5 for day, value in compared)


def test_a_house_on_tibber_is_the_same_house_but_for_one_source(demo: Demo) -> None:
    changed = tibber_house(demo.settings)
    source = changed.meter.source
    assert (source.kind, source.measurement, source.entity_id) == ("interval", "energy", "haupt_strom")
    assert changed.meter.raw_field == "consumption"
    assert changed.meter.register_digits is None
    assert [m for m in changed.settings.meters if m.meter_id != "haupt_strom"] == [
        m for m in demo.settings.meters if m.meter_id != "haupt_strom"
    ]
    assert changed.settings.site == demo.settings.site
    assert demo.settings.meters["haupt_strom"].source.kind == "register"


def test_a_house_without_the_meter_that_tibber_bills_is_told_so(tmp_path: Path) -> None:
    environ = write_house(tmp_path, "tibber: {meter_id: haupt_storm}")
    with pytest.raises(SettingsError):
        tibber_house(load(environ=environ))
    result = CliRunner().invoke(main, ["demo", "--tibber", "--years", "1"], env=environ)
    assert result.exit_code == 2
    assert "config.yaml: tibber.meter_id: no meter 'haupt_storm'. Did you mean 'haupt_strom'?" in result.output


# The table


def printed(demo: Demo, width: int) -> list[str]:
    console = Console(width=width, file=io.StringIO())
    print_last_months(console, demo.settings, demo.last)
    return console.file.getvalue().splitlines()


def months_shown(lines: list[str]) -> list[str]:
    return [month for line in lines for month in re.findall(r"\b\d\d-\d\d\b", line)]


def figures_shown(lines: list[str]) -> list[str]:
    return sorted(
        figure for line in lines for figure in re.findall(r"\b\d+(?:\.\d+)?\b(?!-)", line.partition("kWh")[2])
    )


@pytest.mark.parametrize(("width", "tables"), [(200, 1), (80, 2), (60, 4)])
def test_the_table_is_as_many_tables_as_the_terminal_needs(demo: Demo, width: int, tables: int) -> None:
    lines = printed(demo, width)
    assert all(len(line.rstrip()) <= width for line in lines)
    assert sum(line.startswith("meter ") for line in lines) == tables
    for meter in demo.settings.meters:
        assert sum(line.startswith(f"{meter.meter_id} ") for line in lines) == tables
    assert months_shown(lines) == months_shown(printed(demo, 500))
    assert len(months_shown(lines)) == 12
    assert figures_shown(lines) == figures_shown(printed(demo, 500))
    assert sum("sum" in line for line in lines) == 1


def test_on_a_terminal_for_which_nothing_fits_nothing_is_cut_off_either(demo: Demo) -> None:
    lines = printed(demo, 20)
    assert "…" not in "".join(lines)
    assert figures_shown(lines) == figures_shown(printed(demo, 500))
