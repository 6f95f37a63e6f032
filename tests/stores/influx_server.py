"""A real InfluxDB in folders and on a port of its own, for tests."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import time
from pathlib import Path

import urllib3

from workflows_dagster.stores.influx.store import InfluxStore

ORG = "home"
TOKEN = "a-token-that-nobody-may-read"


def executable() -> str | None:
    """Find influxd."""
    return shutil.which("influxd")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class InfluxServer:
    """One influxd, which can be stopped, killed and started again on the same folders and port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._pool = urllib3.PoolManager(retries=False)

    def start(self) -> None:
        """Start and wait until it answers."""
        command = [
            executable() or "influxd",
            "--bolt-path",
            str(self._folder / "influxd.bolt"),
            "--engine-path",
            str(self._folder / "engine"),
            "--sqlite-path",
            str(self._folder / "influxd.sqlite"),
            "--http-bind-address",
            f"127.0.0.1:{self._port}",
            "--reporting-disabled",
            # Its profile of allocations takes a fifth of its time.
            "--pprof-disabled",
            "--no-tasks",
            "--log-level",
            "error",
        ]
        with (self._folder / "influxd.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        due = time.monotonic() + 30
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > due:
                raise RuntimeError(f"influxd did not start: {(self._folder / 'influxd.log').read_text()[-2000:]}")
            time.sleep(0.05)

    def set_up(self) -> None:
        """Create organisation and token."""
        self.ask(
            "POST",
            "/api/v2/setup",
            {"username": "owner", "password": "long-enough", "org": ORG, "bucket": "first", "token": TOKEN},
        )

    def stop(self) -> None:
        """Ask it to end."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def kill(self) -> None:
        """End it without asking, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def close(self) -> None:
        self.stop()
        self._pool.clear()

    def store(self, **changes: object) -> InfluxStore:
        """Open a store on a new pair of buckets, unless `changes` says otherwise."""
        number = next(self._numbers)
        given: dict[str, object] = {
            "url": self.url,
            "token": TOKEN,
            "org": ORG,
            "bucket_raw": f"raw {number}",
            "bucket_processed": f"processed {number}",
            "retry_attempts": 0,
            "timeout_ms": 10_000,
            **changes,
        }
        if "bucket_raw" not in changes:
            self.bucket(str(given["bucket_raw"]))
        store = InfluxStore(**given)  # type: ignore[arg-type]
        if "bucket_processed" not in changes:
            store.create_bucket_processed()
        return store

    def bucket(self, name: str) -> str:
        """Create a bucket as a server makes it by default, and give its id."""
        made = self.ask("POST", "/api/v2/buckets", {"orgID": self.org_id(), "name": name, "retentionRules": []})
        return str(made["id"])

    def org_id(self) -> str:
        return str(self.ask("GET", f"/api/v2/orgs?org={ORG}")["orgs"][0]["id"])

    def lines(self, bucket: str, *lines: str) -> None:
        """Write line protocol as others do."""
        self.ask(
            "POST",
            f"/api/v2/write?org={ORG}&bucket={bucket.replace(' ', '%20')}&precision=us",
            "\n".join(lines).encode(),
        )

    def ask(self, method: str, path: str, content: object = None) -> dict:  # type: ignore[type-arg]
        answer = self.answer(method, path, content)
        return dict(json.loads(answer)) if answer else {}

    def answer(self, method: str, path: str, content: object = None) -> str:
        """Ask what only the tests ask, and give the answer as it comes."""
        body = {"body": content} if isinstance(content, bytes) else {"json": content} if content is not None else {}
        answer = self._pool.request(method, self.url + path, headers={"Authorization": f"Token {TOKEN}"}, **body)  # type: ignore[arg-type]
        assert answer.status < 300, (answer.status, answer.data)
        return answer.data.decode()

    def _answers(self) -> bool:
        try:
            return self._pool.request("GET", self.url + "/health", timeout=1.0).status == 200
        except urllib3.exceptions.HTTPError:
            return False
