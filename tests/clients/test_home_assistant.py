"""One connection to Home Assistant: commands, events, and everything that can go wrong, against the stand-in."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pandas as pd
import pytest

from workflows_dagster.clients.home_assistant.blocking import HomeAssistant, home_assistant
from workflows_dagster.clients.home_assistant.connection import connect
from workflows_dagster.clients.home_assistant.dialect import Statistic, grid_source, metadata, version_of
from workflows_dagster.clients.home_assistant.errors import (
    CommandRefusedError,
    HomeAssistantError,
    RefusedTokenError,
)
from workflows_dagster.clients.home_assistant.statistics import HOURS_A_MESSAGE
from workflows_dagster.sample_house.home_assistant import LARGEST_MESSAGE, StandIn, running

GAS = Statistic("utility_meters:gas", "Gas", "m³")


def local(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def opened(url: str, token: str = "token", timeout: float = 10) -> AbstractContextManager[HomeAssistant]:
    return home_assistant(url, token, timeout)


@pytest.fixture
def stand_in() -> StandIn:
    return StandIn()


@pytest.fixture
def url(stand_in: StandIn) -> Iterator[str]:
    with running(stand_in) as address:
        yield address


def test_the_version_comes_with_the_handshake(url: str, stand_in: StandIn) -> None:
    with home_assistant(url, stand_in.token) as assistant:
        assert assistant.version == (2024, 3)


@pytest.mark.parametrize("text", ["", "unknown", "12", None])
def test_a_version_that_is_none_is_refused(text: str | None) -> None:
    with pytest.raises(HomeAssistantError, match="no version"):
        version_of(text)


def test_a_refused_token_says_what_to_do_and_is_not_in_the_text(url: str, stand_in: StandIn) -> None:
    with (
        pytest.raises(RefusedTokenError, match="HOME_ASSISTANT_TOKEN") as refused,
        home_assistant(url, "planted-token"),
    ):
        pass
    assert "planted-token" not in str(refused.value)
    assert stand_in.refused == 1


def test_a_command_that_is_refused_says_why_and_the_connection_goes_on(url: str, stand_in: StandIn) -> None:
    with home_assistant(url, stand_in.token) as assistant:
        with pytest.raises(CommandRefusedError, match="no_such/command"):
            assistant.ask("no_such/command")
        assert assistant.ask("get_states") == []


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ((2024, 3), {"has_mean": False}),
        ((2025, 3), {"has_mean": False}),
        ((2025, 4), {"mean_type": 0}),
        ((2025, 10), {"mean_type": 0}),
        ((2025, 11), {"mean_type": 0, "unit_class": "volume"}),
        ((2026, 12), {"mean_type": 0, "unit_class": "volume"}),
    ],
)
def test_metadata_by_version(version: tuple[int, int], wanted: dict[str, Any]) -> None:
    common = {"has_sum", "name", "source", "statistic_id", "unit_of_measurement"}
    said = metadata(GAS, version)
    assert {key: said[key] for key in said if key not in common} == wanted


def test_a_cost_has_no_unit_class() -> None:
    assert metadata(Statistic("utility_meters:gas_cost", "Gas: cost", "EUR"), (2025, 11))["unit_class"] is None


def test_the_stand_in_refuses_what_a_version_does_not_know(url: str, stand_in: StandIn) -> None:
    newer = metadata(GAS, (2025, 11))
    with home_assistant(url, stand_in.token) as assistant, pytest.raises(CommandRefusedError, match="extra keys"):
        assistant.ask("recorder/import_statistics", metadata=newer, stats=[])


@pytest.mark.parametrize("slug", ["strom_1LOG_NT", "a__b", "_a", "a_", "ä"])
def test_the_stand_in_refuses_ids_as_home_assistant_does(url: str, stand_in: StandIn, slug: str) -> None:
    bad = Statistic(f"utility_meters:{slug}", "Bad", "kWh")
    hour = pd.date_range("2026-01-01", periods=1, freq="h", tz="UTC")
    with home_assistant(url, stand_in.token) as assistant, pytest.raises(CommandRefusedError, match="statistic_id"):
        assistant.send_sums(bad, pd.Series([1.0], hour))


def test_sums_go_in_messages_below_the_limit_and_read_back(url: str, stand_in: StandIn) -> None:
    hours = pd.date_range("2020-01-01", periods=2 * HOURS_A_MESSAGE + 1, freq="h", tz="UTC").as_unit("us")
    sums = pd.Series(range(len(hours)), hours, dtype=float) * 1.234567
    with home_assistant(url, stand_in.token) as assistant:
        assert assistant.send_sums(GAS, sums) == 3
        held = assistant.read_sums([GAS.statistic_id], hours[0], hours[-1] + pd.Timedelta(hours=1))
        assert held[GAS.statistic_id].equals(sums)
        assert assistant.read_sums(["utility_meters:none"], hours[0], hours[9])["utility_meters:none"].empty
        assert list(assistant.listed("utility_meters")) == [GAS.statistic_id]
        assistant.clear([GAS.statistic_id])
        assert assistant.listed("utility_meters") == {}
    assert stand_in.largest < LARGEST_MESSAGE / 2


@pytest.mark.parametrize("offset", [-75.0, 0.0, 3.5])
def test_the_clocks_are_compared(url: str, stand_in: StandIn, offset: float) -> None:
    stand_in.clock_offset = offset
    with home_assistant(url, stand_in.token) as assistant:
        assert assistant.clock_difference() == pytest.approx(offset, abs=0.5)


def test_events_come_to_who_subscribed_and_to_nobody_else(url: str, stand_in: StandIn) -> None:
    stand_in.set_state("sensor.power", 100, {"unit_of_measurement": "W"})
    stand_in.set_state("sensor.other", 1)
    heard: list[dict[str, Any]] = []

    async def listen() -> None:
        async with connect(url, stand_in.token) as connection:
            came = asyncio.Event()

            def hear(event: dict[str, Any]) -> None:
                heard.append(event)
                if "c" in event:
                    came.set()

            await connection.subscribe(hear, "subscribe_entities", entity_ids=["sensor.power"])
            stand_in.set_state("sensor.other", 2)
            stand_in.set_state("sensor.power", 150)
            await asyncio.wait_for(came.wait(), 10)

    asyncio.run(listen())
    assert heard[0]["a"]["sensor.power"]["s"] == "100"
    assert [event["c"]["sensor.power"]["+"]["s"] for event in heard[1:]] == ["150"]


def test_a_broken_connection_is_said_to_those_who_wait(url: str, stand_in: StandIn) -> None:
    async def wait() -> HomeAssistantError:
        async with connect(url, stand_in.token) as connection:
            stand_in.drop_connections()
            return await asyncio.wait_for(connection.until_broken(), 10)

    assert "closed the connection" in str(asyncio.run(wait()))


def test_nobody_listens() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(HomeAssistantError, match="refuses the connection") as refused, opened(local(port)):
        pass
    assert refused.value.passing


def test_a_host_that_is_unknown() -> None:
    with (
        pytest.raises(HomeAssistantError, match=r"no-such-host\.invalid is not known"),
        opened("http://no-such-host.invalid:8123"),
    ):
        pass


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answers 404"),
        (b"rubbish\r\n\r\n", "broke|answers"),
    ],
)
def test_something_else_answers(answer: bytes, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(HomeAssistantError, match=said), opened(local(server.getsockname()[1]), timeout=5):
            pass
        thread.join(5)


def test_silence_ends_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(HomeAssistantError, match=r"within 0\.2 s"), opened(local(port), timeout=0.2):
            pass


def test_the_grid_is_one_source_with_flows_until_2026_2_and_flat_from_then_on() -> None:
    used, fed = (
        [("utility_meters:a", "utility_meters:a_cost"), ("utility_meters:b", None)],
        [("utility_meters:c", None)],
    )
    (older,) = grid_source(used, fed, (2026, 2))
    assert [one["stat_energy_from"] for one in older["flow_from"]] == ["utility_meters:a", "utility_meters:b"]
    assert [one["stat_energy_to"] for one in older["flow_to"]] == ["utility_meters:c"]
    newer = grid_source(used, fed, (2026, 3))
    assert [(one["stat_energy_from"], one["stat_energy_to"], one["stat_cost"]) for one in newer] == [
        ("utility_meters:a", "utility_meters:c", "utility_meters:a_cost"),
        ("utility_meters:b", None, None),
    ]
    assert grid_source([], [], (2024, 3)) == []
