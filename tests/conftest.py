"""Houses for the tests: the shipped one with a winter of sample readings, and small ones written on the spot."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from textwrap import dedent

import pytest

from tests.houses import CONFIG, SAMPLE_DAYS, SmallHouse
from tests.stores.influx_server import InfluxServer, executable
from workflows_dagster.sample_house import write_sample
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.embedded import EmbeddedStore

# Held in memory on Linux. What all tests write at one time is below half a gigabyte.
MEMORY = Path("/dev/shm")
ROOM = 2 * 2**30


# Wherever it is set: some hundred processes of a run would each compile the program again, and each worker the tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_configure() -> None:
    """Keep the tests' files in memory where there is room: they are hundreds of databases that wait for the disk."""
    if "PYTEST_DEBUG_TEMPROOT" not in os.environ and MEMORY.is_dir() and os.access(MEMORY, os.W_OK):
        of = os.statvfs(MEMORY)
        if of.f_bavail * of.f_frsize > ROOM and not of.f_flag & os.ST_NOEXEC:
            os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shipped configuration over a data folder of its own."""
    return load(CONFIG, {"METERS_DATA_DIR": str(tmp_path_factory.mktemp("shipped"))})


@pytest.fixture(scope="session")
def sample_store(shipped: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """The shipped house's raw readings; tests only read it."""
    store = EmbeddedStore(tmp_path_factory.mktemp("sample") / "sample.sqlite")
    write_sample(store, shipped.meters, shipped.site.zone, date(2025, 3, 2), start=SAMPLE_DAYS.first)
    yield store
    store.close()


@pytest.fixture
def small_house(tmp_path: Path) -> Iterator[Callable[..., SmallHouse]]:
    """Make small houses from the text of meters.yaml."""
    opened: list[EmbeddedStore] = []

    def make(meters: str, patterns: str = "patterns: {}", config: str = "timezone: Europe/Berlin") -> SmallHouse:
        folder = tmp_path / "config"
        folder.mkdir(exist_ok=True)
        (folder / "config.yaml").write_text(dedent(config), encoding="utf-8")
        (folder / "meters.yaml").write_text(dedent(meters), encoding="utf-8")
        (folder / "seasonal_patterns.yaml").write_text(dedent(patterns), encoding="utf-8")
        settings = load(folder, {"METERS_DATA_DIR": str(tmp_path / "data")})
        store = EmbeddedStore(tmp_path / "data" / "utility_meters.sqlite")
        opened.append(store)
        return SmallHouse(settings, store)

    yield make
    for store in opened:
        store.close()


@pytest.fixture(scope="session")
def influx_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer]:
    """A real InfluxDB for the whole session."""
    if executable() is None:
        pytest.skip("no influxd on the PATH: put InfluxDB 2.x there to run this against a real server")
    server = InfluxServer(tmp_path_factory.mktemp("influxdb"))
    try:
        server.start()
        server.set_up()
        yield server
    finally:
        server.close()
