from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stores.influx_server import InfluxServer, executable
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import Store


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


@pytest.fixture(params=["embedded", "influx"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each backend."""
    opened: Store = (
        EmbeddedStore(tmp_path / "meters.sqlite")
        if request.param == "embedded"
        else request.getfixturevalue("influx_server").store()
    )
    try:
        yield opened
    finally:
        opened.close()
