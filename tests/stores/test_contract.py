"""What every store promises, over every backend."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import (
    CONSUMPTION_DAILY,
    READINGS_CHANGED,
    REGISTER_DAILY,
    WRITING,
    Measurement,
    RawSeries,
    Store,
)

GAS = RawSeries("m³", "gas_zahler")
NOTE = Measurement("meter_note", {"amount": "number", "reason": "text"})


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def series(**values: float) -> pd.Series:
    """Readings by time on 2024-03-01, `h0630=1.5`."""
    times = [at(f"2024-03-01 {key[1:3]}:{key[3:5]}") for key in values]
    return readings(dict(zip(times, values.values(), strict=True)))


def readings(values: dict[pd.Timestamp, float]) -> pd.Series:
    index = pd.DatetimeIndex(list(values), name="time").as_unit("us") if values else empty_index()
    return pd.Series(list(values.values()), index=index, dtype=float, name="value")


def empty_index() -> pd.DatetimeIndex:
    return pd.DatetimeIndex([], dtype="datetime64[us, UTC]", name="time")


def days(*first: str) -> pd.DatetimeIndex:
    """Civil days of Berlin, by the instant at which they open."""
    return pd.DatetimeIndex(
        [pd.Timestamp(day, tz="Europe/Berlin").tz_convert("UTC") for day in first], name="time"
    ).as_unit("us")


def points(index: pd.DatetimeIndex, **columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=index)


def same(first: pd.Series, second: pd.Series) -> None:
    pd.testing.assert_series_equal(first, second, check_exact=True, check_freq=False)


JANUARY = days("2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04")
YEAR = (at("2023-06-01"), at("2024-06-01"))


@pytest.fixture
def filled(store: Store) -> Store:
    """Four readings: 06:00, 08:00, 10:00, 12:00."""
    store.write_readings(GAS, series(h0600=1.0, h0800=2.0, h1000=3.0, h1200=4.0))
    return store


# Readings


def test_a_store_without_readings_gives_an_empty_series_of_the_promised_shape(store: Store) -> None:
    same(store.readings(GAS), readings({}))


def test_readings_come_back_in_order_with_microsecond_utc_stamps(store: Store) -> None:
    written = readings({at("2024-03-01 06:00:00.000001"): 2.5, at("2024-02-29 23:59:59.999999"): 1.25})
    store.write_readings(GAS, written)
    same(store.readings(GAS), written.sort_index())


@pytest.mark.parametrize(
    "number",
    [
        0.1 + 0.2,
        1 / 3,
        5e-324,
        2.2250738585072014e-308,
        1.7976931348623157e308,
        -1.5,
        0.0,
        2.0**53 + 2,
        123456789.12345679,
    ],
)
def test_a_number_comes_back_to_the_last_bit(store: Store, number: float) -> None:
    store.write_readings(GAS, series(h0600=number))
    assert store.readings(GAS).iloc[0].hex() == float(number).hex()


def test_negative_zero_is_stored_as_zero(store: Store) -> None:
    store.write_readings(GAS, series(h0600=-0.0))
    assert float(store.readings(GAS).iloc[0]).hex() == "0x0.0p+0"


def test_a_range_holds_its_start_and_not_its_end(filled: Store) -> None:
    found = filled.readings(GAS, at("2024-03-01 08:00"), at("2024-03-01 12:00"))
    same(found, series(h0800=2.0, h1000=3.0))


def test_an_open_start_or_end_reads_to_the_end_of_what_there_is(filled: Store) -> None:
    same(filled.readings(GAS, None, at("2024-03-01 08:00")), series(h0600=1.0))
    same(filled.readings(GAS, at("2024-03-01 10:00"), None), series(h1000=3.0, h1200=4.0))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0, 0, {"h0800": 2.0}),
        (1, 0, {"h0600": 1.0, "h0800": 2.0}),
        (0, 1, {"h0800": 2.0, "h1000": 3.0}),
        (1, 1, {"h0600": 1.0, "h0800": 2.0, "h1000": 3.0}),
        (0, 2, {"h0800": 2.0, "h1000": 3.0, "h1200": 4.0}),
        (9, 9, {"h0600": 1.0, "h0800": 2.0, "h1000": 3.0, "h1200": 4.0}),
    ],
)
def test_neighbours_outside_the_range_are_added(
    filled: Store, before: int, after: int, expected: dict[str, float]
) -> None:
    found = filled.readings(GAS, at("2024-03-01 08:00"), at("2024-03-01 10:00"), before=before, after=after)
    same(found, series(**expected))


def test_the_latest_before_and_the_earliest_after_are_the_neighbours(filled: Store) -> None:
    found = filled.readings(GAS, at("2024-03-01 09:00"), at("2024-03-01 09:30"), before=1, after=1)
    same(found, series(h0800=2.0, h1000=3.0))


def test_a_reading_at_the_end_of_an_empty_range_is_its_neighbour_after(filled: Store) -> None:
    instant = at("2024-03-01 08:00")
    same(filled.readings(GAS, instant, instant, before=1, after=1), series(h0600=1.0, h0800=2.0))


def test_an_open_end_has_no_neighbours(filled: Store) -> None:
    same(filled.readings(GAS, before=3, after=3), series(h0600=1.0, h0800=2.0, h1000=3.0, h1200=4.0))


def test_neighbours_years_away_are_found(store: Store) -> None:
    apart = readings({at("1995-01-01"): 0.5, at("2019-01-01"): 1.0, at("2023-08-01"): 2.0, at("2031-01-01"): 4.0})
    store.write_readings(GAS, apart)
    day = (at("2024-03-01"), at("2024-03-02"))
    same(store.readings(GAS, *day, before=1, after=1), apart.iloc[2:])
    same(store.readings(GAS, *day, before=3, after=2), apart)


def test_a_second_reading_at_the_same_instant_replaces_the_first(filled: Store) -> None:
    filled.write_readings(GAS, series(h0800=2.25))
    same(filled.readings(GAS), series(h0600=1.0, h0800=2.25, h1000=3.0, h1200=4.0))


def test_of_two_readings_at_one_instant_in_one_batch_the_last_wins(store: Store) -> None:
    twice = pd.concat([series(h0600=1.0), series(h0500=0.5), series(h0600=2.0)])
    store.write_readings(GAS, twice)
    same(store.readings(GAS), series(h0500=0.5, h0600=2.0))


def test_writing_nothing_is_allowed(store: Store) -> None:
    store.write_readings(GAS, readings({}))
    assert store.catalogue().empty


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_reading_that_is_not_finite_is_refused_and_nothing_is_written(store: Store, number: float) -> None:
    with pytest.raises(ValueError, match="1 of 2 are not finite, the first at 2024-03-01 08:00"):
        store.write_readings(GAS, series(h0600=1.0, h0800=number))
    assert store.readings(GAS).empty


def test_readings_without_a_zone_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="instants in UTC"):
        store.write_readings(GAS, series(h0600=1.0).tz_localize(None))
    with pytest.raises(ValueError, match="no time zone"):
        store.readings(GAS, pd.Timestamp("2024-03-01"))


def test_instants_in_another_zone_and_unit_are_the_same_instants(store: Store) -> None:
    given = series(h0600=1.0, h0800=2.0)
    store.write_readings(GAS, given.set_axis(given.index.tz_convert("Europe/Berlin").as_unit("ns")))
    same(store.readings(GAS, pd.Timestamp("2024-03-01 07:00", tz="Europe/Berlin")), given)


@pytest.mark.parametrize(
    "odd",
    [
        RawSeries("m³ über", "zähler küche"),
        RawSeries("unit, with = and space", "id,with=all of it"),
        RawSeries('quo"te', 'it\'s ${r.x} "quoted"', 'fie"ld ,='),
        RawSeries("back\\slash in", "c:\\meters\\gas", "va\\lue"),
        RawSeries("kWh", "plain", "value", 'sensor, "x" = y'),
    ],
    ids=["umlauts", "separators", "quotes", "backslashes", "domain"],
)
def test_names_may_hold_what_people_write(store: Store, odd: RawSeries) -> None:
    store.write_readings(odd, series(h0600=1.0, h0800=2.0))
    store.write_readings(GAS, series(h0600=7.0))
    same(store.readings(odd), series(h0600=1.0, h0800=2.0))
    assert list(store.fingerprints([odd])["count"]) == [2]
    found = store.catalogue().set_index("measurement").loc[odd.measurement]
    assert (found["entity_id"], found["field"]) == (odd.entity_id, odd.field)
    store.delete_readings(odd, at("2024-03-01"), at("2024-03-01 07:00"))
    same(store.readings(odd), series(h0800=2.0))
    same(store.readings(GAS), series(h0600=7.0))


def test_measurement_entity_and_field_keep_series_apart(store: Store) -> None:
    kinds = [
        GAS,
        RawSeries("kWh", "gas_zahler"),
        RawSeries("m³", "other"),
        RawSeries("m³", "gas_zahler", "consumption"),
    ]
    for number, one in enumerate(kinds):
        store.write_readings(one, series(h0600=float(number)))
    assert [store.readings(one).tolist() for one in kinds] == [[0.0], [1.0], [2.0], [3.0]]


# Domains


def test_without_a_domain_input_number_is_written(store: Store) -> None:
    store.write_readings(GAS, series(h0600=1.0))
    assert store.catalogue()["domain"].tolist() == ["input_number"]
    same(store.readings(RawSeries("m³", "gas_zahler", domain="input_number")), series(h0600=1.0))


def test_a_series_without_domain_reads_all_domains_as_one(store: Store) -> None:
    store.write_readings(RawSeries("m³", "gas_zahler", domain="sensor"), series(h0600=1.0, h1000=3.0, h1400=5.0))
    store.write_readings(RawSeries("m³", "gas_zahler", domain="input_number"), series(h0800=2.0, h1200=4.0))
    same(store.readings(GAS), series(h0600=1.0, h0800=2.0, h1000=3.0, h1200=4.0, h1400=5.0))
    same(
        store.readings(GAS, at("2024-03-01 10:00"), at("2024-03-01 11:00"), before=2, after=2),
        series(h0600=1.0, h0800=2.0, h1000=3.0, h1200=4.0, h1400=5.0),
    )
    same(
        store.readings(RawSeries("m³", "gas_zahler", domain="sensor"), after=1), series(h0600=1.0, h1000=3.0, h1400=5.0)
    )
    assert store.fingerprints([GAS])["count"].tolist() == [5]


def test_what_a_person_corrects_by_hand_wins_over_the_sensor_at_the_same_instant(store: Store) -> None:
    store.write_readings(RawSeries("m³", "gas_zahler", domain="sensor"), series(h0600=1.0, h0800=2.0))
    store.write_readings(GAS, series(h0800=2.5))
    same(store.readings(GAS), series(h0600=1.0, h0800=2.5))
    same(store.readings(GAS, at("2024-03-01 09:00"), at("2024-03-01 10:00"), before=2), series(h0600=1.0, h0800=2.5))


# Deleting


def test_deleting_takes_the_start_and_leaves_the_end(filled: Store) -> None:
    filled.delete_readings(GAS, at("2024-03-01 08:00"), at("2024-03-01 12:00"))
    same(filled.readings(GAS), series(h0600=1.0, h1200=4.0))


def test_deleting_leaves_what_lies_a_microsecond_outside(store: Store) -> None:
    start, end = at("2024-03-01 08:00"), at("2024-03-01 09:00")
    tick = pd.Timedelta(1, "us")
    store.write_readings(GAS, readings({start - tick: 1.0, start: 2.0, end - tick: 3.0, end: 4.0}))
    store.delete_readings(GAS, start, end)
    same(store.readings(GAS), readings({start - tick: 1.0, end: 4.0}))


def test_deleting_touches_one_domain_when_one_is_named_and_no_other_series(store: Store) -> None:
    sensor, other = RawSeries("m³", "gas_zahler", domain="sensor"), RawSeries("m³", "gas")
    for one in (GAS, sensor, other):
        store.write_readings(one, series(h0600=1.0))
    store.delete_readings(sensor, at("2024-01-01"), at("2025-01-01"))
    assert [len(store.readings(one)) for one in (sensor, GAS, other)] == [0, 1, 1]
    store.delete_readings(GAS, at("2024-01-01"), at("2025-01-01"))
    assert [len(store.readings(one)) for one in (GAS, other)] == [0, 1]


def test_deleting_what_is_not_there_and_empty_ranges_are_allowed(filled: Store) -> None:
    filled.delete_readings(RawSeries("m³", "nobody"), at("2024-01-01"), at("2025-01-01"))
    filled.delete_readings(GAS, at("2024-03-01 08:00"), at("2024-03-01 08:00"))
    assert len(filled.readings(GAS)) == 4


def test_what_was_deleted_can_be_written_again(filled: Store) -> None:
    filled.delete_readings(GAS, at("2024-03-01"), at("2024-03-02"))
    filled.write_readings(GAS, series(h0800=9.0))
    same(filled.readings(GAS), series(h0800=9.0))


# Fingerprints and catalogue

WATER = RawSeries("m³", "haupt_wasser")


def months(store: Store, *asked: RawSeries) -> list[tuple[object, ...]]:
    return [tuple(row) for row in store.fingerprints(asked).itertuples(index=False)]


def test_fingerprints_summarise_by_utc_month_in_the_order_asked(store: Store) -> None:
    edge = {
        at("2023-12-31 23:59:59.999999"): 1.0,
        at("2024-01-01"): 2.5,
        at("2024-01-31 23:00"): 4.0,
        at("2024-03-05"): 5.0,
    }
    store.write_readings(GAS, readings(edge))
    store.write_readings(WATER, readings({at("2024-02-29"): 0.125}))
    instants = list(edge)
    assert months(store, WATER, RawSeries("m³", "nobody"), GAS) == [
        (WATER, "2024-02", 1, 0.125, at("2024-02-29"), at("2024-02-29")),
        (GAS, "2023-12", 1, 1.0, instants[0], instants[0]),
        (GAS, "2024-01", 2, 6.5, instants[1], instants[2]),
        (GAS, "2024-03", 1, 5.0, instants[3], instants[3]),
    ]


def test_fingerprints_of_some_months_are_those_of_all_cut_to_them(store: Store) -> None:
    index = pd.date_range("2023-11-20", "2024-03-05", freq="31h", tz="UTC").as_unit("us")
    for one in (GAS, RawSeries("kWh", "strom")):
        store.write_readings(one, pd.Series(np.arange(len(index)) / 3, index=index))
    asked = [RawSeries("kWh", "strom"), GAS]
    everything = store.fingerprints(asked)
    for start, end in (("2023-12", "2024-02"), ("2024-01", None), (None, "2024-01"), ("2023-12", "2023-12")):
        found = store.fingerprints(asked, at(start) if start else None, at(end) if end else None)
        inside = (everything["month"] >= (start or "")) & (everything["month"] < (end or "9"))
        pd.testing.assert_frame_equal(found, everything[inside].reset_index(drop=True), check_exact=True)


def marks(store: Store) -> dict[tuple[str, str], str]:
    found = store.texts(READINGS_CHANGED, "mark")
    return {(entity, f"{time:%Y-%m}"): text for entity, texts in found.items() for time, text in texts.items()}


def test_a_change_of_readings_marks_its_months_and_a_repeat_does_not(store: Store) -> None:
    given = readings({at("2024-01-31 23:59:59.999999"): 1.0, at("2024-03-01"): 2.0})
    store.write_readings(GAS, given)
    first = marks(store)
    assert set(first) == {("gas_zahler", "2024-01"), ("gas_zahler", "2024-03")}
    store.write_readings(GAS, given)
    store.delete_readings(GAS, at("2024-02-01"), at("2024-03-01"))
    assert marks(store) == first
    store.write_readings(GAS, given + pd.Series([0.0, 1.0], index=given.index))
    second = marks(store)
    assert [second[place] != first[place] for place in sorted(first)] == [False, True]
    store.delete_readings(GAS, at("2024-01-01"), at("2024-03-01"))
    third = marks(store)
    assert [third[place] != second[place] for place in sorted(first)] == [True, False]
    assert not any(mark.startswith(WRITING) for mark in third.values())


def test_fingerprints_tell_only_of_the_series_asked_for(store: Store) -> None:
    power = RawSeries("kWh", "haupt_strom", "consumption")
    for one in (GAS, power, RawSeries("m³", "haupt_strom"), RawSeries("kWh", "gas_zahler", "consumption"), WATER):
        store.write_readings(one, series(h0600=1.0))
    assert store.fingerprints([power, GAS])["series"].tolist() == [power, GAS]
    assert store.fingerprints([power, GAS])["count"].tolist() == [1, 1]


def test_fingerprints_have_the_promised_columns_even_when_empty(store: Store) -> None:
    for asked in ([], [GAS]):
        empty = store.fingerprints(asked)
        assert list(empty.columns) == ["series", "month", "count", "sum", "first", "last"]
        assert [str(dtype) for dtype in empty.dtypes] == [
            "object", "object", "int64", "float64", "datetime64[us, UTC]", "datetime64[us, UTC]",
        ]  # fmt: skip


def test_equal_readings_give_equal_fingerprints_however_they_arrived(filled: Store) -> None:
    filled.write_readings(WATER, series(h1200=0.1, h0600=0.2))
    filled.write_readings(WATER, series(h0800=0.3))
    before = filled.fingerprints([GAS, WATER])
    filled.write_readings(WATER, series(h0600=0.2, h0800=0.3))
    pd.testing.assert_frame_equal(filled.fingerprints([GAS, WATER]), before, check_exact=True)


@pytest.mark.parametrize("change", ["new", "back-dated", "edited", "deleted", "deleted last of a month"])
def test_a_changed_reading_changes_its_months_fingerprint_and_no_other(filled: Store, change: str) -> None:
    filled.write_readings(GAS, readings({at("2024-01-10"): 0.25, at("2024-04-02"): 9.0}))
    before = filled.fingerprints([GAS])
    month = "2024-03"
    if change == "new":
        filled.write_readings(GAS, series(h1800=5.0))
    elif change == "back-dated":
        filled.write_readings(GAS, series(h0700=1.5))
    elif change == "edited":
        filled.write_readings(GAS, series(h0800=2.001))
    elif change == "deleted":
        filled.delete_readings(GAS, at("2024-03-01 08:00"), at("2024-03-01 08:01"))
    else:
        filled.delete_readings(GAS, at("2024-01-01"), at("2024-02-01"))
        month = "2024-01"
    after = filled.fingerprints([GAS])
    kept = [frame[frame["month"] != month].reset_index(drop=True) for frame in (before, after)]
    pd.testing.assert_frame_equal(*kept)
    assert (
        not before[before["month"] == month]
        .reset_index(drop=True)
        .equals(after[after["month"] == month].reset_index(drop=True))
    )


def test_the_catalogue_lists_every_series_in_order(filled: Store) -> None:
    filled.write_readings(RawSeries("kWh", "haupt_strom", domain="sensor"), series(h0900=5.0))
    filled.write_readings(RawSeries("m³", "gas_zahler", "daily"), series(h0900=5.0))
    listed = filled.catalogue()
    assert [tuple(row) for row in listed.itertuples(index=False)] == [
        ("kWh", "haupt_strom", "value", "sensor", 1, at("2024-03-01 09:00"), at("2024-03-01 09:00")),
        ("m³", "gas_zahler", "daily", "input_number", 1, at("2024-03-01 09:00"), at("2024-03-01 09:00")),
        ("m³", "gas_zahler", "value", "input_number", 4, at("2024-03-01 06:00"), at("2024-03-01 12:00")),
    ]
    assert list(listed.columns) == ["measurement", "entity_id", "field", "domain", "count", "first", "last"]


def test_a_series_whose_readings_are_all_deleted_leaves_the_catalogue(filled: Store) -> None:
    filled.delete_readings(GAS, at("2024-01-01"), at("2025-01-01"))
    assert filled.catalogue().empty
    assert filled.fingerprints([GAS]).empty


# Processed series


def daily(values: list[float], **more: list[object]) -> pd.DataFrame:
    return points(JANUARY[: len(values)], consumption=values, quality=["measured"] * len(values), **more)


def test_a_meter_without_points_reads_as_an_empty_frame_of_the_promised_shape(store: Store) -> None:
    empty = store.read(CONSUMPTION_DAILY, "gas_zahler")
    numbers = ["estimated_share", "residual", "lower", "upper"]
    assert list(empty.columns) == ["consumption", "quality", *numbers, "unit"]
    assert [str(dtype) for dtype in empty.dtypes] == ["float64", "object", *["float64"] * 4, "object"]
    pd.testing.assert_index_equal(empty.index, empty_index())


def test_points_read_back_as_they_were_written_with_absent_fields_as_nan_and_none(store: Store) -> None:
    written = points(
        JANUARY[:3],
        consumption=[1 / 3, np.nan, 0.0],
        quality=["measured", None, "interpolated"],
        estimated_share=[np.nan, 0.5, 1.0],
    )
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, written)
    found = store.read(CONSUMPTION_DAILY, "gas_zahler")
    expected = written.assign(residual=np.nan, lower=np.nan, upper=np.nan, unit="m³").astype(
        {"quality": object, "unit": object}
    )
    expected.loc[expected.index[1], "quality"] = None
    pd.testing.assert_frame_equal(found, expected[found.columns], check_exact=True, check_freq=False)
    assert found["quality"].iloc[1] is None
    assert str(found.index.dtype) == "datetime64[us, UTC]"


def test_the_days_of_berlin_open_at_23_and_22_utc(store: Store) -> None:
    index = days("2024-03-30", "2024-03-31", "2024-04-01", "2024-10-27", "2024-10-28")
    store.replace(
        REGISTER_DAILY, "gas_zahler", "m³", at("2024-01-01"), at("2025-01-01"), points(index, value=[1.0, 2, 3, 4, 5])
    )
    assert [f"{instant:%m-%d %H}" for instant in store.read(REGISTER_DAILY, "gas_zahler").index] == [
        "03-29 23", "03-30 23", "03-31 22", "10-26 22", "10-27 23",
    ]  # fmt: skip
    short_day = store.read(REGISTER_DAILY, "gas_zahler", index[1], index[2])
    assert short_day["value"].tolist() == [2.0]


@pytest.mark.parametrize("number", [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -1.25, -0.0])
def test_a_points_number_comes_back_to_the_last_bit(store: Store, number: float) -> None:
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily([number]))
    assert float(store.read(CONSUMPTION_DAILY, "gas_zahler")["consumption"].iloc[0]).hex() == (number + 0.0).hex()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NaN",
        "null",
        "plain",
        "with, comma",
        'a "quote"',
        "back\\slash\\",
        "two\nlines",
        "\n\n#datatype,x\n",
        "${r._value}",
        "äöü m³ 🔥",
        " ",
    ],
)
def test_a_text_comes_back_letter_for_letter(store: Store, text: str) -> None:
    store.replace(NOTE, "gas_zahler", "m³", *YEAR, points(JANUARY[:2], amount=[1.0, 2.0], reason=[text, "other"]))
    assert store.read(NOTE, "gas_zahler")["reason"].tolist() == [text, "other"]


@pytest.mark.parametrize("text", ["carriage\rreturn", "nul\0"])
def test_a_text_that_no_store_can_keep_is_refused(store: Store, text: str) -> None:
    with pytest.raises(ValueError, match="do not survive a store"):
        store.replace(NOTE, "gas_zahler", "m³", *YEAR, points(JANUARY[:1], reason=[text]))


@pytest.mark.parametrize("meter", ["zähler küche", "a,b=c d", 'q"uote', "${x}", "back\\slash"])
@pytest.mark.parametrize("unit", ["m³", 'k W,h="'])
def test_meters_and_units_may_hold_what_people_write(store: Store, meter: str, unit: str) -> None:
    store.replace(CONSUMPTION_DAILY, "other", "kWh", *YEAR, daily([7.0]))
    store.replace(CONSUMPTION_DAILY, meter, unit, *YEAR, daily([1.0, 2.0]))
    store.replace(CONSUMPTION_DAILY, meter, unit, *YEAR, daily([1.0]))
    found = store.read(CONSUMPTION_DAILY, meter)
    assert (found["consumption"].tolist(), found["unit"].tolist()) == ([1.0], [unit])
    assert set(store.present(CONSUMPTION_DAILY, *YEAR)) == {meter, "other"}


def test_reading_a_range_holds_its_start_and_not_its_end(store: Store) -> None:
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily([1.0, 2.0, 3.0, 4.0]))
    assert store.read(CONSUMPTION_DAILY, "gas_zahler", JANUARY[1], JANUARY[3])["consumption"].tolist() == [2.0, 3.0]
    assert store.read(CONSUMPTION_DAILY, "gas_zahler", JANUARY[2])["consumption"].tolist() == [3.0, 4.0]
    assert store.read(CONSUMPTION_DAILY, "gas_zahler", None, JANUARY[1])["consumption"].tolist() == [1.0]
    assert store.read(CONSUMPTION_DAILY, "gas_zahler", JANUARY[1], JANUARY[1]).empty


def test_replacing_leaves_exactly_the_ranges_points_and_nothing_outside_is_touched(store: Store) -> None:
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily([1.0, 2.0, 3.0, 4.0]))
    changed = points(JANUARY[[2]], consumption=[9.0], quality=["measured"])
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", JANUARY[1], JANUARY[3], changed)
    found = store.read(CONSUMPTION_DAILY, "gas_zahler")
    assert dict(zip(found.index, found["consumption"], strict=True)) == {
        JANUARY[0]: 1.0,
        JANUARY[2]: 9.0,
        JANUARY[3]: 4.0,
    }


def test_replacing_touches_no_other_meter_and_no_other_measurement(store: Store) -> None:
    register = points(JANUARY, value=[10.0, 11.0, 13.0, 16.0])
    store.replace(CONSUMPTION_DAILY, "gas", "m³", *YEAR, daily([5.0, 6.0]))
    store.replace(REGISTER_DAILY, "gas_zahler", "m³", *YEAR, register)
    before = store.read(CONSUMPTION_DAILY, "gas"), store.read(REGISTER_DAILY, "gas_zahler")
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily([1.0]))
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily([]))
    pd.testing.assert_frame_equal(store.read(CONSUMPTION_DAILY, "gas"), before[0])
    pd.testing.assert_frame_equal(store.read(REGISTER_DAILY, "gas_zahler"), before[1])
    assert store.read(CONSUMPTION_DAILY, "gas_zahler").empty


@pytest.mark.parametrize(
    "nothing", [pd.DataFrame(), daily([]), points(JANUARY[:2], consumption=[np.nan, np.nan], quality=[None, None])]
)
def test_replacing_with_nothing_clears_the_range(store: Store, nothing: pd.DataFrame) -> None:
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily([1.0, 2.0, 3.0]))
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", JANUARY[0], JANUARY[2], nothing)
    assert store.read(CONSUMPTION_DAILY, "gas_zahler").index.tolist() == [JANUARY[2]]


def test_a_field_that_is_no_longer_there_is_gone_and_the_others_stay(store: Store) -> None:
    store.replace(CONSUMPTION_DAILY, "eg_wasser", "m³", *YEAR, daily([1.0, 2.0, 3.0], residual=[-1.0, 2.0, 3.0]))
    store.replace(CONSUMPTION_DAILY, "eg_wasser", "m³", *YEAR, daily([1.0, 2.0, 3.5], residual=[-1.0, np.nan, 3.5]))
    found = store.read(CONSUMPTION_DAILY, "eg_wasser")
    assert found["consumption"].tolist() == [1.0, 2.0, 3.5]
    np.testing.assert_array_equal(found["residual"], [-1.0, np.nan, 3.5])
    assert found["quality"].tolist() == ["measured"] * 3


def test_a_changed_unit_leaves_no_point_under_the_old_one_in_the_range(store: Store) -> None:
    store.replace(CONSUMPTION_DAILY, "solar", "kWh", *YEAR, daily([1.0, 2.0, 3.0, 4.0]))
    fewer = points(JANUARY[[0, 2]], consumption=[1000.0, 3000.0], quality=["measured"] * 2)
    store.replace(CONSUMPTION_DAILY, "solar", "Wh", JANUARY[0], JANUARY[3], fewer)
    found = store.read(CONSUMPTION_DAILY, "solar")
    assert list(zip(found.index, found["consumption"], found["unit"], strict=True)) == [
        (JANUARY[0], 1000.0, "Wh"), (JANUARY[2], 3000.0, "Wh"), (JANUARY[3], 4.0, "kWh"),
    ]  # fmt: skip


def test_a_repeat_changes_nothing(store: Store) -> None:
    given = daily([1.0, 2.0, 3.0], residual=[-1.0, np.nan, 3.0])
    store.replace(CONSUMPTION_DAILY, "eg_wasser", "m³", *YEAR, given)
    once = store.read(CONSUMPTION_DAILY, "eg_wasser")
    store.replace(CONSUMPTION_DAILY, "eg_wasser", "m³", *YEAR, given)
    pd.testing.assert_frame_equal(store.read(CONSUMPTION_DAILY, "eg_wasser"), once, check_exact=True)


def test_a_measurement_that_lost_a_field_clears_it(store: Store) -> None:
    wide = Measurement("meter_note", {"amount": "number", "old": "number"})
    store.replace(wide, "gas_zahler", "m³", *YEAR, points(JANUARY[:2], amount=[1.0, 2.0], old=[5.0, 6.0]))
    store.replace(NOTE, "gas_zahler", "m³", JANUARY[0], JANUARY[1], points(JANUARY[:1], amount=[1.0]))
    assert store.read(NOTE, "gas_zahler")["amount"].tolist() == [1.0, 2.0]
    np.testing.assert_array_equal(store.read(wide, "gas_zahler")["old"], [np.nan, 6.0])


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (points(JANUARY[:1], price=[1.0]), "no field price"),
        (points(JANUARY[[1, 0]], consumption=[1.0, 2.0]), "not strictly increasing"),
        (points(JANUARY[[0, 0]], consumption=[1.0, 2.0]), "not strictly increasing"),
        (points(days("2024-06-02"), consumption=[1.0]), "leaves the range"),
        (points(days("2023-05-30"), consumption=[1.0]), "leaves the range"),
        (points(JANUARY[:1], consumption=[np.inf]), "infinite"),
        (points(JANUARY[:1], quality=[1.5]), "not a text"),
        (points(JANUARY[:1].tz_localize(None), consumption=[1.0]), "instants in UTC"),
    ],
    ids=["unknown field", "order", "twice", "late", "early", "infinite", "number as text", "no zone"],
)
def test_points_that_break_the_rules_are_refused_and_nothing_is_written(
    store: Store, wrong: pd.DataFrame, sentence: str
) -> None:
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily([1.0]))
    with pytest.raises(ValueError, match=sentence):
        store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, wrong)
    assert store.read(CONSUMPTION_DAILY, "gas_zahler")["consumption"].tolist() == [1.0]


def test_present_tells_each_meters_instants_in_the_range(store: Store) -> None:
    store.replace(CONSUMPTION_DAILY, "gas", "m³", *YEAR, daily([1.0, 2.0, 3.0]))
    only_text = points(JANUARY[[2]], quality=["missing"])
    store.replace(CONSUMPTION_DAILY, "solar", "kWh", *YEAR, only_text)
    store.replace(REGISTER_DAILY, "water", "m³", *YEAR, points(JANUARY, value=[1.0] * 4))
    found = store.present(CONSUMPTION_DAILY, JANUARY[1], JANUARY[3])
    assert list(found) == ["gas", "solar"]
    pd.testing.assert_index_equal(found["gas"], JANUARY[1:3])
    pd.testing.assert_index_equal(found["solar"], JANUARY[[2]])
    assert store.present(CONSUMPTION_DAILY, JANUARY[3], YEAR[1]) == {}


def test_texts_gives_one_field_of_all_meters_in_the_range(store: Store) -> None:
    note = points(JANUARY, amount=[1.0] * 4, reason=["a", "b", None, "ü\nd"])
    store.replace(NOTE, "gas", "m³", *YEAR, note)
    store.replace(NOTE, "water", "m³", *YEAR, points(JANUARY[:1], reason=["w"]))
    found = store.texts(NOTE, "reason", JANUARY[1], YEAR[1])
    assert list(found) == ["gas"]
    assert found["gas"].tolist() == ["b", "ü\nd"]
    pd.testing.assert_index_equal(pd.DatetimeIndex(found["gas"].index), JANUARY[[1, 3]])
    assert {meter: texts.tolist() for meter, texts in store.texts(NOTE, "reason").items()} == {
        "gas": ["a", "b", "ü\nd"],
        "water": ["w"],
    }
    assert store.texts(NOTE, "amount") == {}


def test_a_closed_store_opens_again_when_used(filled: Store) -> None:
    filled.close()
    assert len(filled.readings(GAS)) == 4


# Laws

finite = st.floats(allow_nan=False, allow_infinity=False)
minutes = st.integers(0, 60)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.dictionaries(minutes, finite, max_size=8), max_size=4),
    lowest=minutes,
    length=minutes,
    before=st.integers(0, 3),
    after=st.integers(0, 3),
)
def test_law_readings_are_what_was_written_last_and_neighbours_are_a_wider_cut(
    tmp_path: Path, batches: list[dict[int, float]], lowest: int, length: int, before: int, after: int
) -> None:
    def instant(minute: int) -> pd.Timestamp:
        return at("2024-03-01") + pd.Timedelta(minute, "min")

    store = EmbeddedStore(tmp_path / "law.sqlite")
    store.delete_readings(GAS, at("2024-01-01"), at("2025-01-01"))
    truth: dict[int, float] = {}
    for batch in batches:
        store.write_readings(GAS, readings({instant(minute): value for minute, value in batch.items()}))
        truth.update(batch)
    everything = readings({instant(minute): value + 0.0 for minute, value in sorted(truth.items())})
    same(store.readings(GAS), everything)
    first = sum(minute < lowest for minute in truth)
    last = sum(minute < lowest + length for minute in truth)
    cut = everything.iloc[max(first - before, 0) : last + after]
    same(store.readings(GAS, instant(lowest), instant(lowest + length), before=before, after=after), cut)
    store.close()


rows = st.dictionaries(
    st.integers(0, 3), st.tuples(finite | st.just(np.nan), st.sampled_from(["measured", "missing", None]))
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=rows, second=rows, units=st.tuples(st.sampled_from(["m³", "l"]), st.sampled_from(["m³", "l"])))
def test_law_after_replacing_the_range_holds_the_points_whatever_stood_there(
    tmp_path: Path,
    first: dict[int, tuple[float, str | None]],
    second: dict[int, tuple[float, str | None]],
    units: tuple[str, str],
) -> None:
    store = EmbeddedStore(tmp_path / "law.sqlite")
    for content, unit in zip((first, second), units, strict=True):
        order = sorted(content)
        given_points = points(
            JANUARY[order], consumption=[content[i][0] for i in order], quality=[content[i][1] for i in order]
        )
        store.replace(CONSUMPTION_DAILY, "gas", unit, *YEAR, given_points)
    found = store.read(CONSUMPTION_DAILY, "gas")
    kept = {JANUARY[i]: row for i, row in sorted(second.items()) if not (np.isnan(row[0]) and row[1] is None)}
    assert found.index.tolist() == list(kept)
    np.testing.assert_array_equal(found["consumption"], [row[0] for row in kept.values()])
    assert found["quality"].tolist() == [row[1] for row in kept.values()]
    assert set(found["unit"]) <= {units[1]}
    store.close()
