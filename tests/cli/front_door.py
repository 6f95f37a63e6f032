"""Runs the command line on a house in a temporary folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner, Result

from workflows_dagster.cli import main
from workflows_dagster.pipeline.storage.event_log import BATCH_SIZE_VARIABLE
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

METERS = """\
    meters:
      - meter_id: haupt_strom
        type: physical
        output_unit: kWh
      - meter_id: gas_zahler
        type: physical
        output_unit: m³
    """


class FrontDoor:
    """`meters …` over a house of its own; nothing of this machine reaches it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config: dict[str, object] = {"timezone": "Europe/Berlin"}
        (folder / "config").mkdir()
        (folder / "secrets").mkdir()
        (folder / "config" / "seasonal_patterns.yaml").write_text("patterns: {}\n")
        self.meters(METERS)
        self.configure()

    def configure(self, **parts: object) -> None:
        self.config.update(parts)
        (self.folder / "config" / "config.yaml").write_text(yaml.safe_dump(self.config))

    def meters(self, text: str) -> None:
        (self.folder / "config" / "meters.yaml").write_text(dedent(text), encoding="utf-8")

    def secrets(self, **values: str) -> None:
        (self.folder / "secrets" / "all.env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, list(arguments))

    @property
    def database(self) -> Path:
        return self.folder / "data" / "utility_meters.sqlite"

    def read(self, series: RawSeries, readings: pd.Series) -> None:
        store = EmbeddedStore(self.database)
        store.write_readings(series, readings)
        store.close()


def live_in(folder: Path, environment: pytest.MonkeyPatch) -> None:
    """Have `meters` find a house's folders, and nothing else of this machine."""
    for name, value in {
        "METERS_CONFIG_DIR": str(folder / "config"),
        "METERS_DATA_DIR": str(folder / "data"),
        "METERS_SECRETS_DIR": str(folder / "secrets"),
        "DAGSTER_HOME": str(folder / "dagster"),
        # Set by what is tested, so that it is unset again afterwards.
        BATCH_SIZE_VARIABLE: "2000",
    }.items():
        environment.setenv(name, value)
    for name in ("INFLUX_TOKEN", "INFLUX_ORG", "TIBBER_API_TOKEN"):
        # Set first, because the front door sets it: so it is as before afterwards.
        environment.setenv(name, "")


def at(readings: Mapping[str, float]) -> pd.Series:
    """Readings at UTC instants."""
    return pd.Series(
        list(readings.values()), pd.DatetimeIndex(list(readings)).tz_localize("UTC").as_unit("us"), dtype=float
    )


def every(step: str, start: str, values: list[float]) -> pd.Series:
    """Readings at even distances, UTC."""
    index = pd.date_range(start, periods=len(values), freq=step, tz="UTC", unit="us")
    return pd.Series(values, index, dtype=float)
