"""The real page, attacked by a page of another origin in a real browser."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.pipeline.storage.page_server import LONGEST, Page

ATTACKING_PAGE = Path(__file__).with_name("attacking_page.html")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


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
