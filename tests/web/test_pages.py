"""The pages as a browser gets them."""

from __future__ import annotations

import hashlib
import itertools
import re
from pathlib import Path

import pytest

from tests.web.conftest import BEARER, TOKEN
from workflows_dagster.stores.ports import StoreError
from workflows_dagster.web import app
from workflows_dagster.web.language import language_of

PAGES = [
    "/",
    "/meters",
    "/meters/gas",
    "/meters/main?by=day",
    "/meters/rest?by=year&explain=2025",
    "/readings",
    "/upload",
    "/compare",
    "/compare?meter=gas",
    "/costs",
    "/findings",
    "/findings?all=true",
    "/reports",
    "/energy",
    "/settings",
    "/docs",
    "/sign-in",
    "/nowhere",
    "/meters/nobody",
]
STATIC = app.STATIC


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("language", ["en", "de"])
def test_a_page_is_whole_and_holds_no_script_or_style_of_its_own(page, path, language):
    answer = page.client.get(path, headers={"Accept-Language": language})
    assert answer.status_code == (404 if "no" in path.split("/")[-1][:2] else 200)
    text = answer.text
    assert f'<html lang="{language}">' in text
    assert text.count("<h1") == 1
    assert "</html>" in text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", text)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/meters/gas", "/readings"])
def test_a_page_with_everything_is_small(page, path):
    text = page.client.get(path).text
    parts = re.findall(r'(?:src|href)="(/static/[^"]+)"', text)
    size = len(text.encode()) + sum(len(page.client.get(part).content) for part in parts)
    assert size < 200_000


def test_what_the_owner_wrote_is_no_markup(page):
    assert "<b>in the cellar</b>" not in page.client.get("/meters/gas").text
    assert "Gas &lt;b&gt;in the cellar&lt;/b&gt;" in page.client.get("/meters/gas").text


def test_a_number_is_explained_below_it_without_javascript(page):
    text = page.client.get("/meters/gas?explain=2025-02").text
    assert "420.5" in text.split('id="explained"')[1].split("</pre>")[0]
    refused = page.client.get("/meters/gas?explain=2999-01").text
    assert "lies in the future" in refused
    assert page.client.get("/meters/gas?explain=nonsense").status_code == 200


def test_the_store_away_leaves_what_was_known(page, monkeypatch):
    assert page.client.get("/meters/gas").status_code == 200
    page.state.forget()

    def away(*_args, **_named):
        raise StoreError("InfluxDB does not answer.")

    monkeypatch.setattr(page.state.store, "read", away)
    again = page.client.get("/meters/gas")
    assert again.status_code == 200
    assert "InfluxDB does not answer. Shown is what was known at" in again.text
    never = page.client.get("/meters/main")
    assert never.status_code == 503
    assert "InfluxDB does not answer." in never.text


def test_without_a_data_file_looking_makes_none(make_page):
    page = make_page(empty=True)
    for path in ("/", "/meters", "/readings", "/health/ready"):
        text = page.client.get(path).text
        assert "utility_meters.sqlite" in text
    assert not (page.folder / "data" / "utility_meters.sqlite").exists()
    page.client.post(
        "/api/v1/meters/gas/readings", json={"value": 3, "time": "2025-01-01T10:00:00+01:00"}, headers=BEARER
    )
    assert (page.folder / "data" / "utility_meters.sqlite").exists()
    assert "utility_meters.sqlite" not in page.client.get("/").text


def test_a_changed_configuration_is_read_again_and_a_broken_one_told(page, monkeypatch):
    clock = itertools.count(10**9, 10)
    monkeypatch.setattr(page.state, "_clock", lambda: next(clock))
    path = page.folder / "config" / "meters.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("Whole house", "The whole house"), encoding="utf-8")
    assert "The whole house" in page.client.get("/meters").text
    path.write_text(text + "  - {meter_id: x, typ: physical}\n", encoding="utf-8")
    shown = page.client.get("/meters").text
    assert "cannot be used" in shown
    assert "The whole house" in shown


def test_a_planted_secret_is_on_no_page(page, caplog):
    planted = {"INFLUX_TOKEN": "planted-influx-0815", "TIBBER_API_TOKEN": "planted-tibber-0815"}
    lines = [f"{name}={value}\n" for name, value in planted.items()]
    (page.folder / "secrets" / "more.env").write_text("".join(lines), encoding="utf-8")
    page.state.read_settings_again()
    for_programs = [
        "/metrics",
        "/statistics",
        "/health/ready",
        "/openapi.json",
        "/api/v1/config/site",
        "/api/v1/findings",
    ]
    for path in [*PAGES, *for_programs]:
        for headers in ({}, BEARER):
            answer = page.client.get(path, headers=headers)
            for secret in (TOKEN, *planted.values()):
                assert secret not in answer.text
                assert secret not in str(answer.headers)
    assert not [secret for secret in (TOKEN, *planted.values()) if secret in caplog.text]


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", None),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("fr,en;q=0.4,de;q=0.2", "en"),
        ("en;q=0.1, de;q=0.2", "de"),
        ("de;q=0", None),
        ("fr", None),
        ("*;q=x,,;", None),
    ],
)
def test_the_language_is_the_one_liked_best(header, language):
    assert language_of(header) == language


def test_the_chart_library_is_the_published_one():
    listed = dict(re.findall(r"`(uplot\.\w+)` \| ([0-9a-f]{64})", (STATIC / "uplot" / "README.md").read_text()))
    for name, digest in listed.items():
        assert hashlib.sha256((STATIC / "uplot" / name).read_bytes()).hexdigest() == digest
    assert len(listed) == 2


def test_every_static_file_is_served_with_its_type(page):
    for path in sorted(Path(STATIC).rglob("*.*")):
        answer = page.client.get(f"/static/{path.relative_to(STATIC)}")
        assert answer.status_code == 200
    assert page.client.get("/static/../app.py").status_code == 404
