"""What goes over the wire to InfluxDB, and what becomes of its answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest

from tests.clock import PatientClock
from tests.stores.influx_server import free_port
from tests.stores.scripted_influx import NOTHING, Answer, ScriptedInflux, readings, refusal, table
from workflows_dagster.stores.influx.store import InfluxStore
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, RawSeries, StoreError

TOKEN = "never-to-be-seen-in-print"
GAS = RawSeries("m³", "gas zähler", domain="input_number")
DAY = (pd.Timestamp("2024-03-01", tz="UTC"), pd.Timestamp("2024-03-02", tz="UTC"))
Opened = Callable[..., tuple[InfluxStore, ScriptedInflux]]


@pytest.fixture
def clock() -> PatientClock:
    return PatientClock()


@pytest.fixture
def opened(clock: PatientClock) -> Iterator[Opened]:
    """Open a store on a server that plays the answers."""
    running: list[tuple[InfluxStore, ScriptedInflux]] = []

    def open_on(
        *answers: Answer, retry_attempts: int = 3, timeout_ms: int = 5000, url: str = ""
    ) -> tuple[InfluxStore, ScriptedInflux]:
        server = ScriptedInflux(*answers)
        store = InfluxStore(
            url or server.url, TOKEN, "home", "lampfi", "lampfi_processed",
            timeout_ms=timeout_ms, retry_attempts=retry_attempts, clock=clock,
        )  # fmt: skip
        running.append((store, server))
        return store, server

    yield open_on
    for store, server in running:
        store.close()
        server.close()


def one_reading(value: float = 1.5) -> pd.Series:
    return pd.Series([value], index=pd.DatetimeIndex(["2024-03-01T06:00:00.000001Z"]).as_unit("us"))


ONE_READING = readings("2024-03-01T06:00:00.000001Z,1.5")


def message_of(call: Callable[[], object]) -> str:
    with pytest.raises(StoreError) as caught:
        call()
    error: BaseException | None = caught.value
    while error is not None:
        assert TOKEN not in f"{error!s}{error!r}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return str(caught.value)


# What is sent


def test_readings_are_written_as_packed_line_protocol_with_microsecond_stamps(opened: Opened) -> None:
    store, server = opened(NOTHING, Answer(), ONE_READING)
    store.write_readings(GAS, one_reading())
    written = server.requests[1]
    assert (written.method, written.path) == ("POST", "/api/v2/write")
    assert written.query == {"org": "home", "bucket": "lampfi", "precision": "us"}
    assert written.headers["Content-Encoding"] == "gzip"
    assert written.headers["Authorization"] == f"Token {TOKEN}"
    assert written.body == "m³,domain=input_number,entity_id=gas\\ zähler value=1.5 1709272800000001"


def test_a_month_is_marked_before_its_readings_change_and_anew_when_they_have(opened: Opened) -> None:
    store, server = opened(NOTHING, Answer(), ONE_READING)
    store.write_readings(GAS, one_reading())
    before, after = (mark.body for mark in server.marks)
    head = 'meter_readings_changed,meter_id=gas\\ zähler,unit=mark mark="'
    assert before.startswith(f"{head}writing ")
    assert after.startswith(head)
    assert "writing" not in after
    assert before.endswith('" 1709251200000000')
    store, server = opened(NOTHING, refusal(401, "unauthorized access"))
    message_of(lambda: store.write_readings(GAS, one_reading()))
    assert ["writing" in mark.body for mark in server.marks] == [True]


def test_what_stands_there_already_is_not_written_again(opened: Opened) -> None:
    store, server = opened(ONE_READING)
    store.write_readings(GAS, one_reading())
    assert [request.path for request in server.requests] == ["/api/v2/query"]


def test_many_readings_go_in_batches_of_five_thousand_lines(opened: Opened) -> None:
    index = pd.date_range("2024-01-01", periods=12_001, freq="min", tz="UTC").as_unit("us")
    back = readings(*(f"{instant:%Y-%m-%dT%H:%M:%SZ},1" for instant in index))
    store, server = opened(NOTHING, Answer(), Answer(), Answer(), back)
    store.write_readings(GAS, pd.Series(1.0, index=index))
    assert [request.body.count("\n") + 1 for request in server.requests[1:4]] == [5000, 5000, 2001]


def test_a_query_carries_names_as_flux_strings_and_asks_for_a_packed_answer(opened: Opened) -> None:
    store, server = opened(NOTHING)
    store.readings(RawSeries('m"³', "${r.x}\\", domain="a\nb"), *DAY)
    asked = server.requests[0]
    assert asked.query == {"org": "home"}
    assert asked.headers["Accept-Encoding"] == "gzip"
    assert asked.flux == (
        'from(bucket: "lampfi") |> range(start: 2024-03-01T00:00:00.000000000Z, stop: 2024-03-02T00:00:00.000000000Z)'
        ' |> filter(fn: (r) => r._measurement == "m\\"³" and r.entity_id == "\\${r.x}\\\\" and r._field == "value"'
        ' and r.domain == "a\\nb") |> drop(columns: ["_start", "_stop", "_measurement", "_field", "entity_id",'
        ' "domain"]) |> yield(name: "0")'
    )


def test_neighbours_are_looked_for_further_and_further_out_and_only_on_the_side_that_lacks_them(opened: Opened) -> None:
    store, server = opened(
        # The two results that are empty are a blank line each.
        readings("2024-02-29T06:00:00Z,2", "2024-03-02T06:00:00Z,3", results=3),
        readings("2024-01-01T00:00:00Z,1"),
        readings("2015-01-01T00:00:00Z,0.5"),
    )
    found = store.readings(GAS, *DAY, before=3, after=1)
    assert found.tolist() == [0.5, 1.0, 2.0, 3.0]
    assert [request.flux.count("from(") for request in server.requests] == [3, 1, 1]
    assert "tail(n: 3)" in server.requests[0].flux
    assert "limit(n: 1)" in server.requests[0].flux
    assert "tail(n: 1)" in server.requests[2].flux


def test_neighbours_of_a_series_whose_readings_are_far_apart_are_asked_for_at_once(opened: Opened) -> None:
    rows = "2022-03-01T06:00:00Z,1", "2023-03-01T06:00:00Z,2", "2024-02-29T06:00:00Z,3"
    store, server = opened(readings(*rows), readings(*rows[1:], results=2))
    store.readings(GAS)
    assert store.readings(GAS, *DAY, before=2).tolist() == [2.0, 3.0]
    assert [request.flux.count("from(") for request in server.requests] == [1, 2]


def test_a_deletion_ends_a_nanosecond_before_the_end_because_the_server_includes_both_ends(opened: Opened) -> None:
    store, server = opened(ONE_READING, Answer(), NOTHING)
    store.delete_readings(GAS, *DAY)
    deleted = server.requests[1]
    assert (deleted.path, deleted.query) == ("/api/v2/delete", {"org": "home", "bucket": "lampfi"})
    assert '"start": "2024-03-01T00:00:00.000000000Z"' in deleted.body
    assert '"stop": "2024-03-01T23:59:59.999999999Z"' in deleted.body
    assert "_field" not in deleted.body


POINTS = "string,long,dateTime:RFC3339,double,string,string", "result,table,_time,_value,_field,unit"


def stored(*rows: str) -> Answer:
    return table(*POINTS, *(f",_result,0,{row}" for row in rows))


def wanted(*values: float, **more: list[float]) -> pd.DataFrame:
    index = pd.date_range("2024-03-01", periods=len(values), freq="h", tz="UTC").as_unit("us")
    return pd.DataFrame({"consumption": values, **more}, index=index)


def replaced(store: InfluxStore, points: pd.DataFrame) -> None:
    store.replace(CONSUMPTION_DAILY, "gas", "m³", *DAY, points)


def test_replacing_writes_what_differs_before_it_deletes_what_is_no_longer_true(opened: Opened) -> None:
    there = [f"2024-03-01T{hour:02}:00:00Z,{hour},consumption,m³" for hour in range(6)]
    kept = [there[0], "2024-03-01T01:00:00Z,1.5,consumption,m³", there[2]]
    store, server = opened(stored(*there), Answer(), Answer(), stored(*kept))
    replaced(store, wanted(0.0, 1.5, 2.0))
    assert [request.path.rpartition("/")[2] for request in server.requests] == ["query", "write", "delete", "query"]
    assert server.requests[1].body == "meter_consumption,meter_id=gas,unit=m³ consumption=1.5 1709254800000000"
    assert (
        '"start": "2024-03-01T03:00:00.000000000Z", "stop": "2024-03-01T05:00:00.000000999Z"' in server.requests[2].body
    )
    assert (
        '_measurement=\\"meter_consumption\\" AND meter_id=\\"gas\\" AND unit=\\"m\\u00b3\\"' in server.requests[2].body
    )


def test_deletions_are_split_where_a_point_stays_between_them(opened: Opened) -> None:
    there = [f"2024-03-01T{hour:02}:00:00Z,{hour},consumption,m³" for hour in range(3)]
    store, server = opened(stored(*there), Answer(), Answer(), stored(there[1]))
    replaced(store, wanted(9.0, 1.0).iloc[1:])
    assert ["delete" in request.path for request in server.requests] == [False, True, True, False]


def test_a_point_that_loses_a_field_is_deleted_and_written_again_because_a_field_cannot_be_deleted(
    opened: Opened,
) -> None:
    there = "2024-03-01T00:00:00Z,1,consumption,m³"
    store, server = opened(stored(there, "2024-03-01T00:00:00Z,5,residual,m³"), Answer(), Answer(), stored(there))
    replaced(store, wanted(1.0, residual=[np.nan]))
    assert [request.path.rpartition("/")[2] for request in server.requests] == ["query", "delete", "write", "query"]
    assert server.requests[2].body == "meter_consumption,meter_id=gas,unit=m³ consumption=1.0 1709251200000000"


def test_a_repeat_asks_once_and_writes_nothing(opened: Opened) -> None:
    store, server = opened(stored("2024-03-01T00:00:00Z,1,consumption,m³"))
    replaced(store, wanted(1.0))
    assert len(server.requests) == 1


# A write counts when it reads back


@pytest.mark.parametrize(
    "back", [NOTHING, readings("2024-03-01T06:00:00.000001Z,1.5000000000000002")], ids=["gone", "a bit off"]
)
def test_a_reading_that_does_not_read_back_is_an_error_although_the_server_said_204(
    opened: Opened, back: Answer
) -> None:
    store, server = opened(NOTHING, Answer(), back)
    text = message_of(lambda: store.write_readings(GAS, one_reading()))
    assert text == (
        f"InfluxDB at {server.url}: writing readings of gas zähler: 1 of 1 do not read back as written."
        " Check the server's disk and log, and that nothing else writes there; then run it again."
    )


def test_a_range_that_does_not_read_back_is_an_error_although_the_server_said_204(opened: Opened) -> None:
    store, _ = opened(NOTHING, Answer(), NOTHING)
    assert "the range does not read back as written" in message_of(lambda: replaced(store, wanted(1.0)))


def test_a_deletion_that_left_something_is_an_error(opened: Opened) -> None:
    store, _ = opened(ONE_READING, Answer(), ONE_READING)
    assert "1 are still there" in message_of(lambda: store.delete_readings(GAS, *DAY))


# What passes


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again_with_growing_waits(
    opened: Opened, clock: PatientClock, status: int
) -> None:
    store, server = opened(
        NOTHING, refusal(status, "busy"), refusal(status, "busy"), refusal(status, "busy"), Answer(), ONE_READING
    )
    store.write_readings(GAS, one_reading())
    assert clock.waits == [1.0, 2.0, 4.0]
    assert len({request.body for request in server.requests[1:5]}) == 1


def test_retry_after_is_waited_for(opened: Opened, clock: PatientClock) -> None:
    store, _ = opened(refusal(429, "slow down", Retry_After="17"), NOTHING)
    assert store.readings(GAS, *DAY).empty
    assert clock.waits == [17.0]


def test_a_retry_after_of_hours_is_waited_for_a_minute(opened: Opened, clock: PatientClock) -> None:
    store, _ = opened(refusal(503, "later", Retry_After="7200"), NOTHING)
    store.readings(GAS, *DAY)
    assert clock.waits == [60.0]


def test_a_retry_after_that_is_a_date_is_not_understood(opened: Opened, clock: PatientClock) -> None:
    store, _ = opened(refusal(503, "later", Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), NOTHING)
    store.readings(GAS, *DAY)
    assert clock.waits == [1.0]


@pytest.mark.parametrize(
    "fault",
    [
        Answer(drop=True),
        Answer(200, "#datatype,string\r\n", cut=True),
        Answer(200, "<html>Welcome</html>"),
        Answer(200, ",a,b\r\n,1"),
    ],
    ids=["dropped", "cut off", "a web page", "no annotations"],
)
def test_an_answer_that_is_none_is_asked_for_again(opened: Opened, clock: PatientClock, fault: Answer) -> None:
    store, _ = opened(fault, ONE_READING)
    assert store.readings(GAS, *DAY).tolist() == [1.5]
    assert clock.waits == [1.0]


def test_when_it_does_not_pass_the_error_says_how_long_it_was_tried(opened: Opened) -> None:
    store, server = opened(*[refusal(503, "out of disk")] * 3, retry_attempts=2)
    assert message_of(lambda: store.readings(GAS, *DAY)) == (
        f"InfluxDB at {server.url}: answered 503 while reading m³ of gas zähler: out of disk (3 tries in 3 s)."
        " Try again later; if it stays, see the server's log and its disk."
    )
    assert len(server.requests) == 3


def test_a_server_that_does_not_answer_in_time_is_named_with_the_limit(opened: Opened) -> None:
    store, server = opened(Answer(delay=5.0), retry_attempts=0, timeout_ms=100)
    text = message_of(lambda: store.readings(GAS, *DAY))
    assert text.startswith(f"InfluxDB at {server.url}: no answer within 0.1 s while reading m³ of gas zähler (1 try).")


def test_a_server_that_is_not_there_is_named_with_the_remedy(opened: Opened, clock: PatientClock) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    store, _ = opened(url=url)
    text = message_of(lambda: store.readings(GAS, *DAY))
    assert text.startswith(f"InfluxDB at {url}: not reachable while reading m³ of gas zähler (")
    assert "refused" in text
    assert "object at 0x" not in text
    assert text.endswith("(4 tries in 7 s). Check that InfluxDB is running, and influxdb.url in config.yaml.")
    assert clock.waits == [1.0, 2.0, 4.0]


def test_a_server_that_is_not_there_is_asked_as_often_as_it_is_said(opened: Opened, clock: PatientClock) -> None:
    store, server = opened(*[Answer(drop=True)] * 20)
    text = message_of(lambda: store.readings(GAS, *DAY))
    assert "4 tries" in text
    assert len(server.requests) == 4


def test_a_retry_says_its_thing_once(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    store, _ = opened(refusal(503, "out of disk"), ONE_READING)
    store.readings(GAS, *DAY)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.count("reading m³ of gas zähler") == 1


def test_a_batch_that_is_too_large_goes_in_halves_until_it_fits(opened: Opened) -> None:
    index = pd.date_range("2024-03-01", periods=4, freq="h", tz="UTC").as_unit("us")
    given = pd.Series([1.0, 2.0, 3.0, 4.0], index=index)
    rows = [f"{time:%Y-%m-%dT%H:%M:%SZ},{value}" for time, value in given.items()]
    too_large = refusal(413, "request entity too large")
    store, server = opened(NOTHING, too_large, too_large, Answer(), Answer(), Answer(), readings(*rows))
    store.write_readings(GAS, given)
    sizes = [len(request.body.splitlines()) for request in server.requests if request.path.endswith("/write")]
    assert sizes == [4, 2, 1, 1, 2]


def test_one_line_that_is_too_large_is_an_error(opened: Opened) -> None:
    store, _ = opened(NOTHING, refusal(413, "request entity too large"))
    assert "refused writing readings of gas zähler (413" in message_of(lambda: store.write_readings(GAS, one_reading()))


# What does not pass


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (refusal(401, "unauthorized access"), "the token is not accepted (401). Check INFLUX_TOKEN."),
        (
            refusal(403, "insufficient permissions"),
            "the token may not do this: reading m³ of gas zähler (403: insufficient permissions). Give it",
        ),
        (
            refusal(404, 'could not find bucket "lampfi"'),
            "there is no bucket 'lampfi' in organisation 'home', or the token may not see it. Create it",
        ),
        (
            refusal(400, 'failed to decode request body: organization name "home" not found'),
            "there is no organisation 'home' (400). Correct INFLUX_ORG.",
        ),
        (refusal(400, "compilation failed"), "refused reading m³ of gas zähler (400: compilation failed). "),
        (Answer(404, "404 page not found"), "there is no bucket 'lampfi'"),
        (Answer(302, "", {"Location": "/login"}), "(302: Found)"),
    ],
    ids=["token", "rights", "bucket", "organisation", "query", "not InfluxDB", "redirect"],
)
def test_a_refusal_is_final_and_says_what_to_do(
    opened: Opened, clock: PatientClock, answer: Answer, sentence: str
) -> None:
    store, server = opened(answer)
    text = message_of(lambda: store.readings(GAS, *DAY))
    assert text.startswith(f"InfluxDB at {server.url}: ")
    assert sentence in text
    assert (len(server.requests), clock.waits) == (1, [])


def test_a_partial_write_is_final_and_says_what_was_dropped(opened: Opened, clock: PatientClock) -> None:
    reason = "failure writing points to database: partial write: field type conflict dropped=1"
    store, _ = opened(NOTHING, refusal(422, reason))
    text = message_of(lambda: store.write_readings(GAS, one_reading()))
    assert f"writing readings of gas zähler stored only a part (422: {reason})" in text
    assert clock.waits == []


def test_points_outside_the_retention_are_said_to_be_too_old(opened: Opened) -> None:
    reason = "partial write: dropped 1 points outside retention policy of duration 720h0m0s - oldest point …"
    store, _ = opened(NOTHING, refusal(422, reason))
    assert message_of(lambda: store.write_readings(GAS, one_reading())).endswith(
        "the bucket 'lampfi' keeps points for 720h0m0s, and some are older. Let the bucket keep its points longer, or"
        " leave out what is older."
    )


def test_a_token_that_the_servers_words_repeat_is_masked_before_they_are_cut(opened: Opened) -> None:
    store, _ = opened(refusal(400, "x" * (300 - len(TOKEN) + 1) + TOKEN + " was sent"))
    text = message_of(lambda: store.readings(GAS, *DAY))
    assert TOKEN[:-1] not in text


@pytest.mark.parametrize("before", ["", ONE_READING.body], ids=["at once", "after the first rows"])
def test_an_error_table_inside_a_200_is_an_error(opened: Opened, before: str) -> None:
    body = before + '#datatype,string,string\r\n,error,reference\r\n,"memory limit, exceeded",897\r\n'
    store, server = opened(Answer(200, body))
    assert message_of(lambda: store.readings(GAS, *DAY)) == (
        f"InfluxDB at {server.url}: reading m³ of gas zähler failed: memory limit, exceeded."
        " Try again; if it stays, see the server's log."
    )


def test_texts_among_the_numbers_are_left_out(opened: Opened) -> None:
    texts = table("string,long,dateTime:RFC3339,string", "result,table,_time,_value", ",0,1,2024-03-01T07:00:00Z,on")
    store, _ = opened(Answer(200, ONE_READING.body + texts.body))
    assert store.readings(GAS, *DAY).tolist() == [1.5]


def test_an_address_that_is_none_says_so(opened: Opened) -> None:
    store, _ = opened(url="http://:nowhere:")
    assert "this is not an address. Correct influxdb.url in config.yaml." in message_of(
        lambda: store.readings(GAS, *DAY)
    )


# Secrets


def test_the_token_and_a_password_in_the_address_appear_nowhere(
    opened: Opened, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    store, server = opened()
    secret, _ = opened(url=server.url.replace("http://", "http://owner:hidden-word@"), retry_attempts=1)
    server.answers = [refusal(500, f"token {TOKEN} is odd"), refusal(400, f"token {TOKEN} is odd"), refusal(401, TOKEN)]
    texts = [message_of(lambda: secret.readings(GAS, *DAY)), message_of(lambda: secret.readings(GAS, *DAY))]
    shown = " ".join(
        [
            repr(secret),
            repr(store),
            *texts,
            *(record.getMessage() for record in caplog.records if "workflows" in record.name),
        ]
    )
    assert TOKEN not in shown
    assert "hidden-word" not in shown
    assert "token *** is odd" in shown


# The look at the server


def test_a_look_at_an_unreachable_server_is_a_fact_and_no_error(opened: Opened, clock: PatientClock) -> None:
    store, _ = opened(url=f"http://127.0.0.1:{free_port()}")
    facts = store.check()
    assert (facts.reachable, facts.allowed, facts.version, facts.buckets) == (False, False, None, ())
    assert "Check that InfluxDB is running" in facts.problems[0]
    assert clock.waits == []
