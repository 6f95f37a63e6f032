"""Runs in processes of their own, so that neither memory nor caches nor environment are shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stores.influx_server import InfluxServer

ROOT = Path(__file__).parents[1]
# What the owner's own house is moved by must not reach a benchmark, nor a benchmark the owner's house.
_OF_THE_HOUSE = ("METERS_", "INFLUX_", "TIBBER_", "DAGSTER_")


class RunError(RuntimeError):
    """A run in a process of its own failed; its output stands in the text."""


def environment_of(folder: Path, **more: str) -> dict[str, str]:
    """Give an environment whose house, secrets and Dagster home stand in a folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OF_THE_HOUSE)}
    own = {
        "METERS_DATA_DIR": str(folder / "data"),
        "METERS_SECRETS_DIR": str(folder / "secrets"),
        "DAGSTER_HOME": str(folder / "dagster_home"),
    }
    return {**kept, **own, **more}


def run_apart(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command from the root of the project and give what it printed.

    Raises:
        RunError: It failed.
    """
    done = subprocess.run(command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RunError(f"{' '.join(command[:4])} ended with {done.returncode}:\n{(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def figures_of(module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a module of ours, which prints its figures as JSON on its last line.

    Raises:
        RunError: It failed.
    """
    printed = run_apart([sys.executable, "-m", module, *arguments], environment)
    figures: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return figures


@contextmanager
def influx_server() -> Iterator[InfluxServer | None]:
    """Run an InfluxDB in a folder and on a port of its own; None where no influxd is installed."""
    # The server is the tests' own: one way to start it is enough.
    from tests.stores.influx_server import InfluxServer, executable

    if executable() is None:
        yield None
        return
    with ExitStack() as stack:
        server = InfluxServer(Path(stack.enter_context(TemporaryDirectory())))
        stack.callback(server.close)
        server.start()
        server.set_up()
        yield server
