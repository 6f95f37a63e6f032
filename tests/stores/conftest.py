from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import Store


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
