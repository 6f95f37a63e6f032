"""The real page behind a password: both Caddyfiles refuse what the page refuses, and pass on the rest."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.pipeline.storage.page_server import JSON, LONGEST, ROOT, UPGRADE, Page
from tests.stores.influx_server import free_port

CADDY = shutil.which("caddy")
CADDYFILES = {"Docker": ROOT / "deploy" / "Caddyfile", "systemd": ROOT / "deploy" / "systemd" / "Caddyfile"}


@pytest.mark.skipif(CADDY is None, reason="no caddy on the PATH: install it to put it in front of the page")
@pytest.mark.parametrize("file", CADDYFILES.values(), ids=CADDYFILES)
def test_with_a_password_in_front_the_same_holds(file: Path, page: Page, tmp_path: Path) -> None:
    port, checked = free_port(), free_port()
    text = file.read_text().replace("webserver:3000", page.place).replace(":8443", f":{port}")
    (tmp_path / "Caddyfile").write_text(text.replace(":2020", f":{checked}"))
    given = {
        "METERS_PROXY_NAME": "nas.local",
        "METERS_PROXY_PORT": str(port),
        "METERS_PROXY_USER": "house",
        "METERS_PAGE_PORT": str(page.port),
        "STATE_DIRECTORY": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }
    # "geheim", hashed with the least effort.
    given["METERS_PROXY_HASH"] = "$2b$04$cCocey6//ksAcSRhLXB6oOVEGzWfNKITHKLi3sQUut0Sl24YCdT6."
    with (tmp_path / "caddy.log").open("wb") as log:
        caddy = subprocess.Popen(
            [str(CADDY), "run", "--config", "Caddyfile", "--adapter", "caddyfile"],
            env={**os.environ, **given},
            cwd=tmp_path,
            stdout=log,
            stderr=log,
        )
    try:
        assert through_caddy(port) == {
            "no password": 401,
            "own": 200,
            "program": 200,
            "foreign origin": 403,
            "another port": 403,
            "a frame without origin": 403,
            "another site": 403,
            "another host": 0,
            "query by GET": 405,
            "WebSocket": 101,
            "WebSocket, foreign origin": 403,
        }
        if file is CADDYFILES["Docker"]:
            with urllib.request.urlopen(f"http://127.0.0.1:{checked}/", timeout=10) as answer:
                assert "dagster_version" in answer.read().decode()
    finally:
        caddy.terminate()
        caddy.wait(10)


def through_caddy(port: int) -> dict[str, int]:
    """Send requests to https://nas.local, and give the codes of the answers."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    known = {"Authorization": f"Basic {b64encode(b'house:geheim').decode()}"}
    own = f"https://nas.local:{port}"

    def send(method: str, headers: Mapping[str, str], name: str = "nas.local") -> int:
        given = {"Host": f"nas.local:{port}", **headers}
        body = json.dumps({"query": "{ version }"}) if method == "POST" else ""
        try:
            plain = socket.create_connection(("127.0.0.1", port), timeout=20)
            with plain, unchecked.wrap_socket(plain, server_hostname=name) as line:
                head = [f"{method} /graphql?query=x HTTP/1.1", *(f"{key}: {value}" for key, value in given.items())]
                line.sendall("\r\n".join([*head, f"Content-Length: {len(body)}", "", body]).encode())
                return int(line.recv(4096).split()[1])
        except ssl.SSLError:
            return 0

    until = time.monotonic() + LONGEST
    while True:
        try:
            if send("POST", {}) == 401:
                break
        except ConnectionError:
            pass
        assert time.monotonic() < until, "Caddy does not answer"
        time.sleep(0.1)
    return {
        "no password": send("POST", JSON),
        "own": send("POST", {**known, **JSON, "Origin": own, "Sec-Fetch-Site": "same-origin"}),
        "program": send("POST", {**known, **JSON}),
        "foreign origin": send("POST", {**known, **JSON, "Origin": "http://evil.example"}),
        "another port": send("POST", {**known, **JSON, "Origin": "https://nas.local"}),
        "a frame without origin": send("POST", {**known, **JSON, "Origin": "null"}),
        "another site": send("POST", {**known, **JSON, "Sec-Fetch-Site": "cross-site"}),
        "another host": send("POST", {**known, **JSON, "Host": "evil.example"}, "evil.example"),
        "query by GET": send("GET", {**known, "Accept": "image/png"}),
        "WebSocket": send("GET", {**known, **UPGRADE, "Origin": own}),
        "WebSocket, foreign origin": send("GET", {**known, **UPGRADE, "Origin": "http://evil.example"}),
    }


def test_both_files_refuse_and_pass_on_the_same() -> None:
    def rules(file: Path) -> list[str]:
        inner = file.read_text().partition("tls internal\n")[2].partition("\n}\n")[0]
        lines = [line.strip() for line in inner.splitlines() if not line.strip().startswith("#")]
        return [line.replace("webserver:3000", "127.0.0.1:{$METERS_PAGE_PORT}") for line in lines]

    docker, systemd = map(rules, CADDYFILES.values())
    assert docker == systemd
    assert "not header Origin https://{hostport}" in docker
    assert "header_up Host {upstream_hostport}" in docker
