"""Dagster's page over an empty home, as units and compose file start it, and requests to it with any headers."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.stores.influx_server import free_port
from workflows_dagster.pipeline.storage.home import ensure_home

ROOT = Path(__file__).parents[3]
LONGEST = 60
JSON = {"Content-Type": "application/json"}
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "graphql-ws",
}
LIMITS = "{ instance { concurrencyLimits { concurrencyKey } } }"


def mutation(key: str) -> str:
    """A command whose effect can be asked for."""
    return f'mutation {{ setConcurrencyLimit(concurrencyKey: "{key}", limit: 1) }}'


class Page:
    """The page of an empty home, as units and compose file start it."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.place = f"127.0.0.1:{self.port}"
        config = folder / "config"
        config.mkdir()
        (config / "config.yaml").write_text("dagster_page: {hosts: [nas.local]}\n")
        home = ensure_home(folder / "home")
        places = {"METERS_CONFIG_DIR": config, "METERS_DATA_DIR": folder, "DAGSTER_HOME": home, "PYTHONPATH": ROOT}
        words = ["dagster-webserver", "-h", "127.0.0.1", "-p", str(self.port), "--empty-workspace"]
        # Where SIGINT is ignored, as in a shell's background, Dagster ignores SIGTERM as well.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self.log = folder / "page.log"
            with self.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "workflows_dagster.service", *words],
                    env={**os.environ, **{name: str(place) for name, place in places.items()}},
                    cwd=folder,
                    stdout=log,
                    stderr=log,
                )
        finally:
            signal.signal(signal.SIGINT, before)

    def wait(self) -> None:
        until = time.monotonic() + LONGEST
        while True:
            try:
                assert self.send("GET", "/server_info", {})[0] == 200
                return
            except OSError:
                assert self._process.poll() is None, self.log.read_text()
                assert time.monotonic() < until, self.log.read_text()
                time.sleep(0.1)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)

    def send(self, method: str, path: str, headers: Mapping[str, str], body: str | None = None) -> tuple[int, str]:
        """Send a request with exactly these headers, beside Host."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if method == "POST":
                connection.putheader("Content-Length", str(len(body or "")))
            connection.endheaders(body.encode() if body else None)
            answer = connection.getresponse()
            return answer.status, "" if answer.status == 101 else answer.read().decode()
        finally:
            connection.close()

    def executed(self) -> set[str]:
        """Give the keys of the commands that had an effect."""
        _, answer = self.send("POST", "/graphql", JSON, json.dumps({"query": LIMITS}))
        return {limit["concurrencyKey"] for limit in json.loads(answer)["data"]["instance"]["concurrencyLimits"]}
