"""The house page: start, memory, twenty readers, a spreadsheet, a typed reading that becomes a number.

python -m bench.house_page
"""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from rich.console import Console
from rich.table import Column, Table

from bench.apart import ROOT, influx_server
from bench.household import LAST
from bench.houses import DAYS, House, Houses

TOKEN = "a-token-of-the-benchmark"
READERS, QUESTIONS = 20, 30
PAGE_MS, CONSUMPTION_MS, IDLE_MB, START_SECONDS, SHEET_SECONDS, TYPED_SECONDS = 150, 60, 170, 2, 5, 45
ROWS = 18_250
METER, TYPED_METER = "gas_total", "og2_wasser_warm"
_PATIENCE = 120


def main() -> None:
    """Print each figure beside what is asked."""
    console = Console(width=140)
    with TemporaryDirectory() as folder:
        houses = Houses(Path(folder))
        with houses.embedded() as house:
            console.print(_measured(house, "embedded"))
        with influx_server() as server:
            if server is None:
                console.print("InfluxDB: left out, no influxd on the PATH.")
                return
            with houses.influx(server) as house:
                console.print(_measured(house, "InfluxDB"))


def _measured(house: House, store: str) -> Table:
    right = [Column(name, justify="right") for name in ("is", "asked")]
    table = Table(f"the house page, four years of 27 meters, {store}", *right)
    house.run("ours", DAYS)
    (house.folder / "secrets").mkdir(exist_ok=True)
    (house.folder / "secrets" / "house.env").write_text(f"HOUSE_TOKEN={TOKEN}\n", encoding="utf-8")
    with _served(house) as (port, started, idle):
        table.add_row("start", f"{started:.1f} s", f"≤ {START_SECONDS} s")
        table.add_row("idle memory (PSS)", f"{idle:.0f} MB", f"≤ {IDLE_MB} MB")
        _add_readers(table, port)
        table.add_row(f"a sheet of {ROWS:,} rows stored", f"{_sheet(port):.1f} s", f"≤ {SHEET_SECONDS} s")
        table.add_row("typed reading → new number", f"{_typed(house, port):.0f} s", f"≤ {TYPED_SECONDS} s")
    return table


def _add_readers(table: Table, port: int) -> None:
    since = f"from={LAST - timedelta(days=DAYS - 1)}&to={LAST}"
    for path, most in (
        ("/", PAGE_MS),
        (f"/meters/{METER}", PAGE_MS),
        (f"/api/v1/meters/{METER}/consumption?by=day&{since}", CONSUMPTION_MS),
    ):
        found = _asked_at_once(port, path)
        p95 = sorted(found)[int(0.95 * len(found))]
        name = f"first byte of {path.split('?')[0]}, {READERS} readers, p95"
        table.add_row(name, f"{1000 * p95:.0f} ms", f"≤ {most} ms")


def _asked_at_once(port: int, path: str) -> list[float]:
    """Ask for a path by many readers, each again and again. [s]"""  # noqa: D415
    seconds: list[float] = []

    def read() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        for _ in range(QUESTIONS):
            began = time.perf_counter()
            connection.request("GET", path)
            answer = connection.getresponse()
            seconds.append(time.perf_counter() - began)
            assert answer.status == 200, answer.status
            answer.read()

    threads = [threading.Thread(target=read) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds


def _sheet(port: int) -> float:
    """Upload hourly rows of two years for a meter of its own time. [s]"""  # noqa: D415
    times = pd.date_range("2018-01-01", periods=ROWS, freq="h", tz="UTC")
    lines = [f"{at:%Y-%m-%dT%H:%M:%S+00:00},{place * 0.25}" for place, at in enumerate(times)]
    body = "\r\n".join(
        ["--x", 'Content-Disposition: form-data; name="file"; filename="a.csv"', "", "time,value", *lines, "--x--", ""]
    )
    began = time.perf_counter()
    answer = _post(port, "/api/v1/meters/eg_strom/upload", body.encode(), "multipart/form-data; boundary=x")
    assert answer["written"] == ROWS, answer
    return time.perf_counter() - began


def _typed(house: House, port: int) -> float:
    """Type in a reading while the daemon runs, and wait until a day before it has another number. [s]"""  # noqa: D415
    from bench.by_itself import daemon

    day = LAST - timedelta(days=20)
    path = f"/api/v1/meters/{TYPED_METER}/consumption?by=day&from={day}&to={day}"

    def number() -> float:
        return float(_get(port, path)[0]["consumption"])

    with daemon(house.environment) as log:
        _wait(lambda: "Sensor new_readings" in log.read_text(errors="replace"))
        before, register = number(), _get(port, path)[0]["opening"]
        noon = f"{day}T12:00:00+01:00"
        began = time.monotonic()
        body = json.dumps({"value": round(register + 0.3, 3), "time": noon}).encode()
        _post(port, f"/api/v1/meters/{TYPED_METER}/readings?implausible=store", body, "application/json")
        _wait(lambda: number() != before)
        return time.monotonic() - began


def _get(port: int, path: str) -> list[dict[str, float]]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    found: list[dict[str, float]] = json.load(connection.getresponse())
    return found


def _post(port: int, path: str, body: bytes, kind: str) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("POST", path, body, {"Content-Type": kind, "Authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    found: dict[str, object] = json.load(answer)
    assert answer.status == 200, found
    return found


@contextmanager
def _served(house: House) -> Iterator[tuple[int, float, float]]:
    """Serve a house; gives the port, the seconds until it answered and the idle memory. [s] [MB]"""  # noqa: D415
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [sys.executable, "-m", "workflows_dagster.service", "house", "--port", str(port)]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, env=dict(house.environment), stdout=subprocess.DEVNULL)
    try:
        _wait(lambda: _answers(port), pause=0.02)
        started = time.monotonic() - began
        _get(port, "/api/v1/meters")
        time.sleep(2)
        yield port, started, _pss(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False


def _pss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def _wait(done: Callable[[], bool], pause: float = 0.5) -> None:
    until = time.monotonic() + _PATIENCE
    while not done():
        if time.monotonic() > until:
            raise TimeoutError(f"house_page: nothing came within {_PATIENCE} s.")
        time.sleep(pause)


if __name__ == "__main__":
    main()
