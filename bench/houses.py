"""Houses in which nothing is computed yet, each in a folder of its own, in either store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bench.apart import environment_of, figures_of

if TYPE_CHECKING:
    from tests.stores.influx_server import InfluxServer

Log = Literal["ours", "stock"]

DAYS = 1461


@dataclass(frozen=True)
class House:
    """A folder with a house of which nothing is computed yet, and how runs find it."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, log: Log, count: int, *more: str) -> dict[str, Any]:
        """Backfill it in a process of its own."""
        return figures_of("bench.backfill", ["--once", log, str(count), *more], self.environment)


class Houses:
    """Makes as many equal houses as there are runs; the raw readings are made once."""

    def __init__(self, folder: Path) -> None:
        from bench.household import copy_config, readings_of_house, write_house
        from workflows_dagster.settings.load import load
        from workflows_dagster.stores.embedded import EmbeddedStore
        from workflows_dagster.stores.open import EMBEDDED_FILE

        self._folder, self._number = folder, 0
        self._config = copy_config(folder / "config", {"storage": {"backend": "embedded"}})
        self._settings = load(self._config, environment_of(folder))
        self._readings = readings_of_house(self._settings)
        self._raw = folder / EMBEDDED_FILE
        store = EmbeddedStore(self._raw)
        self.count = write_house(self._settings, store, self._readings)
        store.close()

    @contextmanager
    def embedded(self) -> Iterator[House]:
        """Make a house in the embedded store."""
        with self._new() as folder:
            (folder / "data").mkdir()
            for file in self._raw.parent.glob(f"{self._raw.name}*"):
                shutil.copy(file, folder / "data")
            yield House(folder, environment_of(folder, METERS_CONFIG_DIR=str(self._config)))

    @contextmanager
    def influx(self, server: InfluxServer) -> Iterator[House]:
        """Make a house in new buckets of a running InfluxDB."""
        from bench.household import copy_config, write_house
        from tests.stores.influx_server import ORG, TOKEN

        with self._new() as folder:
            buckets = {"bucket_raw": f"raw of {folder.name}", "bucket_processed": f"processed of {folder.name}"}
            server.bucket(buckets["bucket_raw"])
            store = server.store(**buckets, timeout_ms=60_000)
            store.create_bucket_processed()
            write_house(self._settings, store, self._readings)
            store.close()
            config = copy_config(
                folder / "config", {"storage": {"backend": "influxdb"}, "influxdb": {"url": server.url, **buckets}}
            )
            environment = environment_of(
                folder, METERS_CONFIG_DIR=str(config), INFLUX_TOKEN=TOKEN, INFLUX_ORG=ORG
            )  # fmt: skip
            yield House(folder, environment)

    @contextmanager
    def _new(self) -> Iterator[Path]:
        self._number += 1
        folder = self._folder / f"house {self._number}"
        folder.mkdir()
        yield folder
        shutil.rmtree(folder)
