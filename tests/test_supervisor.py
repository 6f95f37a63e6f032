"""What `make serve` starts: services that begin in order and end together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.stores.influx_server import free_port
from workflows_dagster.supervisor import commands

LONGEST = 20
RUN = "import json, sys; from workflows_dagster.supervisor import run_together; "
RUN += "sys.exit(run_together(json.loads(sys.argv[1]), int(sys.argv[2])))"
# Each writes its number into a file when it runs. The first listens, and has a child as a code server has a run.
FIRST = """
import os, socket, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
time.sleep(0.3)
open("child", "w").write(str(child.pid))
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
open("code", "w").write(str(os.getpid()))
time.sleep(60)
"""
WAITING = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITING}"
DYING = "import os, sys, time; time.sleep(0.5); sys.exit(3)"


def program(code: str, *words: str) -> list[str]:
    return [sys.executable, "-c", code, *words]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Start a supervisor of a first program, a waiting one and another, whose code is given."""
    started: list[subprocess.Popen[str]] = []

    def begin(daemon: str) -> subprocess.Popen[str]:
        port = str(free_port())
        chosen = {"code": program(FIRST, port), "page": program(WAITING, "page"), "daemon": program(daemon, "daemon")}
        words = [sys.executable, "-c", RUN, json.dumps(chosen), port]
        process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment())
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate()


def environment() -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def numbers(folder: Path, *names: str) -> list[int]:
    """Wait until the programs run, and give their numbers."""
    until = time.monotonic() + LONGEST
    while not all((folder / name).exists() and (folder / name).read_text() for name in names):
        assert time.monotonic() < until, "not started"
        time.sleep(0.02)
    return [int((folder / name).read_text()) for name in names]


def is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    # Ended, and not yet noticed by whoever inherited it.
    return "State:\tZ" not in Path(f"/proc/{number}/status").read_text()


def all_ended(running: list[int]) -> bool:
    until = time.monotonic() + 5
    while any(map(is_running, running)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(is_running, running))


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_all_end_with_what_they_have_started_when_the_terminal_says_so(
    asked: signal.Signals, start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    supervisor = start(WAITING)
    running = numbers(tmp_path, "code", "child", "page", "daemon")
    supervisor.send_signal(asked)
    assert supervisor.communicate(timeout=LONGEST) == (None, "")
    assert supervisor.returncode == 0
    assert all_ended(running)


def test_all_end_when_one_ends_and_which_one_is_said(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    supervisor = start(DYING)
    running = numbers(tmp_path, "code", "child", "page")
    _, said = supervisor.communicate(timeout=LONGEST)
    assert said == "workflows_dagster.supervisor: The daemon has ended (exit code 3). All are stopped.\n"
    assert supervisor.returncode == 1
    assert all_ended(running)


def test_the_others_are_not_started_before_the_first_one_listens(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    start(WAITING)
    numbers(tmp_path, "page", "daemon")
    assert (tmp_path / "code").stat().st_mtime_ns <= (tmp_path / "page").stat().st_mtime_ns


def test_who_asks_twice_does_not_wait_for_one_that_does_not_end(
    start: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    supervisor = start(STUBBORN)
    running = numbers(tmp_path, "code", "child", "page", "daemon")
    supervisor.send_signal(signal.SIGINT)
    time.sleep(1)
    assert supervisor.poll() is None
    supervisor.send_signal(signal.SIGINT)
    supervisor.communicate(timeout=5)
    assert all_ended(running)


def test_each_of_them_runs_as_a_service_of_the_house() -> None:
    found = commands("0.0.0.0", 3000, 4000, 8007)
    assert {name: command[1:4] for name, command in found.items()} == {
        "code server": ["-m", "workflows_dagster.service", "dagster"],
        "page": ["-m", "workflows_dagster.service", "dagster-webserver"],
        "daemon": ["-m", "workflows_dagster.service", "dagster-daemon"],
        "house page": ["-m", "workflows_dagster.service", "house"],
    }
    assert found["house page"][-2:] == ["--port", "8007"]
    assert next(iter(found)) == "code server"
    assert "0.0.0.0" not in found["code server"]
    workspace = Path(found["page"][-1])
    assert found["daemon"][-1] == str(workspace)
    assert workspace.is_file()


def test_make_serve_runs_these_and_no_page_without_a_guard() -> None:
    root = Path(__file__).parents[1]
    words = [
        "make",
        "--no-print-directory",
        "-n",
        "-o",
        ".venv/.ready",
        "serve",
        "HOST=192.168.1.7",
        "PORT=3100",
        "HOUSE_PORT=8007",
    ]
    printed = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True).stdout
    assert (
        printed.splitlines()[-1]
        .rstrip()
        .endswith("python -m workflows_dagster.supervisor --host 192.168.1.7 --port 3100 --house-port 8007")
    )
    assert "dagster dev" not in printed
