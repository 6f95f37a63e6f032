"""The batching event log: the same tables as stock, in one transaction, and stock for all that it does not know."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster
import pytest
from dagster import (
    AssetCheckResult,
    AssetKey,
    AssetMaterialization,
    AssetObservation,
    BackfillPolicy,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DailyPartitionsDefinition,
    Definitions,
    Output,
    asset,
    asset_check,
    in_process_executor,
)
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    DagsterEventBatchMetadata,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

from workflows_dagster.pipeline.storage.event_log import (
    BATCH_SIZE_VARIABLE,
    DEFAULT_BATCH_SIZE,
    BatchingSqliteEventLogStorage,
    event_log_folder,
)
from workflows_dagster.pipeline.storage.home import ensure_home
from workflows_dagster.pipeline.storage.version import TESTED_MINOR

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

RUN = "6d0b9a4e-57a1-4f2c-9d0d-0b8a6a3c1f10"
OTHER_RUN = "0f3f7c52-91d5-4d53-8a44-3f1f5ab2c9d4"
DAYS = DailyPartitionsDefinition("2024-03-25", end_date="2024-04-07", timezone="Europe/Berlin")
KEYS = DAYS.get_partition_keys()

STOCK_FILE = "telemetry: {enabled: false}\n"


# --- A small house: two meters that work, one that fails, a check and observations ---------------------------------


def house() -> Definitions:
    @asset(partitions_def=DAYS, backfill_policy=BackfillPolicy.single_run())
    def cold_water(context) -> Output[None]:
        for number, key in enumerate(context.partition_keys):
            context.add_asset_metadata({"consumption": number / 10}, partition_key=key)
        return Output(None, metadata={"unit": "m³"}, tags={"house/quality": "measured"})

    @asset(partitions_def=DAYS, backfill_policy=BackfillPolicy.single_run(), deps=[cold_water])
    def all_water(context) -> None:
        context.log_event(AssetObservation("cold_water", partition=KEYS[3], metadata={"glitches": 1}))
        context.log.info("two meters added up")

    @asset(partitions_def=DAYS, backfill_policy=BackfillPolicy.single_run(), deps=[all_water])
    def heat() -> None:
        raise ValueError("heat: the register is silent")

    @asset_check(asset=all_water)
    def adds_up() -> AssetCheckResult:
        return AssetCheckResult(passed=True, metadata={"days": len(KEYS)})

    return Definitions(assets=[cold_water, all_water, heat], asset_checks=[adds_up], executor=in_process_executor)


def run_the_house(instance: DagsterInstance) -> None:
    house().resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        run_id=RUN,
        raise_on_error=False,
        tags={"dagster/asset_partition_range_start": KEYS[0], "dagster/asset_partition_range_end": KEYS[-1]},
    )


@contextmanager
def opened(home: Path, batch_size: int | None = None) -> Iterator[DagsterInstance]:
    """Open the instance of a home as a service would, with its own environment."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DAGSTER_HOME", str(home))
        environment.delenv(BATCH_SIZE_VARIABLE, raising=False)
        if batch_size is not None:
            environment.setenv(BATCH_SIZE_VARIABLE, str(batch_size))
        try:
            with DagsterInstance.get() as instance:
                yield instance
        finally:
            os.environ.pop(BATCH_SIZE_VARIABLE, None)


# --- What stands in the databases -----------------------------------------------------------------------------------

TABLES = ("event_logs", "asset_keys", "asset_event_tags", "asset_check_executions")


def rows(database: Path, query: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


def tables(folder: Path, *, clock: bool = True) -> dict[str, list[dict[str, Any]]]:
    """Read all four tables of index and run, without the moments of writing; `clock=False` leaves out all moments."""
    found = {
        f"{shard}.{table}": rows(folder / f"{shard}.db", f"SELECT * FROM {table} ORDER BY id")
        for shard in ("index", RUN)
        for table in TABLES
    }
    for row in (row for content in found.values() for row in content):
        row.pop("create_timestamp", None)
        if not clock:
            for column, value in row.items():
                row[column] = without_clock(column, value)
    return found


def without_clock(name: str, value: Any) -> Any:
    """Replace what two runs of the same code cannot share: instants, durations and one random name."""
    if isinstance(value, str) and value.startswith("{"):
        return without_clock(name, json.loads(value))
    if isinstance(value, dict):
        return {key: without_clock(key, entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [without_clock(name, entry) for entry in value]
    if value is not None and ("timestamp" in name or name in {"duration_ms", "log_key"}):
        return "once"
    return re.sub(r"^[\d.]+m?s$|\bin [\d.]+m?s\b", "in no time", value) if isinstance(value, str) else value


@dataclass(frozen=True)
class House:
    home: Path

    @property
    def log(self) -> Path:
        return event_log_folder(self.home)


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> House:
    home = tmp_path_factory.mktemp("stock")
    (home / "dagster.yaml").write_text(STOCK_FILE)
    with opened(home) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        run_the_house(instance)
    return House(home)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> House:
    home = ensure_home(tmp_path_factory.mktemp("ours"))
    with opened(home) as instance:
        run_the_house(instance)
    return House(home)


# --- Whole runs against stock ---------------------------------------------------------------------------------------


def test_the_minor_version_of_dagster_is_the_one_that_was_tested() -> None:
    assert dagster.__version__.rsplit(".", 1)[0] == TESTED_MINOR, (
        f"Dagster is {dagster.__version__}; the batch was verified with {TESTED_MINOR}, so all is stored one by one. "
        "Verify anew in SqliteEventLogStorage: store_event (which events go to which database, and what follows for "
        "tags, asset keys and checks), _connect, _db_lock, _initialized_dbs, _event_to_row, store_asset_event(_tags), "
        "store_asset_check_event; in DagsterInstance.handle_new_event: DAGSTER_EVENT_BATCH_SIZE and the repeat one by "
        "one; in events: BATCH_WRITABLE_EVENTS. Then set TESTED_MINOR and the pins in pyproject.toml, and rerun this."
    )


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("shard", ["index", RUN])
def test_a_run_leaves_the_tables_that_stock_leaves(stock: House, ours: House, shard: str, table: str) -> None:
    name = f"{shard}.{table}"
    assert tables(ours.log, clock=False)[name] == tables(stock.log, clock=False)[name]


def test_the_run_that_is_compared_holds_every_kind_of_event(ours: House) -> None:
    counted = {
        row["dagster_event_type"]: row["n"]
        for row in rows(
            ours.log / "index.db",
            "SELECT dagster_event_type, count(*) AS n FROM event_logs GROUP BY 1",
        )
    }
    assert counted == {
        "ASSET_MATERIALIZATION_PLANNED": 3 * len(KEYS),
        "ASSET_MATERIALIZATION": 2 * len(KEYS),
        "ASSET_OBSERVATION": 1,
        "ASSET_CHECK_EVALUATION_PLANNED": 1,
        "ASSET_CHECK_EVALUATION": 1,
        "PIPELINE_START": 1,
        "PIPELINE_FAILURE": 1,
    }


@pytest.mark.parametrize("batch_size", [2, 7, 3 * len(KEYS) + 1])
def test_where_batches_are_cut_makes_no_difference(stock: House, tmp_path: Path, batch_size: int) -> None:
    with opened(ensure_home(tmp_path), batch_size) as instance:
        run_the_house(instance)
    assert tables(event_log_folder(tmp_path), clock=False) == tables(stock.log, clock=False)


def answers(house: House) -> dict[str, Any]:
    """Ask an instance what the page and the schedules ask."""
    found: dict[str, Any] = {}
    with opened(house.home) as instance:
        log = instance.event_log_storage
        for name in ("cold_water", "all_water", "heat"):
            key = AssetKey(name)
            status = instance.get_status_by_partition(key, KEYS, DAYS)
            cache = get_and_update_asset_status_cache_value(instance, key, DAYS)
            latest = instance.get_latest_materialization_event(key)
            record = instance.get_asset_records([key])[0]
            assert cache is not None
            found[name] = {
                "materialized": instance.get_materialized_partitions(key),
                "status": {day: state and state.value for day, state in (status or {}).items()},
                "subsets": cache._replace(partitions_def_id=None),
                "latest": latest and (latest.run_id, latest.asset_materialization),
                "record": (record.asset_entry.last_materialization_storage_id, record.asset_entry.last_run_id),
                "all": [
                    (entry.storage_id, entry.partition_key, entry.asset_materialization)
                    for entry in instance.fetch_materializations(key, limit=1000).records
                ],
                "ids": log.get_latest_storage_id_by_partition(key, DagsterEventType.ASSET_MATERIALIZATION),
                "versions": log.get_latest_tags_by_partition(
                    key, DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION_TAG]
                ),
                "planned": log.get_latest_asset_partition_materialization_attempts_without_materializations(key),
            }
    return found


def test_dagster_answers_every_question_as_over_the_stock_log(stock: House, ours: House) -> None:
    found = answers(ours)
    assert found == answers(stock)
    assert found["cold_water"]["materialized"] == set(KEYS)
    assert set(found["heat"]["status"].values()) == {"FAILED"}


def test_stock_reads_and_continues_a_log_that_was_written_in_batches(tmp_path: Path) -> None:
    with opened(ensure_home(tmp_path)) as instance:
        run_the_house(instance)
    (tmp_path / "dagster.yaml").write_text(STOCK_FILE)
    with opened(tmp_path) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert instance.get_materialized_partitions(AssetKey("all_water")) == set(KEYS)
        instance.report_runless_asset_event(AssetMaterialization("heat", partition=KEYS[0]))
        assert instance.get_materialized_partitions(AssetKey("heat")) == {KEYS[0]}


# --- It is really in use --------------------------------------------------------------------------------------------


def watch_for_batches(database: Path) -> None:
    """Let the index itself note the materializations that arrive before an earlier one of the asset has its tags."""
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(
            """
            CREATE TABLE arrived_together (partition TEXT);
            CREATE TRIGGER watch AFTER INSERT ON event_logs
            WHEN NEW.dagster_event_type = 'ASSET_MATERIALIZATION'
             AND EXISTS (
               SELECT 1 FROM event_logs AS earlier
               WHERE earlier.id < NEW.id AND earlier.asset_key = NEW.asset_key
                 AND earlier.dagster_event_type = NEW.dagster_event_type
                 AND NOT EXISTS (SELECT 1 FROM asset_event_tags WHERE event_id = earlier.id)
             )
            BEGIN INSERT INTO arrived_together VALUES (NEW.partition); END;
            """
        )


def arrived_together(folder: Path) -> int:
    return len(rows(folder / "index.db", "SELECT * FROM arrived_together"))


def test_our_instance_file_makes_an_instance_that_batches(tmp_path: Path) -> None:
    with opened(ensure_home(tmp_path)) as instance:
        assert type(instance.event_log_storage) is BatchingSqliteEventLogStorage
        assert os.environ[BATCH_SIZE_VARIABLE] == str(DEFAULT_BATCH_SIZE)
        watch_for_batches(event_log_folder(tmp_path) / "index.db")
        run_the_house(instance)
    assert arrived_together(event_log_folder(tmp_path)) == 2 * (len(KEYS) - 1)


def test_an_instance_made_from_a_reference_batches(tmp_path: Path) -> None:
    with opened(ensure_home(tmp_path)) as instance, DagsterInstance.from_ref(instance.get_ref()) as again:
        assert type(again.event_log_storage) is BatchingSqliteEventLogStorage


def test_a_batch_size_that_the_owner_has_set_is_kept(tmp_path: Path) -> None:
    with opened(ensure_home(tmp_path), batch_size=0) as instance:
        watch_for_batches(event_log_folder(tmp_path) / "index.db")
        run_the_house(instance)
    assert arrived_together(event_log_folder(tmp_path)) == 0


ELSEWHERE = """
import os, sys
from dagster import BackfillPolicy, DagsterInstance, DailyPartitionsDefinition, asset, materialize
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import deserialize_value

days = DailyPartitionsDefinition("2024-03-25", end_date="2024-04-07")
keys = days.get_partition_keys()

@asset(partitions_def=days, backfill_policy=BackfillPolicy.single_run())
def gas() -> None: ...

with DagsterInstance.from_ref(deserialize_value(sys.argv[1], InstanceRef)) as instance:
    tags = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
    materialize([gas], instance=instance, tags=tags)
"""


def test_a_run_in_another_process_batches(tmp_path: Path) -> None:
    with opened(ensure_home(tmp_path)) as instance:
        watch_for_batches(event_log_folder(tmp_path) / "index.db")
        environment = {**os.environ}
        del environment[BATCH_SIZE_VARIABLE]
        subprocess.run(
            [sys.executable, "-c", ELSEWHERE, dagster.serialize_value(instance.get_ref())],
            env=environment,
            check=True,
            capture_output=True,
            timeout=60,
        )
        assert instance.get_materialized_partitions(AssetKey("gas")) == set(KEYS)
    assert arrived_together(event_log_folder(tmp_path)) == len(KEYS) - 1


def test_the_configuration_takes_a_home_or_a_folder_but_not_both(tmp_path: Path) -> None:
    build = BatchingSqliteEventLogStorage.from_config_value
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(BATCH_SIZE_VARIABLE, "10")
        assert build(None, {"home": str(tmp_path)}).path_for_shard("index") == str(
            tmp_path / "history" / "runs" / "index.db"
        )
        assert build(None, {"base_dir": str(tmp_path)}).path_for_shard("index") == str(tmp_path / "index.db")
        for given in ({}, {"home": str(tmp_path), "base_dir": str(tmp_path)}):
            with pytest.raises(ValueError, match=r"it takes home or base_dir\. Keep one of them"):
                build(None, given)


def test_all_databases_are_in_write_ahead_mode(ours: House) -> None:
    for shard in ("index", RUN):
        assert rows(ours.log / f"{shard}.db", "PRAGMA journal_mode") == [{"journal_mode": "wal"}]


# --- Batches by hand ------------------------------------------------------------------------------------------------

CLOCK = 1_711_000_000.0


def entry(event_type: DagsterEventType, specifics: Any, second: int = 0, run_id: str = RUN) -> EventLogEntry:
    event = DagsterEvent(event_type.value, job_name="house", event_specific_data=specifics, step_key="step")
    return EventLogEntry(
        error_info=None,
        level=10,
        user_message="",
        run_id=run_id,
        timestamp=CLOCK + second,
        step_key="step",
        job_name="house",
        dagster_event=event,
    )


def materialized(name: str, day: str, second: int = 0, run_id: str = RUN) -> EventLogEntry:
    tags = {DATA_VERSION_TAG: f"{name}-{second}", "house/quality": "measured"}
    made = AssetMaterialization(name, partition=day, metadata={"consumption": 1.5}, tags=tags)
    return entry(DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(made), second, run_id)


def observed(name: str, day: str, second: int) -> EventLogEntry:
    seen = AssetObservation(name, partition=day, tags={DATA_VERSION_TAG: f"seen-{second}"})
    return entry(DagsterEventType.ASSET_OBSERVATION, AssetObservationData(seen), second)


def planned(name: str, day: str, second: int) -> EventLogEntry:
    return entry(
        DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
        AssetMaterializationPlannedData(AssetKey(name), partition=day),
        second,
    )


def check_planned(name: str, second: int, partitions: bool = False) -> EventLogEntry:
    subset = DAYS.subset_with_partition_keys(KEYS[:3]).to_serializable_subset() if partitions else None
    return entry(
        DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
        AssetCheckEvaluationPlanned(asset_key=AssetKey(name), check_name=f"adds_up_{second}", partitions_subset=subset),
        second,
    )


A, B, C = KEYS[:3]
MIXED = {
    "days of one meter": [materialized("water", day, second) for second, day in enumerate(KEYS)],
    "a plan of meters and checks": [
        planned("gas", A, 1),
        planned("gas", B, 2),
        check_planned("gas", 3),
        planned("water", A, 4),
        check_planned("water", 5, partitions=True),
        planned("water", B, 6),
    ],
    "a materialization is the last word": [observed("gas", A, 1), planned("gas", B, 2), materialized("gas", A, 3)],
    "an observation is the last word": [materialized("gas", A, 1), planned("gas", A, 2), observed("gas", C, 3)],
    "a plan is the last word": [materialized("gas", A, 5), observed("gas", C, 6), planned("gas", A, 7)],
    "two kinds of event in turn": [planned("gas", A, 1), observed("gas", A, 2), planned("gas", B, 3)],
    "only observed": [observed("gas", A, 1), observed("gas", B, 2)],
    "meters in turn, clock going back": [
        materialized("water", A, 9),
        materialized("gas", A, 8),
        materialized("water", B, 7),
        observed("gas", B, 6),
        planned("water", C, 5),
        materialized("gas", C, 4),
    ],
    "the same day twice": [materialized("gas", A, 1), materialized("gas", A, 2)],
}


@pytest.mark.parametrize("batch", MIXED.values(), ids=MIXED.keys())
def test_a_batch_leaves_the_tables_that_its_events_leave_one_by_one(tmp_path: Path, batch: list[EventLogEntry]) -> None:
    before = [materialized("water", B), observed("oil", A, 1), planned("heat", C, 2)]
    stock, ours = SqliteEventLogStorage(str(tmp_path / "stock")), BatchingSqliteEventLogStorage(str(tmp_path / "ours"))
    for event in [*before, *batch]:
        stock.store_event(event)
    for event in before:
        ours.store_event(event)
    ours.store_event_batch(batch)
    assert tables(tmp_path / "ours") == tables(tmp_path / "stock")


def announced(name: str, days: list[str], second: int) -> EventLogEntry:
    """Announce a range by one event, as Dagster does to a storage that takes it."""
    subset = DAYS.subset_with_partition_keys(days).to_serializable_subset()
    specifics = AssetMaterializationPlannedData(AssetKey(name), partitions_subset=subset)
    return entry(DagsterEventType.ASSET_MATERIALIZATION_PLANNED, specifics, second)


@pytest.mark.parametrize("together", [True, False], ids=["in a batch", "one by one"])
def test_a_range_that_is_announced_at_once_leaves_a_row_for_each_of_its_days(tmp_path: Path, together: bool) -> None:
    stock, ours = SqliteEventLogStorage(str(tmp_path / "stock")), BatchingSqliteEventLogStorage(str(tmp_path / "ours"))
    for event in [
        *(planned("gas", day, 1) for day in KEYS[:9]),
        check_planned("gas", 2),
        planned("water", A, 3),
        *(planned("heat", day, 4) for day in KEYS),
        materialized("gas", C, 5),
    ]:
        stock.store_event(event)
    batch = [
        announced("gas", KEYS[:9], 1),
        check_planned("gas", 2),
        planned("water", A, 3),
        announced("heat", KEYS, 4),
        materialized("gas", C, 5),
    ]
    if together:
        ours.store_event_batch(batch)
    else:
        for event in batch:
            ours.store_event(event)
    assert ours.supports_partition_subset_in_asset_materialization_planned_events
    assert tables(tmp_path / "ours") == tables(tmp_path / "stock")
    waiting = ours.get_latest_asset_partition_materialization_attempts_without_materializations(AssetKey("gas"))
    assert waiting.keys() == {*KEYS[:9]} - {C}


def test_thousands_of_events_fit_into_one_batch(tmp_path: Path) -> None:
    storage = BatchingSqliteEventLogStorage(str(tmp_path))
    storage.store_event_batch([materialized("gas", str(day), day) for day in range(6000)])
    assert len(storage.get_materialized_partitions(AssetKey("gas"))) == 6000


UNKNOWN = {
    "a step's start among them": [
        materialized("gas", A),
        entry(DagsterEventType.STEP_START, None, 1),
        materialized("gas", B, 2),
    ],
    "a log line among them": [
        materialized("gas", A),
        EventLogEntry(None, 20, "two meters added up", RUN, CLOCK, "step", "house"),
    ],
    "a run's start among them": [materialized("gas", A), entry(DagsterEventType.RUN_START, None, 1)],
}


@pytest.mark.parametrize("batch", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_batch_with_an_event_that_is_not_known_is_stored_as_stock_would(
    tmp_path: Path, batch: list[EventLogEntry]
) -> None:
    stock, ours = SqliteEventLogStorage(str(tmp_path / "stock")), BatchingSqliteEventLogStorage(str(tmp_path / "ours"))
    watch_for_batches(tmp_path / "ours" / "index.db")
    stock.store_event_batch(batch)
    ours.store_event_batch(batch)
    assert tables(tmp_path / "ours") == tables(tmp_path / "stock")
    assert arrived_together(tmp_path / "ours") == 0


def test_a_batch_of_several_runs_goes_to_each_run(tmp_path: Path) -> None:
    storage = BatchingSqliteEventLogStorage(str(tmp_path))
    storage.store_event_batch([materialized("gas", A), materialized("gas", B, 1, OTHER_RUN), materialized("gas", C, 2)])
    query = "SELECT partition FROM event_logs ORDER BY id"
    assert [row["partition"] for row in rows(tmp_path / f"{RUN}.db", query)] == [A, C]
    assert [row["partition"] for row in rows(tmp_path / f"{OTHER_RUN}.db", query)] == [B]
    assert [row["partition"] for row in rows(tmp_path / "index.db", query)] == [A, B, C]


@pytest.mark.parametrize(("version", "together"), [("1.13.0", 2), ("1.13.99", 2), ("1.14.0", 0), ("2.13.1", 0)])
def test_another_minor_version_of_dagster_is_stored_one_by_one(tmp_path: Path, version: str, together: int) -> None:
    storage = BatchingSqliteEventLogStorage(str(tmp_path), dagster_version=version)
    watch_for_batches(tmp_path / "index.db")
    storage.store_event_batch([materialized("gas", A), materialized("gas", B, 1), materialized("gas", C, 2)])
    assert storage.supports_partition_subset_in_asset_materialization_planned_events == (together > 0)
    assert storage.get_materialized_partitions(AssetKey("gas")) == {A, B, C}
    assert arrived_together(tmp_path) == together


def test_an_empty_batch_is_nothing(tmp_path: Path) -> None:
    BatchingSqliteEventLogStorage(str(tmp_path)).store_event_batch([])
    assert rows(tmp_path / "index.db", "SELECT * FROM event_logs") == []


# --- What goes wrong ------------------------------------------------------------------------------------------------


def refuse(database: Path, writing: str, condition: str = "1") -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            f"CREATE TRIGGER refuse BEFORE {writing} WHEN {condition} BEGIN SELECT RAISE(ABORT, 'disk is tired'); END"
        )


BATCH = [materialized("gas", A, 1), materialized("gas", B, 2), materialized("water", C, 3)]


@pytest.mark.parametrize(
    ("shard", "writing", "condition"),
    [
        (RUN, "INSERT ON event_logs", f"NEW.partition = '{B}'"),
        ("index", "INSERT ON event_logs", f"NEW.partition = '{B}'"),
        ("index", "INSERT ON asset_event_tags", "NEW.event_id > 3"),
        ("index", "UPDATE ON asset_keys", "1"),
        ("index", "INSERT ON asset_check_executions", "1"),
    ],
)
def test_a_batch_that_fails_midway_leaves_nothing_in_either_database(
    tmp_path: Path, shard: str, writing: str, condition: str
) -> None:
    storage = BatchingSqliteEventLogStorage(str(tmp_path))
    storage.store_event(materialized("water", A))
    before = tables(tmp_path)
    refuse(tmp_path / f"{shard}.db", writing, condition)
    with pytest.raises(Exception, match="disk is tired"):
        storage.store_event_batch([*BATCH, check_planned("water", 4)])
    assert tables(tmp_path) == before


def test_after_a_failed_batch_the_storage_works_on(tmp_path: Path) -> None:
    storage = BatchingSqliteEventLogStorage(str(tmp_path))
    refuse(tmp_path / "index.db", "INSERT ON asset_event_tags")
    with pytest.raises(Exception, match="disk is tired"):
        storage.store_event_batch(BATCH)
    with closing(sqlite3.connect(tmp_path / "index.db")) as connection:
        connection.execute("DROP TRIGGER refuse")
    storage.store_event_batch(BATCH)
    assert storage.get_materialized_partitions(AssetKey("gas")) == {A, B}
    assert len(rows(tmp_path / f"{RUN}.db", "SELECT * FROM event_logs")) == 3


def test_dagster_repeats_a_failed_batch_one_by_one_without_duplicates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = event_log_folder(tmp_path)
    with opened(ensure_home(tmp_path)) as instance:
        # Refused is a second day that comes before the first one has its asset key: a batch, not a single event.
        refuse(
            log / "index.db", "INSERT ON event_logs", f"NEW.partition = '{B}' AND NOT EXISTS (SELECT 1 FROM asset_keys)"
        )
        for event in BATCH:
            instance.handle_new_event(event, batch_metadata=DagsterEventBatchMetadata("one", event is BATCH[-1]))
        assert instance.get_materialized_partitions(AssetKey("gas")) == {A, B}
    assert "Exception while storing event batch" in capsys.readouterr().err
    for shard in ("index", RUN):
        found = rows(log / f"{shard}.db", "SELECT partition FROM event_logs ORDER BY id")
        assert [row["partition"] for row in found] == [A, B, C]


@pytest.mark.parametrize("shard", ["index", RUN])
def test_a_batch_waits_while_another_process_writes(tmp_path: Path, shard: str) -> None:
    storage = BatchingSqliteEventLogStorage(str(tmp_path))
    storage.store_event(materialized("oil", A))
    with closing(sqlite3.connect(tmp_path / f"{shard}.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        released = threading.Timer(0.3, other.execute, ["COMMIT"])
        released.start()
        began = time.monotonic()
        storage.store_event_batch(BATCH)
        assert time.monotonic() - began >= 0.25
        released.join()
    assert len(rows(tmp_path / "index.db", "SELECT * FROM event_logs")) == 4


def test_threads_that_store_batches_side_by_side_lose_nothing(tmp_path: Path) -> None:
    storage = BatchingSqliteEventLogStorage(str(tmp_path))
    batches = [[materialized(f"meter_{n}", day, n, RUN if n % 2 else OTHER_RUN) for day in KEYS] for n in range(8)]
    threads = [threading.Thread(target=storage.store_event_batch, args=[batch]) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(8):
        assert storage.get_materialized_partitions(AssetKey(f"meter_{n}")) == set(KEYS)
    found = rows(tmp_path / "index.db", "SELECT last_materialization, asset_key FROM asset_keys")
    for row in found:
        storage_id = json.loads(row["last_materialization"])["storage_id"]
        assert rows(tmp_path / "index.db", f"SELECT asset_key, partition FROM event_logs WHERE id = {storage_id}") == [
            {"asset_key": row["asset_key"], "partition": KEYS[-1]}
        ]
