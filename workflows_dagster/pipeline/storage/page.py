"""Wraps Dagster's page in the guard."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import uvicorn
from dagster_webserver.version import __version__
from starlette.types import ASGIApp

from workflows_dagster.pipeline.storage.page_guard import PageGuard
from workflows_dagster.pipeline.storage.version import TESTED_MINOR, is_tested
from workflows_dagster.services.dagster_page import PageRules


class UnguardedPageError(RuntimeError):
    """Dagster's page would run without its guard; the text says why and what to do."""


def guard_page(rules: PageRules, version: str = __version__) -> None:
    """Make Dagster's page, which this process is about to run, refuse requests of foreign web pages.

    Dagster's program passes its application and the address to `uvicorn.run`. That call is patched to receive the
    application wrapped in the guard.

    Args:
        rules: Which requests it answers.
        version: Version of dagster-webserver.

    Raises:
        UnguardedPageError: The version is unknown and may work differently.
    """
    program: Any = import_module("dagster_webserver.cli")
    if not is_tested(version) or getattr(program, "uvicorn", None) is not uvicorn:
        raise UnguardedPageError(
            f"dagster-webserver {version} cannot be kept from answering foreign web pages: only {TESTED_MINOR} was "
            f"tested. Install dagster-webserver {TESTED_MINOR}."
        )

    def run(app: ASGIApp, *, host: str, **options: Any) -> None:
        uvicorn.run(PageGuard(app, (*rules.hosts, host), rules.sentences), host=host, **options)

    program.uvicorn = SimpleNamespace(run=run)
