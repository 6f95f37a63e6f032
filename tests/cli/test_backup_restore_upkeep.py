"""`meters backup`, `meters restore`, `meters upkeep`: what they print, and which files they leave."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.front_door import every
from workflows_dagster.pipeline.backfill import dagster_instance
from workflows_dagster.stores.ports import RawSeries


@pytest.fixture
def kept(house):
    house.read(RawSeries("kWh", "haupt_strom"), every("1D", "2026-01-01", [10.0, 12.0, 15.0]))
    return house


def backup_of(house) -> Path:
    result = house.run("backup")
    assert result.exit_code == 0, result.output
    return next((house.folder / "data" / "backups").glob("meters-backup-*.tar.gz"))


def test_a_backup_is_named_and_tried_out(kept):
    result = kept.run("backup")
    assert result.exit_code == 0, result.output
    made, tried, *notes = result.output.splitlines()
    assert "data/backups/meters-backup-" in made
    assert "was restored and is whole" in tried
    # No run was made here yet: the owner is told that there is no history to keep.
    assert notes == [
        "Dagster's history is not in here: its home holds no SQLite event log. Back up the database that dagster.yaml "
        "names with its own means."
    ]


def test_a_backup_goes_where_it_is_told(kept):
    result = kept.run("backup", "--to", str(kept.folder / "stick"))
    assert result.exit_code == 0
    assert len(list((kept.folder / "stick").glob("meters-backup-*.tar.gz"))) == 1


def test_a_backup_of_a_damaged_house_fails_with_a_sentence(kept):
    kept.database.write_bytes(os.urandom(9000))
    result = kept.run("backup")
    assert result.exit_code == 1
    assert "utility_meters.sqlite: the database is damaged" in result.output
    assert "meters restore FILE --only data --replace" in result.output


@pytest.mark.parametrize(
    "command", [["upkeep"], ["upkeep", "--dry-run"], ["backfill"], ["backup"], ["check", "--connect"]], ids=" ".join
)
def test_a_damaged_history_is_told_in_a_sentence_by_every_command(kept, command: list[str]):
    kept.configure(workflows={"analytics": {"start_year": 2026}})
    with dagster_instance(kept.folder / "dagster") as instance:
        assert instance.get_runs_count() == 0
    for left in (kept.folder / "dagster" / "history" / "runs").glob("index.db-*"):
        left.unlink()
    (kept.folder / "dagster" / "history" / "runs" / "index.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 9000)
    result = kept.run(*command)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert "the database is damaged (file is not a database)" in result.output
    assert "meters restore FILE --only home --replace" in result.output


def test_where_a_file_from_elsewhere_is_now_is_said_only_where_it_was_restored(kept):
    (kept.folder / "shared").mkdir()
    (kept.folder / "shared" / "patterns.yaml").write_text("patterns: {}\n")
    kept.configure(seasonal_patterns_config="../shared/patterns.yaml")
    backup = backup_of(kept)
    for part, said in (("data", 0), ("config", 1)):
        result = kept.run("restore", str(backup), "--only", part, "--into", str(kept.folder / f"look at {part}"))
        assert result.exit_code == 0, result.output
        assert result.output.count("seasonal_patterns_config stood at") == said


def test_a_dagster_yaml_that_was_not_restored_is_told(kept):
    with dagster_instance(kept.folder / "dagster") as instance:
        assert instance.get_runs_count() == 0
    backup = backup_of(kept)
    with (kept.folder / "dagster" / "dagster.yaml").open("a") as text:
        text.write("# of this machine\n")
    result = kept.run("restore", str(backup), "--only", "home", "--replace")
    assert result.exit_code == 0, result.output
    assert "dagster.yaml: Dagster's settings in the backup are not used. Copy them to" in result.output
    assert (kept.folder / "dagster" / "dagster.yaml").read_text().endswith("# of this machine\n")


def test_what_is_there_is_refused_as_wrong_input_and_replaced_on_command(kept):
    backup = backup_of(kept)
    kept.read(RawSeries("kWh", "haupt_strom"), every("1D", "2026-01-04", [99.0]))
    result = kept.run("restore", str(backup))
    assert result.exit_code == 2
    assert "already there. Say --replace" in result.output
    result = kept.run("restore", str(backup), "--replace")
    assert result.exit_code == 0, result.output
    assert f"{kept.database}: restored, as of 20" in result.output
    before = kept.database.parent / "state" / "generations" / "1"
    assert f"{before}: what was there before." in result.output
    assert (before / "data" / "utility_meters.sqlite").exists()


def test_a_house_is_restored_where_there_is_no_configuration_yet(kept, monkeypatch):
    backup = backup_of(kept)
    monkeypatch.setenv("METERS_CONFIG_DIR", str(kept.folder / "new" / "config"))
    monkeypatch.setenv("METERS_DATA_DIR", str(kept.folder / "new" / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(kept.folder / "new" / "home"))
    result = kept.run("restore", str(backup))
    assert result.exit_code == 0, result.output
    assert kept.run("check").exit_code == 0
    assert (kept.folder / "new" / "data" / "utility_meters.sqlite").exists()


def test_a_house_is_restored_into_a_folder_of_its_own(kept):
    backup = backup_of(kept)
    result = kept.run("restore", str(backup), "--into", str(kept.folder / "look"), "--only", "data")
    assert result.exit_code == 0, result.output
    assert [path.name for path in (kept.folder / "look").iterdir()] == ["data"]


def test_a_file_that_is_no_backup_is_refused(kept):
    (kept.folder / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    result = kept.run("restore", str(kept.folder / "photo.jpg"))
    assert result.exit_code == 1
    assert "photo.jpg: cannot be read as a backup" in result.output


def test_upkeep_of_a_house_without_a_home_says_so(kept):
    result = kept.run("upkeep")
    assert result.exit_code == 0
    assert "there is no Dagster home yet" in result.output


def test_upkeep_says_what_it_would_do_and_what_it_did(kept):
    with dagster_instance(kept.folder / "dagster") as instance:
        assert instance.get_runs_count() == 0
    result = kept.run("upkeep", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "Older than 30 days: 0 runs, 0 logs of other runs" in result.output
    assert "Nothing was touched." in result.output
    result = kept.run("upkeep")
    assert result.exit_code == 0, result.output
    assert "MB before" in result.output


def test_retention_rules_are_checked_with_the_rest_of_the_configuration(kept):
    kept.configure(upkeep={"keep_runs_days": 1, "backup_schedule": "sundays"})
    result = kept.run("check")
    assert result.exit_code == 2
    assert "upkeep.keep_runs_days" in result.output
    assert "upkeep.backup_schedule: 'sundays' is no cron schedule" in result.output
