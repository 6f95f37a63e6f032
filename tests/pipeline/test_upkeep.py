"""Dagster's home stays small and forgets no partition: held on the home of a house that really ran."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
import uuid
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from tests.houses import SmallHouse, small
from workflows_dagster.domain.days import DayRange
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.pipeline.backfill import backfill, dagster_instance
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.partitions import range_tags
from workflows_dagster.pipeline.storage.event_log import BATCH_SIZE_VARIABLE
from workflows_dagster.pipeline.storage.home import HomeError
from workflows_dagster.pipeline.storage.retention import NotSqliteError, preview, tidy

HOUSE = small("2026-01-01")
METERS = ["main", "flat", "rest"]
KEPT_DAYS = 30


class Home:
    """A Dagster home in which days were computed, recomputed and failed, all of it long ago as `tidy` sees it."""

    def __init__(self, folder: Path, settings) -> None:
        self.folder, self.settings = folder, settings
        self.now = datetime.now(UTC) + timedelta(days=100)

    @property
    def logs(self) -> Path:
        return self.folder / "history" / "runs"

    def tidy(self, **more):
        with dagster_instance(self.folder) as instance:
            return tidy(instance, KEPT_DAYS, self.now, **more)

    def rows(self, query: str, database: str = "history/runs/index.db") -> list[tuple]:
        with closing(sqlite3.connect(self.folder / database)) as connection:
            return connection.execute(query).fetchall()

    def answers(self) -> dict[str, object]:
        """What page and sensors ask about every asset and check."""
        definitions = build_definitions(self.settings)
        graph = definitions.resolve_asset_graph()
        answers: dict[str, object] = {}
        with dagster_instance(self.folder) as instance:
            for key in sorted(instance.all_asset_keys()):
                name = key.to_user_string()
                partitions = graph.get(key).partitions_def if graph.has(key) else None
                latest = instance.get_latest_materialization_event(key)
                answers[name, "partitions"] = frozenset(instance.get_materialized_partitions(key))
                answers[name, "latest"] = latest and (latest.run_id, latest.timestamp)
                answers[name, "storage ids"] = dict(
                    instance.event_log_storage.get_latest_storage_id_by_partition(
                        key, dg.DagsterEventType.ASSET_MATERIALIZATION
                    )
                )
                if partitions is not None:
                    answers[name, "status"] = instance.get_status_by_partition(
                        key, list(partitions.get_partition_keys()), partitions
                    )
                    # Without what it remembered: as after a change of the code.
                    instance.event_log_storage.wipe_asset_cached_status(key)
                    answers[name, "subsets"] = get_and_update_asset_status_cache_value(instance, key, partitions)
                tags = instance.event_log_storage.get_latest_tags_by_partition(
                    key, dg.DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
                )
                answers[name, "versions"] = dict(tags)
                record = instance.get_asset_records([key])[0].asset_entry
                answers[name, "record"] = (record.last_run_id, record.last_materialization_storage_id)
            checks = list(graph.asset_check_keys)
            found = instance.event_log_storage.get_latest_asset_check_execution_by_key(checks)
            answers["checks"] = {key: (record.run_id, record.status) for key, record in found.items()}
            answers["summaries"] = {
                key: summary.last_completed_run_id
                for key, summary in instance.event_log_storage.get_asset_check_summary_records(checks).items()
            }
        return answers


def recompute(days, instance, meters: list[str], first: date, last: date) -> None:
    keys = {dg.AssetKey(meter) for meter in meters}
    job = days.get_subset(asset_selection=keys, asset_check_selection=set())
    assert job.execute_in_process(instance=instance, tags=range_tags(DayRange(first, last))).success


def run_failing(days, instance, first: date, last: date) -> str:
    """A run over a range that was announced and then failed."""
    job = days.get_subset(asset_selection={dg.AssetKey("main")})
    run = instance.create_run_for_job(
        job, tags=range_tags(DayRange(first, last)), asset_selection={dg.AssetKey("main")}
    )
    for day in (first, last):
        planned = dg.DagsterEvent.build_asset_materialization_planned_event(
            "days",
            "main",
            dg._core.events.AssetMaterializationPlannedData(dg.AssetKey("main"), partition=f"{day}"),
        )
        instance.report_dagster_event(planned, run.run_id)
    instance.report_run_failed(run)
    return run.run_id


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """Made once: a backfill, days recomputed by two later runs, and a run that failed over days of its own."""
    from workflows_dagster.settings.load import load
    from workflows_dagster.stores.embedded import EmbeddedStore

    folder = tmp_path_factory.mktemp("lived")
    (folder / "config").mkdir()
    (folder / "config" / "config.yaml").write_text(
        "timezone: Europe/Berlin\nworkflows: {analytics: {start_year: 2026}}"
    )
    (folder / "config" / "meters.yaml").write_text(HOUSE)
    (folder / "config" / "seasonal_patterns.yaml").write_text("patterns: {}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", "")
        patch.setenv(BATCH_SIZE_VARIABLE, "2000")
        settings = load(folder / "config", {"METERS_DATA_DIR": str(folder / "data")})
        house = SmallHouse(settings, EmbeddedStore(folder / "data" / "utility_meters.sqlite"))
        house.read("main", {f"2026-{month:02d}-01 08:00": 300.0 * month for month in range(1, 5)})
        house.read("flat", {f"2026-{month:02d}-01 08:00": 100.0 * month for month in range(1, 5)})
        with dagster_instance(folder / "home") as instance:
            backfill(settings, instance, METERS, DayRange(date(2026, 1, 1), date(2026, 3, 31)))
            days = build_definitions(settings).resolve_job_def("days")
            recompute(days, instance, METERS, date(2026, 2, 1), date(2026, 2, 10))
            run_failing(days, instance, date(2026, 4, 1), date(2026, 4, 2))
            run_failing(days, instance, date(2026, 1, 5), date(2026, 1, 6))
            recompute(days, instance, ["main"], date(2026, 1, 5), date(2026, 1, 6))
            recompute(days, instance, METERS, date(2026, 2, 1), date(2026, 2, 12))
        house.store.close()
    return Home(folder / "home", settings)


@pytest.fixture
def home(lived, tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "2000")
    shutil.copytree(lived.folder, tmp_path / "home")
    return Home(tmp_path / "home", lived.settings)


def test_tidying_changes_no_answer_that_page_or_sensors_get(home):
    before = home.answers()
    done = home.tidy()
    assert done.runs >= 1
    assert done.logs >= 1
    assert done.bytes_after < done.bytes_before - 500_000
    assert home.answers() == before
    assert before["main", "partitions"] >= {"2026-01-01", "2026-02-05", "2026-03-31"}
    assert before["main", "status"]["2026-04-01"] == dg.AssetPartitionStatus.FAILED
    assert before["main", "status"]["2026-01-05"] == dg.AssetPartitionStatus.MATERIALIZED


def test_tidying_that_is_killed_changes_no_answer_and_the_next_night_goes_on(home):
    before = home.answers()
    for seconds in (0.05, 0.1, 0.2, 0.4):
        child = os.fork()
        if child == 0:
            try:
                home.tidy()
            finally:
                os._exit(0)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert home.answers() == before
    home.tidy()
    assert home.answers() == before
    assert home.rows("PRAGMA integrity_check") == [("ok",)]


def test_a_run_goes_with_its_log_once_none_of_its_partitions_is_the_newest(home):
    days = "SELECT run_id FROM runs WHERE pipeline_name = 'days' AND status = 'SUCCESS' ORDER BY id"
    whole, overtaken, _, last = [run for (run,) in home.rows(days, "history/runs.db")]
    home.tidy()
    left = {run for (run,) in home.rows("SELECT run_id FROM runs", "history/runs.db")}
    assert overtaken not in left
    assert not list(home.logs.glob(f"{overtaken}*"))
    assert home.rows(f"SELECT count(*) FROM event_logs WHERE run_id = '{overtaken}'") == [(0,)]
    assert {whole, last} <= left


def test_what_checks_found_goes_with_their_run_and_the_newest_result_stays(home):
    days = "SELECT run_id FROM runs WHERE pipeline_name = 'days' AND status = 'SUCCESS' ORDER BY id"
    _, overtaken, _, last = [run for (run,) in home.rows(days, "history/runs.db")]
    with closing(sqlite3.connect(home.folder / "history/runs/index.db")) as index, index:
        index.executemany(
            "INSERT INTO asset_check_executions (asset_key, check_name, run_id, execution_status)"
            " VALUES ('[\"main\"]', 'plausible', ?, 'SUCCEEDED')",
            [(overtaken,), (last,)],
        )
    home.tidy()
    assert home.rows("SELECT run_id FROM asset_check_executions WHERE check_name = 'plausible'") == [(last,)]


def test_a_run_that_stays_loses_its_log_and_can_still_be_looked_at(home):
    days = "SELECT run_id FROM runs WHERE pipeline_name = 'days' ORDER BY id LIMIT 1"
    ((whole,),) = home.rows(days, "history/runs.db")
    home.tidy()
    assert not list(home.logs.glob(f"{whole}*"))
    with dagster_instance(home.folder) as instance:
        assert instance.get_run_by_id(whole).is_success
        assert instance.all_logs(whole) == []


def test_what_is_young_is_not_touched(home):
    with dagster_instance(home.folder) as instance:
        done = tidy(instance, KEPT_DAYS, datetime.now(UTC))
    assert (done.runs, done.logs) == (0, 0)


def test_orphaned_logs_go_and_the_events_of_no_run_stay(home):
    home.tidy()
    orphan = home.logs / f"{uuid.uuid4()}.db"
    orphan.write_bytes(b"")
    orphan.with_name(f"{orphan.name}-wal").write_bytes(b"left by a kill")
    runless = home.logs / ".db"
    runless.write_bytes(b"")
    assert home.tidy().logs == 1
    assert not list(home.logs.glob(f"{orphan.stem}*"))
    assert runless.exists()
    assert (home.logs / "index.db").exists()


def test_numbers_are_never_given_twice(home):
    """Neither the newest event nor the newest run goes, even where nothing needs them."""
    job = build_definitions(home.settings).resolve_job_def("upkeep")
    with dagster_instance(home.folder) as instance:
        failing = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.FAILURE)
        instance.report_run_failed(failing)
    highest = home.rows("SELECT max(id) FROM event_logs")
    newest = home.rows("SELECT max(id) FROM runs", "history/runs.db")
    home.tidy()
    assert home.rows("SELECT max(id) FROM event_logs") == highest
    assert home.rows("SELECT max(id) FROM runs", "history/runs.db") == newest


def test_a_preview_says_what_would_go_and_touches_nothing(home):
    before = {path: path.stat().st_mtime_ns for path in home.folder.rglob("*.db")}
    with dagster_instance(home.folder) as instance:
        seen = preview(instance, KEPT_DAYS, home.now)
    assert {path: path.stat().st_mtime_ns for path in home.folder.rglob("*.db")} == before
    done = home.tidy()
    assert (seen.runs, seen.logs) == (done.runs, done.logs)


def test_a_second_night_finds_nothing_to_do(home):
    home.tidy()
    again = home.tidy()
    assert (again.runs, again.logs) == (0, 0)


def test_a_run_that_is_not_over_stays_however_old_it_is(home):
    with dagster_instance(home.folder) as instance:
        job = build_definitions(home.settings).resolve_job_def("days")
        waiting = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED).run_id
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS)
    home.tidy()
    assert (waiting,) in home.rows("SELECT run_id FROM runs", "history/runs.db")


def test_a_home_in_another_database_is_refused_in_a_sentence():
    with dg.instance_for_test() as sqlite, dg.DagsterInstance.ephemeral() as instance:
        assert sqlite is not instance
        with pytest.raises(NotSqliteError, match="only SQLite is tidied"):
            tidy(instance, KEPT_DAYS, datetime.now(UTC))


def test_the_nightly_job_leaves_a_home_in_another_database_alone_and_is_well(home):
    job = build_definitions(home.settings).resolve_job_def("upkeep")
    with dg.DagsterInstance.ephemeral() as instance:
        run = job.execute_in_process(instance=instance)
        said = [entry.user_message for entry in instance.all_logs(run.run_id)]
    assert run.success
    assert sum("only SQLite is tidied and backed up here" in line for line in said) == 1


@pytest.mark.parametrize("database", ["history/runs/index.db", "history/runs.db"])
def test_a_damaged_home_is_told_with_the_way_back(home, monkeypatch, database: str):
    monkeypatch.setenv("DAGSTER_HOME", str(home.folder))
    path = home.folder / database
    # Opened as a run opens it, while all was well.
    with dg.DagsterInstance.from_config(str(home.folder)) as instance:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        content = path.read_bytes()
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
        with pytest.raises(UpkeepError, match=r"the database is damaged .*FILE --only home --replace"):
            tidy(instance, KEPT_DAYS, home.now)


def test_a_home_that_is_damaged_when_it_is_opened_is_told_with_the_way_back(home):
    path = home.folder / "schedules" / "schedules.db"
    path.write_bytes(b"SQLite format 3\x00" + b"\xff" * 9000)
    with pytest.raises(HomeError, match=r"the database is damaged .*FILE --only home --replace"):
        home.tidy()


def test_both_jobs_run_by_themselves_and_do_what_they_say(home, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(home.folder))
    definitions = build_definitions(home.settings)
    schedules = {schedule.name: schedule for schedule in definitions.get_repository_def().schedule_defs}
    assert schedules["nightly_upkeep"].cron_schedule == "40 4 * * *"
    assert schedules["weekly_backup"].cron_schedule == "10 5 * * 0"
    with dagster_instance(home.folder) as instance:
        for name in ("upkeep", "backup"):
            assert definitions.resolve_job_def(name).execute_in_process(instance=instance).success
    status = (home.settings.data_dir / "backups" / "status.json").read_text()
    assert "was restored and is whole" in status
