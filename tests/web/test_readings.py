"""Readings typed in by the API and the page: judged, stored, taken back."""

from __future__ import annotations

import threading

import pandas as pd
import pytest

from tests.web.conftest import BEARER, ORIGIN, TOKEN
from workflows_dagster.stores.ports import StoreError

GAS = "/api/v1/meters/gas/readings"
AT = "2025-03-01T10:00:00+01:00"


def give(page, body, **query):
    return page.client.post(GAS, json=body, params=query, headers=BEARER)


def test_a_plausible_reading_is_stored_with_its_note(page):
    answer = give(page, {"value": "455,5", "time": AT, "note": "cellar"})
    assert answer.status_code == 200
    (verdict,) = answer.json()["verdicts"]
    assert verdict["verdict"] == "stored"
    assert verdict["value"] == 455.5
    assert verdict["time"] == AT
    listed = page.client.get(GAS).json()
    assert listed[-1] == listed[-1] | {"time": AT, "value": 455.5, "outcome": "used", "note": "cellar"}
    assert page.client.get("/statistics").json()["since_start"]["readings_written"] == 1


def test_the_same_reading_again_changes_nothing(page):
    give(page, {"value": 455.5, "time": AT})
    again = give(page, {"value": 455.5, "time": AT}).json()
    assert again["verdicts"][0]["verdict"] == "same"
    assert (again["stored"], again["refused"]) == (0, 0)


def test_a_different_reading_of_the_same_moment_is_replaced_only_on_request(page):
    give(page, {"value": 455.5, "time": AT})
    refused = give(page, {"value": 456.5, "time": AT})
    assert refused.status_code == 409
    assert refused.json()["verdicts"][0]["conflicts_with"] == 455.5
    assert page.raw("gas", "m³").iloc[-1] == 455.5
    assert give(page, {"value": 456.5, "time": AT}, on_conflict="replace").status_code == 200
    assert page.raw("gas", "m³").iloc[-1] == 456.5


def test_an_implausible_reading_waits_for_a_word(page):
    refused = give(page, {"value": 4555, "time": AT})
    assert refused.status_code == 409
    verdict = refused.json()["verdicts"][0]
    assert verdict["verdict"] == "implausible"
    assert verdict["suggestion"] == 455.5
    assert len(page.raw("gas", "m³")) == 3
    assert give(page, {"value": 4555, "time": AT}, implausible="store").status_code == 200


def test_a_dry_run_stores_nothing(page):
    answer = give(page, {"value": 455.5, "time": AT}, dry_run=True)
    assert answer.json()["verdicts"][0]["verdict"] == "would be stored"
    assert len(page.raw("gas", "m³")) == 3


def test_of_many_readings_the_good_ones_are_stored_and_the_others_named(page):
    body = {"readings": [{"value": 455.5, "time": AT}, {"value": 3, "time": "2025-03-02T10:00:00+01:00"}]}
    answer = give(page, body)
    assert answer.status_code == 409
    assert [one["verdict"] for one in answer.json()["verdicts"]] == ["stored", "implausible"]
    assert len(page.raw("gas", "m³")) == 4


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"value": "abc", "time": AT}, "not a number"),
        ({"value": "12.345", "time": AT}, "can mean either"),
        ({"value": "", "time": AT}, "not a number"),
        ({"value": -3, "time": AT}, "not a number"),
        ({"value": "1e999", "time": AT}, "not a number"),
        ({"value": 3, "time": "yesterday"}, "not a time"),
        ({"value": 3, "time": "2999-01-01"}, "outside"),
        ({"value": 3, "time": "2025-03-30 02:30"}, "does not exist"),
        ({"valu": 3}, "value: it is missing."),
        ({"value": 3, "unit": "l"}, "unit: there is no such field."),
        ({"readings": []}, "readings"),
        ([], ""),
        ({"value": True}, ""),
    ],
    ids=str,
)
def test_a_wrong_body_is_refused_with_a_sentence_and_stores_nothing(page, body, word):
    answer = give(page, body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert word in answer.text
    assert len(page.raw("gas", "m³")) == 3


def test_a_mistake_in_one_of_many_stores_none(page):
    assert give(page, {"readings": [{"value": 455.5, "time": AT}, {"value": "x"}]}).status_code == 422
    assert len(page.raw("gas", "m³")) == 3


def test_a_derived_meter_takes_no_reading(page):
    answer = page.client.post("/api/v1/meters/rest/readings", json={"value": 1}, headers=BEARER)
    assert answer.status_code == 422
    assert "main and flat" in answer.json()["detail"]


def test_a_reading_is_taken_back_and_named(page):
    give(page, {"value": 455.5, "time": AT})
    answer = page.client.delete(GAS, params={"time": AT}, headers=BEARER)
    assert answer.json() == {"meter_id": "gas", "time": AT, "value": 455.5}
    assert len(page.raw("gas", "m³")) == 3
    again = page.client.delete(GAS, params={"time": AT}, headers=BEARER)
    assert again.status_code == 404
    assert "no reading is stored" in again.json()["detail"]


def test_readings_of_a_span(page):
    listed = page.client.get(GAS, params={"from": "2025-01-01", "to": "2025-01-31"}).json()
    assert [one["value"] for one in listed] == [240.0]
    as_csv = page.client.get(GAS, headers={"Accept": "text/csv"})
    assert as_csv.text.splitlines()[0] == "time,value,outcome,advance,finding,note"
    assert page.client.get(GAS, params={"from": "2025-02-01", "to": "2025-01-31"}).status_code == 422


def test_a_store_that_does_not_answer_refuses_the_reading(page, monkeypatch):
    def fails(*_args, **_named):
        raise StoreError("the store is away")

    monkeypatch.setattr(page.state.store_to_write, "write_readings", fails)
    answer = give(page, {"value": 455.5, "time": AT})
    assert answer.status_code == 503
    assert answer.json()["detail"] == "the store is away"


def test_two_who_type_in_at_once_get_one_reading_and_one_conflict(page):
    answers = []

    def type_in(value: float) -> None:
        answers.append(give(page, {"value": value, "time": AT}).json()["verdicts"][0]["verdict"])

    threads = [threading.Thread(target=type_in, args=(455.0 + number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["conflict"] * 5 + ["stored"]
    assert len(page.raw("gas", "m³")) == 4


# The page, without JavaScript


def sign_in(page):
    page.client.post("/sign-in", data={"token": TOKEN})


def type_in(page, **fields):
    form = {"meter_id": "gas", "value": "455,5", "time": "01.03.2025 10:00", "note": ""} | fields
    return page.client.post("/readings", data=form, headers={"Origin": ORIGIN})


def test_the_page_lists_the_hand_read_meters_with_what_they_should_show(page):
    text = page.client.get("/readings").text
    assert 'inputmode="decimal"' in text
    assert "Gas &lt;b&gt;in the cellar&lt;/b&gt;" in text
    assert "Last: 420.5 m³ on 2025-02-20." in text


def test_typing_in_and_undo(page):
    sign_in(page)
    answer = type_in(page)
    assert answer.status_code == 303
    shown = page.client.get(answer.headers["location"]).text
    assert "455.5 m³" in shown
    assert "Undo" in shown
    undone = page.client.post("/readings/undo", data={"meter_id": "gas", "time": AT}, headers={"Origin": ORIGIN})
    assert undone.status_code == 303
    assert len(page.raw("gas", "m³")) == 3


def test_an_implausible_reading_is_asked_about_and_keeps_its_moment(page):
    sign_in(page)
    answer = type_in(page, value="4555", time="")
    assert answer.status_code == 409
    assert "more than this meter" in answer.text
    assert len(page.raw("gas", "m³")) == 3
    moment = answer.text.split('name="time"')[1].split('value="')[1].split('"')[0]
    assert pd.Timestamp(moment).tzinfo is not None
    assert type_in(page, value="4555", time=moment, confirmed="yes").status_code == 303
    assert page.raw("gas", "m³").iloc[-1] == 4555


@pytest.mark.parametrize("fields", [{"value": "x"}, {"value": ""}, {"time": "then"}, {"meter_id": "rest"}], ids=str)
def test_a_mistyped_reading_is_shown_again_with_the_reason(page, fields):
    sign_in(page)
    answer = type_in(page, **fields)
    assert answer.status_code == 422
    assert "<h1>" in answer.text


def test_an_unknown_meter_is_a_page_with_a_sentence(page):
    sign_in(page)
    answer = type_in(page, meter_id="gass")
    assert answer.status_code == 404
    assert "Did you mean" in answer.text


JPEG = b"\xff\xd8\xff\xe0" + b"a photo of the meter"


def with_photo(page, content: bytes):
    form = {"meter_id": "gas", "value": "455,5", "time": "01.03.2025 10:00"}
    return page.client.post("/readings", data=form, files={"photo": ("a.jpg", content)}, headers={"Origin": ORIGIN})


def test_a_photo_is_kept_with_its_reading_and_goes_with_it(page):
    sign_in(page)
    assert with_photo(page, JPEG).status_code == 303
    shown = page.client.get("/meters/gas").text
    href = shown.split("/photo?time=")[1].split('"')[0]
    photo = page.client.get(f"/meters/gas/photo?time={href}")
    assert (photo.content, photo.headers["content-type"]) == (JPEG, "image/jpeg")
    page.client.delete(GAS, params={"time": AT}, headers=BEARER)
    assert page.client.get(f"/meters/gas/photo?time={href}").status_code == 404
    assert list((page.folder / "data" / "photos" / "gas").iterdir()) == []


@pytest.mark.parametrize("content", [b"<svg onload=alert(1)>", b"GIF89a", b"\xff\xd8\xff" + b"0" * 8_000_001], ids=len)
def test_what_is_no_photo_is_refused_with_the_reading(page, content):
    sign_in(page)
    answer = with_photo(page, content)
    assert answer.status_code == 422
    assert "no JPEG" in answer.text
    assert len(page.raw("gas", "m³")) == 3
