"""What is the embedded store's own: one file, several processes, migrations, clear refusals."""

from __future__ import annotations

import multiprocessing
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.migrations import MIGRATIONS, Migration, bring_up_to_date
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, RawSeries, StoreError

GAS = RawSeries("m³", "gas_zahler")
MINUTES = pd.date_range("2024-01-01", periods=200, freq="min", tz="UTC").as_unit("us")
YEAR = (pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2025-01-01", tz="UTC"))


def points(*values: float) -> pd.DataFrame:
    return pd.DataFrame({"consumption": values, "quality": ["measured"] * len(values)}, index=MINUTES[: len(values)])


def reading(value: float) -> pd.Series:
    return pd.Series([value], index=MINUTES[:1])


def test_nothing_is_on_disk_before_the_first_use_and_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "data" / "house" / "meters.sqlite"
    store = EmbeddedStore(path)
    assert not path.parent.exists()
    assert store.readings(GAS).empty
    assert path.exists()
    store.close()


def test_a_file_keeps_everything_when_it_is_opened_again(tmp_path: Path) -> None:
    with closing(EmbeddedStore(tmp_path / "m.sqlite")) as first:
        first.write_readings(GAS, reading(1.25))
        first.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, points(1.0, 2.0))
    with closing(EmbeddedStore(tmp_path / "m.sqlite")) as second:
        assert second.readings(GAS).tolist() == [1.25]
        assert second.read(CONSUMPTION_DAILY, "gas_zahler")["consumption"].tolist() == [1.0, 2.0]


def changes_seen(path: Path) -> int:
    """Count the writes to a file as another connection sees them: pages of its write-ahead log."""
    return Path(f"{path}-wal").stat().st_size


def test_a_repeat_writes_not_a_byte(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    with closing(EmbeddedStore(path)) as store:
        work = (
            lambda: store.write_readings(GAS, reading(1.25)),
            lambda: store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, points(1.0, 2.0)),
        )
        for write in work:
            write()
        with closing(sqlite3.connect(path)) as watcher:
            before = watcher.execute("PRAGMA data_version").fetchone(), changes_seen(path)
            for write in work:
                write()
            assert (watcher.execute("PRAGMA data_version").fetchone(), changes_seen(path)) == before
            store.write_readings(GAS, reading(1.5))
            assert (watcher.execute("PRAGMA data_version").fetchone(), changes_seen(path)) != before


def test_of_two_domains_at_one_instant_the_one_written_last_wins(tmp_path: Path) -> None:
    sensor = RawSeries("m³", "gas_zahler", domain="sensor")
    with closing(EmbeddedStore(tmp_path / "m.sqlite")) as store:
        store.write_readings(sensor, reading(1.0))
        store.write_readings(GAS, reading(2.0))
        assert store.readings(GAS).tolist() == [2.0]
        store.write_readings(sensor, reading(3.0))
        assert store.readings(GAS).tolist() == [3.0]


def test_a_replacement_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    with closing(EmbeddedStore(path)) as store:
        store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, points(1.0, 2.0, 3.0))
        with closing(sqlite3.connect(path)) as meddler:
            meddler.execute(
                "CREATE TRIGGER full BEFORE INSERT ON points WHEN NEW.value = 9 BEGIN SELECT RAISE(ABORT, 'x'); END"
            )
            meddler.commit()
        with pytest.raises(StoreError, match="SQLite failed"):
            store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, points(5.0, 9.0))
        assert store.read(CONSUMPTION_DAILY, "gas_zahler")["consumption"].tolist() == [1.0, 2.0, 3.0]


def test_a_write_that_does_not_stand_there_afterwards_is_an_error_and_undone(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    with closing(EmbeddedStore(path)) as store:
        store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, points(1.0))
        with closing(sqlite3.connect(path)) as meddler:
            meddler.execute(
                "CREATE TRIGGER lossy AFTER UPDATE ON points BEGIN DELETE FROM points WHERE time = NEW.time; END"
            )
            meddler.commit()
        with pytest.raises(StoreError, match="meter_consumption of gas_zahler does not read back as written"):
            store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, points(2.0))
        assert store.read(CONSUMPTION_DAILY, "gas_zahler")["consumption"].tolist() == [1.0]


# Refusals


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    with closing(EmbeddedStore(path)) as store:
        store.write_readings(GAS, reading(1.0))
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with closing(EmbeddedStore(path)) as store, pytest.raises(StoreError) as refused:
        store.write_readings(GAS, reading(2.0))
    assert str(refused.value) == (
        f"{path}: its schema is version 99, this program knows up to {len(MIGRATIONS)}."
        " Update the program, or restore a backup made by this version."
    )
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    path.write_text("time,value\n2024-01-01,17\n" * 200)
    before = path.read_bytes()
    with closing(EmbeddedStore(path)) as store:
        for work in (lambda: store.readings(GAS), lambda: store.write_readings(GAS, reading(1.0))):
            with pytest.raises(StoreError, match=r"m\.sqlite: this is not a SQLite database .* Move it aside"):
                work()
    assert path.read_bytes() == before


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE recipes (name)")
    before = path.read_bytes()
    with closing(EmbeddedStore(path)) as store, pytest.raises(StoreError, match="belongs to another program"):
        store.catalogue()
    assert path.read_bytes() == before


def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    with closing(EmbeddedStore(path)) as store:
        store.write_readings(GAS, pd.Series(np.arange(200.0), index=MINUTES))
        store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, points(1.0))
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with closing(EmbeddedStore(path)) as store, pytest.raises(StoreError, match=r"damaged .* restore a backup"):
        store.readings(GAS)


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    with closing(EmbeddedStore(tmp_path)) as store, pytest.raises(StoreError, match="cannot be opened"):
        store.readings(GAS)
    (tmp_path / "file").touch()
    with (
        closing(EmbeddedStore(tmp_path / "file" / "m.sqlite")) as store,
        pytest.raises(StoreError, match="Check the folder"),
    ):
        store.readings(GAS)


def test_a_writer_that_does_not_end_is_an_error_after_the_wait_and_readers_go_on(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    with closing(EmbeddedStore(path, busy_seconds=0.05)) as store:
        store.write_readings(GAS, reading(1.0))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert store.readings(GAS).tolist() == [1.0]
            with pytest.raises(StoreError, match=r"another program has been writing for 0\.05 s"):
                store.write_readings(GAS, reading(2.0))


# Migrations


def test_a_step_that_fails_leaves_the_version_before_it(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    steps = (
        Migration("one", ("CREATE TABLE one (x)",)),
        Migration("two", ("CREATE TABLE two (x)", "CREATE TABLE one (x)")),
    )
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        with pytest.raises(sqlite3.OperationalError):
            bring_up_to_date(connection, path, steps)
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == [("one",)]
        bring_up_to_date(connection, path, (steps[0], Migration("two", ("CREATE TABLE two (x)",))))
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_file_of_the_first_step_is_brought_up_to_date_with_its_readings(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        bring_up_to_date(old, path, MIGRATIONS[:1])
        old.execute("INSERT INTO raw_series VALUES (1, 'm³', 'gas_zahler', 'value', 'sensor')")
        old.execute("INSERT INTO readings VALUES (1, 1704067200000000, 17.5, 1)")
    with closing(EmbeddedStore(path)) as store:
        assert store.readings(GAS).tolist() == [17.5]
        store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, points(1.0))


# Several at once


def write_many(path: Path, entity: str, value: float, ready: object) -> None:
    store = EmbeddedStore(path)
    ready.wait(20)  # type: ignore[attr-defined]
    for first in range(0, len(MINUTES), 10):
        part = MINUTES[first : first + 10]
        store.write_readings(RawSeries("m³", entity), pd.Series(value, index=part))
        store.write_readings(RawSeries("m³", "shared"), pd.Series(value, index=part))
        store.replace(CONSUMPTION_DAILY, "shared", "m³", *YEAR, points(*[value + first] * 50))
    store.replace(CONSUMPTION_DAILY, "shared", "m³", *YEAR, points(*[value] * 50))
    store.close()


def check_all_written(path: Path) -> None:
    with closing(EmbeddedStore(path)) as store:
        for number, entity in enumerate(("first", "second")):
            assert store.readings(RawSeries("m³", entity)).tolist() == [float(number)] * len(MINUTES)
        assert len(store.readings(RawSeries("m³", "shared"))) == len(MINUTES)
        assert store.read(CONSUMPTION_DAILY, "shared")["consumption"].nunique() == 1


def test_two_processes_may_create_and_write_one_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(2)
    writers = [
        context.Process(target=write_many, args=(path, name, float(i), ready))
        for i, name in enumerate(("first", "second"))
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert [writer.exitcode for writer in writers] == [0, 0]
    check_all_written(path)


def test_threads_may_share_one_store(tmp_path: Path) -> None:
    path = tmp_path / "m.sqlite"
    store = EmbeddedStore(path)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for first in range(0, len(MINUTES), 10):
                part = pd.Series(float(number % 2), index=MINUTES[first : first + 10])
                store.write_readings(RawSeries("m³", ("first", "second")[number % 2]), part)
                store.write_readings(RawSeries("m³", "shared"), part)
                store.readings(RawSeries("m³", "shared"), before=1)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    store.replace(CONSUMPTION_DAILY, "shared", "m³", *YEAR, points(1.0))
    store.close()
    assert failures == []
    check_all_written(path)
