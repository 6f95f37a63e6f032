"""The small house, as it is read and with its days computed."""

from __future__ import annotations

from functools import cache

import pytest

from tests.pipeline.small_house import (
    LAST,
    SHORT_OF,
    build_house,
    copy_of,
    set_environment,
)
from workflows_dagster.pipeline.backfill import dagster_instance


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """Build houses once; a test that changes one copies it."""
    return cache(lambda last: build_house(tmp_path_factory.mktemp("built") / "house", last))


@pytest.fixture
def house(tmp_path, built):
    with copy_of(built(None), tmp_path) as house:
        yield house


@pytest.fixture
def computed(tmp_path, built):
    """The house with its days up to the last."""
    with copy_of(built(LAST), tmp_path) as house:
        yield house


@pytest.fixture
def short(tmp_path, built):
    """The house with its last week not computed."""
    with copy_of(built(SHORT_OF), tmp_path) as house:
        yield house


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """The house's Dagster home, made by our own program; a test names it after the house, which may bring it."""
    set_environment(monkeypatch)
    with dagster_instance(tmp_path / "home") as instance:
        yield instance
