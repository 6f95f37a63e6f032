"""The guard is around Dagster's page, or there is no page."""

from __future__ import annotations

from typing import Any

import pytest
import uvicorn
from dagster_webserver import cli

from workflows_dagster.pipeline.storage.page import UnguardedPageError, guard_page
from workflows_dagster.pipeline.storage.page_guard import PageGuard
from workflows_dagster.services.dagster_page import PageRules


@pytest.fixture(autouse=True)
def own_uvicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the program its uvicorn back afterwards."""
    monkeypatch.setattr(cli, "uvicorn", uvicorn)


def test_what_dagsters_program_serves_is_the_page_within_its_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[tuple[Any, dict[str, Any]]] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: served.append((app, options)))
    guard_page(PageRules(("nas.local",)))
    cli.uvicorn.run("page", host="192.168.1.7", port=3000, log_level="warning")
    ((guard, options),) = served
    assert isinstance(guard, PageGuard)
    assert options == {"host": "192.168.1.7", "port": 3000, "log_level": "warning"}


@pytest.mark.parametrize("version", ["1.14.0", "2.0.0"])
def test_a_version_that_nobody_tried_gets_no_page(version: str) -> None:
    with pytest.raises(UnguardedPageError, match=rf"^dagster-webserver {version} cannot be kept from .* 1\.13\.$"):
        guard_page(PageRules(), version)
    assert cli.uvicorn is uvicorn


def test_a_program_that_serves_in_another_way_gets_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cli, "uvicorn")
    with pytest.raises(UnguardedPageError):
        guard_page(PageRules())
