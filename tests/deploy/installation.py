"""A scratch machine: a prefix to install into, sources to install from, and what a person would look at afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAND_INS = Path(__file__).parent / "stand_ins"
SERVICES = (
    "utility-meters-code.service",
    "utility-meters-webserver.service",
    "utility-meters-daemon.service",
    "utility-meters-house.service",
)
_LONGEST_SECONDS = 240


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def small_source(folder: Path, version: str, **faults: object) -> Path:
    """Make a source with our scripts and units, and a program that starts at once, with the faults of the test."""
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "constraints.txt"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "pyproject.toml").write_text(f'[project]\nname = "utility-meters"\nversion = "{version}"\n')
    (folder / "config").mkdir()
    (folder / "config" / "config.yaml").write_text("timezone: Europe/Berlin\n")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "influxdb.env.example").write_text("INFLUX_TOKEN=\n")
    package = folder / "workflows_dagster"
    # What a unit calls before it starts a service.
    for module in (
        "pipeline/storage/home",
        "maintenance/generations",
        "maintenance/sqlite_backup",
        "maintenance/problems",
        "settings/dagster_home",
        "settings/paths",
    ):
        target = package / f"{module}.py"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "workflows_dagster" / f"{module}.py", target)
    for place in ("", "pipeline", "pipeline/storage", "maintenance", "settings"):
        (package / place / "__init__.py").touch()
    (package / "service.py").write_text(
        "import sys\nfrom workflows_dagster.small_program import main\nsys.argv = sys.argv[1:]\nmain(sys.argv[0])\n"
    )
    program = (STAND_INS / "small_program.py").read_text(encoding="utf-8")
    for name, value in {"VERSION": version, **faults}.items():
        before = next(line for line in program.splitlines() if line.startswith(f"{name} = "))
        program = program.replace(before, f"{name} = {value!r}")
    (package / "small_program.py").write_text(program, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Outcome:
    """How a script ended, and what it said."""

    code: int
    said: str


class Machine:
    """A prefix, with a systemd that is simulated below it or none."""

    def __init__(self, folder: Path, *, systemd: bool = False) -> None:
        self.folder = folder
        self.prefix = folder / "machine"
        self.prefix.mkdir()
        self.commands = folder / "commands"
        self.commands.mkdir()
        (self.commands / "sync").symlink_to(STAND_INS / "sync")
        # By the very Python of the tests: a `python3` found by way of a version manager takes its time to start.
        systemctl = self.commands / "systemctl"
        systemctl.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{STAND_INS / "systemctl"}" "$@"\n')
        systemctl.chmod(0o755)
        self.page_port, self.code_port, self.house_port = free_port(), free_port(), free_port()
        if systemd:
            (self.prefix / "run/systemd/system").mkdir(parents=True)

    @property
    def program(self) -> Path:
        return self.prefix / "opt/utility-meters"

    @property
    def config(self) -> Path:
        return self.prefix / "etc/utility-meters"

    @property
    def state(self) -> Path:
        return self.prefix / "var/lib/utility-meters"

    @property
    def units(self) -> Path:
        return self.prefix / "etc/systemd/system"

    @property
    def path(self) -> str:
        return f"{self.commands}:{os.environ['PATH']}"

    def environment(self, **variables: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        return {
            **kept,
            "PATH": self.path,
            "PREFIX": str(self.prefix),
            "PYTHON": str(STAND_INS / "python"),
            "UNDERLYING_PYTHON": sys.executable,
            "METERS_PAGE_TIMEOUT": "60",
            "METERS_PAGE_PAUSE": "0.05",
            **variables,
        }

    def use_free_ports(self) -> None:
        self.config.mkdir(parents=True, exist_ok=True)
        (self.config / "service.env").write_text(
            f"METERS_PAGE_PORT={self.page_port}\nMETERS_CODE_PORT={self.code_port}\n"
            f"METERS_HOUSE_PORT={self.house_port}\n",
            encoding="utf-8",
        )

    def keep(self) -> None:
        """Keep the machine as it is now, for `as_kept`."""
        subprocess.run(["cp", "-a", self.prefix, self.folder / "kept"], check=True)

    def as_kept(self, *, systemd: bool = False) -> None:
        """Have the machine again as it was kept. Its files know where they are, so there is one of them at a time."""
        shutil.rmtree(self.prefix)
        subprocess.run(["cp", "-a", self.folder / "kept", self.prefix], check=True)
        if systemd:
            (self.prefix / "run/systemd/system").mkdir(parents=True)

    def start(self) -> None:
        """Start the services, as the machine does when it starts."""
        self.page_port, self.code_port, self.house_port = free_port(), free_port(), free_port()
        self.use_free_ports()
        command = [self.commands / "systemctl", "start", "utility-meters.target"]
        subprocess.run(command, env=self.environment(), check=True, timeout=60)
        deadline = time.monotonic() + 30
        while self.serving() is None and time.monotonic() < deadline:
            time.sleep(0.02)

    def change_program(self, before: str, after: str) -> None:
        """Give the installed small program a fault, without an update."""
        (path,) = (self.program / "current/venv/lib").glob("python*/site-packages/workflows_dagster/small_program.py")
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1
        path.write_text(text.replace(before, after), encoding="utf-8")

    def run(self, action: str, source: Path, **variables: str) -> Outcome:
        """Run install, update, uninstall or configure of a source to its end."""
        with subprocess.Popen(
            [source / "deploy/install" / f"{action}.sh"], env=self.environment(**variables), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        ) as script:  # fmt: skip
            try:
                said, _ = script.communicate(timeout=_LONGEST_SECONDS)
            except subprocess.TimeoutExpired as late:
                os.killpg(script.pid, signal.SIGKILL)
                said, _ = script.communicate()
                raise AssertionError(f"{action} has not ended after {_LONGEST_SECONDS} s:\n{said}") from late
        return Outcome(script.returncode, said)

    def cut_off(self, action: str, source: Path, step: int, how: signal.Signals, command: int = 1) -> Outcome:
        """Run an action and end it, with all that it started, before a command of a step and of what follows it."""
        cut = {"CUT_STEP": str(step), "CUT_COMMAND": str(command), "CUT_SIGNAL": how.name.removeprefix("SIG")}
        return self.run(action, source, BASH_ENV=str(STAND_INS / "cut_off.bash"), **cut)

    def lend_packages(self) -> None:
        """Let the installed small program see the packages of the environment that the tests run in."""
        (site,) = (self.program / "current/venv/lib").glob("python*/site-packages")
        (site / "underlying.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")

    def release(self, link: str = "current") -> str:
        return (self.program / link).readlink().name

    def is_whole(self) -> bool:
        """The current release is complete and works, and everything that points to it does."""
        release = self.program / "current"
        shutil.rmtree(self.folder / "scratch", ignore_errors=True)
        works = subprocess.run(
            [release / "venv/bin/meters", "check"], capture_output=True, check=False,
            env=self.environment(METERS_CONFIG_DIR=str(self.config), METERS_DATA_DIR=str(self.folder / "scratch")),
        )  # fmt: skip
        version = self.release().split("-")[0]
        linked = [self.units / unit for unit in (*SERVICES, "utility-meters.target")]
        return (
            (release / "complete").read_text().strip() == self.release()
            and works.stdout.decode().strip() == version
            and all(unit.is_file() for unit in linked)
        )

    def serving(self) -> str | None:
        """The version of the small program's page, None where nothing answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.page_port}/server_info", timeout=5) as answer:
                return str(json.load(answer)["version"])
        except OSError:
            return None

    def running(self) -> list[str]:
        """The programs that the services' processes are."""
        pids = [(self.prefix / "run/systemd/system" / f"{unit}.pid").read_text() for unit in SERVICES]
        return [Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode() for pid in pids]

    def look(self) -> Mapping[str, tuple[object, ...]]:
        """Everything about every file: mode, owner, time, and a digest of what is in it."""
        found: dict[str, tuple[object, ...]] = {}
        for path in sorted(self.prefix.rglob("*")):
            status = path.lstat()
            content = str(path.readlink()) if path.is_symlink() else ""
            if path.is_file() and not path.is_symlink():
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(self.prefix))] = (
                oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns, content,
            )  # fmt: skip
        return found

    def stop(self) -> None:
        """End the services that the stand-in for systemctl started."""
        if (self.prefix / "run").exists() and self.units.exists():
            subprocess.run([self.commands / "systemctl", "stop", *SERVICES], env=self.environment(), check=True)
