"""Rows of materializations from a template: exactly Dagster's own, whatever the figures are."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, StepMaterializationData
from dagster._core.storage.event_log import SqliteEventLogStorage
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.pipeline.storage.event_rows import MaterializationRows, Row, materialization_of

DAYS = ["2024-03-30", "2024-03-31", "2024-04-01"]


def event(day: str | None, metadata: dict[str, Any], second: float = 0.25, **named: Any) -> dg.EventLogEntry:
    made = dg.AssetMaterialization(
        "gas", partition=day, metadata=metadata, tags=named.get("tags", {"house/quality": "measured"})
    )
    of_dagster = DagsterEvent(
        dg.DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name="days",
        event_specific_data=StepMaterializationData(made),
        step_key="gas",
        message=named.get("message", "Materialized value gas."),
    )
    moment = 1_711_000_000.0 + second
    return dg.EventLogEntry(None, 10, "", named.get("run", "1"), moment, "gas", "days", of_dagster)


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> SqliteEventLogStorage:
    return SqliteEventLogStorage(str(tmp_path_factory.mktemp("stock")))


def rows(stock: SqliteEventLogStorage, events: list[dg.EventLogEntry]) -> tuple[list[Row], list[Row], int]:
    """Give the rows made from a template, Dagster's own, and how many of the former Dagster had to make."""
    made_by_dagster = 0

    def row_of(entry: dg.EventLogEntry) -> Row:
        nonlocal made_by_dagster
        made_by_dagster += 1
        return stock._event_to_row(entry)

    from_template = MaterializationRows(row_of)
    ours = [from_template.row(entry, materialization_of(entry)) for entry in events]
    return ours, [stock._event_to_row(entry) for entry in events], made_by_dagster


def same(ours: list[Row], stock: list[Row]) -> bool:
    return [list(row.items()) for row in ours] == [list(row.items()) for row in stock]


def test_dagster_makes_two_rows_of_a_thousand(stock: SqliteEventLogStorage) -> None:
    events = [event(f"day {n}", {"quality": "measured", "consumption [m³]": n / 7}, second=n / 3) for n in range(1000)]
    ours, own, made_by_dagster = rows(stock, events)
    assert same(ours, own)
    assert made_by_dagster == 2


@pytest.mark.parametrize(
    "values",
    [
        [0.0, -0.0, 1e-300, 1e300, 5.0],
        [math.nan, math.inf, -math.inf],
        [0, -7, 2**62],
        ["", 'a "quoted" word', "Größe\n²\\", "text-0-of-the-row", "the-partition-of-the-row"],
        [True, False],
        [None, None],
        [1, 1.0, "1", None],
        [dg.MetadataValue.md("*so*"), dg.MetadataValue.timestamp(datetime(2024, 3, 31, tzinfo=UTC))],
        [dg.MetadataValue.path("/a"), dg.MetadataValue.url("/b"), dg.MetadataValue.json({"a": [1]})],
    ],
    ids=["floats", "not numbers", "integers", "texts", "booleans", "nothing", "mixed", "other kinds", "more kinds"],
)
def test_whatever_the_figures_are_the_rows_are_dagsters_own(stock: SqliteEventLogStorage, values: list[Any]) -> None:
    events = [event(f"day {n}", {"one": value, "two": value}, n + 0.1) for n, value in enumerate(values)]
    ours, own, _ = rows(stock, events)
    assert same(ours, own)


WORDS = st.text('abc"\\ü€\n1.', max_size=6)


@given(
    st.lists(
        st.tuples(
            WORDS.filter(bool),
            st.dictionaries(st.sampled_from(["a", "b [m³]"]), st.one_of(st.floats(), st.integers(-9, 9), WORDS)),
            st.floats(0, 1e9),
        ),
        max_size=6,
    )
)
def test_any_batch_has_dagsters_own_rows(
    stock: SqliteEventLogStorage, batch: list[tuple[str, dict[str, Any], float]]
) -> None:
    ours, own, _ = rows(stock, [event(day, metadata, second) for day, metadata, second in batch])
    assert same(ours, own)


@pytest.mark.parametrize(
    "another",
    [{"tags": {"house/quality": "missing"}}, {"message": "Made gas."}, {"run": "2"}],
    ids=["tags", "message", "run"],
)
def test_an_event_that_differs_in_something_else_is_not_taken_for_the_same(
    stock: SqliteEventLogStorage, another: dict[str, Any]
) -> None:
    ours, own, made_by_dagster = rows(stock, [event(DAYS[0], {"a": 1.5}), event(DAYS[1], {"a": 2.5}, **another)])
    assert same(ours, own)
    assert made_by_dagster == 3


def test_a_figure_that_looks_like_the_template_is_told_apart(stock: SqliteEventLogStorage, tmp_path: Path) -> None:
    marked = event("the-partition-of-the-row", {"the-partition-of-the-row": "x"}, tags={"text-0-of-the-row": ""})
    ours, own, _ = rows(stock, [marked, event(DAYS[1], {"a": "y"}, tags={"a": "the-partition-of-the-row"})])
    assert same(ours, own)
