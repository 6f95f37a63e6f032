"""What every store promises of rows with tags of their own, over every backend."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflows_dagster.stores.ports import REGISTER_DAILY, Store
from workflows_dagster.stores.tagged import (
    EVENT_ENERGY_CORRELATION,
    HOME_ASSISTANT_EVENTS,
    HOME_POWER,
    RAW_STREAMS,
    TAGGED_MEASUREMENTS,
)

NOON = pd.Timestamp("2026-06-01T12:00", tz="UTC")
DAY = (pd.Timestamp("2026-06-01", tz="UTC"), pd.Timestamp("2026-06-02", tz="UTC"))


def power(**watts: list[float | None]) -> pd.DataFrame:
    """Power of each entity, a value per minute from noon on."""
    rows = [
        (NOON + pd.Timedelta(minutes=k), entity, value)
        for entity, values in watts.items()
        for k, value in enumerate(values)
    ]
    return pd.DataFrame(rows, columns=["time", "entity_id", "power_w"])


def correlation(minute: int, state: str, previous: str | None, delta: float) -> dict[str, object]:
    return {
        "time": NOON + pd.Timedelta(minutes=minute),
        "entity_id": "switch.kettle",
        "domain": "switch",
        "state": state,
        "previous_state": previous,
        "power_delta_w": delta,
        "method": "step",
    }


def read(store: Store) -> list[tuple[object, ...]]:
    frame = store.rows(HOME_POWER, *DAY)
    minutes = (frame["time"] - NOON) // pd.Timedelta(minutes=1)
    return list(zip(minutes.tolist(), frame["entity_id"].tolist(), frame["power_w"].tolist(), strict=True))


def test_an_empty_store_gives_an_empty_frame_of_the_promised_shape(store: Store) -> None:
    frame = store.rows(EVENT_ENERGY_CORRELATION)
    assert frame.columns.tolist() == ["time", *EVENT_ENERGY_CORRELATION.tags, *EVENT_ENERGY_CORRELATION.fields]
    assert str(frame["time"].dtype) == "datetime64[us, UTC]"
    assert frame["power_delta_w"].dtype == float


def test_rows_come_back_in_order_of_time_and_tags_whatever_the_order_of_writing(store: Store) -> None:
    store.add_rows(HOME_POWER, power(b=[1.5, 2.5], a=[0.1]).iloc[::-1])
    store.add_rows(HOME_POWER, power(a=[0.1, 7.0]))
    assert read(store) == [(0, "a", 0.1), (0, "b", 1.5), (1, "a", 7.0), (1, "b", 2.5)]
    assert store.rows(HOME_POWER, tags={"entity_id": "b"})["power_w"].tolist() == [1.5, 2.5]


def test_a_replaced_range_holds_exactly_what_was_given_and_leaves_all_else(store: Store) -> None:
    store.add_rows(HOME_POWER, power(a=[1.0, 2.0, 3.0], b=[4.0, 5.0]))
    minute = pd.Timedelta(minutes=1)
    store.replace_rows(HOME_POWER, NOON, NOON + 2 * minute, power(a=[1.0], c=[9.0]))
    assert read(store) == [(0, "a", 1.0), (0, "c", 9.0), (2, "a", 3.0)]
    store.replace_rows(HOME_POWER, NOON, NOON + 2 * minute, power())
    assert read(store) == [(2, "a", 3.0)]


def test_states_are_tags_so_that_two_changes_at_one_instant_are_two_rows(store: Store) -> None:
    rows = pd.DataFrame([correlation(0, "on", "off", 100.0), correlation(0, "off", "on", -100.0)])
    store.replace_rows(EVENT_ENERGY_CORRELATION, *DAY, rows)
    store.replace_rows(EVENT_ENERGY_CORRELATION, *DAY, rows)
    assert store.rows(EVENT_ENERGY_CORRELATION)["power_delta_w"].tolist() == [-100.0, 100.0]


def test_a_row_loses_the_tags_and_fields_that_are_taken_away(store: Store) -> None:
    store.replace_rows(EVENT_ENERGY_CORRELATION, *DAY, pd.DataFrame([correlation(0, "on", None, 100.0)]))
    assert store.rows(EVENT_ENERGY_CORRELATION)["previous_state"].tolist() == [None]
    poorer = pd.DataFrame([correlation(0, "on", None, 100.0), correlation(0, "on", "off", 5.0)]).assign(
        power_delta_w=[float("nan"), 5.0]
    )
    store.replace_rows(EVENT_ENERGY_CORRELATION, *DAY, poorer)
    frame = store.rows(EVENT_ENERGY_CORRELATION)
    assert frame["previous_state"].tolist() == [None, "off"]
    assert frame["method"].tolist() == ["step", "step"]
    assert frame["power_delta_w"].isna().tolist() == [True, False]


def test_texts_keep_quotes_line_feeds_and_umlauts(store: Store) -> None:
    text = '{"name": "Küche \\"links\\""}\n, 5 = x'
    row = {"time": NOON, "entity_id": "light.küche, 1", "domain": "light", "state": "on", "attributes": text}
    store.add_rows(HOME_ASSISTANT_EVENTS, pd.DataFrame([row]))
    frame = store.rows(HOME_ASSISTANT_EVENTS)
    assert frame.loc[0, ["entity_id", "attributes", "previous_state"]].tolist() == ["light.küche, 1", text, None]


def test_expired_rows_are_deleted_and_nothing_else(store: Store) -> None:
    store.add_rows(HOME_POWER, power(a=[1.0, 2.0], b=[3.0]))
    store.add_rows(
        HOME_ASSISTANT_EVENTS, pd.DataFrame([{"time": NOON, "entity_id": "e", "domain": "d", "state": "on"}])
    )
    store.delete_rows(HOME_POWER, DAY[0], NOON + pd.Timedelta(minutes=1))
    assert read(store) == [(1, "a", 2.0)]
    assert len(store.rows(HOME_ASSISTANT_EVENTS)) == 1


def test_streams_are_no_readings(store: Store) -> None:
    store.add_rows(HOME_POWER, power(a=[1.0]))
    assert {stream.name for stream in RAW_STREAMS} == {"home_power", "home_assistant_events"}
    assert store.catalogue().empty
    assert store.present(REGISTER_DAILY, *DAY) == {}


def test_an_unknown_column_is_our_bug(store: Store) -> None:
    with pytest.raises(ValueError, match="rows of home_power: no column watts"):
        store.add_rows(HOME_POWER, power(a=[1.0]).assign(watts=1.0))


def test_names_are_unique() -> None:
    assert len({measurement.name for measurement in TAGGED_MEASUREMENTS}) == len(TAGGED_MEASUREMENTS)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.floats(-1e6, 1e6, allow_nan=False)),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_replaced_reads_back_to_the_last_bit(store: Store, values: list[tuple[int, str, float]]) -> None:
    rows = pd.DataFrame(
        [(NOON + pd.Timedelta(minutes=k), entity, value + 0.0) for k, entity, value in values],
        columns=["time", "entity_id", "power_w"],
    )
    store.replace_rows(HOME_POWER, *DAY, rows)
    latest = {(k, entity): value + 0.0 for k, entity, value in values}
    assert read(store) == [(k, entity, value) for (k, entity), value in sorted(latest.items())]
