"""Installing, updating, configuring and removing, on a scratch machine; with real programs where it says so."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import click
import pytest

from tests.deploy.installation import ROOT, SERVICES, STAND_INS, Machine, Outcome, free_port, small_source
from workflows_dagster.cli import main

NEEDED = ("bash", "flock", "getent", "setpriv", "setsid", "tar")
MISSING = [name for name in NEEDED if not shutil.which(name)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {', '.join(MISSING)}")

Make = Callable[..., Machine]
TOKEN = "planted-token-0815=="
needs_root = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("useradd"), reason="accounts are made by root")
needs_analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")

when_asked = pytest.mark.skipif(
    not os.environ.get("METERS_TEST_INSTALL"), reason="minutes long: runs with METERS_TEST_INSTALL=1"
)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Make]:
    """Make machines, and end what still runs on them."""
    made: list[Machine] = []

    def make(*, systemd: bool = False) -> Machine:
        folder = tmp_path / f"m{len(made)}"
        folder.mkdir()
        made.append(Machine(folder, systemd=systemd))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_source(tmp_path_factory.mktemp("sources") / "first", "1.0")


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return small_source(tmp_path / "second", "2.0")


@pytest.fixture(scope="module")
def installation(first: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Outcome]:
    """A machine with version 1.0, installed once and kept, and what the installation said."""
    here = Machine(tmp_path_factory.mktemp("machine"))
    outcome = here.run("install", first)
    assert outcome.code == 0, outcome.said
    here.keep()
    return here, outcome


@pytest.fixture
def installed(installation: tuple[Machine, Outcome]) -> Machine:
    """The machine with version 1.0, without systemd."""
    installation[0].as_kept()
    return installation[0]


@pytest.fixture
def served(installation: tuple[Machine, Outcome]) -> Iterator[Machine]:
    """The machine with version 1.0, and its services started."""
    here = installation[0]
    here.as_kept(systemd=True)
    here.start()
    assert here.serving() == "1.0"
    yield here
    here.stop()


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


@when_asked
def test_the_real_program_installs_and_its_three_services_serve_the_meters_on_the_page(machine: Make) -> None:
    """The units' own command lines, with the shipped configuration; only pip and systemd are stand-ins."""
    here = machine(systemd=True)
    here.use_free_ports()

    outcome = here.run("install", ROOT)

    assert outcome.code == 0, outcome.said
    query = "{ assetNodes { assetKey { path } } instance { daemonHealth { id } } }"
    request = urllib.request.Request(
        f"http://127.0.0.1:{here.page_port}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        nodes = json.load(answer)["data"]["assetNodes"]
    assert ["strom_total"] in [node["assetKey"]["path"] for node in nodes]
    assert (here.state / "dagster_home/history").is_dir()
    assert f"http://127.0.0.1:{here.page_port}" in outcome.said


def test_everything_is_where_it_belongs_and_nobody_else_reads_secrets_or_state(
    installation: tuple[Machine, Outcome], installed: Machine
) -> None:
    assert "left out: starting the services (systemd does not run here)" in installation[1].said
    assert installed.is_whole()
    modes = {
        installed.config: "0o750",
        installed.config / "config.yaml": "0o640",
        installed.config / "service.env": "0o640",
        installed.config / "secrets": "0o700",
        installed.config / "secrets/influxdb.env.example": "0o600",
        installed.state: "0o750",
        installed.state / "dagster_home": "0o750",
        installed.state / "dagster_home/dagster.yaml": "0o640",
        installed.program / "current/bin/meters": "0o755",
    }
    assert {path: mode(path) for path in modes} == modes
    assert (installed.units / "multi-user.target.wants/utility-meters.target").is_file()
    command = installed.prefix / "usr/local/bin/meters"
    assert command.resolve() == (installed.program / "current/bin/meters").resolve()


def test_packages_come_by_pip_with_our_constraints(machine: Make, first: Path) -> None:
    here = machine()
    here.run("install", first, PIP_ARGS="--one-more")
    source = here.program / "current/src"
    release = source.resolve()

    words = (source / "pip.arguments").read_text().split("\n")

    assert words[0] == "install"
    assert words[words.index("--constraint") + 1] == str(release / "constraints.txt")
    assert words[-2:] == ["--one-more", str(release)]


def test_a_second_installation_changes_no_file(installed: Machine, first: Path) -> None:
    before = installed.look()

    outcome = installed.run("install", first)

    assert outcome.code == 0, outcome.said
    assert installed.look() == before


def test_a_second_installation_mends_what_is_missing(installed: Machine, first: Path) -> None:
    before = {path: found[:3] + found[4:] for path, found in installed.look().items()}
    (installed.config / "config.yaml").unlink()
    (installed.units / SERVICES[0]).unlink()
    (installed.config / "secrets").chmod(0o755)

    installed.run("install", first)

    assert {path: found[:3] + found[4:] for path, found in installed.look().items()} == before


def test_what_the_owner_wrote_stays_and_new_defaults_lie_beside_it(installed: Machine, second: Path) -> None:
    (installed.config / "config.yaml").write_text("timezone: Europe/Vienna\n")
    secret = installed.config / "secrets/influxdb.env"
    secret.write_text(f"INFLUX_TOKEN={TOKEN}\n")
    secret.chmod(0o644)
    (second / "config/config.yaml").write_text("timezone: Europe/Berlin\nnew_key: 1\n")
    (second / "config/tariffs.yaml").write_text("tariffs: []\n")

    outcome = installed.run("update", second)

    assert outcome.code == 0, outcome.said
    assert (installed.config / "config.yaml").read_text() == "timezone: Europe/Vienna\n"
    assert "new_key" in (installed.config / "config.yaml.new").read_text()
    assert (installed.config / "tariffs.yaml").exists()
    assert secret.read_text() == f"INFLUX_TOKEN={TOKEN}\n"
    assert mode(secret) == "0o600"
    assert TOKEN not in outcome.said


def test_a_unit_changed_by_hand_is_replaced_but_kept_and_one_that_is_masked_stays(
    served: Machine, second: Path
) -> None:
    code, _, daemon, _ = (served.units / unit for unit in SERVICES)
    shipped = code.read_text()
    code.write_text("[Service]\nExecStart=/bin/true\n")
    served.stop()
    daemon.unlink()
    daemon.symlink_to("/dev/null")

    outcome = served.run("update", second)

    assert outcome.code == 0, outcome.said
    assert code.read_text() == shipped
    assert "ExecStart=/bin/true" in (served.units / f"{SERVICES[0]}.yours").read_text()
    assert daemon.readlink() == Path("/dev/null")


def test_no_secret_of_the_source_folder_goes_into_the_program(machine: Make, first: Path) -> None:
    for name in ("secrets/influxdb.env", "secrets/influx_token", "deploy/docker.env"):
        (first / name).write_text(TOKEN)
    here = machine()

    here.run("install", first)

    holding = [path for path in here.prefix.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert holding == []


@needs_root
def test_into_a_root_of_its_own_the_account_is_made_and_owns_secrets_and_state(machine: Make, first: Path) -> None:
    here = machine()
    root = here.prefix
    (root / "etc").mkdir()
    for name, line in {"passwd": "root:x:0:0::/root:/bin/sh", "group": "root:x:0:", "shadow": "root:*:1::::::"}.items():
        (root / "etc" / name).write_text(f"{line}\n")

    outcome = here.run("install", first, PREFIX="", DESTDIR=str(root))

    assert outcome.code == 0, outcome.said
    entry = next(line for line in (root / "etc/passwd").read_text().splitlines() if line.startswith("utility-meters:"))
    uid, gid, home, shell = entry.split(":")[2:4] + entry.split(":")[5:7]
    assert (home, shell) == ("/var/lib/utility-meters", "/usr/sbin/nologin")
    owners = {path: (path.stat().st_uid, path.stat().st_gid) for path in (here.config, here.state, here.program)}
    secrets = here.config / "secrets"
    assert owners == {here.config: (0, int(gid)), here.state: (int(uid), int(gid)), here.program: (0, 0)}
    assert {(path.stat().st_uid, mode(path)) for path in secrets.iterdir()} == {(int(uid), "0o600")}
    called = [
        here.program / "current" / name for name in ("venv/bin/meters", "venv/bin/dagster", "bin/meters", "bin/service")
    ]
    called += [path for path in (here.program / "current/systemd").iterdir() if path.is_file()]
    assert [path for path in called if str(root).encode() in path.read_bytes()] == []
    assert "\nExecStart=/opt/utility-meters/current/bin/service dagster " in (here.units / SERVICES[0]).read_text()


@needs_analyze
def test_systemd_finds_no_fault_in_the_installed_units(installed: Machine) -> None:
    units = [str(installed.units / unit) for unit in (*SERVICES, "utility-meters.target")]

    found = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{installed.units}:"}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert [line for line in found.stderr.splitlines() if "utility-meters" in line] == []


@needs_analyze
@pytest.mark.parametrize("unit", [*SERVICES, "utility-meters-proxy.service"])
def test_a_unit_is_exposed_by_at_most_two_points(unit: str) -> None:
    found = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(ROOT / "deploy/systemd" / unit)],
        env={**os.environ, "SYSTEMD_PAGER": "", "LANG": "C.UTF-8"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    exposure = re.search(r"exposure level for \S+: ([0-9.]+)", found.stdout)
    assert exposure, found.stderr
    assert float(exposure[1]) <= 2.0


def test_all_units_are_locked_in_the_same_way() -> None:
    def locks(unit: str) -> list[str]:
        text = (ROOT / "deploy/systemd" / unit).read_text(encoding="utf-8")
        lines = text.split("UMask=", 1)[1].split("\n[Install]", 1)[0].splitlines()
        return [line for line in lines if line and not line.startswith("ReadWritePaths=")]

    assert {unit: locks(unit) for unit in SERVICES} == dict.fromkeys(SERVICES, locks("utility-meters-proxy.service"))


def test_page_and_daemon_start_after_the_code_server_and_what_fails_starts_again() -> None:
    for unit in SERVICES:
        text = (ROOT / "deploy/systemd" / unit).read_text(encoding="utf-8")
        assert "\nRestart=on-failure\n" in text
        assert "\nStartLimitIntervalSec=0\n" in text
        assert "\nUser=utility-meters\n" in text
        assert ("\nAfter=utility-meters-code.service\n" in text) == (unit != SERVICES[0])


def test_the_page_listens_on_this_machine_alone_unless_the_owner_says_otherwise(installed: Machine) -> None:
    unit = (installed.units / SERVICES[1]).read_text()
    assert "Environment=METERS_PAGE_HOST=127.0.0.1 METERS_PAGE_PORT=3000 " in unit
    assert "-h ${METERS_PAGE_HOST} -p ${METERS_PAGE_PORT} " in unit
    assert unit.index("EnvironmentFile=-") > unit.index("METERS_PAGE_HOST=127.0.0.1")
    lines = (installed.config / "service.env").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_an_update_serves_the_new_version_with_its_units_and_keeps_the_one_before(
    served: Machine, second: Path
) -> None:
    make_nice(second)
    old = served.release()

    outcome = served.run("update", second)

    assert outcome.code == 0, outcome.said
    assert served.serving() == "2.0"
    assert "Nice=5" in (served.units / SERVICES[2]).read_text()
    assert served.release("previous") == old
    assert (served.program / "releases" / old / "complete").exists()
    assert "the program's own backup" in outcome.said
    assert len(list((served.state / "backups/before-update").glob("meters-backup-*.tar.gz"))) == 1
    assert served.run("update", second).said.endswith("Nothing to do.\n")


def make_nice(source: Path) -> None:
    unit = source / "deploy/systemd" / SERVICES[2]
    unit.write_text(unit.read_text() + "Nice=5\n")


def schema_of(here: Machine) -> int:
    with closing(sqlite3.connect(here.state / "utility_meters.sqlite")) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def test_what_runs_stays_with_its_own_release_when_another_becomes_current(served: Machine, second: Path) -> None:
    """Else a module that it imports later would be the new version's."""
    old = str((served.program / "current").resolve())

    served.cut_off("update", second, 8, signal.SIGKILL)

    assert served.release().startswith("2.0-")
    assert [program.startswith(old) for program in served.running()] == [True] * len(SERVICES)


def test_a_version_that_refuses_the_configuration_never_becomes_current_nor_touches_the_data(
    served: Machine, tmp_path: Path
) -> None:
    """Its `meters check` opens the database and would bring it forward."""
    outcome = served.run("update", small_source(tmp_path / "second", "2.0", CHECK_FAILS=True, SCHEMA=2))

    assert outcome.code == 1
    assert "config.yaml: it is not good. Mend it." in outcome.said
    assert served.release().startswith("1.0-")
    assert schema_of(served) == 1
    assert served.serving() == "1.0"


@pytest.mark.parametrize("has_backup", [True, False], ids=["its own backup", "our copy"])
def test_a_version_whose_page_does_not_answer_is_taken_back_with_the_database_it_changed(
    has_backup: bool, served: Machine, tmp_path: Path
) -> None:
    """The code server of 2.0 brings the database forward; 1.0 would refuse it."""
    if not has_backup:
        served.change_program("HAS_BACKUP = True", "HAS_BACKUP = False")
    database = served.state / "utility_meters.sqlite"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE readings (value REAL)")
        connection.execute("INSERT INTO readings VALUES (8.15)")

    second = small_source(tmp_path / "second", "2.0", PAGE_FAILS=True, SCHEMA=2)
    make_nice(second)

    outcome = served.run("update", second)

    assert outcome.code == 1
    assert "A service ends again and again" in outcome.said
    assert f"{served.release()} serves again\n" in outcome.said
    assert served.serving() == "1.0"
    assert served.is_whole()
    assert "Nice=5" not in (served.units / SERVICES[2]).read_text()
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT value FROM readings").fetchall() == [(8.15,)]
    (aside,) = [path for path in served.state.glob("utility_meters.sqlite.set-aside-*") if path.name.endswith("Z")]
    with closing(sqlite3.connect(aside)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_version_whose_daemon_ends_soon_is_taken_back_though_its_page_answers(
    served: Machine, tmp_path: Path
) -> None:

    outcome = served.run("update", small_source(tmp_path / "second", "2.0", DAEMON_FAILS=True))

    assert outcome.code == 1
    assert served.serving() == "1.0"


def test_a_damaged_database_stops_the_update_before_anything_is_switched(installed: Machine, second: Path) -> None:
    installed.change_program("HAS_BACKUP = True", "HAS_BACKUP = False")
    database = installed.state / "utility_meters.sqlite"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE readings (value TEXT)")
        connection.executemany("INSERT INTO readings VALUES (?)", [("x" * 900,)] * 50)
    content = bytearray(database.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    database.write_bytes(content)

    outcome = installed.run("update", second)

    assert outcome.code == 1
    assert "No backup, no update." in outcome.said
    assert installed.release().startswith("1.0-")


def test_killed_at_its_main_steps_an_update_leaves_one_whole_version_and_can_be_done_again(
    served: Machine, tmp_path: Path
) -> None:
    config = (served.config / "config.yaml").read_bytes()
    left = set()

    for step in (7, 9):
        source = small_source(tmp_path / f"source{step}", f"2.{step}")
        cut = served.cut_off("update", source, step, signal.SIGKILL)
        assert cut.code == -signal.SIGKILL, cut.said
        assert served.is_whole(), cut.said
        assert (served.config / "config.yaml").read_bytes() == config
        left.add(served.release().split("-")[0])

    assert {"1.0", "2.9"} <= left
    assert not list(served.program.glob("releases/*/complete.part"))
    outcome = served.run("update", source)
    assert outcome.code == 0, outcome.said
    assert served.serving() == "2.9"
    complete = {path.parent.name for path in served.program.glob("releases/*/complete")}
    assert complete == {path.name for path in (served.program / "releases").iterdir()}
    kept = list((served.state / "backups/before-update").iterdir())
    assert len(kept) == 3
    assert all(one.name.startswith("meters-backup-") for one in kept)


@when_asked
@pytest.mark.parametrize("version", ["good", "bad"])
def test_killed_before_each_seventh_command_of_the_switch_one_whole_version_is_left_and_it_can_be_done_again(
    version: str, served: Machine, tmp_path: Path
) -> None:
    """From the backup on to the end, and back to the old version where the new one is bad."""
    bad = version == "bad"
    source = small_source(tmp_path / "second", "2.0", PAGE_FAILS=bad, SCHEMA=2)
    third = small_source(tmp_path / "third", "3.0", SCHEMA=2)
    for command in itertools.count(1, 7):
        cut = served.cut_off("update", source, 6, signal.SIGKILL, command)
        if cut.code != -signal.SIGKILL:
            break
        assert served.is_whole(), (command, cut.said)
        if command % 3 == 0:
            outcome = served.run("update", third)
            assert outcome.code == 0, (command, outcome.said)
            assert served.serving() == "3.0"
        served.stop()
        served.as_kept(systemd=True)
        served.start()
    assert cut.code == int(bad)
    assert command > 100


def test_going_back_after_an_update_that_was_cut_off_finds_the_state_of_before_it(
    served: Machine, tmp_path: Path
) -> None:
    """2.0 changed the database and was never settled on; 3.0 fails. 1.0 cannot read what 2.0 left."""
    served.cut_off("update", small_source(tmp_path / "second", "2.0", SCHEMA=2), 9, signal.SIGKILL)
    assert schema_of(served) == 2

    outcome = served.run("update", small_source(tmp_path / "third", "3.0", PAGE_FAILS=True, SCHEMA=2))

    assert outcome.code == 1
    assert f"{served.release()} serves again\n" in outcome.said
    assert served.serving() == "1.0"


def test_the_backup_without_the_program_is_whole_and_without_secrets(served: Machine, second: Path) -> None:
    served.change_program("HAS_BACKUP = True", "HAS_BACKUP = False")
    (served.config / "secrets/influxdb.env").write_text(f"INFLUX_TOKEN={TOKEN}\n")

    assert served.run("update", second).code == 0

    (backup,) = (served.state / "backups/before-update").iterdir()
    with closing(sqlite3.connect(backup / "state/utility_meters.sqlite")) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert (backup / "config/config.yaml").exists()
    assert (backup / "state/dagster_home/dagster.yaml").exists()
    assert [path for path in backup.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()] == []


def test_backup_and_restore_take_the_words_that_the_update_says() -> None:
    words = {
        name: {word for one in main.get_command(click.Context(main), name).params for word in one.opts}
        for name in ("backup", "restore")
    }
    assert "--to" in words["backup"]
    assert {"--into", "--only"} <= words["restore"]


@pytest.mark.parametrize("command", [60])
def test_a_release_whose_making_was_cut_off_is_made_again(command: int, machine: Make, first: Path) -> None:
    here = machine()
    assert here.cut_off("install", first, 3, signal.SIGKILL, command).code == -signal.SIGKILL

    outcome = here.run("install", first)

    assert outcome.code == 0, outcome.said
    assert here.is_whole()


@pytest.mark.parametrize("action", ["uninstall", "update"])
def test_a_release_of_which_a_part_was_removed_does_not_pass_for_a_whole_one(
    action: str, installed: Machine, first: Path, tmp_path: Path
) -> None:
    """`rm -rf` removes in any order; here it is cut off at its first file."""
    rm = tmp_path / "rm"
    rm.write_text(
        '#!/bin/sh\n[ "$1" = -rf ] && [ -e "$2/bin/meters" -o -e "$2/releases" ] || exec /bin/rm "$@"\n'
        'find "$2" -path "*/bin/meters" -exec /bin/rm {} + && kill -KILL "$PPID"\n'
    )
    rm.chmod(0o755)
    if action == "update":
        assert installed.run("update", small_source(tmp_path / "second", "2.0")).code == 0
        cut = installed.run("update", small_source(tmp_path / "third", "3.0"), PATH=f"{tmp_path}:{installed.path}")
    else:
        cut = installed.run("uninstall", first, PATH=f"{tmp_path}:{installed.path}")
    assert cut.code == -signal.SIGKILL, cut.said

    outcome = installed.run("install", first)

    assert outcome.code == 0, outcome.said
    assert installed.is_whole()
    assert installed.release().startswith("1.0-")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_a_service_that_has_ended_is_not_waited_for() -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    script = ROOT / "deploy/install/await_port.py"
    with subprocess.Popen(["sleep", "60"]) as alive:
        for process, fails in (
            (ended, "the service ended before it answered"),
            (alive, "nothing answered within 0.3 s"),
        ):
            found = subprocess.run(
                [sys.executable, "-I", script, "127.0.0.1", str(free_port()), "60" if process is ended else "0.3"],
                env={"MAINPID": str(process.pid)}, capture_output=True, text=True, check=False, timeout=30,
            )  # fmt: skip
            assert found.returncode == 1
            assert fails in found.stderr
        alive.kill()


def test_ended_while_it_waits_for_the_page_an_update_goes_back(served: Machine, second: Path) -> None:

    outcome = served.cut_off("update", second, 8, signal.SIGTERM)

    assert outcome.code != 0
    assert served.release().startswith("1.0-")
    assert served.serving() == "1.0"


@pytest.mark.parametrize(
    ("variable", "thing"), [("METERS_NEED_DISK_MB", "MB are free on its disk"), ("METERS_NEED_MEMORY_MB", "available")]
)
def test_an_update_needs_room_on_the_disk_and_memory_before_it_begins(
    variable: str, thing: str, installed: Machine, second: Path
) -> None:
    before = installed.look()

    outcome = installed.run("update", second, **{variable: "999999999"})

    assert outcome.code == 2
    assert thing in outcome.said
    assert installed.look() == before


def test_two_installations_at_once_are_refused(machine: Make, first: Path) -> None:
    here = machine()
    here.program.mkdir(parents=True)
    with subprocess.Popen(["flock", here.program / ".lock", "sleep", "30"], start_new_session=True) as holder:
        while subprocess.run(["flock", "--nonblock", here.program / ".lock", "true"], check=False).returncode == 0:
            pass
        outcome = here.run("install", first)
        os.killpg(holder.pid, signal.SIGKILL)
    assert outcome.code == 1
    assert "another installation or update is under way" in outcome.said


def test_uninstalling_leaves_configuration_and_data_unless_told(served: Machine, first: Path) -> None:
    kept = [*served.config.rglob("*.yaml"), served.state / "utility_meters.sqlite"]

    outcome = served.run("uninstall", first)

    assert outcome.code == 0, outcome.said
    assert served.serving() is None
    assert not served.program.exists()
    assert list(served.units.rglob("utility-meters*")) == []
    assert not (served.prefix / "usr/local/bin/meters").is_symlink()
    assert all(path.exists() for path in kept)
    assert served.run("install", first).code == 0
    assert served.run("uninstall", first, PURGE="1").code == 0
    assert not served.config.exists()
    assert not served.state.exists()


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PREFIX": "somewhere"}, "PREFIX: 'somewhere' is not an absolute path."),
        ({"PREFIX": "/some where"}, "PREFIX: '/some where' holds a character"),
        ({"PYTHON": "no-such-python"}, "PYTHON: 'no-such-python' is no Python from 3.11 on"),
    ],
)
def test_what_cannot_be_used_is_named(variables: dict[str, str], said: str, machine: Make, first: Path) -> None:
    outcome = machine().run("install", first, **variables)
    assert outcome.code == 2
    assert said in outcome.said


@pytest.mark.skipif(not shutil.which("shellcheck"), reason="shellcheck is not installed")
def test_shellcheck_finds_no_fault_in_the_scripts() -> None:
    called = [
        f"deploy/install/{name}.sh" for name in ("install", "update", "uninstall", "configure", "meters", "service")
    ]
    found = subprocess.run(
        ["shellcheck", "-x", "-a", *called, STAND_INS / "cut_off.bash"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def test_no_script_holds_a_place_of_this_machine_or_an_index() -> None:
    for path in [*(ROOT / "deploy/install").iterdir(), *(ROOT / "deploy/systemd").iterdir(), *STAND_INS.iterdir()]:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"index-url|pypi|find-links|/home/\w|/root/", text), path


def test_a_machine_may_show_the_house_page_alone_and_stays_so(machine: Make, first: Path, second: Path) -> None:
    here = machine(systemd=True)
    here.use_free_ports()

    outcome = here.run("install", first, METERS_ONLY="house")

    assert outcome.code == 0, outcome.said
    assert f"the page: http://127.0.0.1:{here.house_port}" in outcome.said
    assert "Dagster" not in outcome.said
    masked = [unit for unit in SERVICES if (here.units / unit).is_symlink()]
    assert masked == [unit for unit in SERVICES if unit != "utility-meters-house.service"]
    assert here.serving() is None
    updated = here.run("update", second)
    assert updated.code == 0, updated.said
    assert [unit for unit in SERVICES if (here.units / unit).is_symlink()] == masked


def test_an_update_that_brings_the_house_page_and_fails_takes_it_along(machine: Make, tmp_path: Path) -> None:
    before = small_source(tmp_path / "before", "1.0")
    (before / "deploy/systemd/utility-meters-house.service").unlink()
    here = machine(systemd=True)
    here.use_free_ports()
    assert here.run("install", before).code == 0
    unit = here.units / "utility-meters-house.service"
    assert not unit.exists()

    failed = here.run("update", small_source(tmp_path / "after", "2.0", DAEMON_FAILS=True))

    assert failed.code == 1, failed.said
    assert here.serving() == "1.0"
    assert not unit.exists()
    good = here.run("update", small_source(tmp_path / "good", "3.0"))
    assert good.code == 0, good.said
    assert unit.is_file()
