"""What only a real InfluxDB can show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.stores.influx_server import InfluxServer, executable
from workflows_dagster.stores.influx.connection import BucketFacts
from workflows_dagster.stores.influx.store import InfluxStore
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, COST_DAILY, RawSeries, StoreError

GAS = RawSeries("m³", "gas_zahler")
YEAR = (pd.Timestamp("2023-12-31 23:00", tz="UTC"), pd.Timestamp("2024-12-31 23:00", tz="UTC"))
DAYS = pd.date_range("2024-01-01", "2024-12-31", tz="Europe/Berlin").tz_convert("UTC").as_unit("us")
HOURS = pd.date_range("2024-01-01", periods=300, freq="h", tz="UTC").as_unit("us")
# 2024-03-01 06:00 UTC, microseconds since 1970.
MORNING = 1_709_272_800_000_000


def hourly() -> pd.Series:
    return pd.Series(np.cumsum(np.random.default_rng(5).random(len(HOURS))), index=HOURS.rename("time"), name="value")


def daily(seed: int) -> pd.DataFrame:
    numbers = np.random.default_rng(seed)
    quality = np.where(numbers.random(len(DAYS)) < 0.5, "measured", "interpolated").astype(object)
    return pd.DataFrame({"consumption": numbers.random(len(DAYS)), "quality": quality}, index=DAYS)


def text_of(error: pytest.ExceptionInfo[StoreError]) -> str:
    return str(error.value)


@pytest.fixture
def opened(influx_server: InfluxServer) -> Iterator[InfluxStore]:
    store = influx_server.store()
    yield store
    store.close()


def raw_bucket(store: InfluxStore) -> str:
    return repr(store).partition("raw='")[2].partition("'")[0]


def test_a_wrong_token_is_said_to_be_wrong(influx_server: InfluxServer) -> None:
    store = influx_server.store(token="another-token", bucket_raw="first", bucket_processed="first")
    with pytest.raises(StoreError) as reading:
        store.readings(GAS)
    with pytest.raises(StoreError) as writing:
        store.write_readings(GAS, hourly())
    assert text_of(reading) == text_of(writing)
    assert text_of(reading) == f"InfluxDB at {influx_server.url}: the token is not accepted (401). Check INFLUX_TOKEN."
    facts = store.check()
    assert (facts.reachable, facts.allowed, facts.problems) == (True, False, (text_of(reading),))
    store.close()


def test_a_missing_bucket_is_named_and_can_be_created(influx_server: InfluxServer) -> None:
    store = influx_server.store(bucket_processed="not there yet")
    sentence = "there is no bucket 'not there yet' in organisation 'home', or the token may not see it. Create it"
    for work in (
        lambda: store.read(CONSUMPTION_DAILY, "gas_zahler"),
        lambda: store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily(1)),
        lambda: store.present(CONSUMPTION_DAILY, *YEAR),
    ):
        with pytest.raises(StoreError, match=sentence):
            work()
    facts = store.check()
    assert facts.allowed
    assert facts.buckets == (BucketFacts(raw_bucket(store), True, True), BucketFacts("not there yet", False, False))
    assert sentence in facts.problems[0]
    store.create_bucket_processed()
    store.create_bucket_processed()
    assert store.check().problems == ()
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily(1))
    store.close()


def test_the_processed_bucket_keeps_points_for_ever_and_a_year_a_shard(
    influx_server: InfluxServer, opened: InfluxStore
) -> None:
    name = raw_bucket(opened).replace("raw ", "processed%20")
    (rule,) = influx_server.ask("GET", f"/api/v2/buckets?name={name}")["buckets"][0]["retentionRules"]
    assert (rule["everySeconds"], rule["shardGroupDurationSeconds"]) == (0, 364 * 86_400)


def test_a_missing_organisation_is_named(influx_server: InfluxServer) -> None:
    store = influx_server.store(org="away", bucket_raw="first", bucket_processed="first")
    for work in (lambda: store.readings(GAS), lambda: store.delete_readings(GAS, *YEAR)):
        with pytest.raises(StoreError, match=r"there is no organisation 'away' \(40[04]\)\. Correct INFLUX_ORG\."):
            work()
    facts = store.check()
    assert (facts.reachable, facts.allowed) == (True, False)
    assert "no organisation 'away'" in facts.problems[0]
    store.close()


def test_the_organisation_may_be_named_by_its_id(influx_server: InfluxServer) -> None:
    by_name = influx_server.store()
    raw, processed = by_name._raw, by_name._processed
    store = influx_server.store(org=influx_server.org_id(), bucket_raw=raw, bucket_processed=processed)
    day = pd.Timestamp("2024-01-01", tz="UTC")
    store.write_readings(GAS, pd.Series([1.5], index=pd.DatetimeIndex([day])))
    assert store.readings(GAS).tolist() == by_name.readings(GAS).tolist() == [1.5]
    store.delete_readings(GAS, day, day + pd.Timedelta(days=1))
    assert by_name.readings(GAS).empty
    assert store.check().problems == ()
    store.create_bucket_processed()
    assert store.processed_shard_days() == 364
    store.close()
    by_name.close()


def test_a_reading_older_than_the_bucket_keeps_is_named_with_what_the_bucket_keeps(influx_server: InfluxServer) -> None:
    rules = [{"type": "expire", "everySeconds": 30 * 86_400}]
    influx_server.ask(
        "POST", "/api/v2/buckets", {"orgID": influx_server.org_id(), "name": "a month", "retentionRules": rules}
    )
    store = influx_server.store(bucket_raw="a month")
    index = pd.DatetimeIndex([pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp.now("UTC").floor("s")])
    with pytest.raises(StoreError, match=r"the bucket 'a month' keeps points for 720h0m0s, and some are older"):
        store.write_readings(GAS, pd.Series([1.0, 2.0], index=index))
    assert store.check().buckets[0].keeps_seconds == 30 * 86_400
    store.close()


def test_a_token_that_may_only_read_reads_and_says_what_it_lacks(influx_server: InfluxServer) -> None:
    number = influx_server.bucket("read only")
    org = influx_server.org_id()
    right = {"action": "read", "resource": {"type": "buckets", "id": number, "orgID": org}}
    token = str(influx_server.ask("POST", "/api/v2/authorizations", {"orgID": org, "permissions": [right]})["token"])
    store = influx_server.store(token=token, bucket_raw="read only", bucket_processed="read only")
    assert store.readings(GAS).empty
    with pytest.raises(StoreError, match=r"the token may not do this: writing readings of gas_zahler \(403"):
        store.write_readings(GAS, hourly())
    facts = store.check()
    assert facts.buckets[0] == BucketFacts("read only", True, False)
    assert "the token may not do this: writing (403" in facts.problems[0]
    other = influx_server.store(token=token, bucket_raw="read only", bucket_processed="may not be made")
    with pytest.raises(
        StoreError, match=r"creating bucket 'may not be made' failed, because the token may not see organisation 'home'"
    ):
        other.create_bucket_processed()
    store.close()
    other.close()


def test_strings_beside_the_numbers_as_home_assistant_writes_them_are_left_out(
    influx_server: InfluxServer, opened: InfluxStore
) -> None:
    influx_server.lines(
        raw_bucket(opened),
        f'm³,domain=input_number,entity_id=gas_zahler value=17.5,friendly_name_str="Gas, alt",editable=true {MORNING}',
        f"m³,domain=input_number,entity_id=gas_zahler value=18 {MORNING + 1}",
        f'light.hall,domain=light,entity_id=hall state="on" {MORNING}',
        f"energy,entity_id=haupt_strom consumption=0.25,cost=0.1 {MORNING}",
        f"system,host=nas load=0.5 {MORNING}",
        f"count,domain=sensor,entity_id=visits value=3i,total=4u {MORNING}",
    )
    listed = opened.catalogue()
    assert [tuple(row) for row in listed.drop(columns=["first", "last"]).itertuples(index=False)] == [
        ("count", "visits", "total", "sensor", 1), ("count", "visits", "value", "sensor", 1),
        ("energy", "haupt_strom", "consumption", None, 1), ("energy", "haupt_strom", "cost", None, 1),
        ("m³", "gas_zahler", "value", "input_number", 2),
    ]  # fmt: skip
    assert opened.readings(GAS).tolist() == [17.5, 18.0]
    assert opened.readings(RawSeries("count", "visits")).tolist() == [3.0]
    assert opened.readings(RawSeries("energy", "haupt_strom", "consumption")).tolist() == [0.25]
    for text in (RawSeries("light.hall", "hall", "state"), RawSeries("m³", "gas_zahler", "editable")):
        assert opened.readings(text).empty
    # Several measurements, entities and fields cross to what nobody asked for: the meter's `cost` is not among them.
    asked = [RawSeries("light.hall", "hall", "state"), GAS, RawSeries("energy", "haupt_strom", "cost")]
    assert opened.fingerprints(asked[1:])["series"].tolist() == asked[1:]
    assert opened.fingerprints(asked[:1]).empty
    assert opened.fingerprints(asked)[["series", "count", "sum"]].to_numpy().tolist() == [
        [asked[1], 2, 35.5],
        [asked[2], 1, 0.1],
    ]


def test_readings_stamped_to_the_nanosecond_are_read_at_their_microsecond(
    influx_server: InfluxServer, opened: InfluxStore
) -> None:
    influx_server.ask(
        "POST",
        f"/api/v2/write?org=home&bucket={raw_bucket(opened).replace(' ', '%20')}&precision=ns",
        f"m³,domain=sensor,entity_id=gas_zahler value=1 {MORNING * 1000 + 999}".encode(),
    )
    assert opened.readings(GAS).index.tolist() == [pd.Timestamp(MORNING * 1000, tz="UTC")]
    opened.delete_readings(
        GAS, pd.Timestamp("2024-03-01 06:00", tz="UTC"), pd.Timestamp("2024-03-01 06:00:00.000001", tz="UTC")
    )
    assert opened.readings(GAS).empty


def test_a_field_that_has_another_type_already_is_a_partial_write_and_an_error(
    influx_server: InfluxServer, opened: InfluxStore
) -> None:
    influx_server.lines(raw_bucket(opened), f'm³,domain=input_number,entity_id=other value="text" {MORNING}')
    number = pd.Series([1.0], index=pd.DatetimeIndex(["2024-03-01 06:00"], tz="UTC"))
    with pytest.raises(
        StoreError, match=r"writing readings of gas_zahler stored only a part \(422: .*field type conflict.*dropped=1"
    ):
        opened.write_readings(GAS, number)
    assert opened.readings(GAS).empty


def test_points_of_others_under_other_units_and_fields_are_cleared_from_the_range_only(
    influx_server: InfluxServer, opened: InfluxStore
) -> None:
    bucket = raw_bucket(opened).replace("raw", "processed")
    influx_server.lines(
        bucket,
        f'meter_consumption,meter_id=gas_zahler,unit=kWh consumption=5,note="old" {MORNING}',
        f"meter_consumption,meter_id=gas_zahler consumption=6 {MORNING}",
        f"meter_consumption,meter_id=gas_zahler,unit=kWh consumption=7 {MORNING + 400 * 86_400_000_000}",
    )
    opened.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily(2))
    found = opened.read(CONSUMPTION_DAILY, "gas_zahler")
    assert found["unit"].tolist() == ["m³"] * 366 + ["kWh"]


def test_a_cost_carries_its_currency_as_a_tag_for_grafana(influx_server: InfluxServer, opened: InfluxStore) -> None:
    costs = pd.DataFrame({"cost": [1.25, -0.5]}, index=DAYS[:2])
    opened.replace(COST_DAILY, "gas_zahler", "EUR", *YEAR, costs)
    bucket = raw_bucket(opened).replace("raw", "processed")
    query = {
        "query": f'from(bucket: "{bucket}") |> range(start: 2023-12-01T00:00:00Z)'
        ' |> filter(fn: (r) => r._measurement == "meter_cost" and r.currency == "EUR" and r.unit == "EUR")',
        "type": "flux",
    }
    answer = influx_server.answer("POST", f"/api/v2/query?orgID={influx_server.org_id()}", query)
    assert answer.count(",gas_zahler,") == 2
    opened.replace(COST_DAILY, "gas_zahler", "CHF", *YEAR, costs)
    assert opened.read(COST_DAILY, "gas_zahler")["unit"].tolist() == ["CHF", "CHF"]
    assert influx_server.answer("POST", f"/api/v2/query?orgID={influx_server.org_id()}", query).strip() == ""


def test_a_month_rewritten_at_random_ends_as_the_last_writing_says(opened: InfluxStore) -> None:
    numbers = np.random.default_rng(3)
    for seed in range(6):
        given = daily(seed).astype({"quality": object})
        given["residual"] = np.where(numbers.random(len(DAYS)) < 0.5, given["consumption"], np.nan)
        given = given[numbers.random(len(DAYS)) < 0.7]
        opened.replace(CONSUMPTION_DAILY, "gas_zahler", ("m³", "l")[seed % 2], *YEAR, given)
        found = opened.read(CONSUMPTION_DAILY, "gas_zahler")
        pd.testing.assert_frame_equal(
            found[given.columns], given, check_exact=True, check_names=False, check_freq=False
        )


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[InfluxServer]:
    """A server that a test may stop."""
    if executable() is None:
        pytest.skip("no influxd on the PATH: put InfluxDB 2.x there to run this against a real server")
    server = InfluxServer(tmp_path)
    try:
        server.start()
        server.set_up()
        yield server
    finally:
        server.close()


def test_a_server_that_is_stopped_is_a_clear_error_and_one_that_was_killed_has_the_same_numbers(
    own_server: InfluxServer,
) -> None:
    store = own_server.store()
    store.write_readings(GAS, hourly())
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily(1))
    before = store.readings(GAS), store.read(CONSUMPTION_DAILY, "gas_zahler"), store.fingerprints([GAS])
    own_server.kill()
    for work in (
        lambda: store.readings(GAS),
        lambda: store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily(2)),
    ):
        with pytest.raises(StoreError, match=r"InfluxDB at .*: not reachable while .* Check that InfluxDB is running"):
            work()
    own_server.start()
    pd.testing.assert_series_equal(store.readings(GAS), before[0], check_exact=True)
    pd.testing.assert_frame_equal(store.read(CONSUMPTION_DAILY, "gas_zahler"), before[1], check_exact=True)
    pd.testing.assert_frame_equal(store.fingerprints([GAS]), before[2], check_exact=True)
    own_server.stop()
    assert not store.check().reachable
    store.close()


class RestartingClock:
    """A clock whose first wait starts the server again."""

    def __init__(self, server: InfluxServer) -> None:
        self._server = server
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if self.now == 0.0:
            self._server.start()
        self.now += seconds


def test_a_store_waits_for_a_server_that_comes_back(own_server: InfluxServer) -> None:
    store = own_server.store(retry_attempts=2, clock=RestartingClock(own_server))
    store.write_readings(GAS, hourly())
    own_server.stop()
    store.replace(CONSUMPTION_DAILY, "gas_zahler", "m³", *YEAR, daily(1))
    assert len(store.read(CONSUMPTION_DAILY, "gas_zahler")) == 366
    assert len(store.readings(GAS)) == 300
    store.close()
