"""Runs all processes of a clone together: `python -m workflows_dagster.supervisor --port 3000`.

Each is a process of `workflows_dagster.service`, and all end together. In an installation, systemd or Docker does this.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from workflows_dagster.settings.load import load

_WORKSPACE = Path(__file__).parents[1] / "deploy" / "workspace.yaml"
_LOOPBACK = "127.0.0.1"
_POLL_SECONDS = 0.2
_LONGEST_START_SECONDS = 150
_LONGEST_END_SECONDS = 20
_EXIT_FAILED = 1


class _Asked(BaseException):
    """The terminal or another process has requested the end."""


class _Ended(Exception):  # noqa: N818
    """One of them has ended by itself, or has not started; the text says which."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the processes until one of them ends or Ctrl+C is pressed.

    Args:
        arguments: The command line; None takes that of the process.

    Returns:
        0 after a requested end, 1 if one of them ended by itself.
    """
    parser = argparse.ArgumentParser(prog="workflows_dagster.supervisor", description=__doc__)
    parser.add_argument("--host", default=_LOOPBACK, help="address that Dagster's page listens on")
    parser.add_argument("--port", default=3000, type=int, help="port that Dagster's page listens on")
    parser.add_argument("--house-port", type=int, help="port of the house page; by default that of config.yaml")
    parser.add_argument("--stand-in", action="store_true", help="a stand-in for Home Assistant with made-up devices")
    options = parser.parse_args(arguments)
    code_port = _free_port()
    os.environ |= {"METERS_CODE_HOST": _LOOPBACK, "METERS_CODE_PORT": str(code_port)}
    # Links from an asset open its code in the editor of this machine (pipeline/code_references.py).
    os.environ["DAGSTER_IS_DEV_CLI"] = "1"
    chosen = commands(options.host, options.port, code_port, options.house_port)
    # A Home Assistant of one's own is never replaced.
    if options.stand_in and load().site.home_assistant.url is None:
        port = _free_port()
        os.environ |= {"HOME_ASSISTANT_URL": f"http://{_LOOPBACK}:{port}", "HOME_ASSISTANT_TOKEN": secrets.token_hex()}
        chosen["stand-in"] = [sys.executable, "-m", "workflows_dagster.service", "stand-in", str(port)]
    return run_together(chosen, code_port)


def commands(host: str, port: int, code_port: int, house_port: int | None = None) -> dict[str, list[str]]:
    """Give the command lines: code server, Dagster's page and daemon, house page; the code server first.

    Args:
        host: Address that Dagster's page listens on.
        port: Its port.
        code_port: Port of the code server, on this machine alone.
        house_port: Port of the house page; None for that of config.yaml.
    """
    workspace = ["-w", str(_WORKSPACE)]
    location = ["-m", "workflows_dagster.definitions", "--location-name", "utility_meters"]
    programs = {
        "code server": ["dagster", "api", "grpc", "-h", _LOOPBACK, "-p", str(code_port), *location],
        "page": ["dagster-webserver", "-h", host, "-p", str(port), *workspace],
        "daemon": ["dagster-daemon", "run", *workspace],
        "house page": ["house", *(("--port", str(house_port)) if house_port else ())],
    }
    return {name: [sys.executable, "-m", "workflows_dagster.service", *words] for name, words in programs.items()}


def run_together(commands: Mapping[str, Sequence[str]], port: int) -> int:
    """Run programs until one of them ends, or until this process is asked to end.

    Args:
        commands: Their command lines by name. The others are started once the first one listens.
        port: Port of the first one, on this machine.

    Returns:
        0 after a requested end, 1 if one of them ended by itself.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ask_to_end)
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        with _ending_together(processes):
            for name, command in commands.items():
                processes[name] = _start(command)
                if len(processes) == 1:
                    _await_port(processes, port)
            while True:
                _check(processes)
                time.sleep(_POLL_SECONDS)
    except _Asked:
        return 0
    except _Ended as ended:
        print(f"workflows_dagster.supervisor: {ended} All are stopped.", file=sys.stderr)
        return _EXIT_FAILED


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    # In a separate session, so that only this process gets Ctrl+C, and remaining children can be found.
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)


def _await_port(processes: Mapping[str, subprocess.Popen[bytes]], port: int) -> None:
    """Wait until the first one listens, so that the others can connect at once."""
    until = time.monotonic() + _LONGEST_START_SECONDS
    while True:
        _check(processes)
        try:
            socket.create_connection((_LOOPBACK, port), timeout=2).close()
        except OSError:
            if time.monotonic() > until:
                raise _Ended(
                    f"The {next(iter(processes))} does not answer within {_LONGEST_START_SECONDS} s."
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _check(processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for name, process in processes.items():
        code = process.poll()
        if code is not None:
            raise _Ended(f"The {name} has ended (exit code {code}).")


@contextlib.contextmanager
def _ending_together(processes: Mapping[str, subprocess.Popen[bytes]]) -> Iterator[None]:
    """End all of them and their children; after a second request, without waiting."""
    try:
        yield
    finally:
        with contextlib.suppress(_Asked):
            for process in processes.values():
                if process.poll() is None:
                    process.terminate()
            until = time.monotonic() + _LONGEST_END_SECONDS
            for process in processes.values():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(max(0, until - time.monotonic()))
        for process in processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _ask_to_end(number: int, frame: FrameType | None) -> NoReturn:
    raise _Asked


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
