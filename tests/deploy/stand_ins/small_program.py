"""A program of the shape of ours that starts in no time; what it does wrong is written into it by the test."""

from __future__ import annotations

import http.server
import json
import os
import socketserver
import sqlite3
import sys
import tarfile
import time
from pathlib import Path

VERSION = "0"
CHECK_FAILS = False
PAGE_FAILS = False
DAEMON_FAILS = False
SCHEMA = 1
HAS_BACKUP = True


class Page(http.server.BaseHTTPRequestHandler):
    """Answers what the scripts ask the Dagster page."""

    def do_GET(self) -> None:
        self.answer({"version": VERSION})

    def do_POST(self) -> None:
        sign = Path(os.environ["METERS_DATA_DIR"]) / "sign"
        daemon = {"required": True, "lastHeartbeatTime": sign.stat().st_mtime if sign.exists() else None}
        loaded = {"loadStatus": "LOADED", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
        health = {"daemonHealth": {"allDaemonStatuses": [daemon]}}
        self.answer({"data": {"workspaceOrError": {"locationEntries": [loaded]}, "instance": health}})

    def answer(self, content: object) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *words: object) -> None:
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # without a look at the name service


def open_state() -> None:
    """Bring the database forward, and refuse a newer one, as our store does."""
    folder = Path(os.environ["METERS_DATA_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(folder / "utility_meters.sqlite") as database:
        [(there,)] = database.execute("PRAGMA user_version").fetchall()
        if there > SCHEMA:
            sys.exit(f"the database is of version {there}, and {SCHEMA} is the newest known here")
        database.execute(f"PRAGMA user_version = {SCHEMA}")


def keep(action: str, *words: str) -> None:
    """`backup --to FOLDER` makes an archive of the database, `restore FILE --into FOLDER --only data` unpacks it."""
    if words == ("--help",):
        return
    database = Path(os.environ["METERS_DATA_DIR"]) / "utility_meters.sqlite"
    if action == "restore":
        archive, _, into = words[:3]
        assert words[3:] == ("--only", "data")
        with tarfile.open(archive) as packed:
            packed.extractall(Path(into) / "data", filter="data")
        return
    _, folder = words
    Path(folder).mkdir(parents=True, exist_ok=True)
    copy = Path(folder) / "copy"
    with sqlite3.connect(database) as live, sqlite3.connect(copy) as target:
        live.backup(target)
    with tarfile.open(Path(folder) / f"meters-backup-{time.time_ns()}.tar.gz", "w:gz") as packed:
        packed.add(copy, "utility_meters.sqlite")
    copy.unlink()
    print("the program's own backup")


def main(name: str) -> None:
    """Be one of the commands."""
    if name == "meters" and sys.argv[1] in ("backup", "restore"):
        if not HAS_BACKUP:
            sys.exit(2)
        keep(*sys.argv[1:])
        return
    if name == "meters":
        open_state()  # as ours does, to show what was found
        config = (Path(os.environ["METERS_CONFIG_DIR"]) / "config.yaml").read_text(encoding="utf-8")
        if CHECK_FAILS or "nonsense" in config:
            sys.exit("config.yaml: it is not good. Mend it.")
        print(VERSION)
        return
    if sys.argv[1:3] == ["instance", "info"]:
        return
    open_state()
    if name == "dagster-daemon" and DAEMON_FAILS:
        time.sleep(0.5)
        sys.exit("the daemon ends")
    if name == "dagster-daemon":
        (Path(os.environ["METERS_DATA_DIR"]) / "sign").touch()
        time.sleep(600)
    if name == "dagster-webserver" and PAGE_FAILS:
        sys.exit("the page does not start")
    port = os.environ["METERS_CODE_PORT" if name == "dagster" else "METERS_PAGE_PORT"]
    Server(("127.0.0.1", int(port)), Page).serve_forever()
