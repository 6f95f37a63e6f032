"""Tibber's hours over a stand-in that speaks real GraphQL: paging, corrections, and each fault."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pandas as pd
import pytest

from tests.clients.tibber_server import (
    Fault,
    StandInHome,
    TibberStandIn,
    cut_short,
    drop,
    graphql_error,
    instead,
    refusal,
    slow,
)
from tests.clock import PatientClock
from tests.sentences import said
from workflows_dagster.clients.tibber.client import TibberClient, TibberError, TibberHours, overdue, since_for

TOKEN = "5K4MVS-a-token-that-nobody-may-read"
NAN = float("nan")
HOUR = pd.Timedelta(hours=1)
HOUSE, CABIN = StandInHome("id-house"), StandInHome("id-cabin", None, "Waldweg 3", "running")


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def hours(start: str, end: str) -> pd.Series:
    """A consumption of its own for each hour: its number of the day in tenths of a kWh."""
    index = pd.date_range(start, end, freq="h", inclusive="left", tz="UTC", unit="us")
    return pd.Series(index.hour / 10 + 0.1, index)


class Pair:
    """A stand-in and a client of it."""

    def __init__(self, server: TibberStandIn, home_id: str | None = None, token: str = TOKEN, **options: Any) -> None:
        self.server = server
        self.watch = PatientClock()
        self.client = TibberClient(options.pop("url", server.url), token, home_id, clock=self.watch, **options)


Serve = Callable[..., TibberStandIn]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as servers:
        yield lambda data, **options: servers.enter_context(TibberStandIn(data, TOKEN, **options))


@pytest.fixture
def pair(serve: Serve) -> Pair:
    """Two days of hours in one home."""
    return Pair(serve(hours("2024-03-01", "2024-03-03")))


def error_of(pair: Pair, since: pd.Timestamp | None = None) -> TibberError:
    with pytest.raises(TibberError) as caught:
        pair.client.hours(since)
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r}"
    return caught.value


# Hours and pages


def test_after_syncs_with_nulls_a_correction_a_429_and_a_drop_every_hour_of_three_years_is_there_once(
    serve: Serve,
) -> None:
    truth = hours("2021-01-01", "2024-01-01")
    late = [utc("2023-12-30 07:00"), utc("2023-12-31 22:00"), utc("2023-12-31 23:00")]
    served = truth.copy()
    served[late] = NAN
    pair = Pair(serve(served))
    pair.server.fail(Fault(), drop(), refusal(429, {"Retry-After": "7"}), Fault(), cut_short())

    first = pair.client.hours(None)
    assert list(first.unknown) == late
    pages = [asked.nodes for asked in pair.server.asked]
    assert sum(pages) - pages[1] - pages[2] - pages[4] == len(truth)
    assert len(pages) == 36 + 3
    assert pair.watch.waits == [1.0, 7.0, 1.0]

    corrected = utc("2023-12-31 05:00")
    pair.server.correct({hour: truth[hour] for hour in late} | {corrected: 9.5})
    now = utc("2024-01-01 00:05")
    since = since_for(first.known.index[-1], list(first.unknown), now, pd.Timedelta(hours=24))
    second = pair.client.hours(since)

    kept = pd.concat([first.known, second.known])["consumption"].groupby(level=0).last()
    truth[corrected] = 9.5
    pd.testing.assert_series_equal(kept, truth, check_names=False, check_freq=False)
    assert first.known.index.is_unique
    assert first.known.index.is_monotonic_increasing
    assert second.unknown.empty


def test_a_later_sync_costs_one_small_request(serve: Serve) -> None:
    pair = Pair(serve(hours("2023-01-01", "2024-03-01")))
    found = pair.client.hours(utc("2024-02-28"))
    assert list(found.known.index) == list(hours("2024-02-28", "2024-03-01").index)
    (asked,) = pair.server.asked
    assert asked.nodes <= 50


def test_a_sync_with_a_home_id_costs_one_request_too(serve: Serve) -> None:
    pair = Pair(serve(hours("2024-02-01", "2024-03-01"), homes=[HOUSE, CABIN]), "id-cabin")
    found = pair.client.hours(utc("2024-02-28"))
    assert (found.home.home_id, found.home.name, len(found.known)) == ("id-cabin", "Waldweg 3", 48)
    assert [asked.nodes for asked in pair.server.asked] == [50]


def test_a_gap_of_months_is_paged_forward(serve: Serve) -> None:
    data = hours("2023-01-01", "2023-07-01")
    pair = Pair(serve(data))
    found = pair.client.hours(utc("2023-02-01 05:00"), utc("2023-06-20 11:00"))
    assert list(found.known.index) == list(data[utc("2023-02-01 05:00") : utc("2023-06-20 10:00")].index)
    assert len(pair.server.asked) == 5


def test_a_window_needs_no_page_beyond_its_end(serve: Serve) -> None:
    pair = Pair(serve(hours("2023-01-01", "2024-01-01")))
    found = pair.client.hours(utc("2023-02-01"), utc("2023-02-02"))
    assert len(found.known) == 24
    assert len(pair.server.asked) == 1


def test_all_hours_before_an_end_are_paged_back_from_there(serve: Serve) -> None:
    pair = Pair(serve(hours("2023-01-01", "2023-12-01")))
    found = pair.client.hours(None, utc("2023-02-10 12:00"))
    assert (found.known.index[0], found.known.index[-1]) == (utc("2023-01-01"), utc("2023-02-10 11:00"))
    assert len(pair.server.asked) == 2


def test_shorter_pages_than_asked_for_lose_nothing(serve: Serve) -> None:
    data = hours("2024-01-01", "2024-01-11")
    pair = Pair(serve(data, longest_page=50))
    assert list(pair.client.hours(None).known.index) == list(data.index)
    assert list(pair.client.hours(utc("2024-01-02")).known.index) == list(data[utc("2024-01-02") :].index)


def test_the_two_hours_past_two_of_october_are_two_hours(serve: Serve) -> None:
    night = pd.Series({utc("2024-10-27 00:00"): 0.4, utc("2024-10-27 01:00"): 0.7, utc("2024-10-27 02:00"): 0.9})
    known = Pair(serve(night, longest_page=1)).client.hours(None).known
    assert known["consumption"].to_dict() == night.to_dict()
    local = known.tz_convert("Europe/Berlin")
    assert [start.isoformat()[11:] for start in local.index] == ["02:00:00+02:00", "02:00:00+01:00", "03:00:00+01:00"]


def test_the_frame_has_instants_in_utc_and_prices_as_numbers(serve: Serve) -> None:
    index = pd.DatetimeIndex([utc("2024-07-01 10:00"), utc("2024-07-01 11:00")])
    prices = {"cost": [0.5, NAN], "unit_price": [0.25, NAN], "unit_price_vat": [-0.04, NAN], "currency": ["EUR", None]}
    found = Pair(serve(pd.DataFrame({"consumption": [2.0, 0.0], **prices}, index))).client.hours(None)
    assert str(found.known.index.dtype) == "datetime64[us, UTC]"
    assert found.known.index.name == "start"
    assert [str(dtype) for dtype in found.known.dtypes] == ["datetime64[us, UTC]", *4 * ["float64"], "object"]
    assert list(found.known.columns) == ["end", "consumption", "cost", "unit_price", "unit_price_vat", "currency"]
    assert found.known.iloc[0].to_list() == [utc("2024-07-01 11:00"), 2.0, 0.5, 0.25, -0.04, "EUR"]
    assert found.known["cost"].isna().to_list() == [False, True]
    assert found.known["currency"].to_list() == ["EUR", None]


def test_a_null_is_unknown_and_a_zero_is_a_zero(serve: Serve) -> None:
    data = pd.Series([0.0, NAN, 0.3], pd.date_range("2024-03-01", periods=3, freq="h", tz="UTC"))
    found = Pair(serve(data)).client.hours(utc("2024-03-01"))
    assert found.known["consumption"].to_list() == [0.0, 0.3]
    assert list(found.unknown) == [utc("2024-03-01 01:00")]


def test_empty_hours_before_the_contract_are_not_waited_for(serve: Serve) -> None:
    data = hours("2024-03-01", "2024-03-02")
    data.iloc[:5] = NAN
    data.iloc[10] = NAN
    found = Pair(serve(data)).client.hours(None)
    assert list(found.unknown) == [utc("2024-03-01 10:00")]


def test_a_year_of_empty_pages_ends_the_way_back(serve: Serve) -> None:
    data = hours("2024-01-01", "2024-02-10")
    data.iloc[:-24] = NAN
    pair = Pair(serve(data, longest_page=24))
    assert len(pair.client.hours(None).known) == 24
    assert len(pair.server.asked) == 13


def test_a_new_contract_without_hours_has_none_yet(serve: Serve) -> None:
    found = Pair(serve(hours("2024-03-01", "2024-03-01"))).client.hours(None)
    assert found.known.empty
    assert found.unknown.empty
    assert str(found.known.index.dtype) == "datetime64[us, UTC]"


def test_nothing_new_since_then_is_no_error(pair: Pair) -> None:
    assert pair.client.hours(utc("2024-03-09")).known.empty


# Homes


def test_of_several_homes_the_error_lists_them(serve: Serve) -> None:
    pair = Pair(serve(hours("2024-03-01", "2024-03-02"), homes=[HOUSE, CABIN]))
    assert str(error_of(pair)) == (
        "Tibber: the account has 2 homes: id-house (Haus), id-cabin (Waldweg 3). "
        "Write the id of the one that is meant into config.yaml as tibber.home_id."
    )


def test_an_unknown_home_is_told_with_those_there_are(serve: Serve) -> None:
    pair = Pair(serve(hours("2024-03-01", "2024-03-02"), homes=[HOUSE, CABIN]), "id-boat")
    expected = "Tibber: no home 'id-boat'; there is id-house (Haus), id-cabin (Waldweg 3). Correct tibber.home_id"
    assert str(error_of(pair)).startswith(expected)
    with pytest.raises(TibberError, match="no home 'id-boat'"):
        pair.client.check()


def test_an_account_without_homes_says_so(serve: Serve) -> None:
    assert "has no home" in str(error_of(Pair(serve(hours("2024-03-01", "2024-03-02"), homes=[]))))


@pytest.mark.parametrize("home_id", [None, "id-house"])
def test_a_home_without_a_subscription_says_so(serve: Serve, home_id: str | None) -> None:
    pair = Pair(serve(hours("2024-03-01", "2024-03-02"), homes=[StandInHome("id-house", subscription=None)]), home_id)
    error = error_of(pair, utc("2024-03-01"))
    assert str(error).startswith("Tibber: home id-house (Haus) has no consumption, and no subscription.")
    assert not error.passing


def test_a_check_tells_the_owner_and_the_home_with_one_request(serve: Serve) -> None:
    pair = Pair(serve(hours("2024-03-01", "2024-03-02"), homes=[HOUSE, CABIN]), "id-cabin")
    account, home = pair.client.check()
    assert (account.name, [str(each) for each in account.homes]) == (
        "Ada Muster",
        ["id-house (Haus)", "id-cabin (Waldweg 3)"],
    )
    assert (home.name, home.subscription) == ("Waldweg 3", "running")
    assert [asked.nodes for asked in pair.server.asked] == [0]


# What does not pass by itself


@pytest.mark.parametrize(
    ("fault", "shown"),
    [
        pytest.param(refusal(401), "401", id="401 with a page"),
        pytest.param(refusal(403), "403", id="403"),
        pytest.param(graphql_error("Not signed in", "UNAUTHENTICATED", 401), "401", id="401 with GraphQL"),
        pytest.param(graphql_error("jwt expired", "UNAUTHENTICATED"), "UNAUTHENTICATED", id="code in a 200"),
        pytest.param(graphql_error("Invalid Token"), "UNAUTHENTICATED", id="message in a 200"),
        pytest.param(graphql_error("Context creation failed: invalid token", status=400), "400", id="message in a 400"),
    ],
)
def test_a_refused_token_is_final_and_says_what_to_do(pair: Pair, fault: Fault, shown: str) -> None:
    pair.server.fail(fault)
    error = error_of(pair)
    assert str(error) == (
        f"Tibber: the token is refused ({shown}). "
        "Make a new one at developer.tibber.com and put it into secrets/tibber.env as TIBBER_API_TOKEN."
    )
    assert not error.passing
    assert len(pair.server.asked) == 1


def test_a_wrong_token_is_refused_by_the_stand_in_itself(pair: Pair) -> None:
    other = Pair(pair.server, token="a-wrong-token")
    with pytest.raises(TibberError, match=r"the token is refused \(401\)"):
        other.client.check()
    assert [asked.is_allowed for asked in pair.server.asked] == [False]


@pytest.mark.parametrize("token", ["", "  \n"])
def test_no_token_says_what_is_missing(token: str) -> None:
    with pytest.raises(TibberError, match=r"TIBBER_API_TOKEN is not set\..* secrets/tibber\.env"):
        TibberClient("http://127.0.0.1:9", token, None)


def test_a_token_that_cannot_be_one_is_not_shown() -> None:
    with pytest.raises(TibberError, match=r"the token \(11 characters\) holds a blank") as caught:
        TibberClient("http://127.0.0.1:9", "abcde\nfghij", None)
    assert "abcde" not in str(caught.value)


def test_a_graphql_error_inside_a_200_is_told_in_its_words(pair: Pair) -> None:
    pair.server.fail(graphql_error("Cannot query field 'unitPriceVAT'", "GRAPHQL_VALIDATION_FAILED"))
    error = error_of(pair)
    assert "the question is refused: Cannot query field 'unitPriceVAT'." in str(error)
    assert not error.passing


def test_a_part_of_the_data_beside_an_error_is_not_used(pair: Pair) -> None:
    data = answer([{}])["data"]
    pair.server.fail(instead(json.dumps({"data": data, "errors": [{"message": "consumption is incomplete"}]})))
    assert "consumption is incomplete" in str(error_of(pair))


@pytest.mark.parametrize(
    ("fault", "fact"),
    [
        pytest.param(refusal(404), r"answers 404\. Correct tibber\.url", id="404"),
        pytest.param(refusal(308, {"Location": "http://127.0.0.1:9/"}), r"sends us elsewhere \(308\)", id="redirect"),
        pytest.param(graphql_error("Syntax Error", status=400), "the question is refused: Syntax Error", id="400"),
    ],
)
def test_a_wrong_address_is_final(pair: Pair, fault: Fault, fact: str) -> None:
    pair.server.fail(fault)
    with pytest.raises(TibberError, match=fact) as caught:
        pair.client.hours(None)
    assert not caught.value.passing
    assert len(pair.server.asked) == 1


def test_an_address_without_a_scheme_is_final(pair: Pair) -> None:
    other = Pair(pair.server, url="api.tibber.com/v1-beta/gql")
    assert "api.tibber.com/v1-beta/gql cannot be asked (MissingSchema). Correct tibber.url" in str(error_of(other))


# What may pass


@pytest.mark.parametrize(
    ("fault", "fact"),
    [
        pytest.param(refusal(429), "asked too often (429)", id="429"),
        pytest.param(refusal(500), "out of order (500)", id="500"),
        pytest.param(refusal(503), "out of order (503)", id="503"),
        pytest.param(refusal(408), "out of order (408)", id="408"),
        pytest.param(graphql_error("oops", status=502), "out of order (502)", id="502 with GraphQL"),
        pytest.param(graphql_error("boom", "INTERNAL_SERVER_ERROR"), "error of its own: boom", id="error of its own"),
        pytest.param(drop(), "broke", id="dropped"),
        pytest.param(cut_short(), "broke", id="cut short"),
        pytest.param(instead("<html>maintenance</html>", "text/html"), "24 bytes (text/html)", id="HTML in a 200"),
        pytest.param(instead('{"data": {"viewer"'), "no GraphQL answer", id="half a JSON"),
        pytest.param(instead("null"), "no GraphQL answer", id="JSON null"),
        pytest.param(instead('"data"'), "no GraphQL answer", id="a JSON text"),
        pytest.param(instead("[]"), "no GraphQL answer", id="a JSON list"),
        pytest.param(instead("{}"), "no GraphQL answer", id="neither data nor errors"),
        pytest.param(instead('{"data": null}'), "no GraphQL answer", id="null data"),
    ],
)
def test_what_may_pass_is_tried_again_longer_each_time_and_then_told(pair: Pair, fault: Fault, fact: str) -> None:
    pair.server.fail(*4 * [fault])
    assert len(pair.client.hours(None).known) == 48
    assert pair.watch.waits == [1.0, 2.0, 4.0, 8.0]

    pair.server.fail(*5 * [fault])
    error = error_of(pair)
    assert fact in str(error)
    assert "(5 tries in 15 s)" in str(error)
    assert error.passing
    assert len(pair.server.asked) == 10


def test_a_slow_answer_is_given_up_and_asked_for_again(serve: Serve) -> None:
    pair = Pair(serve(hours("2024-03-01", "2024-03-02")), timeout_seconds=0.15, attempts=2)
    pair.server.fail(slow(5))
    assert len(pair.client.hours(None).known) == 24
    pair.server.fail(slow(5), slow(5))
    error = error_of(pair)
    assert "no answer from http://127.0.0.1:" in str(error)
    assert "within 0.15 s (2 tries in 1 s)" in str(error)
    assert error.passing


def test_a_refused_connection_is_tried_again_and_then_told() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        watch = PatientClock()
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/gql"
        client = TibberClient(url, TOKEN, None, attempts=3, clock=watch)
        with pytest.raises(TibberError, match=r"refuses the connection \(3 tries in 3 s\)") as caught:
            client.check()
    assert caught.value.passing


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        pytest.param({"Retry-After": "37"}, 37.0, id="in seconds"),
        pytest.param(
            {"Retry-After": "Fri, 01 Mar 2024 10:01:10 GMT", "Date": "Fri, 01 Mar 2024 10:00:00 GMT"}, 70.0, id="a date"
        ),
        pytest.param(
            {"Retry-After": "Fri, 01 Mar 2024 09:00:00 GMT", "Date": "Fri, 01 Mar 2024 10:00:00 GMT"}, 1.0, id="past"
        ),
        pytest.param({"Retry-After": "soon"}, 1.0, id="nonsense"),
        pytest.param({"Retry-After": "-5"}, 1.0, id="negative"),
    ],
)
def test_a_429_is_waited_for_as_long_as_it_asks(pair: Pair, headers: dict[str, str], wait: float) -> None:
    pair.server.fail(refusal(429, headers))
    assert len(pair.client.hours(None).known) == 48
    assert pair.watch.waits == [wait]


def test_a_429_that_asks_for_an_hour_is_left_to_the_next_sync(pair: Pair) -> None:
    pair.server.fail(refusal(429, {"Retry-After": "3600"}))
    error = error_of(pair)
    assert "(429) and asks to wait 3600 s (1 try). Nothing is lost: the next sync asks again." in str(error)
    assert error.passing
    assert pair.watch.waits == []


def test_trying_ends_after_ten_minutes(pair: Pair) -> None:
    patient = Pair(pair.server, attempts=100)
    patient.server.fail(*100 * [refusal(503)])
    assert "out of order (503)" in str(error_of(patient))
    assert max(patient.watch.waits) == 60
    assert 540 < sum(patient.watch.waits) <= 600


def test_a_long_history_keeps_below_the_service_s_hundred_requests_in_five_minutes(serve: Serve) -> None:
    pair = Pair(serve(hours("2024-01-01", "2024-01-05"), longest_page=1))
    assert len(pair.client.hours(None).known) == 96
    assert pair.watch.waits == [300.0]


# Answers that cannot be true

NODE = {
    "from": "2024-03-01T00:00:00.000+01:00",
    "to": "2024-03-01T01:00:00.000+01:00",
    "consumption": 0.5,
    "consumptionUnit": "kWh",
    "cost": 0.15,
    "unitPrice": 0.3,
    "unitPriceVAT": 0.05,
    "currency": "EUR",
}
HOME = {"id": "id-house", "appNickname": None, "address": None, "currentSubscription": None}
ENDS = {"hasPreviousPage": False, "hasNextPage": False}


def answer(
    nodes: list[dict[str, Any]], without: str = "", page: dict[str, Any] = ENDS, home: dict[str, Any] = HOME
) -> dict[str, Any]:
    """An answer of nodes that differ from the usual one."""
    written = [{key: value for key, value in {**NODE, **node}.items() if key != without} for node in nodes]
    homes = [{**home, "consumption": {"pageInfo": page, "nodes": written}}]
    return {"data": {"viewer": {"name": "Ada", "homes": homes}}}


def asked_once(pair: Pair, given: dict[str, Any]) -> TibberHours:
    pair.server.fail(instead(json.dumps(given)))
    return pair.client.hours(utc("2024-02-01"))


@pytest.mark.parametrize(
    ("node", "without", "fact"),
    [
        pytest.param({}, "from", r"nodes\[1\]\.from is missing", id="no from"),
        pytest.param({"from": "yesterday"}, "", r"nodes\[1\]\.from is 'yesterday'", id="from is no time"),
        pytest.param({"from": 17}, "", r"nodes\[1\]\.from is 17", id="from is a number"),
        pytest.param({"from": "2024-03-01T00:00:00"}, "", "not an instant with an offset", id="from has no offset"),
        pytest.param({}, "to", r"nodes\[1\]\.to is missing", id="no to"),
        pytest.param({"to": "2024-02-29T23:00:00+01:00"}, "", r"nodes\[1\]\.to is '2024-02-29T23", id="ends before"),
        pytest.param({"to": NODE["from"]}, "", r"nodes\[1\]\.to is '2024-03-01T00", id="lasts no time"),
        pytest.param({"to": "2024-03-02T00:00:00+01:00"}, "", r"nodes\[1\]\.to is '2024-03-02T00", id="lasts a day"),
        pytest.param({"consumption": "0.5"}, "", r"\.consumption is '0\.5', not a number", id="consumption is a text"),
        pytest.param({"consumption": True}, "", r"\.consumption is True, not a number", id="consumption is true"),
        pytest.param({"consumption": float("inf")}, "", r"\.consumption is inf, not a number", id="infinite"),
        pytest.param({"consumption": NAN}, "", r"\.consumption is nan, not a number", id="not a number"),
        pytest.param({"consumption": 10**400}, "", r"\.consumption is 1000", id="beyond every float"),
        pytest.param({"consumption": -0.2}, "", r"\.consumption is -0\.2, not an hour's", id="negative"),
        pytest.param({"consumption": 1e5}, "", r"\.consumption is 100000\.0, not an hour's", id="absurd"),
        pytest.param({"consumptionUnit": "Wh"}, "", r"\.consumptionUnit is 'Wh', not kWh", id="another unit"),
        pytest.param({"cost": "free"}, "", r"\.cost is 'free', not a number", id="cost is a text"),
        pytest.param({"unitPriceVAT": []}, "", r"\.unitPriceVAT is \[\], not a number", id="VAT is a list"),
        pytest.param({"currency": 3}, "", r"\.currency is 3, not a text", id="currency is a number"),
    ],
)
def test_a_malformed_hour_refuses_the_answer_and_names_the_field(
    pair: Pair, node: dict[str, Any], without: str, fact: str
) -> None:
    given = answer([{}, node], without)
    if without:
        given["data"]["viewer"]["homes"][0]["consumption"]["nodes"][0] = NODE
    with pytest.raises(TibberError, match=fact) as caught:
        asked_once(pair, given)
    assert "Nothing of this answer is used" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "fact"),
    [
        pytest.param({}, "viewer is missing", id="no viewer"),
        pytest.param({"viewer": {"homes": None}}, r"viewer\.homes is missing, not a list", id="no homes"),
        pytest.param({"viewer": {"homes": [None]}}, r"viewer\.homes\[0\] is missing, not an object", id="null home"),
        pytest.param({"viewer": {"homes": [{**HOME, "id": 3}]}}, r"homes\[0\]\.id is 3, not a text", id="id 3"),
        pytest.param({"viewer": {"homes": [{"consumption": {}}]}}, r"homes\[0\]\.id is missing, not an id", id="no id"),
        pytest.param(
            {"viewer": {"homes": [{**HOME, "consumption": {"nodes": []}}]}}, r"pageInfo is missing", id="no pageInfo"
        ),
        pytest.param(
            {"viewer": {"homes": [{**HOME, "consumption": {"pageInfo": ENDS, "nodes": None}}]}},
            r"nodes is missing, not a list",
            id="no nodes",
        ),
        pytest.param(
            {"viewer": {"homes": [{**HOME, "consumption": {"pageInfo": ENDS, "nodes": [None]}}]}},
            r"nodes\[0\] is missing, not an hour",
            id="null node",
        ),
        pytest.param(
            {"viewer": {"homes": [{**HOME, "consumption": {"pageInfo": {"hasNextPage": "no"}, "nodes": []}}]}},
            r"pageInfo\.hasNextPage is 'no', not true or false",
            id="flag is a text",
        ),
    ],
)
def test_an_answer_of_another_shape_is_refused(pair: Pair, data: dict[str, Any], fact: str) -> None:
    with pytest.raises(TibberError, match=fact):
        asked_once(pair, {"data": data})


def test_an_hour_that_stands_twice_counts_once_and_a_value_beats_a_null(pair: Pair) -> None:
    found = asked_once(pair, answer([{"consumption": None}, {"consumption": 0.7}, {"consumption": None}]))
    assert found.known["consumption"].to_dict() == {utc("2024-02-29 23:00"): 0.7}
    assert found.unknown.empty


def test_pages_that_go_round_in_a_circle_are_an_error(pair: Pair) -> None:
    later = {"from": NODE["to"], "to": "2024-03-01T02:00:00.000+01:00"}
    page = {"hasPreviousPage": True, "hasNextPage": True}
    given = instead(json.dumps(answer([{}, later], page=page)))
    for since in (None, utc("2024-02-01")):
        pair.server.fail(given, given)
        assert "the pages do not get beyond the hour" in str(error_of(pair, since))


def test_pages_that_do_not_say_whether_there_are_more_are_read_to_the_end(serve: Serve) -> None:
    pair = Pair(serve(hours("2024-02-29", "2024-03-02"), homes=[HOUSE]))
    given = answer([{}], page={"hasPreviousPage": None, "hasNextPage": None})
    found = asked_once(pair, given)
    assert found.known.index[-1] == utc("2024-03-01 23:00")
    pair.server.fail(instead(json.dumps(given)))
    assert pair.client.hours(None).known.index[0] == utc("2024-02-29")


# The token


def test_the_token_stands_in_no_log_error_or_repr(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = graphql_error(f"cannot parse 'Bearer {TOKEN}'", "INTERNAL_SERVER_ERROR")
    pair.server.fail(echo, refusal(503), drop(), refusal(429), instead(f"<p>{TOKEN}</p>", "text/html"))
    texts = [str(error_of(pair)), repr(pair.client), str(vars(pair.client))]
    pair.server.fail(graphql_error(f"{TOKEN}?"))
    texts.append(str(error_of(pair)))
    pair.client.hours(None)

    records = [f"{record.getMessage()} {record.args}" for record in caplog.records]
    assert any("cannot parse 'Bearer ***'" in text for text in records)
    assert any("/v1-beta/gql" in text for text in records)
    assert not [text for text in texts + records if TOKEN in text]
    assert not [text for text in records if "Lindenallee" in text]


def test_a_netrc_entry_does_not_replace_the_token(
    pair: Pair, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path_factory.mktemp("home") / "netrc"
    file.write_text("machine 127.0.0.1 login someone password else\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    assert len(pair.client.hours(None).known) == 48


# From when to ask again, and when it has lasted too long

NOW = utc("2024-05-01 12:05")
TWO_DAYS = pd.Timedelta(days=2)


def test_at_first_everything_is_asked_for() -> None:
    assert since_for(None, [utc("2024-04-30")], NOW, TWO_DAYS) is None


def test_later_the_lookback_before_the_newest_known_hour_is_asked_for_again() -> None:
    assert since_for(utc("2024-05-01 10:00"), [], NOW, TWO_DAYS) == utc("2024-04-29 10:00")
    assert since_for(utc("2024-05-01 10:00"), [utc("2024-05-01 11:00")], NOW, TWO_DAYS) == utc("2024-04-29 10:00")


def test_an_unknown_hour_is_asked_for_again_for_thirty_days() -> None:
    newest = utc("2024-05-01 10:00")
    at_the_limit = utc("2024-04-01 12:05")
    assert since_for(newest, [utc("2024-04-20"), at_the_limit], NOW, TWO_DAYS) == at_the_limit
    assert since_for(newest, [at_the_limit - HOUR], NOW, TWO_DAYS) == utc("2024-04-29 10:00")


def test_hours_unknown_for_more_than_thirty_days_become_a_finding_a_run() -> None:
    unknown = [utc(text) for text in ("2024-03-02 05:00", "2024-03-01 23:00", "2024-03-02 00:00", "2024-04-30 05:00")]
    long, short = overdue(unknown, NOW, "haupt_strom")
    assert (long.code, long.meter_id) == ("tibber_hour_unknown", "haupt_strom")
    assert (long.start, long.end, long.figures) == (
        utc("2024-03-01 23:00"),
        utc("2024-03-02 01:00"),
        {"hours": 2.0, "asked_days": 30.0},
    )
    assert (short.start, short.end, short.figures) == (
        utc("2024-03-02 05:00"),
        utc("2024-03-02 06:00"),
        {"hours": 1.0, "asked_days": 30.0},
    )
    assert said(long).startswith("Tibber has no consumption for 2 hours, 2024-03-02 00:00 to 2024-03-02 02:00, after")


def test_an_hour_is_either_asked_for_again_or_a_finding() -> None:
    for hour in pd.date_range(NOW - pd.Timedelta(days=31), NOW, freq="7h"):
        is_asked_for = since_for(NOW, [hour], NOW, pd.Timedelta(0)) == hour
        assert is_asked_for != bool(overdue([hour], NOW, "haupt_strom"))
