"""Which backend is opened for which configuration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.influx.store import InfluxStore
from workflows_dagster.stores.open import embedded_path, open_store


def house(folder: Path, backend: str, **secrets: str) -> Settings:
    config = folder / "config"
    config.mkdir()
    (config / "config.yaml").write_text(f"storage:\n  backend: {backend}\n")
    (config / "meters.yaml").write_text("meters:\n  - {meter_id: gas, type: physical, output_unit: m³}\n")
    (config / "seasonal_patterns.yaml").write_text("patterns: {}\n")
    return load(config, {"METERS_DATA_DIR": str(folder / "data"), **secrets})


def test_the_embedded_store_is_one_file_of_the_data_folder_that_opening_does_not_make(tmp_path: Path) -> None:
    settings = house(tmp_path, "embedded")
    with open_store(settings) as store:
        assert isinstance(store, EmbeddedStore)
        assert store.path == embedded_path(settings.data_dir) == tmp_path / "data" / "utility_meters.sqlite"
    assert not store.path.exists()


def test_influxdb_is_opened_with_the_buckets_of_config_yaml(tmp_path: Path) -> None:
    settings = house(tmp_path, "influxdb", INFLUX_TOKEN="a-token", INFLUX_ORG="home")
    with open_store(settings) as store:
        assert isinstance(store, InfluxStore)
        assert repr(store) == "InfluxStore('http://localhost:8086', raw='lampfi', processed='lampfi_processed')"


def test_the_embedded_store_loads_no_client_of_influxdb() -> None:
    code = (
        "import sys; from workflows_dagster.settings.load import load; "
        "from workflows_dagster.stores.open import open_store\n"
        "with open_store(load()): pass\n"
        "print(sorted({'dagster', 'influxdb_client', 'scipy', 'requests'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"
