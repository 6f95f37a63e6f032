"""A program of the shape of ours that starts in no time; what it does wrong is written into it by the test.

Modules that take long are imported where they are needed, because most calls need none of them.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

VERSION = "0"
CHECK_FAILS = False
PAGE_FAILS = False
DAEMON_FAILS = False
SCHEMA = 1
HAS_BACKUP = True


def serve(port: int) -> None:
    """Answer what the scripts ask the Dagster page."""
    import json
    import socket

    with socket.create_server(("127.0.0.1", port)) as server:
        while True:
            connection, _ = server.accept()
            with connection, connection.makefile("rwb") as stream:
                asked = stream.readline()
                if not asked:
                    continue  # somebody only looked whether anything listens
                length = 0
                while (line := stream.readline()).strip():
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                stream.read(length)
                answer = json.dumps(health() if asked.startswith(b"POST") else {"version": VERSION})
                stream.write(b"HTTP/1.0 200 OK\r\n\r\n" + answer.encode())


def health() -> object:
    """Say what the page says of the meters and of the daemon."""
    sign = Path(os.environ["METERS_DATA_DIR"]) / "sign"
    daemon = {"required": True, "lastHeartbeatTime": sign.stat().st_mtime if sign.exists() else None}
    loaded = {"loadStatus": "LOADED", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
    statuses = {"daemonHealth": {"allDaemonStatuses": [daemon]}}
    return {"data": {"workspaceOrError": {"locationEntries": [loaded]}, "instance": statuses}}


def open_state() -> None:
    """Bring the database forward, and refuse a newer one, as our store does."""
    import sqlite3

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
    import sqlite3
    import tarfile

    database = Path(os.environ["METERS_DATA_DIR"]) / "utility_meters.sqlite"
    if action == "restore":
        archive, _, into = words[:3]
        assert words[3:] == ("--only", "data")
        # One file by its name: Debian's Python 3.11.2 has no filters for all of them.
        with tarfile.open(archive) as packed:
            packed.extract("utility_meters.sqlite", Path(into) / "data")
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
    signal.alarm(600)  # nobody may be left to end it
    open_state()
    if name == "dagster-daemon" and DAEMON_FAILS:
        time.sleep(0.2)
        sys.exit("the daemon ends")
    if name == "dagster-daemon":
        (Path(os.environ["METERS_DATA_DIR"]) / "sign").touch()
        time.sleep(600)
    if name == "dagster-webserver" and PAGE_FAILS:
        sys.exit("the page does not start")
    port = os.environ[{"dagster": "METERS_CODE_PORT", "house": "METERS_HOUSE_PORT"}.get(name, "METERS_PAGE_PORT")]
    serve(int(port))
