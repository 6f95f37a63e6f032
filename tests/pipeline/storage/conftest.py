"""The real page, once for all who attack it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.pipeline.storage.page_server import Page


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Dagster's page over an empty home."""
    page = Page(tmp_path_factory.mktemp("page"))
    try:
        page.wait()
        yield page
    finally:
        page.stop()
