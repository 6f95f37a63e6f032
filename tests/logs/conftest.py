"""Restores the process's logging after each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from workflows_dagster.logs.configure import unconfigure
from workflows_dagster.logs.context import follow_run
from workflows_dagster.logs.masking import know


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    yield
    unconfigure()
    follow_run(None)
    know([])
