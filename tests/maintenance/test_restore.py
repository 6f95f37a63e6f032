"""A restoration puts back what was backed up, deletes nothing, and is the old or the new whenever it is killed."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.maintenance.conftest import NOW
from tests.maintenance.test_archive import rewritten
from workflows_dagster.maintenance.archive import DATA, HOME, Member, unpack
from workflows_dagster.maintenance.backup import make_backup
from workflows_dagster.maintenance.checksums import sums_in_store
from workflows_dagster.maintenance.contents import Places
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.refusals import refuse_without_room
from workflows_dagster.maintenance.restore import JOURNAL, restore, resume
from workflows_dagster.maintenance.swaps import Finished, Swap, begin, finish
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.migrations import MIGRATIONS

LATER = NOW + timedelta(days=3)
STAMP = "20260304T041000Z"


@pytest.fixture
def backup(house) -> Path:
    path = make_backup(house.settings, house.places, house.folder / "backups", NOW).path
    house.store.close()
    return path


def elsewhere(house) -> Places:
    other = house.folder / "other machine"
    return Places(other / "config", other / "data", other / "data" / "utility_meters.sqlite", other / "home")


def sums(house, path: Path | None = None):
    store = EmbeddedStore(path or house.places.database)
    try:
        return sums_in_store(store, house.settings.site.zone)
    finally:
        store.close()


def test_on_another_machine_everything_is_as_it_was(house, backup):
    target = elsewhere(house)
    done = restore(backup, target, LATER)
    assert sums(house, target.database) == sums(house)
    assert (target.home / "dagster.yaml").read_text() == "telemetry: {enabled: false}\n"
    assert (target.config / "meters.yaml").read_text() == (house.places.config / "meters.yaml").read_text()
    with closing(sqlite3.connect(target.home / "history" / "runs" / "index.db")) as index:
        assert index.execute("SELECT count(*) FROM event_logs").fetchone() == (3,)
    assert done.aside == ()
    assert not list(target.data.glob(".meters-restore-*"))
    assert not (target.data / JOURNAL).exists()


def test_what_is_there_is_not_overwritten_unless_told(house, backup):
    house.days({"2026-02-03": 7.0})
    now = sums(house)
    house.store.close()
    with pytest.raises(UpkeepError, match=r"utility_meters\.sqlite, .*already there\. Say --replace"):
        restore(backup, house.places, LATER)
    assert sums(house) == now


def test_what_is_replaced_is_kept_under_a_name_that_says_when(house, backup):
    house.days({"2026-02-03": 7.0})
    now = sums(house)
    house.store.close()
    (house.places.config / "meters.yaml").write_text("meters: []\n")
    done = restore(backup, house.places, LATER, replace=True)
    assert sums(house) == {"main": {"2026-01": 2.75, "2026-02": 0.1 + 0.2}}
    aside = house.places.database.with_name(f"utility_meters.sqlite.before-restore-{STAMP}")
    assert sums(house, aside) == now
    assert (house.places.config / f"meters.yaml.before-restore-{STAMP}").read_text() == "meters: []\n"
    assert (house.places.home / f"history.before-restore-{STAMP}" / "runs" / "index.db").exists()
    assert set(done.aside) == {
        aside,
        house.places.config / f"meters.yaml.before-restore-{STAMP}",
        house.places.home / f"history.before-restore-{STAMP}",
    }


def test_only_one_part_leaves_the_others_alone(house, backup):
    (house.places.config / "meters.yaml").write_text("meters: []\n")
    restore(backup, house.places, LATER, parts=frozenset({DATA}), replace=True)
    assert (house.places.config / "meters.yaml").read_text() == "meters: []\n"
    assert not list(house.places.home.glob("*before-restore*"))


def test_a_damaged_database_is_set_aside_named_so_and_the_backup_takes_its_place(house, backup):
    house.store.close()
    broken = os.urandom(20000)
    house.places.database.write_bytes(broken)
    restore(backup, house.places, LATER, parts=frozenset({DATA}), replace=True)
    aside = house.places.database.with_name(f"utility_meters.sqlite.damaged-{STAMP}")
    assert aside.read_bytes() == broken
    assert sums(house) == {"main": {"2026-01": 2.75, "2026-02": 0.1 + 0.2}}


def test_the_log_of_a_damaged_database_goes_with_it_each_time(house, backup):
    """It may hold the last readings; SQLite finds it by this name."""
    log = house.places.database.with_name("utility_meters.sqlite-wal")
    for day in (3, 4):
        house.places.database.write_bytes(b"nothing like a database")
        log.write_bytes(f"log of day {day}".encode())
        restore(backup, house.places, NOW + timedelta(days=day), parts=frozenset({DATA}), replace=True)
    for day in (3, 4):
        aside = house.places.database.with_name(f"utility_meters.sqlite.damaged-2026030{day + 1}T041000Z-wal")
        assert aside.read_text() == f"log of day {day}"
    assert not log.exists()


def test_damaged_history_is_set_aside_named_so(house, backup):
    index = house.places.home / "history" / "runs" / "index.db"
    index.write_bytes(b"SQLite format 3\x00" + b"\xff" * 9000)
    done = restore(backup, house.places, LATER, parts=frozenset({HOME}), replace=True)
    assert done.aside == (house.places.home / f"history.damaged-{STAMP}",)


def test_history_of_which_only_one_runs_log_is_damaged_is_not_named_so(house, backup):
    (house.places.home / "history" / "runs" / f"{uuid.UUID(int=1)}.db").write_bytes(
        b"SQLite format 3\x00" + b"\xff" * 9
    )
    done = restore(backup, house.places, LATER, parts=frozenset({HOME}), replace=True)
    assert done.aside == (house.places.home / f"history.before-restore-{STAMP}",)


def test_a_database_that_another_program_keeps_to_itself_is_not_taken_for_damaged(house, backup):
    with closing(sqlite3.connect(house.places.database, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UpkeepError, match=r"database is locked\).*Stop the services first"):
            restore(backup, house.places, LATER, parts=frozenset({DATA}), replace=True)
    assert not list(house.places.data.glob("*.damaged*"))


def test_the_dagster_yaml_of_a_machine_stays_and_that_of_the_backup_is_put_beside_it(house, backup):
    (house.places.home / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    done = restore(backup, house.places, LATER, parts=frozenset({DATA, HOME}), replace=True)
    assert (house.places.home / "dagster.yaml").read_text() == "telemetry: {enabled: true}\n"
    beside = house.places.home / f"dagster.yaml.from-backup-{STAMP}"
    assert beside.read_text() == "telemetry: {enabled: false}\n"
    assert beside in done.placed
    assert done.notes == (
        f"{house.places.home / 'dagster.yaml'}: it belongs to this machine and stays; that of the backup stands beside "
        f"it as {beside.name}.",
    )


def test_a_restoration_that_has_no_room_is_refused_before_a_byte_is_written(house, backup):
    manifest = unpack(backup, {})
    petabyte = {"data/utility_meters.sqlite": Member(sha256="", bytes=10**15)}
    folders = {DATA: house.folder / "new" / "data"}
    refuse_without_room(manifest, folders)
    refuse_without_room(manifest.model_copy(update={"files": petabyte}), {HOME: house.folder})
    with pytest.raises(UpkeepError, match=r"MB are free, and the restoration needs 1000000000: .*Nothing was changed"):
        refuse_without_room(manifest.model_copy(update={"files": petabyte}), folders)
    assert not (house.folder / "new").exists()


def test_a_place_that_cannot_be_written_is_named_as_what_it_is(house, backup):
    (house.folder / "file").write_text("")
    places = Places(house.places.config, house.places.data, house.folder / "file" / "x.sqlite", house.places.home)
    with pytest.raises(UpkeepError, match=r"file: cannot be restored \(.*\)\. Mend that, .*Nothing was changed"):
        restore(backup, places, LATER, parts=frozenset({DATA}))


def test_a_damaged_database_is_not_replaced_without_a_word(house, backup):
    house.store.close()
    house.places.database.write_bytes(b"nothing like a database")
    with pytest.raises(UpkeepError, match="--replace"):
        restore(backup, house.places, LATER, parts=frozenset({DATA}))
    assert house.places.database.read_bytes() == b"nothing like a database"


def test_the_log_of_the_old_database_does_not_get_into_the_new_one(house, backup):
    """A write-ahead log left beside a database that has changed places would be read into the wrong one."""
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA wal_autocheckpoint = 0');"
        "c.execute(\"UPDATE points SET value = 42.0 WHERE typeof(value) = 'real'\"); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(house.places.database)], check=True)
    assert house.places.database.with_name("utility_meters.sqlite-wal").stat().st_size > 0
    restore(backup, house.places, LATER, parts=frozenset({DATA}), replace=True)
    assert sums(house) == {"main": {"2026-01": 2.75, "2026-02": 0.1 + 0.2}}
    aside = house.places.database.with_name(f"utility_meters.sqlite.before-restore-{STAMP}")
    assert sums(house, aside) == {"main": {"2026-01": 84.0, "2026-02": 84.0}}


def test_a_database_that_another_program_has_open_is_not_replaced(house, backup):
    with closing(sqlite3.connect(house.places.database)) as other:
        other.execute("SELECT count(*) FROM points").fetchone()
        with pytest.raises(UpkeepError, match="another program has it open"):
            restore(backup, house.places, LATER, parts=frozenset({DATA}), replace=True)
    assert not list(house.places.data.glob("*before-restore*"))


def test_a_daemon_at_work_is_not_restored_under(house, backup):
    with closing(sqlite3.connect(house.places.home / "history" / "runs.db")) as runs, runs:
        runs.execute("CREATE TABLE daemon_heartbeats (timestamp)")
        runs.execute("INSERT INTO daemon_heartbeats VALUES ('2026-03-04 04:09:40.000000')")
    with pytest.raises(UpkeepError, match=r"was at 04:09:40 UTC\. Stop .* where they are stopped, wait until 04:11:10"):
        restore(backup, house.places, LATER, replace=True)
    restore(backup, house.places, LATER + timedelta(minutes=2), replace=True)


def test_a_daemons_sign_of_life_from_the_future_does_not_keep_the_house_from_being_restored(house, backup):
    with closing(sqlite3.connect(house.places.home / "history" / "runs.db")) as runs, runs:
        runs.execute("CREATE TABLE daemon_heartbeats (timestamp)")
        runs.execute("INSERT INTO daemon_heartbeats VALUES ('2031-03-04 04:09:40.000000')")
    assert restore(backup, house.places, LATER, replace=True).placed


def test_a_backup_of_a_newer_schema_or_dagster_is_refused_before_anything_is_touched(house, backup):
    def newer_schema(name: str, content: bytes) -> tuple[str, bytes]:
        if name == "manifest.json":
            manifest = json.loads(content)
            manifest["files"]["data/utility_meters.sqlite"]["schema_versions"]["user_version"] = str(
                len(MIGRATIONS) + 1
            )
            manifest["program"] = "9.1.0"
            content = json.dumps(manifest).encode()
        return name, content

    def newer_dagster(name: str, content: bytes) -> tuple[str, bytes]:
        if name == "manifest.json":
            content = json.dumps({**json.loads(content), "dagster": "7.0.1"}).encode()
        return name, content

    with pytest.raises(UpkeepError, match=r"schema version 3, this program knows up to 2\. Update the program to 9\.1"):
        restore(rewritten(backup, newer_schema), elsewhere(house), LATER)
    with pytest.raises(UpkeepError, match=r"written by Dagster 7\.0\.1"):
        restore(rewritten(backup, newer_dagster), elsewhere(house), LATER)
    assert not (house.folder / "other machine").exists()


def test_a_file_of_the_restored_database_is_what_the_store_migrates_forward(house, backup):
    """The first use of a restored older file brings it up to date; here it is of today and opens as it is."""
    target = elsewhere(house)
    restore(backup, target, LATER)
    store = EmbeddedStore(target.database)
    assert len(store.catalogue()) == 1
    store.close()


STATES = ("written down", "exchanged", "set aside", "half of two")


@pytest.mark.parametrize("state", STATES)
def test_what_was_interrupted_is_finished_from_wherever_it_stopped(tmp_path, state: str):
    names = ["one", "two"]
    swaps = []
    (tmp_path / "stage").mkdir()
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "content").write_text("old")
        (tmp_path / "stage" / name).mkdir()
        (tmp_path / "stage" / name / "content").write_text("new")
        swaps.append(Swap.of(tmp_path / name, tmp_path / "stage" / name, tmp_path / f"{name}.aside"))
    begin(tmp_path / "journal", swaps)
    if state == "exchanged":
        (tmp_path / "one").rename(tmp_path / "between")
        (tmp_path / "stage" / "one").rename(tmp_path / "one")
        (tmp_path / "between").rename(tmp_path / "stage" / "one")
    if state == "set aside":
        # Where names cannot be exchanged: the old is away, the new not there yet.
        (tmp_path / "one").rename(tmp_path / "one.aside")
    if state == "half of two":
        swaps[0].carry_out()
    assert finish(tmp_path / "journal") == Finished(2, ())
    for name in names:
        assert (tmp_path / name / "content").read_text() == "new"
        assert (tmp_path / f"{name}.aside" / "content").read_text() == "old"
    assert finish(tmp_path / "journal") is None


def test_what_cannot_be_finished_now_is_finished_later(house, backup):
    old = house.places.home / "history" / "runs" / "index.db"
    before = old.read_bytes()
    obstacle = house.places.home / f"history.before-restore-{STAMP}" / "in the way"
    obstacle.mkdir(parents=True)
    with pytest.raises(UpkeepError, match="goes on from here"):
        restore(backup, house.places, LATER, replace=True)
    assert (house.places.data / JOURNAL).exists()
    obstacle.rmdir()
    obstacle.parent.rmdir()
    assert resume(house.places)
    assert (obstacle.parent / "runs" / "index.db").read_bytes() == before
    assert old.exists()
    assert not list(house.folder.rglob(".meters-restore-*"))


def test_a_restoration_that_was_killed_is_finished_before_another_begins(house, backup):
    (house.places.data / JOURNAL).write_text("[]")
    with pytest.raises(UpkeepError, match="earlier restoration was interrupted"):
        restore(backup, house.places, LATER, replace=True)


def attempt(backup: Path, places: Places, moment: int) -> bool:
    """Restore in a fork that kills itself at its n-th call that changes a name; gives whether it came to an end."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert status in (0, signal.SIGKILL)
        return status == 0
    calls = 0

    def count(event: str, _: object) -> None:
        nonlocal calls
        # The exchange of two names has no event of its own: it is looked up in the C library just before.
        if event in ("os.rename", "os.link", "os.remove", "os.rmdir", "ctypes.dlsym"):
            calls += 1
            if calls == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        sys.addaudithook(count)
        if not resume(places):
            restore(backup, places, LATER + timedelta(seconds=moment), replace=True)
        code = 0
    finally:
        os._exit(code)


def test_killed_at_every_step_each_place_is_the_old_or_the_new_and_the_next_attempt_finishes(house, backup):
    configured = {(house.places.config / "meters.yaml").read_text(), "meters: []\n"}
    new, old = sums(house), {"main": {"2026-01": 2.75, "2026-02": 0.1 + 0.2 + 7.0}}
    ended, moment = False, 0
    while not ended:
        moment += 1
        house.days({"2026-02-03": 7.0})
        house.store.close()
        (house.places.config / "meters.yaml").write_text("meters: []\n")
        ended = attempt(backup, house.places, moment)
        found = sums(house)
        assert found in (old, new), moment
        assert (house.places.home / "history" / "runs" / "index.db").exists(), moment
        assert (house.places.config / "meters.yaml").read_text() in configured, moment
        if resume(house.places):
            assert sums(house) == new, moment
            assert (house.places.config / "meters.yaml").read_text() != "meters: []\n"
    assert moment > 8
    assert sums(house) == new
