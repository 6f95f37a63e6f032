"""The real page as it is started, asked by requests as browsers send them for foreign pages, and for its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import quote

from tests.pipeline.storage.page_server import JSON, UPGRADE, Page, mutation


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
