"""The configuration changed by API and page: checked, whole, with its comments."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.web.conftest import BEARER, ORIGIN, TOKEN

EDITING = "timezone: Europe/Berlin\nhouse: {edit_configuration: true}\n"
NEW = {
    "meter_id": "cellar",
    "type": "physical",
    "output_unit": "kWh",
    "installation_date": "2025-01-01",
    "description": "Cellar: freezer",
}
API = "/api/v1/config"


@pytest.fixture
def page(make_page):
    return make_page(EDITING)


def mark(page, which="meters") -> dict[str, str]:
    return {"If-Match": page.client.get(f"{API}/{which}").headers["etag"]}


def text(page, name="meters.yaml") -> str:
    return (page.folder / "config" / name).read_text(encoding="utf-8")


def test_a_meter_is_added_at_the_end_and_known_at_once(page):
    before = text(page)
    answer = page.client.post(f"{API}/meters", json=NEW, headers=BEARER)
    assert answer.status_code == 201
    assert "installation_date: 2025-01-01\n" in text(page)
    assert text(page, "meters.yaml.before") == before
    assert page.client.get("/api/v1/meters/cellar").json()["description"] == "Cellar: freezer"
    again = page.client.post(f"{API}/meters", json=NEW, headers=BEARER)
    assert again.status_code == 409


def test_a_change_keeps_comments_and_order(page):
    path = page.folder / "config" / "meters.yaml"
    path.write_text(
        "# Our meters.\nmeters:\n  # The main one.\n  - meter_id: main  # in the cellar\n    type: physical\n"
        "    output_unit: kWh\n    installation_date: 2024-12-01\n\n  - meter_id: flat\n    type: physical\n"
        "    output_unit: kWh\n    installation_date: 2024-12-01\n",
        encoding="utf-8",
    )
    (page.folder / "config" / "tariffs.yaml").unlink()
    page.state.read_settings_again()
    entry = page.client.get(f"{API}/meters/main").json()
    assert entry["installation_date"] == "2024-12-01"
    entry["description"] = "Main"
    answer = page.client.put(f"{API}/meters/main", json=entry, headers=BEARER | mark(page))
    assert answer.status_code == 200
    after = text(page)
    assert after.startswith("# Our meters.\nmeters:\n  # The main one.\n  - meter_id: main  # in the cellar\n")
    assert "installation_date: 2024-12-01\n" in after
    assert "description: Main\n" in after
    assert page.state.settings.meters["main"].description == "Main"


def test_a_removed_meter_that_others_need_is_refused_with_all_sentences(page):
    before = text(page)
    answer = page.client.delete(f"{API}/meters/main", headers=BEARER | mark(page))
    assert answer.status_code == 422
    assert any("rest.base_meter" in problem for problem in answer.json()["problems"])
    assert text(page) == before
    assert page.client.delete(f"{API}/meters/gas", headers=BEARER | mark(page)).status_code == 200
    assert "gas" not in page.state.settings.meters


@pytest.mark.parametrize(
    "entry",
    [
        NEW | {"output_unit": "kwatt"},
        NEW | {"typ": "physical"},
        NEW | {"meter_id": "ä ö"},
        {},
        {"meter_id": ["x"]},
        {"meter_id": {"x": {"y": [1, None]}}},
        NEW | {"installation_date": "2025-02-30"},
    ],
    ids=str,
)
def test_a_wrong_meter_is_refused_and_nothing_written(page, entry):
    before = text(page)
    answer = page.client.post(f"{API}/meters", json=entry, headers=BEARER)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert text(page) == before
    assert not (page.folder / "config" / "meters.yaml.before").exists()


def test_who_was_overtaken_is_told(page):
    old = mark(page)
    page.client.post(f"{API}/meters", json=NEW, headers=BEARER)
    late = page.client.put(f"{API}/meters/cellar", json=NEW, headers=BEARER | old)
    assert late.status_code == 412
    assert page.client.put(f"{API}/meters/cellar", json=NEW, headers=BEARER).status_code == 428
    assert page.client.put(f"{API}/meters/none", json=NEW, headers=BEARER | mark(page)).status_code == 404


def test_a_price_is_changed(page):
    tariffs = page.client.get(f"{API}/tariffs").json()
    tariffs["tariffs"][0]["prices"].append({"valid_from": "2025-06-01", "unit_price": 0.28})
    answer = page.client.put(f"{API}/tariffs", json=tariffs, headers=BEARER | mark(page, "tariffs"))
    assert answer.status_code == 200
    assert len(page.state.settings.tariffs.tariffs[0].prices) == 2
    site = page.client.get(f"{API}/site").json() | {"language": "de"}
    assert page.client.put(f"{API}/site", json=site, headers=BEARER | mark(page, "site")).status_code == 200
    assert page.state.settings.site.language == "de"
    wrong = page.client.put(f"{API}/site", json=site | {"languge": "de"}, headers=BEARER | mark(page, "site"))
    assert wrong.status_code == 422


def test_two_who_change_at_once_lose_nothing(page):
    def add(name: str) -> None:
        page.client.post(f"{API}/meters", json=NEW | {"meter_id": name}, headers=BEARER)

    threads = [threading.Thread(target=add, args=(f"m{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"m{number}" for number in range(6)} <= {meter.meter_id for meter in page.state.settings.meters}


def test_without_the_owners_word_the_lines_to_paste_are_given(make_page):
    page = make_page()
    answer = page.client.post(f"{API}/meters", json=NEW, headers=BEARER)
    assert answer.status_code == 403
    assert answer.json()["lines"].startswith("  - meter_id: cellar\n    type: physical\n")
    assert "meter_id: cellar" not in text(page)
    assert page.client.get("/settings/meters", headers=BEARER).status_code == 403
    assert page.client.get(f"{API}/meters").status_code == 200


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_is_named(page):
    (page.folder / "config").chmod(0o500)
    answer = page.client.post(f"{API}/meters", json=NEW, headers=BEARER)
    assert answer.status_code == 403
    (page.folder / "config").chmod(0o700)


def test_the_page_shows_the_mistake_and_keeps_what_was_typed(page):
    page.client.post("/sign-in", data={"token": TOKEN})
    form = page.client.get("/settings/tariffs").text
    given = form.split('name="mark" value="')[1].split('"')[0]

    def send(written: str, known: str = given):
        return page.client.post("/settings/tariffs", data={"text": written, "mark": known}, headers={"Origin": ORIGIN})

    before = text(page, "tariffs.yaml")
    wrong = send(before.replace("0.3", "0,3"))
    assert wrong.status_code == 422
    assert "decimal comma" in wrong.text
    assert "0,3" in wrong.text
    assert text(page, "tariffs.yaml") == before
    assert send(before.replace("0.3", "0.31").replace("\n", "\r\n")).status_code == 200
    assert text(page, "tariffs.yaml") == before.replace("0.3", "0.31")
    assert send(before).status_code == 412


def test_dagster_is_asked_to_reload(make_page):
    asked: list[object] = []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"data": {"reloadRepositoryLocation": {"__typename": "WorkspaceLocationEntry"}}}')

        def log_message(self, *_args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    page = make_page(f"house: {{edit_configuration: true, dagster_url: '{url}'}}\n")
    assert page.client.post(f"{API}/meters", json=NEW, headers=BEARER).json()["reloaded"] is True
    assert asked[0]["variables"] == {"name": "utility_meters"}
    server.shutdown()
    server.server_close()
    again = page.client.delete(f"{API}/meters/cellar", headers=BEARER | mark(page))
    assert again.json()["reloaded"] is False
