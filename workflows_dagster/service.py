"""Runs one process of the house: `python -m workflows_dagster.service house`, `… dagster-daemon run …`.

The house page is ours. The other programs and the rest of their command lines are Dagster's; only their logging follows
config.yaml (`logging`): Dagster's page and daemon never load the graph, so it has to be configured here.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path

from workflows_dagster.logs.config import load_in_another_process
from workflows_dagster.logs.configure import configure_service
from workflows_dagster.maintenance.generations import settle
from workflows_dagster.services.dagster_page import load_in_another_process as load_page_rules

_PROCESSES = {"dagster-webserver": "webserver", "dagster-daemon": "daemon", "dagster": "code"}
_HOUSE, _STAND_IN = "house", "stand-in"
_EXIT_FAILED = 1
_EXIT_WRONG_INPUT = 2

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one process of the house until it ends.

    Args:
        arguments: `house`, or the name of one of Dagster's programs, with its arguments; None takes those of the
            process.
    """
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or [""]
    if name == _HOUSE:
        from workflows_dagster.live.task import LiveTask
        from workflows_dagster.web.server import main as serve_house

        return serve_house(rest, LiveTask)
    if name == _STAND_IN:
        return _serve_stand_in(rest)
    if name not in _PROCESSES:
        found = f"no service '{name}'" if name else "no service is named"
        known = " or ".join((_HOUSE, *_PROCESSES))
        print(f"workflows_dagster.service: {found}. Name {known}, with its arguments.", file=sys.stderr)
        return _EXIT_WRONG_INPUT
    # Imports Dagster, as each of these programs does anyway; other processes of the house must not.
    from workflows_dagster.pipeline.storage.home import INSTANCE_FILE_NAME
    from workflows_dagster.pipeline.storage.opening import one_at_a_time
    from workflows_dagster.pipeline.storage.run_log import RunLogger, mask_errors

    (program,) = entry_points(group="console_scripts", name=name)
    config = load_in_another_process(os.environ)
    configure_service(config, _PROCESSES[name], sys.stdout, RunLogger)
    mask_errors()
    if name == "dagster-webserver" and not _guard_page():
        return _EXIT_FAILED
    if variable := os.environ.get("DAGSTER_HOME"):
        home = Path(variable).expanduser()
        settle(home)
        if (home / INSTANCE_FILE_NAME).exists():
            with one_at_a_time(home):
                pass
    # Dagster builds its usage lines and its children's command lines from these.
    sys.argv = [name, *rest]
    return int(program.load()() or 0)


def _serve_stand_in(arguments: Sequence[str]) -> int:
    """Serve a stand-in for Home Assistant with made-up devices, for the demo; the port is its argument."""
    from workflows_dagster.sample_house import devices
    from workflows_dagster.sample_house.home_assistant import StandIn, running

    stand_in = StandIn(token=os.environ["HOME_ASSISTANT_TOKEN"])
    devices.live(stand_in, time.time())
    with running(stand_in, int(arguments[0])):
        devices.run(stand_in)
    return 0


def _guard_page() -> bool:
    """Keep foreign web pages from the page; False where it cannot be done."""
    from workflows_dagster.pipeline.storage.page import UnguardedPageError, guard_page

    rules = load_page_rules(os.environ)
    if rules.problem:
        _log.warning("%s. The page only answers requests to this machine's own names.", rules.problem)
    try:
        guard_page(rules)
    except UnguardedPageError as error:
        _log.error("%s", error)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
