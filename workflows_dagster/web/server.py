"""Serves the house page: `python -m workflows_dagster.service house`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

import uvicorn

from workflows_dagster.logs.configure import configure_service
from workflows_dagster.logs.from_settings import load_log_config, log_config
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.settings.problems import Problem, SettingsError
from workflows_dagster.web.access import is_this_machine
from workflows_dagster.web.app import Companion, create_app
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words
from workflows_dagster.wording.problems import problem_text, problem_texts

_EXIT_WRONG_INPUT = 2
_LONGEST_END_SECONDS = 10


def main(
    arguments: Sequence[str] | None = None, beside: Callable[[Callable[[], Settings]], Companion] | None = None
) -> int:
    """Serve until the process is asked to end.

    Args:
        arguments: The command line; None takes that of the process.
        beside: Makes what runs beside the pages, from what gives the house's settings.

    Returns:
        0 after a requested end, 2 if the configuration cannot be used.
    """
    parser = argparse.ArgumentParser(prog="workflows_dagster.service house")
    parser.add_argument("--host", help="name or address to listen on; by default house.host of config.yaml")
    parser.add_argument("--port", type=int, help="port to listen on; by default house.port")
    options = parser.parse_args(arguments)
    try:
        settings = load()
    except SettingsError as error:
        configure_service(load_log_config(os.environ), "house", sys.stdout)
        for line in problem_texts(error):
            print(line, file=sys.stderr)
        return _EXIT_WRONG_INPUT
    configure_service(log_config(settings), "house", sys.stdout)
    host, port = options.host or settings.site.house.host, options.port or settings.site.house.port
    if refusal := why_not(settings, host):
        print(refusal, file=sys.stderr)
        return _EXIT_WRONG_INPUT
    house = HouseState(os.environ, settings)
    app = create_app(house, host, beside(lambda: house.settings) if beside is not None else None)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LONGEST_END_SECONDS,
    )
    return 0


def why_not(settings: Settings, host: str) -> str | None:
    """Give why the page may not be served at an address; None if it may."""
    if is_this_machine(host) or settings.secrets.house_token is not None:
        return None
    problem = Problem("config.yaml", "house.host", "house_without_token", {"host": host})
    return problem_text(problem, Words(settings.site.language))
