"""A backup is whole, of one moment, without secrets, and never in the way of an older one."""

from __future__ import annotations

import os
import sqlite3
import tarfile
import threading
import uuid
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.maintenance.kept_house import NOW
from workflows_dagster.maintenance.archive import DATA, Writer, unpack
from workflows_dagster.maintenance.backup import (
    NO_HISTORY,
    NO_READINGS,
    backup_folder,
    backups_in,
    make_backup,
    remove_old,
)
from workflows_dagster.maintenance.contents import Places
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.migrations import MIGRATIONS


def names(path: Path) -> set[str]:
    with tarfile.open(path) as tar:
        return set(tar.getnames())


def backed_up(house, now=NOW):
    return make_backup(house.settings, house.places, backup_folder(house.settings), now)


def test_a_backup_holds_configuration_data_and_history_and_says_what_must_be_in_it(house):
    made = backed_up(house)
    assert names(made.path) == {
        "config/config.yaml",
        "config/meters.yaml",
        "config/seasonal_patterns.yaml",
        "data/utility_meters.sqlite",
        "home/dagster.yaml",
        "home/history/runs/index.db",
        "manifest.json",
    }
    manifest = made.manifest
    assert manifest.made == "2026-03-01T04:10:00+00:00"
    assert (manifest.readings, manifest.points) == (2, 6)
    assert manifest.sums == {"main": {"2026-01": 2.75, "2026-02": 0.1 + 0.2}}
    assert manifest.partitions == {'["main"]': 2}
    assert manifest.files["data/utility_meters.sqlite"].schema_versions == {"user_version": str(len(MIGRATIONS))}
    assert manifest.notes == []


@pytest.mark.parametrize("folder", ["/", "/etc", "/etc/backups", "/usr/local", "/etc/../home", "/proc/self", "/var"])
def test_a_folder_of_the_system_is_refused(house, folder: str):
    with pytest.raises(UpkeepError, match=r"a folder of the system is no place for backups\. Name one of your own\.$"):
        make_backup(house.settings, house.places, Path(folder), NOW)


def test_a_link_to_a_folder_of_the_system_is_refused(house):
    (house.folder / "link").symlink_to("/etc")
    with pytest.raises(UpkeepError, match="a folder of the system"):
        make_backup(house.settings, house.places, house.folder / "link" / "new", NOW)


def test_only_its_owner_may_read_a_backup_and_nothing_half_made_is_left(house):
    made = backed_up(house)
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert list(made.path.parent.iterdir()) == [made.path]


def test_a_backup_made_while_readings_come_in_is_of_one_moment(house):
    """Each write is a pair of readings in two series: a copy of two moments would hold one without the other."""
    stop = threading.Event()
    pairs = [0]

    def write() -> None:
        store = EmbeddedStore(house.store.path)
        moment = pd.Timestamp("2026-02-01", tz="UTC").as_unit("us")
        with closing(sqlite3.connect(house.store.path, timeout=30, isolation_level=None)) as connection:
            (first,) = connection.execute("SELECT id FROM raw_series LIMIT 1").fetchone()
            connection.execute("INSERT INTO raw_series VALUES (99, 'kWh', 'twin', 'value', 'sensor')")
            while not stop.is_set():
                time = moment.value // 1000 + pairs[0]
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO readings VALUES (?, ?, ?, 1)", (first, time, float(pairs[0])))
                connection.execute("INSERT INTO readings VALUES (99, ?, ?, 1)", (time, float(pairs[0])))
                connection.execute("COMMIT")
                pairs[0] += 1
        store.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [backed_up(house, NOW + timedelta(seconds=number)) for number in range(3)]
    finally:
        stop.set()
        writer.join()
    assert pairs[0] > 10
    for number, one in enumerate(made):
        folder = house.folder / f"unpacked {number}"
        unpack(one.path, {DATA: folder})
        with closing(sqlite3.connect(folder / "data" / "utility_meters.sqlite")) as copy:
            counts = copy.execute("SELECT count(*) FROM readings GROUP BY series ORDER BY series").fetchall()
            assert sum(count for (count,) in counts) == one.manifest.readings
        # The first series had two readings before.
        assert len(counts) == 1 or counts[0][0] - 2 == counts[1][0]


def test_secrets_stay_out_by_name(house):
    (house.settings.config_dir / "influxdb.env").write_text("INFLUX_TOKEN=very-secret-token\n")
    (house.settings.config_dir / "secrets").mkdir()
    (house.settings.config_dir / "secrets" / "tibber.txt").write_text("very-secret-token")
    (house.settings.config_dir / ".hidden.yaml").write_text("very-secret-token")
    (house.settings.config_dir / "proxy.conf").write_text("password = very-secret-token")
    made = backed_up(house)
    assert {name for name in names(made.path) if name.startswith("config/")} == {
        "config/config.yaml",
        "config/meters.yaml",
        "config/seasonal_patterns.yaml",
    }


@pytest.mark.parametrize("place", ["config/notes.yaml", "home/dagster.yaml"])
def test_a_text_that_holds_a_secret_stops_the_backup_and_the_secret_is_not_said(house, place: str):
    (house.folder / "secrets").mkdir()
    (house.folder / "secrets" / "tibber.env").write_text("TIBBER_API_TOKEN=very-secret-token\n")
    (house.settings.config_dir / "config.yaml").write_text("tibber: {meter_id: main}\n")
    house.reload()
    (house.folder / place).write_text("token: very-secret-token\n")
    with pytest.raises(UpkeepError, match=r"holds the value of TIBBER_API_TOKEN") as refused:
        backed_up(house)
    assert "very-secret-token" not in str(refused.value)
    assert backups_in(backup_folder(house.settings)) == []


def test_a_damaged_database_is_named_and_older_backups_are_left(house):
    older = backed_up(house)
    house.store.close()
    content = bytearray(house.store.path.read_bytes())
    content[4096:20480] = os.urandom(16384)
    house.store.path.write_bytes(content)
    with pytest.raises(UpkeepError, match=r"utility_meters\.sqlite: .*damaged"):
        backed_up(house, NOW + timedelta(days=7))
    assert list(older.path.parent.iterdir()) == [older.path]


def test_damage_that_no_query_has_met_yet_is_found_too(house):
    path = house.places.home / "history" / "runs.db"
    with closing(sqlite3.connect(path)) as runs, runs:
        runs.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, body TEXT)")
        runs.executemany("INSERT INTO runs (body) VALUES (?)", [("x" * 500,) for _ in range(200)])
    content = bytearray(path.read_bytes())
    content[5 * 4096 : 5 * 4096 + 64] = os.urandom(64)
    path.write_bytes(content)
    with pytest.raises(UpkeepError, match=r"runs\.db: the database is damaged"):
        backed_up(house)
    assert list(backup_folder(house.settings).iterdir()) == []


def test_a_configuration_file_outside_its_folder_comes_along(house):
    (house.folder / "shared").mkdir()
    (house.folder / "shared" / "patterns.yaml").write_text("patterns: {}\n")
    (house.settings.config_dir / "config.yaml").write_text("seasonal_patterns_config: ../shared/patterns.yaml\n")
    house.reload()
    made = backed_up(house)
    assert "config/elsewhere/seasonal_patterns_config.yaml" in names(made.path)
    assert made.manifest.elsewhere == {"seasonal_patterns_config": str(house.folder / "shared" / "patterns.yaml")}


def test_with_influxdb_the_backup_says_what_is_not_in_it(house):
    places = Places(house.places.config, house.places.data, None, house.folder / "nothing")
    (house.folder / "secrets").mkdir()
    (house.folder / "secrets" / "influxdb.env").write_text("INFLUX_TOKEN=very-secret-token\nINFLUX_ORG=home\n")
    (house.settings.config_dir / "config.yaml").write_text("storage: {backend: influxdb}\n")
    made = make_backup(house.reload(), places, house.folder / "backups", NOW)
    assert made.manifest.notes == [NO_READINGS, NO_HISTORY]
    assert made.manifest.readings is None
    assert not any(name.startswith(("data/", "home/")) for name in names(made.path))


def test_a_folder_that_cannot_be_made_is_named(house):
    (house.folder / "file").write_text("")
    with pytest.raises(UpkeepError, match="file"):
        make_backup(house.settings, house.places, house.folder / "file" / "backups", NOW)


def test_the_newest_stay_and_what_else_is_in_the_folder_too(house):
    folder = house.folder / "backups"
    made = [make_backup(house.settings, house.places, folder, NOW + timedelta(days=7 * week)).path for week in range(4)]
    mine = folder / "before-update-1.2"
    mine.mkdir()
    assert remove_old(made[3], 2) == made[:2]
    assert sorted(folder.iterdir()) == sorted([*made[2:], mine])


@pytest.mark.parametrize(("clock", "keep"), [(-9000, 3), (-9000, 1), (0, 1)], ids=["2001", "2001, one", "one ahead"])
def test_the_backup_just_made_stays_whatever_the_clock_says(house, clock: int, keep: int):
    folder = house.folder / "backups"
    folder.mkdir()
    others = [folder / f"meters-backup-20{year}0101T000000Z.tar.gz" for year in (27, 28, 29)]
    for path in others:
        path.write_bytes(b"as good as gold")
    made = make_backup(house.settings, house.places, folder, NOW + timedelta(days=clock)).path
    assert remove_old(made, keep) == others[: 4 - keep]
    assert backups_in(folder) == sorted([made, *others[4 - keep :]])


def test_what_single_runs_logged_is_left_out(house):
    runs = house.places.home / "history" / "runs"
    (runs / f"{uuid.UUID(int=1)}.db").write_bytes(b"no database at all")
    assert {name for name in names(backed_up(house).path) if name.startswith("home/history")} == {
        "home/history/runs/index.db"
    }


def test_damaged_history_is_told_with_what_brings_back_the_history_only(house):
    (house.places.home / "history" / "runs" / "index.db").write_bytes(b"nothing like a database")
    with pytest.raises(
        UpkeepError,
        match=r"index\.db: the database is damaged \(file is not a database\)\. .*FILE --only home --replace`",
    ):
        backed_up(house)


def test_two_files_of_one_name_do_not_get_into_one_backup(tmp_path: Path):
    (tmp_path / "meters.yaml").write_text("meters: []\n")
    with (tmp_path / "backup").open("wb") as stream:
        writer = Writer(stream)
        writer.add("config/meters.yaml", tmp_path / "meters.yaml")
        for name, reason in (
            ("config/meters.yaml", "another file has the same one"),
            ("config/.x.yaml", "none that can"),
        ):
            with pytest.raises(UpkeepError, match=f"'{name}', and .*{reason}"):
                writer.add(name, tmp_path / "meters.yaml")
