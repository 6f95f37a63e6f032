"""Houses for the tests: the shipped one with a winter of sample readings, and small ones written on the spot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from textwrap import dedent

import pandas as pd
import pytest

from workflows_dagster.domain.days import DayRange
from workflows_dagster.sample_house import write_sample
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

CONFIG = Path(__file__).parents[1] / "config"
# A winter with both replacements, the 25-hour day, a Home Assistant zero's year and a silent week.
SAMPLE_DAYS = DayRange(date(2024, 1, 1), date(2025, 2, 28))

# Held in memory on Linux. What all tests write at one time is below half a gigabyte.
MEMORY = Path("/dev/shm")
ROOM = 2 * 2**30


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


class SmallHouse:
    """A house of a few meters, described in the test itself."""

    def __init__(self, settings: Settings, store: EmbeddedStore) -> None:
        self.settings, self.store = settings, store

    def read(self, meter_id: str, readings: Mapping[str, float], unit: str = "kWh") -> None:
        """Write readings at local times."""
        index = pd.DatetimeIndex(list(readings)).tz_localize(self.settings.site.zone).tz_convert("UTC").as_unit("us")
        series = pd.Series(list(readings.values()), index=index, dtype=float)
        self.store.write_readings(RawSeries(unit, meter_id), series)


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
