"""Dagster's home: made once, with our instance file, never over an owner's."""

import multiprocessing
import os
import sqlite3
from contextlib import closing
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import yaml
from alembic.util import CommandError
from dagster import DagsterInstance
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.run_coordinator import QueuedRunCoordinator
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.sqlite import LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION

from tests.pipeline.concurrent_homes import make_at_once, open_at_once
from workflows_dagster.pipeline.backfill import dagster_instance
from workflows_dagster.pipeline.storage.event_log import BATCH_SIZE_VARIABLE, BatchingSqliteEventLogStorage
from workflows_dagster.pipeline.storage.home import INSTANCE_FILE, HomeError, ensure_home
from workflows_dagster.pipeline.storage.opening import keep_newest_version
from workflows_dagster.settings.dagster_home import home_folder

DATABASES = ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"]
DEPLOYED_FILE = Path(__file__).parents[3] / "deploy" / "dagster.yaml"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "2000")
    return tmp_path / "home"


def test_the_file_in_deploy_is_the_one_that_a_fresh_home_gets() -> None:
    assert DEPLOYED_FILE.read_text() == INSTANCE_FILE, (
        "deploy/dagster.yaml and pipeline/storage/home.py differ. Copy one over."
    )


def test_the_home_is_where_the_environment_says() -> None:
    assert home_folder(Path("/data"), {"DAGSTER_HOME": "/var/lib/dagster"}) == Path("/var/lib/dagster")


@pytest.mark.parametrize("environ", [{}, {"DAGSTER_HOME": ""}], ids=["unset", "empty"])
def test_the_home_is_in_the_data_folder_by_default(environ: dict[str, str]) -> None:
    assert home_folder(Path("/data"), environ) == Path("/data/dagster_home")


@pytest.mark.parametrize(
    ("data_dir", "environ", "expected"),
    [
        ("data", {}, Path.cwd() / "data" / "dagster_home"),
        ("data", {"DAGSTER_HOME": "here"}, Path.cwd() / "here"),
        ("data", {"DAGSTER_HOME": "~/dagster"}, Path.home() / "dagster"),
    ],
)
def test_the_home_is_absolute_because_dagster_refuses_it_otherwise(
    data_dir: str, environ: dict[str, str], expected: Path
) -> None:
    assert home_folder(Path(data_dir), environ) == expected


def test_a_home_is_made_with_all_the_folders_above_it(tmp_path: Path) -> None:
    home = tmp_path / "data" / "dagster_home"
    assert ensure_home(home) == home
    assert (home / "dagster.yaml").read_text() == INSTANCE_FILE


def test_what_a_killed_restore_has_moved_out_is_linked(tmp_path: Path) -> None:
    (tmp_path / "current" / "history").mkdir(parents=True)
    home = tmp_path / "home"
    home.mkdir()
    (home / ".history.link").symlink_to("../current/history")
    (home / ".schedules.link").symlink_to("../current/schedules")
    ensure_home(home)
    assert (home / "history").is_dir()
    assert not (home / "schedules").is_symlink()


def test_nothing_else_is_left_in_a_fresh_home(tmp_path: Path) -> None:
    assert [path.name for path in ensure_home(tmp_path).iterdir()] == ["dagster.yaml"]


def test_other_services_may_read_the_file(tmp_path: Path) -> None:
    assert (ensure_home(tmp_path) / "dagster.yaml").stat().st_mode & 0o777 == 0o644


def test_an_edited_file_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    ensure_home(tmp_path)
    assert (tmp_path / "dagster.yaml").read_text() == "telemetry: {enabled: true}\n"


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    before = (ensure_home(tmp_path) / "dagster.yaml").stat()
    ensure_home(tmp_path)
    after = (tmp_path / "dagster.yaml").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def preloaded() -> ForkServerContext:
    """Processes of their own that need not each load Dagster."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.pipeline.concurrent_homes"])
    return context


def test_processes_that_make_the_home_at_once_all_find_one_whole_file(tmp_path: Path) -> None:
    context = preloaded()
    start, homes = context.Barrier(3), [tmp_path / str(number) / "home" for number in range(100)]
    makers = [context.Process(target=make_at_once, args=(start, homes)) for _ in range(3)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join(timeout=60)
    assert [maker.exitcode for maker in makers] == [0, 0, 0]
    assert {path.name for home in homes for path in home.iterdir()} == {"dagster.yaml"}


def versions(home: Path, database: str) -> list[str]:
    with closing(sqlite3.connect(home / database)) as connection:
        return [version for (version,) in connection.execute("SELECT version_num FROM alembic_version")]


def test_processes_that_open_a_fresh_home_at_once_leave_one_schema_version(tmp_path: Path) -> None:
    context = preloaded()
    start, homes = context.Barrier(2), [tmp_path / str(number) for number in range(3)]
    users = [context.Process(target=open_at_once, args=(start, homes)) for _ in range(2)]
    for user in users:
        user.start()
    for user in users:
        user.join(timeout=120)
    assert [user.exitcode for user in users] == [0, 0]
    assert {len(versions(home, database)) for home in homes for database in DATABASES} == {1}


@pytest.mark.parametrize("database", DATABASES)
def test_a_database_with_two_schema_versions_is_mended_when_the_home_is_opened(home: Path, database: str) -> None:
    with dagster_instance(home):
        pass
    (newest,) = versions(home, database)
    with closing(sqlite3.connect(home / database)) as connection, connection:
        connection.execute("INSERT INTO alembic_version VALUES (?)", (LAST_KNOWN_STAMPED_SQLITE_ALEMBIC_REVISION,))
    with pytest.raises(CommandError, match="more than one head"), DagsterInstance.get() as instance:
        instance.event_log_storage.alembic_version()
    with dagster_instance(home) as instance:
        assert instance.get_runs_count() == 0
    assert versions(home, database) == [newest]


def test_versions_that_dagster_does_not_know_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        assert not keep_newest_version(path)
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.executemany("INSERT INTO alembic_version VALUES (?)", [("newer",), ("another",)])
    assert not keep_newest_version(path)
    assert versions(tmp_path, "runs.db") == ["newer", "another"]


def test_a_file_where_the_home_should_be_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(HomeError, match=r"^DAGSTER_HOME: .*home cannot be made .*File exists.* name another\.$"):
        ensure_home(tmp_path / "home")


def test_a_folder_below_a_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(HomeError, match=r"Not a directory.*Make the folder writable"):
        ensure_home(tmp_path / "data" / "dagster_home")


def test_dagster_accepts_the_file_and_does_what_it_says(home: Path) -> None:
    ensure_home(home)
    with DagsterInstance.get() as instance:
        assert type(instance.event_log_storage) is BatchingSqliteEventLogStorage
        assert type(instance.run_storage) is SqliteRunStorage
        assert isinstance(instance.run_coordinator, QueuedRunCoordinator)
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 1
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 3600
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.get_tick_retention_settings(InstigatorType.SENSOR)[TickStatus.SKIPPED] == 1
        assert -1 not in instance.get_tick_retention_settings(InstigatorType.SCHEDULE).values()


def databases(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*.db")}


def test_the_databases_stand_where_stock_puts_them(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with DagsterInstance.from_config(str(ensure_home(home))):
        pass
    stock = tmp_path / "stock"
    stock.mkdir()
    (stock / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(stock))
    with DagsterInstance.get() as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
    assert databases(home) == databases(stock) == {"history/runs.db", "history/runs/index.db", "schedules/schedules.db"}


def test_a_tilde_in_the_variable_leads_all_databases_to_one_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", "~/dagster")
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "2000")
    home = ensure_home(home_folder(tmp_path / "data", os.environ))
    with DagsterInstance.get():
        pass
    assert databases(home) == {"history/runs.db", "history/runs/index.db", "schedules/schedules.db"}


def test_the_file_names_no_folder_of_any_machine() -> None:
    def texts(node: object) -> list[str]:
        if isinstance(node, dict):
            return [text for entry in node.values() for text in texts(entry)]
        return [node] if isinstance(node, str) else []

    assert [text for text in texts(yaml.safe_load(INSTANCE_FILE)) if "/" in text] == []


def test_a_home_whose_file_names_the_event_log_where_it_once_was_still_works(home: Path) -> None:
    older = INSTANCE_FILE.replace("pipeline.storage.event_log", "pipeline.event_log")
    assert older != INSTANCE_FILE
    home.mkdir()
    (home / "dagster.yaml").write_text(older)
    ensure_home(home)
    with DagsterInstance.get() as instance:
        assert type(instance.event_log_storage) is BatchingSqliteEventLogStorage
