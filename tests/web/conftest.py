"""A small computed house behind the application, asked without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from starlette.testclient import TestClient

from tests.houses import fit_profiles
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.pipeline.assets.months import write_months
from workflows_dagster.records.days import write_days
from workflows_dagster.settings.load import load
from workflows_dagster.web.app import create_app
from workflows_dagster.web.state import HouseState

TOKEN = "a-token-of-the-tests-0123"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
DAYS = DayRange(date(2025, 1, 1), date(2025, 3, 31))
ORIGIN = "http://localhost"
METERS = """
meters:
  - {meter_id: main, type: physical, output_unit: kWh, installation_date: 2024-12-01, description: Whole house}
  - {meter_id: flat, type: physical, output_unit: kWh, installation_date: 2024-12-01}
  - {meter_id: gas, type: physical, output_unit: m³, installation_date: 2024-12-01, reading_interval_days: 30,
     description: "Gas <b>in the cellar</b>"}
  - {meter_id: rest, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: main,
     subtract_meters: [flat]}
"""
TARIFFS = """
tariffs:
  - {utility: electricity, billed_meter: main, prices: [{valid_from: 2024-01-01, unit_price: 0.3}]}
"""


@dataclass
class Page:
    """The application over the small house."""

    state: HouseState
    client: TestClient
    folder: Path

    def write(self, meter_id: str, unit: str, readings: pd.Series) -> None:
        from workflows_dagster.stores.ports import RawSeries

        self.state.store_to_write.write_readings(RawSeries(unit, meter_id), readings)

    def raw(self, meter_id: str, unit: str) -> pd.Series:
        from workflows_dagster.stores.ports import RawSeries

        return self.state.store.readings(RawSeries(unit, meter_id))


def write_configuration(folder: Path, config: str = "timezone: Europe/Berlin\n", token: str = TOKEN) -> dict[str, str]:
    """Write the small house's files, and give the environment that names them."""
    for name in ("config", "secrets", "data"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "config" / "config.yaml").write_text(config, encoding="utf-8")
    (folder / "config" / "meters.yaml").write_text(METERS, encoding="utf-8")
    (folder / "config" / "seasonal_patterns.yaml").write_text("patterns: {}\n", encoding="utf-8")
    (folder / "config" / "tariffs.yaml").write_text(TARIFFS, encoding="utf-8")
    if token:
        (folder / "secrets" / "house.env").write_text(f"HOUSE_TOKEN={token}\n", encoding="utf-8")
    return {
        "METERS_CONFIG_DIR": str(folder / "config"),
        "METERS_DATA_DIR": str(folder / "data"),
        "METERS_SECRETS_DIR": str(folder / "secrets"),
    }


@pytest.fixture(scope="session")
def computed_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small house's data, computed once."""
    folder = tmp_path_factory.mktemp("computed")
    state = HouseState(environ := write_configuration(folder), load(environ=environ))
    hours = pd.date_range("2024-12-01", "2025-04-01", freq="h", tz="Europe/Berlin").tz_convert("UTC").as_unit("us")
    page = Page(state, None, folder)  # type: ignore[arg-type]
    for meter_id, step in (("main", 1.0), ("flat", 0.4)):
        page.write(meter_id, "kWh", pd.Series(np.arange(len(hours)) * step, hours))
    by_hand = pd.DatetimeIndex(["2024-12-01T12:00Z", "2025-01-05T10:00Z", "2025-02-20T10:00Z"]).as_unit("us")
    page.write("gas", "m³", pd.Series([100.0, 240.0, 420.5], by_hand))
    store, settings = state.store_to_write, state.settings
    fit_profiles(settings, store, pd.Timestamp("2025-04-01", tz="UTC"))
    evaluation = Evaluation(settings, store)
    start, end = DAYS.bounds(settings.site.zone)
    for meter in settings.meters.in_order():
        days = evaluation.days(meter.meter_id, DAYS).days
        write_days(store, meter.meter_id, meter.output_unit, start, end, days)
    write_months(settings, store, DAYS)
    state.close()
    return folder / "data" / "utility_meters.sqlite"


@pytest.fixture
def make_page(tmp_path: Path, computed_file: Path) -> Iterator[Callable[..., Page]]:
    """Make pages over copies of the small house."""
    made: list[Page] = []

    def make(
        config: str = "timezone: Europe/Berlin\n",
        *,
        token: str = TOKEN,
        host: str = "127.0.0.1",
        empty: bool = False,
        peer: str = "127.0.0.1",
    ) -> Page:
        environ = write_configuration(tmp_path, config, token)
        if not empty:
            (tmp_path / "data" / computed_file.name).write_bytes(computed_file.read_bytes())
        state = HouseState(environ, load(environ=environ))
        app = create_app(state, host)
        client = TestClient(
            app, base_url=ORIGIN, raise_server_exceptions=False, client=(peer, 50000), follow_redirects=False
        )
        made.append(Page(state, client, tmp_path))
        return made[-1]

    yield make
    for one in made:
        one.state.close()


@pytest.fixture
def page(make_page: Callable[..., Page]) -> Page:
    """The application over the small house, as it starts on this machine."""
    return make_page()
