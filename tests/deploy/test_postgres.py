"""Dagster's home in PostgreSQL: deploy/dagster.postgres.yaml against a real server."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
import yaml

from tests.deploy.postgres_server import PASSWORD, PostgresServer, missing
from tests.houses import SmallHouse
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.pipeline.backfill import backfill, dagster_instance
from workflows_dagster.pipeline.partitions import range_tags
from workflows_dagster.pipeline.storage.event_log import BATCH_SIZE_VARIABLE
from workflows_dagster.records.days import read_days

pytest.importorskip("dagster_postgres", reason="not installed: pip install 'utility-meters[postgres]'")

SUBSET_VARIABLE = "DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS"
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
    monkeypatch.setenv(SUBSET_VARIABLE, "1")
    (tmp_path / "home").mkdir()
    shutil.copy(INSTANCE_FILE, tmp_path / "home" / "dagster.yaml")
    return tmp_path / "home"


@pytest.fixture
def house(small_house: Callable[..., SmallHouse]) -> SmallHouse:
    house = small_house(METERS)
    house.read("strom", {"2025-05-31 12:00": 100.0, "2025-06-10 12:00": 130.0, "2025-07-01 12:00": 200.0})
    return house


def test_runs_events_and_schedules_are_kept_in_the_database_over_the_named_driver(home: Path) -> None:
    from dagster_postgres import PostgresEventLogStorage, PostgresRunStorage, PostgresScheduleStorage

    with dagster_instance(home) as instance:
        assert type(instance.event_log_storage) is PostgresEventLogStorage
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
    for size, subset in (("0", ""), ("2000", "1")):
        monkeypatch.setenv(BATCH_SIZE_VARIABLE, size)
        monkeypatch.setenv(SUBSET_VARIABLE, subset)
        before = server.commits()
        materialize(home)
        commits[size] = server.commits() - before
    # 20 partitions announced and 20 materialized, one by one in several transactions each; all else is some 130.
    assert commits["0"] > 400
    assert commits["2000"] < 200


def test_a_home_of_an_earlier_version_still_opens_and_gets_the_batches(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = yaml.safe_load(INSTANCE_FILE.read_text())
    content["event_log_storage"] |= {
        "module": "workflows_dagster.pipeline.postgres_event_log",
        "class": "BatchingPostgresEventLogStorage",
    }
    (home / "dagster.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.delenv(SUBSET_VARIABLE)
    monkeypatch.delitem(sys.modules, "workflows_dagster.pipeline.postgres_event_log", raising=False)
    materialize(home)
    with dagster_instance(home) as instance:
        assert len(instance.get_materialized_partitions(dg.AssetKey("second"))) == 10
    assert os.environ[SUBSET_VARIABLE] == "1"


def test_the_home_says_what_the_sqlite_one_says(home: Path) -> None:
    with dagster_instance(home) as instance:
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 3600
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1
