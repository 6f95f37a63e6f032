"""`meters demo` from readings to table, and a table that fits the terminal."""

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
from workflows_dagster.domain import days
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.embedded import EmbeddedStore

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


def write_house(folder: Path) -> dict[str, str]:
    (folder / "config").mkdir(parents=True)
    (folder / "config" / "config.yaml").write_text("timezone: Europe/Berlin", encoding="utf-8")
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
    """A house of three meters after `meters demo --years 1`."""

    def __init__(self, folder: Path) -> None:
        environ = write_house(folder)
        self.settings: Settings = load(environ=environ)
        self.result: Result = CliRunner().invoke(main, ["demo", "--years", "1"], env=environ)
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


def test_the_demo_loads_a_year_of_readings_and_computes_and_reports_it(demo: Demo) -> None:
    assert demo.result.exit_code == 0, demo.result.output
    frame = read_days(demo.store, "haupt_strom")
    assert len(frame) in (365, 366)
    assert set(frame["quality"]) <= {"measured", "extrapolated"}
    assert f"partitions (3 meters × {len(frame)} days)" in demo.result.output
    written = re.search(r"The report of .*: (.*\.html)$", demo.result.output, re.MULTILINE)
    assert written is not None
    assert Path(written[1]).is_file()


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


def test_the_demo_says_what_is_worth_opening(demo: Demo) -> None:
    said = demo.result.output.partition("Worth opening")[2]
    house, report, meter, graph = re.findall(r": ((?:file|http)://\S+)", said)
    assert house == "http://localhost:8006"
    assert report.startswith("file://")
    assert report.endswith(".html")
    first = next(iter(demo.settings.meters.masters), None) or next(iter(demo.settings.meters))
    assert meter == f"http://localhost:3000/assets/{first.meter_id}"
    assert graph == "http://localhost:3000/asset-groups"


def test_the_demo_makes_a_token_that_only_its_owner_can_read(demo: Demo) -> None:
    path = demo.settings.secrets_dir / "house.env"
    assert path.stat().st_mode & 0o777 == 0o600
    assert str(path) in demo.result.output
    token = load(environ={"METERS_CONFIG_DIR": str(demo.settings.config_dir)}).secrets.house_token
    assert token is not None
    assert token.get_secret_value() not in demo.result.output
