"""Faults of network, proxy and server over a real InfluxDB: the undisturbed result, or one clear sentence."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.clock import PatientClock
from tests.stores.fault_proxy import Exchange, Fault, FaultProxy, Kind
from tests.stores.influx_server import InfluxServer, executable
from workflows_dagster.stores.influx.store import InfluxStore
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, RawSeries, StoreError

POWER = RawSeries("kWh", "haupt_strom", domain="sensor")
HOURS = pd.date_range("2024-03-01", periods=24 * 60, freq="h", tz="UTC").as_unit("us")
REGISTER = pd.Series(4711.0 + np.cumsum(0.25 + 0.2 * np.sin(np.arange(len(HOURS)) / 4.0)), index=HOURS)
RANGE = (HOURS[0], HOURS[-1] + pd.Timedelta(hours=1))


def work(store: InfluxStore) -> pd.DataFrame:
    """Write a meter's hours, make its days from what the store gives, write and read them."""
    store.write_readings(POWER, REGISTER)
    register = store.readings(POWER, *RANGE, before=3, after=3)
    days = register.resample("D").last().sub(register.resample("D").first()).to_frame("consumption")
    days["quality"] = "measured"
    store.replace(CONSUMPTION_DAILY, "haupt_strom", "kWh", *RANGE, days)
    return store.read(CONSUMPTION_DAILY, "haupt_strom")[["consumption", "quality"]]


@pytest.fixture(scope="module")
def undisturbed(influx_server: InfluxServer) -> pd.DataFrame:
    store = influx_server.store()
    try:
        return work(store)
    finally:
        store.close()


@pytest.fixture(scope="module")
def proxy(influx_server: InfluxServer) -> Iterator[FaultProxy]:
    proxy = FaultProxy(influx_server.url)
    yield proxy
    proxy.close()


def hang(_: Exchange) -> None:
    time.sleep(0.8)


def lied(exchange: Exchange) -> None:
    """Say that it is stored, and store nothing."""
    exchange.answer(204, b"")


FAULTS: dict[str, tuple[Kind, Fault]] = {
    "connection reset": ("query", Exchange.reset),
    "reset while writing": ("write", Exchange.reset),
    "half an answer": ("query", Exchange.half),
    "no answer": ("query", hang),
    "no answer to a write": ("write", hang),
    "a trickle": ("query", lambda exchange: exchange.trickle(1.5)),
    "500": ("query", lambda exchange: exchange.refuse(500)),
    "503": ("write", lambda exchange: exchange.refuse(503)),
    "429": ("write", lambda exchange: exchange.refuse(429)),
    "401": ("query", lambda exchange: exchange.refuse(401)),
    "413": ("write", lambda exchange: exchange.refuse(413)),
    "422": ("write", lambda exchange: exchange.refuse(422)),
    "a 204 that stored nothing": ("write", lied),
    "cut in a line": ("query", lambda exchange: exchange.cut(at_a_lines_end=False)),
    "cut at a line's end": ("query", lambda exchange: exchange.cut(at_a_lines_end=True)),
    "a web page with 200": ("query", lambda exchange: exchange.answer(200, b"<html>Sign in</html>", "text/html")),
}
# What will not pass by asking again, or is not known to have failed before it is read back.
FINAL = {"401", "422", "a 204 that stored nothing"}
REMEDIES = ("Check", "Try", "Give", "Correct", "A field keeps")


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_passes_leaves_what_no_fault_would_have_left(
    influx_server: InfluxServer, undisturbed: pd.DataFrame, proxy: FaultProxy, name: str
) -> None:
    kind, fault = FAULTS[name]
    store = influx_server.store(url=proxy.url, retry_attempts=3, timeout_ms=500, clock=PatientClock())
    proxy.spoil(kind, fault, 1)
    try:
        if name in FINAL:
            with pytest.raises(StoreError) as caught:
                work(store)
            assert any(remedy in str(caught.value) for remedy in REMEDIES)
        found = work(store)
        assert proxy.spoiled == 1
        pd.testing.assert_frame_equal(found, undisturbed, check_exact=True)
    finally:
        store.close()


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_that_stays_is_one_sentence_and_afterwards_the_same_work_ends_well(
    influx_server: InfluxServer, undisturbed: pd.DataFrame, proxy: FaultProxy, name: str
) -> None:
    kind, fault = FAULTS[name]
    store = influx_server.store(url=proxy.url, retry_attempts=1, timeout_ms=500, clock=PatientClock())
    proxy.spoil(kind, fault, 10_000)
    try:
        with pytest.raises(StoreError) as caught:
            work(store)
        text = str(caught.value)
        assert text.startswith(f"InfluxDB at {proxy.url}: ")
        assert "\n" not in text
        assert any(remedy in text for remedy in REMEDIES)
        proxy.spoil(kind, fault, 0)
        pd.testing.assert_frame_equal(work(store), undisturbed, check_exact=True)
    finally:
        store.close()


def until_the_disk_is_full(store: InfluxStore) -> None:
    for _ in range(50):
        work(store)
        store.delete_readings(POWER, *RANGE)


def test_nobody_listens_is_one_sentence(influx_server: InfluxServer) -> None:
    store = influx_server.store()
    closed = influx_server.store(url="http://127.0.0.1:9", bucket_raw=store._raw, bucket_processed=store._processed)
    with pytest.raises(StoreError, match=r"not reachable while .* \(1 try\)\. Check that InfluxDB is running"):
        work(closed)
    closed.close()
    store.close()


def test_a_server_whose_disk_is_full_is_one_sentence_and_room_on_the_disk_mends_it(
    tmp_path: Path, undisturbed: pd.DataFrame
) -> None:
    if executable() is None:
        pytest.skip("no influxd on the PATH: put InfluxDB 2.x there to run this against a real server")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", disk], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("only root can mount a small disk to fill")
    server = InfluxServer(disk)
    try:
        server.start()
        server.set_up()
        store = server.store(retry_attempts=1, clock=PatientClock())
        ballast = disk / "ballast"
        with ballast.open("wb") as full:
            free = os.statvfs(disk)
            full.write(b"\0" * (free.f_bavail * free.f_frsize - 8192))
        with pytest.raises(StoreError) as caught:
            until_the_disk_is_full(store)
        assert str(caught.value).startswith(f"InfluxDB at {server.url}: ")
        ballast.unlink()
        # A server that was out of disk may answer from memory what it has not kept.
        server.stop()
        server.start()
        pd.testing.assert_frame_equal(work(store), undisturbed, check_exact=True)
        store.close()
    finally:
        server.close()
        subprocess.run(["umount", disk], check=True)
