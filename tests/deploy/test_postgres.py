"""Dagster's home in PostgreSQL: deploy/dagster.postgres.yaml against a real server."""

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
import yaml
from sqlalchemy.exc import ProgrammingError

from tests.conftest import SmallHouse
from tests.deploy.postgres_server import PASSWORD, PostgresServer, missing
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.backfill import backfill, dagster_instance
from workflows_dagster.pipeline.partitions import range_tags
from workflows_dagster.pipeline.storage.event_log import BATCH_SIZE_VARIABLE
from workflows_dagster.records.days import read_days

pytest.importorskip("dagster_postgres", reason="not installed: pip install 'utility-meters[postgres]'")

INSTANCE_FILE = Path(__file__).parents[2] / "deploy" / "dagster.postgres.yaml"
FIRST, LAST = date(2025, 6, 1), date(2025, 6, 30)
# Where stock stores each day by itself.
TENTH = date(2025, 6, 10)
METERS = """\
    meters:
      - meter_id: strom
        type: physical
        output_unit: kWh
      - meter_id: strom_haus
        type: master
        output_unit: kWh
        periods:
          - start_date: 2025-06-01
            end_date: 9999-12-31
            composition_type: single
            source_meters: [strom]
            source_unit: kWh
    """


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    if reason := missing():
        pytest.skip(reason)
    server = PostgresServer()
    server.start()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def home(server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that knows nothing yet."""
    server.ask("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "2000")
    (tmp_path / "home").mkdir()
    shutil.copy(INSTANCE_FILE, tmp_path / "home" / "dagster.yaml")
    return tmp_path / "home"


@pytest.fixture
def house(small_house: Callable[..., SmallHouse]) -> SmallHouse:
    house = small_house(METERS)
    house.read("strom", {"2025-05-31 12:00": 100.0, "2025-06-10 12:00": 130.0, "2025-07-01 12:00": 200.0})
    return house


def test_runs_events_and_schedules_are_kept_in_the_database_over_the_named_driver(home: Path) -> None:
    from dagster_postgres import PostgresRunStorage, PostgresScheduleStorage

    from workflows_dagster.pipeline.storage.postgres_event_log import BatchingPostgresEventLogStorage

    with dagster_instance(home) as instance:
        assert type(instance.event_log_storage) is BatchingPostgresEventLogStorage
        assert type(instance.run_storage) is PostgresRunStorage
        assert type(instance.schedule_storage) is PostgresScheduleStorage
        assert instance.event_log_storage.postgres_url.startswith("postgresql+psycopg2://")
        assert PASSWORD not in instance.event_log_storage.postgres_url


def test_every_day_of_a_backfill_is_known_as_materialized_and_no_database_is_left_in_the_home(
    home: Path, house: SmallHouse
) -> None:
    with dagster_instance(home) as instance:
        backfill(house.settings, instance, ["strom", "strom_haus"], DayRange(FIRST, LAST))
        for meter in ("strom", "strom_haus"):
            assert len(instance.get_materialized_partitions(dg.AssetKey(meter))) == 30
    zone = house.settings.site.zone
    assert len(read_days(house.store, "strom_haus", days.opening(FIRST, zone), days.closing(LAST, zone))) == 30
    assert list(home.rglob("*.db")) == []


MONTH = dg.DailyPartitionsDefinition("2025-06-01", "2025-07-01")


@dg.asset(partitions_def=MONTH, backfill_policy=dg.BackfillPolicy.single_run())
def first() -> dg.MaterializeResult:
    return dg.MaterializeResult(data_version=dg.DataVersion("6"))


@dg.asset(partitions_def=MONTH, backfill_policy=dg.BackfillPolicy.single_run(), deps=[first])
def second(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"days": len(context.partition_keys)}, data_version=dg.DataVersion("7"))


def materialize(home: Path) -> None:
    with dagster_instance(home) as instance:
        assert dg.materialize([first, second], instance=instance, tags=range_tags(DayRange(FIRST, TENTH))).success


def test_a_batch_of_events_is_one_transaction(
    home: Path, server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = {}
    for size in ("0", "2000"):
        monkeypatch.setenv(BATCH_SIZE_VARIABLE, size)
        before = server.commits()
        materialize(home)
        commits[size] = server.commits() - before
    # 20 partitions announced and 20 materialized, one by one in several transactions each; all else is some 130.
    assert commits["0"] > 400
    assert commits["2000"] < 200


def test_the_tables_are_those_of_the_stock_log(home: Path, server: PostgresServer) -> None:
    def tables() -> dict[str, str]:
        return {name: server.ask(f"SELECT json_agg(row) FROM ({query}) AS row") for name, query in TABLES.items()}

    materialize(home)
    ours = tables()
    server.ask("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    content = yaml.safe_load(INSTANCE_FILE.read_text())
    content["event_log_storage"] |= {"module": "dagster_postgres", "class": "PostgresEventLogStorage"}
    (home / "dagster.yaml").write_text(yaml.safe_dump(content))
    materialize(home)
    assert ours == tables()
    assert len(json.loads(ours["event_logs"])) > 40


# All but what differs from run to run: its id, and the time.
TABLES = {
    "event_logs": "SELECT id, dagster_event_type, step_key, asset_key, partition FROM event_logs ORDER BY id",
    "asset_event_tags": "SELECT event_id, asset_key, key, value FROM asset_event_tags "
    "WHERE key NOT IN ('dagster/input_event_pointer/first', 'dagster/code_version') ORDER BY event_id, key, value",
    "asset_keys": """SELECT asset_key, last_materialization ->> 'storage_id' AS storage, asset_details, wipe_timestamp
        FROM (SELECT asset_key, last_materialization::json, asset_details, wipe_timestamp FROM asset_keys) AS keys
        ORDER BY asset_key""",
}


def test_a_batch_that_fails_leaves_nothing_behind(home: Path, server: PostgresServer) -> None:
    materialize(home)
    before = server.ask("SELECT count(*) FROM event_logs")
    with dagster_instance(home) as instance:
        log = instance.event_log_storage
        records = instance.fetch_materializations(dg.AssetKey("first"), limit=5).records
        server.ask("ALTER TABLE asset_keys RENAME TO elsewhere")
        with pytest.raises(ProgrammingError):
            log.store_event_batch([record.event_log_entry for record in records])
    assert server.ask("SELECT count(*) FROM event_logs") == before


def test_a_token_provider_is_refused_with_the_remedy() -> None:
    from workflows_dagster.pipeline.storage.postgres_event_log import BatchingPostgresEventLogStorage

    with pytest.raises(ValueError, match=r"'auth_provider' is not known .* take its place\.$"):
        BatchingPostgresEventLogStorage.from_config_value(None, {"auth_provider": {"aws_wif": {"region": "eu"}}})


def test_the_home_says_what_the_sqlite_one_says(home: Path) -> None:
    with dagster_instance(home) as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 3600
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1
