"""Requests that the API's own description allows, and rubbish: no fault, nothing written that was not meant."""

from __future__ import annotations

import random
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.conftest import BEARER, TOKEN, Page

_SEED, _REQUESTS, _EXAMPLES = 20261127, 200, 8
# Each as hostile as a client may send it.
_PIECES = [
    "..", "%2e%2e", "%00", "'", '"', "<script>", "{{7*7}}", "\\", "ä", "%F0%9F%92%A9", "gas", "main", "readings", "nan",
    "9" * 400, "-1", "1e999", "2025-02-30", "0001-01-01", "9999-12-31", "null", "true", " ", "%", "day", "consumption",
]  # fmt: skip
_BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'{"value": NaN}',
    b'{"readings": [{}]}',
    b"\xff\xfe",
    b"[" * 5000,
    b'"x"',
    b"0" * 999,
]


@settings(max_examples=_EXAMPLES, derandomize=True, database=None, deadline=None, suppress_health_check=[*HealthCheck])
@given(drawn=st.data())
def _try(operation: Any, drawn: st.DataObject) -> None:
    case = drawn.draw(operation.as_strategy())
    answer = case.call(headers=BEARER)
    assert answer.status_code < 500 or (case.path == "/health/ready" and answer.status_code == 503), answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"][0] in ("application/problem+json", "application/json")
        assert "Traceback" not in answer.text


def test_no_described_request_is_a_fault(page: Page) -> None:
    described = schemathesis.openapi.from_asgi("/openapi.json", page.client.app, headers=BEARER)
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) > 25
    for operation in operations:
        _try(operation)
    assert page.state.statistics.since_start()["errors"] == 0


def test_two_hundred_bad_requests_are_no_fault_and_write_nothing(page: Page):
    chance = random.Random(_SEED)
    before = page.raw("gas", "m³").tolist(), page.raw("main", "kWh").tolist()
    paths = [
        *page.client.get("/openapi.json").json()["paths"],
        "/",
        "/meters/{meter_id}",
        "/readings",
        "/upload",
        "/docs",
    ]
    for _ in range(_REQUESTS):
        path = chance.choice(paths)
        for name in ("{meter_id}", "{month}", "{which}"):
            path = path.replace(name, chance.choice(_PIECES))
        keys = ("from", "to", "by", "day", "month", "meter", "format", "time", "explain", "dry_run")
        query = "&".join(f"{chance.choice(keys)}={chance.choice(_PIECES)}" for _ in range(chance.randrange(4)))
        answer = page.client.request(
            chance.choice(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")),
            f"{path}?{query}",
            content=chance.choice(_BODIES),
            headers=BEARER | {"Content-Type": chance.choice(("application/json", "multipart/form-data", "text/x", ""))},
        )
        assert answer.status_code < 500 or (path == "/health/ready" and answer.status_code == 503), (path, query)
        assert "Traceback" not in answer.text
        assert TOKEN not in answer.text
    assert (page.raw("gas", "m³").tolist(), page.raw("main", "kWh").tolist()) == before
    assert page.client.get("/statistics").json()["since_start"]["errors"] == 0
