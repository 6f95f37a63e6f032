"""Every backup is verified, the result is recorded, and only a good one removes the oldest."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from tests.maintenance.kept_house import NOW, rewritten
from workflows_dagster.maintenance.backup import backup_folder, backups_in, make_backup
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.restore_drill import drill
from workflows_dagster.maintenance.status import Attempt, Status, note, read_status, status_path
from workflows_dagster.maintenance.verified_backup import back_up


def test_a_good_backup_says_what_was_compared(house):
    made = make_backup(house.settings, house.places, house.folder / "backups", NOW)
    sentence = drill(made.path, house.settings)
    assert "2 monthly sums of 1 meters and 2 materialized partitions are as they were on 2026-03-01" in sentence
    assert list(made.path.parent.iterdir()) == [made.path]


def test_what_changes_after_the_backup_does_not_make_it_bad(house):
    made = make_backup(house.settings, house.places, house.folder / "backups", NOW)
    house.days({"2026-01-30": 99.0})
    assert drill(made.path, house.settings)


def altered(made, change):
    """The same backup whose manifest claims something else."""

    def claim(name: str, content: bytes) -> tuple[str, bytes]:
        if name == "manifest.json":
            manifest = json.loads(content)
            change(manifest)
            content = json.dumps(manifest).encode()
        return name, content

    return rewritten(made.path, claim)


def test_a_sum_that_is_off_in_the_last_bit_fails_the_trial(house):
    made = make_backup(house.settings, house.places, house.folder / "backups", NOW)
    off = altered(made, lambda manifest: manifest["sums"]["main"].update({"2026-02": 0.3}))
    with pytest.raises(UpkeepError, match=r"main 2026-02: 0\.30000000000000004 instead of 0\.3"):
        drill(off, house.settings)


def test_lost_readings_and_partitions_fail_the_trial(house):
    made = make_backup(house.settings, house.places, house.folder / "backups", NOW)
    with pytest.raises(UpkeepError, match="2 readings and 6 values instead of 3 and 6"):
        drill(altered(made, lambda manifest: manifest.update(readings=3)), house.settings)
    with pytest.raises(UpkeepError, match=r"knows 2 partitions of \[\"main\"\] instead of 5"):
        drill(altered(made, lambda manifest: manifest.update(partitions={'["main"]': 5})), house.settings)


def test_a_configuration_that_does_not_load_fails_the_trial(house):
    (house.settings.config_dir / "meters.yaml").write_text("meters: [{meter_id: main, type: psychical}]\n")
    made = make_backup(house.settings, house.places, house.folder / "backups", NOW)
    with pytest.raises(UpkeepError, match="psychical"):
        drill(made.path, house.settings)


def test_a_good_week_is_noted_and_the_oldest_goes(house):
    (house.settings.config_dir / "config.yaml").write_text("upkeep: {keep_backups: 2}\n")
    house.reload()
    told: list[str] = []
    for week in range(3):
        back_up(house.settings, house.places, lambda week=week: NOW + timedelta(days=7 * week), tell=told.append)
    assert [path.name[14:22] for path in backups_in(backup_folder(house.settings))] == ["20260308", "20260315"]
    assert told[-1] == "meters-backup-20260301T041000Z.tar.gz was removed: 2 are kept."
    status = read_status(house.settings.data_dir)
    assert status.good == NOW + timedelta(days=14)
    assert status.trouble(NOW + timedelta(days=21)) is None
    trouble = status.trouble(NOW + timedelta(days=23))
    assert (trouble.code, trouble.figures["last"][:10]) == ("backup_overdue", "2026-03-15")


def test_a_bad_week_is_told_and_removes_nothing(house):
    (house.settings.config_dir / "config.yaml").write_text("upkeep: {keep_backups: 1}\n")
    house.reload()
    made = back_up(house.settings, house.places, lambda: NOW)
    with closing(sqlite3.connect(house.places.home / "history" / "runs" / "index.db")) as index:
        index.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (house.places.home / "history" / "runs" / "index.db").write_bytes(b"SQLite format 3\x00" + os.urandom(9000))
    later = NOW + timedelta(days=7)
    with pytest.raises(UpkeepError, match=r"index\.db"):
        back_up(house.settings, house.places, lambda: later)
    assert backups_in(backup_folder(house.settings)) == [made.path]
    status = read_status(house.settings.data_dir)
    assert status.good == NOW
    assert status.trouble(later).figures["at"].startswith("2026-03-08T04:10")


def test_a_backup_to_another_folder_lets_go_of_none(house):
    (house.settings.config_dir / "config.yaml").write_text("upkeep: {keep_backups: 1}\n")
    house.reload()
    for week in range(2):
        back_up(house.settings, house.places, lambda week=week: NOW + timedelta(days=week), house.folder / "stick")
    assert len(backups_in(house.folder / "stick")) == 2


def test_a_new_house_is_given_a_week(tmp_path):
    assert read_status(tmp_path) is None
    status = note(tmp_path, NOW)
    assert status == Status(since=NOW)
    assert status.trouble(NOW + timedelta(days=7)) is None
    told = note(tmp_path, NOW + timedelta(days=9)).trouble(NOW + timedelta(days=9))
    assert told == ("backup_missing", {"days": 8})
    status_path(tmp_path).write_text("{")
    assert read_status(tmp_path) is None


def test_the_folder_of_the_backups_may_be_named_within_the_data_folder_or_anywhere(house):
    config = house.settings.config_dir / "config.yaml"
    assert backup_folder(house.settings) == house.settings.data_dir / "backups"
    config.write_text("upkeep: {backup_folder: kept}\n")
    assert backup_folder(house.reload()) == house.settings.data_dir / "kept"
    config.write_text(f"upkeep: {{backup_folder: {house.folder}/disk}}\n")
    assert backup_folder(house.reload()) == house.folder / "disk"


@pytest.mark.parametrize("place", ["data/backups", "stick"])
def test_what_a_kill_left_half_made_goes_with_the_next_backup(house, place: str):
    folder = house.folder / place
    folder.mkdir(parents=True)
    status_path(house.settings.data_dir).parent.mkdir(exist_ok=True)
    left = [
        folder / ".meters-backup-x",
        folder / ".meters-backup-y",
        house.settings.data_dir / "backups" / ".meters-backup-z",
    ]
    at_work = folder / ".meters-backup-at-work"
    (left[0] / "home").mkdir(parents=True)
    (left[0] / "home" / "index.db").write_bytes(b"half")
    for path in left[1:]:
        path.write_bytes(b"half")
    for path in left:
        os.utime(path, (0, 0))
    at_work.mkdir()
    os.utime(at_work, (NOW.timestamp() - 3600, NOW.timestamp() - 3600))
    back_up(house.settings, house.places, lambda: NOW, None if place == "data/backups" else folder)
    assert [path for path in (*left, at_work) if path.exists()] == [at_work]


def test_a_clock_that_was_once_ahead_does_not_silence_the_warning_for_years(tmp_path):
    ahead = NOW + timedelta(days=3000)
    well = Attempt(at=ahead, ok=True, sentence="Well.")
    assert note(tmp_path, ahead, backup=well, drill=well).good == ahead
    status = note(tmp_path, NOW)
    assert (status.since, status.good) == (NOW, NOW)
    assert note(tmp_path, NOW + timedelta(days=7)).trouble(NOW + timedelta(days=7)) is None
    later = NOW + timedelta(days=9)
    assert note(tmp_path, later).trouble(later).code == "backup_overdue"
