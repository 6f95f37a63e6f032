"""Files dropped in: judged row by row, stored on request."""

from __future__ import annotations

import io
import zipfile

import openpyxl
import pytest

from tests.web.conftest import BEARER, ORIGIN, TOKEN

CSV = b"time,value\n2025-03-01 10:00,455.5\n2025-03-02 10:00,abc\n2025-03-03 10:00,463\n"


def drop(page, content: bytes = CSV, name: str = "gas.csv", path: str = "/meters/gas/upload", **params):
    return page.client.post(f"/api/v1{path}", files={"file": (name, content)}, params=params, headers=BEARER)


def count(page) -> int:
    return len(page.raw("gas", "m³"))


def test_a_preview_stores_nothing_and_names_the_bad_row(page):
    answer = drop(page, dry_run=True).json()
    assert (answer["rows"], answer["rejected"], answer["written"], answer["stored"]) == (3, 1, 0, False)
    assert answer["refused_rows"][0]["row"] == 3
    assert "abc" in answer["refused_rows"][0]["reason"]
    assert count(page) == 3


def test_the_good_rows_are_stored_and_a_repeat_changes_nothing(page):
    assert drop(page).json()["written"] == 2
    assert count(page) == 5
    again = drop(page).json()
    assert (again["written"], again["same"]) == (0, 2)


def test_a_row_that_contradicts_a_stored_reading_is_replaced_only_on_request(page):
    drop(page)
    other = CSV.replace(b"455.5", b"456.5")
    answer = drop(page, other).json()
    assert (answer["conflicting"], answer["same"]) == (1, 1)
    assert "455.5" in answer["refused_rows"][0]["reason"]
    assert page.raw("gas", "m³").iloc[3] == 455.5
    assert drop(page, other, on_conflict="replace").json()["written"] == 1
    assert page.raw("gas", "m³").iloc[3] == 456.5


def test_a_workbook_with_a_column_a_meter(page):
    book = openpyxl.Workbook()
    book.active.append(["Datum", "gas", "=1+1"])
    book.active.append(["01.03.2025", 455.5, None])
    written = io.BytesIO()
    book.save(written)
    answer = drop(page, written.getvalue(), "Zähler.xlsx", "/upload")
    assert answer.status_code == 200
    assert answer.json()["written"] == 1


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b"0" * 300_000_000)
        archive.writestr("xl/workbook.xml", b"")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "a.csv"),
        (b"\x00\x01\x02", "a.csv"),
        (b"PK\x03\x04broken", "a.xlsx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "a.xls"),
        (b"time,value\n", "a.csv"),
        (b",".join([b"a"] * 100_000) + b"\n1\n", "a.csv"),
        (b"no header here", "../../etc/passwd"),
        (bomb(), "bomb.xlsx"),
    ],
    ids=["empty", "binary", "no zip", "no xls", "header only", "wide", "elsewhere", "bomb"],
)
def test_an_unusable_file_is_one_sentence(page, content, name):
    answer = drop(page, content, name)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(answer.json()["file"])
    assert "/" not in answer.json()["file"]
    assert count(page) == 3
    assert page.client.get("/statistics").json()["since_start"]["errors"] == 0


def test_a_body_beyond_the_limit_is_refused_while_it_arrives(page):
    answer = drop(page, b"x" * 21_000_000)
    assert answer.status_code == 413

    def endless():
        for _ in range(300):
            yield b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n" + b"x" * 100_000

    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    sent = page.client.post("/api/v1/upload", content=endless(), headers=BEARER | multipart)
    assert sent.status_code == 413
    assert "20 MB" in sent.json()["detail"]


def test_the_page_shows_what_a_file_holds_and_then_stores_it(page):
    page.client.post("/sign-in", data={"token": TOKEN})

    def send(store: str):
        return page.client.post(
            "/upload",
            files={"file": ("gas.csv", CSV)},
            data={"meter_id": "gas", "store": store},
            headers={"Origin": ORIGIN},
        )

    preview = send("")
    assert "2 readings would be stored." in preview.text
    assert "1 row is left out" in preview.text
    assert count(page) == 3
    assert "2 readings are stored." in send("yes").text
    assert count(page) == 5
    bad = page.client.post("/upload", files={"file": ("a.csv", b"x")}, headers={"Origin": ORIGIN})
    assert bad.status_code == 422
    assert "a.csv:" in bad.text
