"""A restore gives back what was backed up, deletes nothing, and is the old or the new house whenever it is killed."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.maintenance.kept_house import BACKED_UP, NOW, events, rewritten, sums
from workflows_dagster.maintenance.archive import DATA, HOME
from workflows_dagster.maintenance.backup import make_backup
from workflows_dagster.maintenance.contents import Places
from workflows_dagster.maintenance.generations import settle
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.restore import restore, restore_into
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.migrations import MIGRATIONS

LATER = NOW + timedelta(days=3)
STAMP = "20260304T041000Z"
CHANGED = {"main": {"2026-01": 2.75, "2026-02": 0.1 + 0.2 + 7.0}}


@pytest.fixture
def backup(house) -> Path:
    path = make_backup(house.settings, house.places, house.folder / "backups", NOW).path
    house.store.close()
    return path


def elsewhere(house) -> Places:
    other = house.folder / "other machine"
    return Places(other / "config", other / "data", other / "data" / "utility_meters.sqlite", other / "home")


def change(house) -> None:
    """One day and one event more than in the backup."""
    house.days({"2026-02-03": 7.0})
    house.store.close()
    with closing(sqlite3.connect(house.places.home / "history" / "runs" / "index.db")) as index, index:
        index.execute("INSERT INTO event_logs (asset_key) VALUES ('later')")


def generation(house, number: int) -> Path:
    return house.places.data / "state" / "generations" / str(number)


def test_on_another_machine_everything_is_as_it_was(house, backup):
    target = elsewhere(house)
    done = restore(backup, target, LATER)
    assert sums(house, target.database) == BACKED_UP
    assert (target.config / "meters.yaml").read_text() == (house.places.config / "meters.yaml").read_text()
    assert events(target.home) == 3
    assert done.before is None
    assert not list(target.data.parent.rglob(".*restore-*"))


def test_what_is_there_is_not_replaced_unless_told(house, backup):
    change(house)
    with pytest.raises(UpkeepError, match=r"utility_meters\.sqlite, .*history: already there\. Say --replace"):
        restore(backup, house.places, LATER)
    assert sums(house) == CHANGED
    assert not house.places.database.is_symlink()


def test_store_and_history_are_switched_together_and_the_old_generation_is_kept(house, backup):
    change(house)
    done = restore(backup, house.places, LATER, replace=True)
    assert (sums(house), events(house.places.home)) == (BACKED_UP, 3)
    assert done.before == generation(house, 1)
    assert sums(house, done.before / "data" / "utility_meters.sqlite") == CHANGED
    assert events(done.before / "home") == 4
    assert (house.places.data / "state" / "current").readlink() == Path("generations/2")


def test_a_house_that_was_restored_is_worked_in_and_restored_again(house, backup):
    restore(backup, house.places, LATER, replace=True)
    change(house)
    assert sums(house) == CHANGED
    assert sums(house, generation(house, 2) / "data" / "utility_meters.sqlite") == CHANGED
    again = make_backup(house.settings, house.places, house.folder / "backups", LATER).path
    restore(backup, house.places, LATER, replace=True)
    assert (sums(house), events(house.places.home)) == (BACKED_UP, 3)
    restore(again, house.places, LATER, replace=True)
    assert (sums(house), events(house.places.home)) == (CHANGED, 4)
    assert {path.name for path in generation(house, 1).parent.iterdir()} == {"1", "2", "3", "4"}


def test_the_links_are_relative_so_that_a_volume_may_be_mounted_elsewhere(house, backup):
    restore(backup, house.places, LATER, replace=True)
    moved = house.folder.with_name("mounted elsewhere")
    house.folder.rename(moved)
    assert sums(house, moved / "data" / "utility_meters.sqlite") == BACKED_UP
    assert events(moved / "home") == 3


def test_configuration_is_put_beside_the_data_and_never_over_one_that_is_there(house, backup):
    (house.places.config / "meters.yaml").write_text("meters: []\n")
    done = restore(backup, house.places, LATER, replace=True)
    assert (house.places.config / "meters.yaml").read_text() == "meters: []\n"
    beside = house.places.data / f"config.restored-{STAMP}"
    assert (beside / "meters.yaml").read_text() != "meters: []\n"
    assert beside in done.placed
    assert any(f"{house.places.config}: it stays as it is" in note for note in done.notes)


def test_the_backups_dagster_yaml_is_never_put_into_dagsters_home(house, backup):
    own = house.places.home / "dagster.yaml"
    own.write_text("telemetry: {enabled: true}\n")
    done = restore(backup, house.places, LATER, replace=True)
    assert own.read_text() == "telemetry: {enabled: true}\n"
    assert not own.is_symlink()
    assert any("Dagster's settings in the backup are not used" in note for note in done.notes)
    target = elsewhere(house)
    restore(backup, target, LATER)
    assert not (target.home / "dagster.yaml").exists()


@pytest.mark.parametrize(("part", "expected"), [(DATA, (BACKED_UP, 4)), (HOME, (CHANGED, 3))])
def test_only_one_part_leaves_the_others_as_new_as_they_are(house, backup, part: str, expected):
    change(house)
    restore(backup, house.places, LATER, parts={part}, replace=True)
    assert (sums(house), events(house.places.home)) == expected
    assert not list(house.places.data.glob("config.restored-*"))


def test_a_damaged_database_is_kept_with_its_log_and_the_backup_takes_its_place(house, backup):
    house.places.database.write_bytes(b"nothing like a database")
    house.places.database.with_name("utility_meters.sqlite-wal").write_bytes(b"the last readings")
    with pytest.raises(UpkeepError, match="--replace"):
        restore(backup, house.places, LATER, parts={DATA})
    restore(backup, house.places, LATER, parts={DATA}, replace=True)
    assert sums(house) == BACKED_UP
    old = generation(house, 1) / "data"
    assert (old / "utility_meters.sqlite").read_bytes() == b"nothing like a database"
    assert (old / "utility_meters.sqlite-wal").read_bytes() == b"the last readings"


def test_what_stands_in_the_log_of_the_old_database_stays_with_it(house, backup):
    """A write-ahead log left beside a database that has changed places would be read into the wrong one."""
    code = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA wal_autocheckpoint = 0');"
        "c.execute(\"UPDATE points SET value = 42.0 WHERE typeof(value) = 'real'\"); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(house.places.database)], check=True)
    assert house.places.database.with_name("utility_meters.sqlite-wal").stat().st_size > 0
    done = restore(backup, house.places, LATER, parts={DATA}, replace=True)
    assert sums(house) == BACKED_UP
    old = {"main": {"2026-01": 84.0, "2026-02": 84.0}}
    assert sums(house, done.before / "data" / "utility_meters.sqlite") == old


@pytest.mark.parametrize("name", ["data/utility_meters.sqlite", "home/history/runs/index.db"])
def test_a_database_that_another_program_has_open_is_not_replaced(house, backup, name: str):
    with closing(sqlite3.connect(house.folder / name)) as other:
        other.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        with pytest.raises(UpkeepError, match="another program has it open"):
            restore(backup, house.places, LATER, replace=True)
    assert not (house.places.data / "state" / "current").exists()


def test_a_database_that_another_program_keeps_to_itself_is_not_replaced(house, backup):
    with closing(sqlite3.connect(house.places.database, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UpkeepError, match=r"another program has it open\. Stop the services first"):
            restore(backup, house.places, LATER, parts={DATA}, replace=True)


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


def test_two_restores_do_not_run_at_once(house, backup):
    ready, go_on = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        from workflows_dagster.maintenance.generations import Generations

        with Generations(house.places.data, house.places.home, house.places.database).locked():
            os.write(ready[1], b".")
            os.read(go_on[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    try:
        with pytest.raises(UpkeepError, match="another restore is under way"):
            restore(backup, house.places, LATER, replace=True)
    finally:
        os.write(go_on[1], b".")
        os.waitpid(child, 0)


def test_a_restore_that_has_no_room_leaves_the_house_as_it_was(house, backup):
    """The index that SQLite keeps beside a database in use has 32 kB; no file may be larger than a little more."""
    with closing(sqlite3.connect(house.places.database)) as store, store:
        store.execute("CREATE TABLE large AS SELECT zeroblob(50000) AS content")
    house.store.close()
    backup = make_backup(house.settings, house.places, house.folder / "backups", LATER).path
    before = sums(house)
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        try:
            restore(backup, house.places, LATER, replace=True)
        except UpkeepError as error:
            os._exit(0 if "cannot be written (File too large). Make room" in str(error) else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert (sums(house), events(house.places.home)) == (before, 3)
    assert not list(house.folder.rglob(".*restore-*"))


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

    with pytest.raises(
        UpkeepError,
        match=rf"version {len(MIGRATIONS) + 1}, this program .* {len(MIGRATIONS)}\. Update the program to 9\.1",
    ):
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


@pytest.mark.parametrize("version", ["1.13rc1", "1", "1.9.dev0+local"])
def test_an_odd_version_of_dagster_is_read_by_its_first_numbers(house, backup, version: str):
    def odd(name: str, content: bytes) -> tuple[str, bytes]:
        changed = (
            json.dumps({**json.loads(content), "dagster": version}).encode() if name == "manifest.json" else content
        )
        return name, changed

    assert restore(rewritten(backup, odd), elsewhere(house), LATER).placed


def test_a_restored_database_opens_in_the_store(house, backup):
    target = elsewhere(house)
    restore(backup, target, LATER)
    store = EmbeddedStore(target.database)
    assert len(store.catalogue()) == 1
    store.close()


def test_a_home_that_cannot_be_switched_with_the_store_is_refused_in_a_sentence(house, backup):
    own = house.places.home / "history"
    own.rename(house.folder / "ssd")
    own.symlink_to(house.folder / "ssd")
    with pytest.raises(UpkeepError, match=r"history: it is a link to .*ssd, so .* in one step\. .*Nothing was changed"):
        restore(backup, house.places, LATER, replace=True)
    assert not house.places.database.is_symlink()


@pytest.mark.skipif(Path("/dev/shm").stat().st_dev == Path("/tmp").stat().st_dev, reason="needs a second disk")
def test_a_home_on_another_disk_is_refused_in_a_sentence_before_anything_is_moved(house, backup, tmp_path):
    import tempfile

    disk = "/dev/shm" if tmp_path.stat().st_dev != Path("/dev/shm").stat().st_dev else "/tmp"
    with tempfile.TemporaryDirectory(dir=disk) as other:
        (Path(other) / "history").mkdir()
        (Path(other) / "history" / "runs.db").touch()
        places = Places(house.places.config, house.places.data, house.places.database, Path(other))
        with pytest.raises(UpkeepError, match=r"another disk or mount .*DAGSTER_HOME name a folder within METERS_DATA"):
            restore(backup, places, LATER, replace=True)
        assert [path.name for path in Path(other).iterdir()] == ["history"]
    assert not house.places.database.is_symlink()


def test_into_a_folder_everything_is_unpacked_to_look_at_and_the_house_stays(house, backup):
    change(house)
    done = restore_into(house.folder / "look", backup)
    assert {path.name for path in done.placed} == {"config", "data", "home"}
    assert sums(house, house.folder / "look" / "data" / "utility_meters.sqlite") == BACKED_UP
    assert events(house.folder / "look" / "home") == 3
    assert sums(house) == CHANGED
    with pytest.raises(UpkeepError, match=r"look/data: already there\. Name a folder that is empty\."):
        restore_into(house.folder / "look", backup, [DATA])


def test_a_place_that_cannot_be_written_is_named(house, backup):
    (house.folder / "file").write_text("")
    places = Places(house.places.config, house.folder / "file" / "data", None, house.folder / "file" / "home")
    with pytest.raises(UpkeepError, match=r"file/data: cannot be restored \(.*\)\. Make room or mend that"):
        restore(backup, places, LATER, parts={DATA})


CALLS = ("os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.mkdir", "shutil.copyfile")


def attempt(backup: Path, places: Places, moment: int) -> bool:
    """Restore in a fork that kills itself before its n-th call that changes a name; gives whether it came to an end."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        assert status in (0, signal.SIGKILL)
        return status == 0
    calls = 0

    def count(event: str, _: object) -> None:
        nonlocal calls
        if event in CALLS:
            calls += 1
            if calls == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    code = 1
    try:
        sys.addaudithook(count)
        restore(backup, places, LATER + timedelta(seconds=moment), replace=True)
        code = 0
    finally:
        os._exit(code)


@pytest.mark.parametrize("is_first", [True, False], ids=["the first restore", "a later one"])
def test_killed_at_every_step_store_and_history_are_both_old_or_both_new(house, backup, is_first: bool):
    if not is_first:
        restore(backup, house.places, LATER, replace=True)
    change(house)
    kept = house.folder.with_name(f"{house.folder.name} kept")
    configured = {path.name: path.read_bytes() for path in house.places.config.iterdir()}
    house.folder.rename(kept)
    ended, moment, seen = False, 0, set()
    while not ended:
        moment += 1
        subprocess.run(["cp", "-a", kept, house.folder], check=True)
        ended = attempt(backup, house.places, moment)
        # As every start does.
        settle(house.places.home)
        found = (sums(house)["main"]["2026-02"] > 1, events(house.places.home))
        assert found in ((True, 4), (False, 3)), moment
        seen.add(found)
        assert {path.name: path.read_bytes() for path in house.places.config.iterdir()} == configured
        if not ended:
            house.store.close()
            restore(backup, house.places, LATER, replace=True)
            assert (sums(house), events(house.places.home)) == (BACKED_UP, 3), moment
            assert not list(house.folder.rglob(".*restore-*")), moment
        subprocess.run(["rm", "-r", house.folder], check=True)
    assert moment > 15
    assert len(seen) == 2


def test_killed_at_every_step_on_a_new_machine_everything_is_there_or_nothing(house, backup):
    target = elsewhere(house)
    ended, moment, seen = False, 0, set()
    while not ended:
        moment += 1
        ended = attempt(backup, target, moment)
        settle(target.home)
        history = target.home / "history"
        # Dagster could make no folder where a link leads nowhere.
        assert history.is_dir() or not os.path.lexists(history), moment
        there = (target.database.exists(), (history / "runs" / "index.db").exists())
        assert there in ((True, True), (False, False)), moment
        seen.add(there)
        if not ended:
            restore(backup, target, LATER, replace=True)
            assert (sums(house, target.database), events(target.home)) == (BACKED_UP, 3), moment
        shutil.rmtree(target.data.parent)
    assert len(seen) == 2
