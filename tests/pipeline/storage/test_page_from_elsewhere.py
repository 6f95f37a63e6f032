"""The real page as it is started, attacked: by requests as browsers send them, and by a foreign page in Chromium."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.stores.influx_server import free_port
from workflows_dagster.pipeline.storage.home import ensure_home

ROOT = Path(__file__).parents[3]
ATTACKING_PAGE = Path(__file__).with_name("attacking_page.html")
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
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


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


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    page = Page(tmp_path_factory.mktemp("page"))
    try:
        page.wait()
        yield page
    finally:
        page.stop()


def test_no_request_that_a_foreign_page_can_make_is_executed(page: Page) -> None:
    def get(path: str, **headers: str) -> int:
        return page.send("GET", f"{path}?query={quote(mutation('get'))}", headers)[0]

    def post(headers: Mapping[str, str]) -> int:
        path = f"/graphql?query={quote(mutation('in the address'))}"
        return page.send("POST", path, headers, json.dumps({"query": mutation("in the body")}))[0]

    rebound = f"evil.example:{page.port}"
    answers = {
        "a picture": get("/graphql", Accept="image/png"),
        "a picture, address with a line break": get("/graphql%0A", Accept="image/png"),
        "a picture, address in other letters": get("/%67raphql", Accept="image/png"),
        "foreign origin": post({**JSON, "Origin": "http://evil.example"}),
        "another port of this machine": post({**JSON, "Origin": "http://127.0.0.1:8123"}),
        "a frame without origin": post({**JSON, "Origin": "null"}),
        "another site, no origin": post({**JSON, "Sec-Fetch-Site": "cross-site"}),
        "rebound": post({**JSON, "Host": rebound, "Origin": f"http://{rebound}"}),
        "a form": post({"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://evil.example"}),
        "a form without origin": post({"Content-Type": "application/x-www-form-urlencoded"}),
        "text that poses as JSON": post({"Content-Type": "text/plain; application/json"}),
        "no type": post({}),
        "an asset's state": page.send("POST", "/report_asset_materialization/strom", {"Origin": "http://evil.example"})[
            0
        ],
        "an asset's state without origin": page.send("POST", "/report_asset_materialization/strom", {})[0],
        "WebSocket": page.send("GET", "/graphql", {**UPGRADE, "Origin": "http://evil.example"})[0],
        "WebSocket, rebound": page.send("GET", "/graphql", {**UPGRADE, "Host": rebound, "Origin": f"http://{rebound}"})[
            0
        ],
        "reading, rebound": page.send("GET", "/", {"Host": rebound})[0],
    }
    assert answers == {
        "a picture": 405,
        "a picture, address with a line break": 405,
        "a picture, address in other letters": 405,
        "foreign origin": 403,
        "another port of this machine": 403,
        "a frame without origin": 403,
        "another site, no origin": 403,
        "rebound": 403,
        "a form": 403,
        "a form without origin": 415,
        "text that poses as JSON": 415,
        "no type": 415,
        "an asset's state": 403,
        "an asset's state without origin": 415,
        "WebSocket": 403,
        "WebSocket, rebound": 403,
        "reading, rebound": 403,
    }
    assert page.executed() & {"get", "in the address", "in the body"} == set()


def test_the_page_itself_health_checks_and_programs_are_served(page: Page) -> None:
    own = {"Origin": f"http://{page.place}", "Sec-Fetch-Site": "same-origin"}
    command = json.dumps({"query": mutation("own")})
    answers = {
        "typed address": page.send("GET", "/", {"Sec-Fetch-Site": "none"})[0],
        "health check": page.send("GET", "/server_info", {})[0],
        "health check through Caddy": page.send("GET", "/server_info", {"Host": "webserver:3000"})[0],
        "host of config.yaml": page.send("GET", "/runs", {"Host": "nas.local:3000"})[0],
        "command of the page": page.send("POST", "/graphql", {**JSON, **own}, command)[0],
        "query of a program": page.send("POST", "/graphql", JSON, json.dumps({"query": "{ version }"}))[0],
        "WebSocket": page.send("GET", "/graphql", {**UPGRADE, **own})[0],
    }
    assert answers == {**dict.fromkeys(answers, 200), "WebSocket": 101}
    assert "own" in page.executed()
    # A site that tries again and again fills no log.
    assert "ERROR" not in page.log.read_text()


class Naive(BaseHTTPRequestHandler):
    """Takes every request as Dagster's page would, and notes the key of its command."""

    seen: set[str]

    def do_GET(self) -> None:
        self._note("" if self.headers.get("Upgrade") is None else f"WebSocket from {self.headers['Origin']}")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        self._note(json.loads(body)["query"] if body.startswith("{") else "")

    def _note(self, said: str) -> None:
        said = said or parse_qs(urlsplit(self.path).query).get("query", [""])[0]
        self.seen.add(said.split('"')[1] if '"' in said else said)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


class Attacker(Naive):
    """Serves the attacking page, takes its results, and passes all else on to Dagster's page, headers and all."""

    page: Page
    results: queue.Queue[tuple[str, Any]]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        self._answer(200, ATTACKING_PAGE.read_bytes()) if path == "/" else self._pass_on("GET", None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if not self.path.startswith("/result/"):
            self._pass_on("POST", body)
            return
        self._answer(200, b"")
        self.results.put((self.path.removeprefix("/result/"), json.loads(body)))

    def _pass_on(self, method: str, body: str | None) -> None:
        kept = {name: value for name, value in self.headers.items() if name not in ("Connection", "Content-Length")}
        status, text = self.page.send(method, self.path, kept, body)
        self._answer(status, text.encode())

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Serve on a free port, and give it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def browsing(folder: Path, address: str) -> Iterator[None]:
    """Show a page in Chromium, where every name is this machine."""
    assert CHROMIUM
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    flags += [f"--user-data-dir={folder / 'browser'}", "--host-resolver-rules=MAP * 127.0.0.1"]
    with (folder / "browser.log").open("wb") as log:
        browser = subprocess.Popen(
            [CHROMIUM, *flags, "--remote-debugging-port=0", address], stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield
        finally:
            os.killpg(browser.pid, signal.SIGKILL)
            browser.wait(10)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: install it to attack the page in a real browser")
def test_a_page_of_another_origin_in_a_browser_can_neither_command_nor_read_the_page(
    page: Page, tmp_path: Path
) -> None:
    before = page.executed()
    results: queue.Queue[tuple[str, Any]] = queue.Queue()
    naive = type("Noting", (Naive,), {"seen": set()})
    attacker = type("Attacking", (Attacker,), {"page": page, "results": results})
    with serving(naive) as naive_port, serving(attacker) as port:
        given = f"page=http://{page.place}&naive=http://127.0.0.1:{naive_port}"
        with browsing(tmp_path, f"http://evil.example:{port}/?{given}&then=localhost"):
            found = dict(results.get(timeout=LONGEST) for _ in range(2))
    # The same attacks reach a page without a guard.
    sent = {"image", "get", "post", "post without a type", "beacon", "frame", "form"}
    for name in ("evil.example", "localhost"):
        assert {f"{way} from {name}" for way in sent} <= naive.seen
        assert f"WebSocket from http://{name}:{port}" in naive.seen
        assert found[name]["page"] == {"socket": "refused", "read": "refused"}
    # A name that is pointed to this machine is of the same origin for the browser, but not known here. `localhost` is,
    # and what passes on its requests is a program of this machine: so the rest of the way works.
    assert found["evil.example"]["rebound"] == {"command": 403, "read": 403}
    assert found["localhost"]["rebound"] == {"command": 200, "read": 200}
    assert page.executed() - before == {"rebound from localhost"}
