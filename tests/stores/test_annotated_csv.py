from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workflows_dagster.stores.influx.annotated_csv import AnnotatedCsvError, FluxError, sections

NUMBERS = "#datatype,string,long,dateTime:RFC3339,double\r\n,result,table,_time,_value\r\n"
TEXTS = "#datatype,string,long,dateTime:RFC3339,string\r\n,result,table,_time,_value\r\n"


def values(body: str) -> list[list[object]]:
    return [section.columns(("_value",))["_value"].tolist() for section in sections(body.encode())]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_law_numbers_read_to_the_last_bit_as_the_server_writes_them_without_exponent(numbers: list[float]) -> None:
    written = [np.format_float_positional(number, trim="-") for number in numbers]
    body = NUMBERS + "".join(f",r,0,2024-01-01T00:00:00Z,{text}\r\n" for text in written) + "\r\n"
    (found,) = values(body)
    assert [float(number).hex() for number in found] == [number.hex() for number in numbers]


@given(st.lists(st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"])), min_size=1, max_size=10))
@example(["\n\n#datatype,string\n,_value\n", '"'])
def test_law_texts_read_letter_for_letter_whatever_they_hold(texts: list[str]) -> None:
    buffer = io.StringIO()
    # As the server's writer does: every line feed becomes carriage return and line feed, in texts too.
    csv.writer(buffer, lineterminator="\n").writerows(["", "r", 0, "2024-01-01T00:00:00Z", text] for text in texts)
    body = TEXTS + buffer.getvalue().replace("\n", "\r\n") + "\r\n" + NUMBERS + ",r,1,2024-01-01T00:00:00Z,1.5\r\n\r\n"
    assert values(body) == [texts, [1.5]]


def test_instants_of_any_precision_become_microseconds() -> None:
    stamps = [
        "1969-12-31T23:59:59.999999Z",
        "2024-03-01T06:00:00Z",
        "2024-03-01T06:00:00.5Z",
        "2024-03-01T06:00:00.000001999Z",
    ]
    (section,) = sections((NUMBERS + "".join(f",r,0,{stamp},1\r\n" for stamp in stamps) + "\r\n").encode())
    assert section.columns(("_time",))["_time"].tolist() == [-1, 1709272800000000, 1709272800500000, 1709272800000001]


def test_a_column_that_is_not_there_is_all_none() -> None:
    (section,) = sections((NUMBERS + ",r,0,2024-01-01T00:00:00Z,1\r\n\r\n").encode())
    assert section.columns(("_value", "domain"))["domain"].tolist() == [None]


@pytest.mark.parametrize("body", ["\r\n", NUMBERS + "\r\n"])
def test_an_answer_without_rows_has_no_sections(body: str) -> None:
    assert sections(body.encode()) == []


@pytest.mark.parametrize("before", ["", "\r\n", "\r\n\r\n", "\r\n\r\n\r\n"])
@pytest.mark.parametrize("between", ["\r\n", "\r\n\r\n", "\r\n\r\n\r\n"])
def test_empty_results_of_a_query_of_several_are_blank_lines_in_any_place(before: str, between: str) -> None:
    row = NUMBERS + ",r,0,2024-01-01T00:00:00Z,1.5\r\n"
    assert values(before + row + between + row + between) == [[1.5], [1.5]]


@pytest.mark.parametrize(
    "body",
    [
        "<html>\n",
        ",result,table\r\n,a,0\r\n",
        NUMBERS.replace(",double", "") + ",r,0,2024-01-01T00:00:00Z,1\r\n",
        NUMBERS + ",r,0,2024-0",
        NUMBERS + ",r,0,2024-01-01T00:00:00Z,1\r\n",
        NUMBERS,
        "",
    ],
    ids=["web page", "no annotation", "a type is missing", "in a row", "at a row's end", "after the header", "nothing"],
)
def test_what_is_not_annotated_csv_is_an_error(body: str) -> None:
    with pytest.raises(AnnotatedCsvError):
        sections(body.encode())


@pytest.mark.parametrize(
    "row", [",r,0,yesterday,1", ",r,0,2024-01-01T00:00:00Z,much", ",r,0,2024-01-01T00:00:00Z,", ",r,0"]
)
def test_a_row_that_does_not_fit_the_types_is_an_error(row: str) -> None:
    (section,) = sections(f"{NUMBERS}{row}\r\n\r\n".encode())
    with pytest.raises(AnnotatedCsvError, match="does not fit"):
        section.columns(("_time", "_value"))


def result(name: str, rows: int) -> str:
    return NUMBERS + "".join(f",{name},0,2024-01-01T00:00:00Z,{row}\r\n" for row in range(rows)) + "\r\n"


@pytest.mark.parametrize(
    "results",
    [
        [result("0", 3)],
        [result("0", 2), result("1", 2)],
        ["\r\n", result("1", 2), "\r\n"],
        [result("2", 1), "\r\n", result("0", 2)],
        ["\r\n", "\r\n"],
    ],
    ids=["one", "two", "one of three", "two of three", "none of two"],
)
def test_an_answer_that_is_cut_at_any_lines_end_is_known_to_be_cut(results: list[str]) -> None:
    whole = "".join(results).encode()
    sections(whole, len(results))
    cuts = [end for end in range(len(whole)) if whole[:end].endswith(b"\r\n") or end == 0]
    assert cuts
    for end in cuts:
        with pytest.raises(AnnotatedCsvError, match=r"early|begins"):
            sections(whole[:end], len(results))


ROW = NUMBERS + ",r,0,2024-01-01T00:00:00Z,1\r\n\r\n"
ERROR = '#datatype,string,string\r\n,error,reference\r\n,"it, failed",897\r\n'


@pytest.mark.parametrize(
    "body",
    [
        ERROR,
        ROW + ERROR,
        ROW + '#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,"it, failed",\n',
        'error,reference\r\n"it, failed",897\r\n',
    ],
    ids=["alone", "after rows", "all annotations", "no annotations"],
)
def test_an_error_table_is_raised_with_its_reason(body: str) -> None:
    with pytest.raises(FluxError, match=r"^it, failed$"):
        sections(body.encode())
