"""The live task against the stand-in: reconnects, holes, restarts, renames, a store that is away, bursts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import SecretStr

from workflows_dagster.live.recorder import Recorder
from workflows_dagster.live.spool import Spool
from workflows_dagster.live.states import Rows
from workflows_dagster.live.task import LiveTask, Pace
from workflows_dagster.records.events import read_correlations, read_events
from workflows_dagster.records.live_status import read_live_status
from workflows_dagster.records.power import read_circuits, read_house, read_power
from workflows_dagster.sample_house.home_assistant import StandIn, running
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import Store, StoreError
from workflows_dagster.wording import Words

HOUSE, OVEN = "sensor.house", "sensor.oven"
W = {"device_class": "power", "state_class": "measurement", "unit_of_measurement": "W"}
UNKNOWN = -1.0
PACE = Pace(flush=0.05, status=0.2, first_wait=0.05, longest_wait=0.2, overlap=1.0, look=0.05)
EVER = (pd.Timestamp("2000-01-01", tz="UTC"), pd.Timestamp("2100-01-01", tz="UTC"))


@pytest.fixture
def stand_in() -> StandIn:
    stand_in = StandIn()
    now = stand_in.now()
    stand_in.set_state(HOUSE, 100.0, {**W, "friendly_name": "House"}, at=now - 120)
    stand_in.set_state(OVEN, 20.0, {**W, "friendly_name": "Oven"}, at=now - 110)
    stand_in.set_state("switch.kettle", "off", {}, at=now - 100)
    # Nothing has changed it since Home Assistant started.
    stand_in.set_state("zone.home", "0", {}, at=now - 1e6)
    return stand_in


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    opened = EmbeddedStore(tmp_path / "live.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def settings(shipped: Settings, stand_in: StandIn, tmp_path: Path) -> Iterator[Settings]:
    with running(stand_in) as url:
        named = shipped.site.home_assistant.model_copy(update={"url": url, "power_entity": HOUSE})
        secrets = shipped.secrets.model_copy(update={"home_assistant_token": SecretStr(stand_in.token)})
        site = shipped.site.model_copy(update={"home_assistant": named})
        yield replace(shipped, site=site, secrets=secrets, data_dir=tmp_path / "data")


class KeptOpen:
    """A store that stays open when the task closes its own, and can be away."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store, self.is_away = store, False

    def __getattr__(self, name: str) -> Any:
        if self.is_away and name != "close":
            raise StoreError("The store is away.")
        return (lambda: None) if name == "close" else getattr(self.store, name)


@asynccontextmanager
async def listening(settings: Callable[[], Settings] | Settings, store: Any) -> AsyncIterator[LiveTask]:
    opened = store if isinstance(store, KeptOpen) else KeptOpen(store)
    given = settings if callable(settings) else lambda: settings

    def open_store(_: Settings) -> Store:
        return opened  # type: ignore[return-value]

    task = LiveTask(given, open_store, PACE)
    running_task = asyncio.create_task(task.run())
    try:
        yield task
    finally:
        running_task.cancel()
        await asyncio.gather(running_task, return_exceptions=True)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    due = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < due, "it does not come true"
        await asyncio.sleep(0.02)


def do(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def powers(store: EmbeddedStore, entity_id: str = HOUSE) -> list[float]:
    """Give the power as it changed; what was said twice counts once."""
    found = read_power(store, *EVER, entity_id)["power_w"].fillna(UNKNOWN)
    return found[found.shift() != found].tolist()


def test_power_and_events_are_stored_as_they_come(settings: Settings, store: EmbeddedStore, stand_in: StandIn) -> None:
    async def work() -> None:
        async with listening(settings, store) as task:
            await until(lambda: task.report.code == "connected" and powers(store) == [100.0])
            stand_in.set_state("switch.kettle", "on")
            stand_in.set_state(HOUSE, 2100.5)
            await until(lambda: powers(store) == [100.0, 2100.5])
            await until(lambda: len(read_events(store, *EVER)) == 1)

    do(work())
    (event,) = read_events(store, *EVER).to_dict("records")
    assert (event["entity_id"], event["state"], event["previous_state"]) == ("switch.kettle", "on", "off")
    assert powers(store, OVEN) == [20.0]


def test_five_minutes_circuits_and_the_status_are_stored(
    settings: Settings, store: EmbeddedStore, stand_in: StandIn
) -> None:
    now = stand_in.now()
    for k in range(1, 900):
        stand_in.history[HOUSE].insert(
            0, replace(stand_in.history[HOUSE][0], updated=now - 120 - k, changed=now - 120 - k)
        )

    async def work() -> None:
        async with listening(settings, store):
            await until(lambda: len(read_house(store, *EVER)) > 0 and read_live_status(store) is not None)

    do(work())
    newest = read_house(store, *EVER).iloc[-1]
    assert (newest["total_power_w"], newest["source"]) == (100.0, HOUSE)
    assert set(read_circuits(store, *EVER)["circuit_name"]) <= {"Oven", "other"}
    status = read_live_status(store)
    assert status is not None
    assert (status.problem, status.clock) == (None, pytest.approx(0.0, abs=0.5))


def test_an_hour_without_connection_is_filled_from_history(
    settings: Settings, store: EmbeddedStore, stand_in: StandIn
) -> None:
    """What happened while nobody listened is as if somebody had."""

    async def work() -> None:
        async with listening(settings, store):
            await until(lambda: powers(store) == [100.0])
        now = stand_in.now()
        for minute, power in enumerate((300.0, 50.0, 700.0)):
            stand_in.set_state(HOUSE, power, at=now + 0.001 * (minute + 1))
        stand_in.set_state("switch.kettle", "on", at=now + 0.002)
        stand_in.set_state("switch.kettle", "off", at=now + 0.003)
        async with listening(settings, store):
            await until(lambda: powers(store) == [100.0, 300.0, 50.0, 700.0])
            await until(lambda: len(read_events(store, *EVER)) == 2)

    do(work())


def test_a_broken_connection_is_made_again(settings: Settings, store: EmbeddedStore, stand_in: StandIn) -> None:
    async def work() -> None:
        async with listening(settings, store) as task:
            for power in (200.0, 300.0, 400.0):
                await until(lambda: task.report.code == "connected")
                stand_in.drop_connections()
                await until(lambda: task.report.code != "connected")
                stand_in.set_state(HOUSE, power)
            await until(lambda: powers(store) == [100.0, 200.0, 300.0, 400.0])

    do(work())


def test_while_home_assistant_was_off_nothing_is_known(
    settings: Settings, store: EmbeddedStore, stand_in: StandIn
) -> None:
    async def work() -> None:
        async with listening(settings, store):
            await until(lambda: powers(store) == [100.0])
        stand_in.restart()
        async with listening(settings, store):
            await until(lambda: powers(store) == [100.0, UNKNOWN, 100.0])

    do(work())


def test_a_renamed_circuit_is_followed_under_its_new_name(
    settings: Settings, store: EmbeddedStore, stand_in: StandIn
) -> None:
    async def work() -> None:
        async with listening(settings, store) as task:
            await until(lambda: powers(store, OVEN) == [20.0])
            stand_in.rename(OVEN, "sensor.stove")
            await until(lambda: powers(store, "sensor.stove")[-1:] == [20.0])
            stand_in.set_state("sensor.stove", 55.0)
            await until(lambda: powers(store, "sensor.stove")[-1:] == [55.0])
            assert task.report.code == "connected"

    do(work())


def test_a_sensor_that_becomes_unavailable_is_unknown(
    settings: Settings, store: EmbeddedStore, stand_in: StandIn
) -> None:
    async def work() -> None:
        async with listening(settings, store):
            await until(lambda: powers(store) == [100.0])
            stand_in.set_state(HOUSE, "unavailable")
            await until(lambda: powers(store) == [100.0, UNKNOWN])

    do(work())


def test_a_store_that_is_away_loses_nothing(settings: Settings, store: EmbeddedStore, stand_in: StandIn) -> None:
    opened = KeptOpen(store)

    async def work() -> None:
        async with listening(settings, opened) as task:
            await until(lambda: powers(store) == [100.0])
            opened.is_away = True
            for k in range(50):
                stand_in.set_state(HOUSE, 200.0 + k)
            await until(lambda: task.report.held >= 50)
            is_good, told = task.notice(Words("en"))
            assert not is_good
            assert "wait for the store: The store is away." in told
            opened.is_away = False
            await until(lambda: len(powers(store)) == 51 and task.report.held == 0)
            assert task.notice(Words("en")) == (True, "Home Assistant: connected.")

    do(work())


def test_what_has_no_room_while_the_store_is_away_is_read_again(
    settings: Settings, store: EmbeddedStore, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workflows_dagster.live.recorder.MOST_HELD", 20)
    opened = KeptOpen(store)

    async def work() -> None:
        async with listening(settings, opened) as task:
            await until(lambda: powers(store) == [100.0])
            opened.is_away = True
            await until(lambda: bool(task.report.store_problem) or bool(stand_in.set_state(HOUSE, 101.0)))
            for k in range(100):
                stand_in.set_state(HOUSE, 200.0 + k)
            await asyncio.sleep(0.3)
            assert task.report.held <= 20
            opened.is_away = False
            await until(lambda: powers(store)[-100:] == [200.0 + k for k in range(100)])

    do(work())


def test_fifty_events_a_second_are_all_stored(settings: Settings, store: EmbeddedStore, stand_in: StandIn) -> None:
    count = 3000

    async def work() -> None:
        async with listening(settings, store):
            await until(lambda: powers(store) == [100.0])
            begun = stand_in.now()
            for k in range(count):
                stand_in.set_state(HOUSE, 1000.0 + k % 7, at=begun + k / 50)
                if k % 100 == 0:
                    await asyncio.sleep(0)
            await until(lambda: len(powers(store)) == count + 1, 20)

    do(work())


def test_new_settings_are_used_without_a_restart(settings: Settings, store: EmbeddedStore) -> None:
    present = [settings]
    named = settings.site.home_assistant.model_copy(update={"power_entity": None, "url": None})
    off = replace(settings, site=settings.site.model_copy(update={"home_assistant": named}))

    async def work() -> None:
        async with listening(lambda: present[0], store) as task:
            for code, given in (("connected", settings), ("off", off), ("connected", settings)):
                present[0] = given
                await until(lambda code=code: task.report.code == code)  # type: ignore[misc]

    do(work())


def test_a_refused_token_is_tried_once_until_it_changes(
    settings: Settings, store: EmbeddedStore, stand_in: StandIn
) -> None:
    wrong = replace(
        settings, secrets=settings.secrets.model_copy(update={"home_assistant_token": SecretStr("planted-token")})
    )
    present = [wrong]

    async def work() -> None:
        async with listening(lambda: present[0], store) as task:
            await until(lambda: task.report.code == "failing" and "not tried again" in task.report.problem)
            await asyncio.sleep(0.5)
            assert stand_in.refused == 1
            assert "planted" not in task.report.problem
            present[0] = settings
            await until(lambda: task.report.code == "connected")

    do(work())


@pytest.mark.parametrize("offset", [3600.0, -90.0])
def test_a_wrong_clock_stores_nothing_and_is_told(
    settings: Settings, store: EmbeddedStore, stand_in: StandIn, offset: float
) -> None:
    stand_in.clock_offset = offset

    async def work() -> None:
        async with listening(settings, store) as task:
            await until(lambda: task.report.code == "failing")
            assert "clock" in task.report.problem
        assert powers(store) == []

    do(work())


def test_where_nothing_says_which_power_is_the_houses_it_is_told(
    settings: Settings, store: EmbeddedStore, stand_in: StandIn
) -> None:
    named = settings.site.home_assistant.model_copy(update={"power_entity": None})
    unsure = replace(settings, site=settings.site.model_copy(update={"home_assistant": named}))

    async def work() -> None:
        async with listening(unsure, store) as task:
            await until(lambda: task.report.code == "no_house")
            is_good, told = task.notice(Words("en"))
            assert not is_good
            assert "home_assistant.power_entity" in told

    do(work())


def test_without_an_address_the_task_idles(shipped: Settings, store: EmbeddedStore) -> None:
    async def work() -> None:
        async with listening(shipped, store) as task:
            await asyncio.sleep(0.1)
            assert task.report.code == "off"

    do(work())


def test_a_kettle_is_credited_while_the_day_runs(settings: Settings, store: EmbeddedStore, stand_in: StandIn) -> None:
    """Taught by the days before, as the stream is: what was switched minutes ago has its row at any time of day."""
    now = stand_in.now()
    rows = Rows()
    for turn in range(60):
        begun = now - 86_400 - turn * 7200
        for k in range(-6, 14):
            on = 0 <= k < 7
            rows.power.append((begun + 10 * k + 5, HOUSE, 2100.0 if on else 100.0))
        rows.events.append((begun, "switch.kettle", "switch", "on", "off", None))
        rows.events.append((begun + 70, "switch.kettle", "switch", "off", "on", None))
    spool = Spool(10_000)
    spool.add(rows)
    spool.store(store)
    switched = now - 600
    for entity_id in (HOUSE, "switch.kettle"):
        begun = switched - 60
        stand_in.history[entity_id] = [replace(stand_in.history[entity_id][0], updated=begun, changed=begun)]
    for k in range(30):
        # A state that stays is not told again.
        power = (2100.0 if 10 <= k < 20 else 100.0) + k % 2
        stand_in.history[HOUSE].append(
            replace(stand_in.history[HOUSE][0], state=str(power), updated=switched - 30 + 3 * k)
        )
    stand_in.history["switch.kettle"] += [
        replace(stand_in.history["switch.kettle"][0], state="on", updated=switched - 1),
        replace(stand_in.history["switch.kettle"][0], state="off", updated=switched + 29),
    ]

    def running() -> pd.DataFrame:
        rows = read_correlations(store, pd.Timestamp(switched - 10, unit="s", tz="UTC"), EVER[1])
        return rows[rows["power_delta_w"].notna()]

    async def work() -> None:
        async with listening(settings, store):
            await until(lambda: len(running()) == 2)

    do(work())
    assert running()["entity_id"].tolist() == ["switch.kettle"] * 2
    assert running()["power_delta_w"].to_numpy() == pytest.approx([2000.0, -2000.0], abs=50.0)


def test_a_filled_hole_reopens_what_was_computed(settings: Settings, store: EmbeddedStore) -> None:
    def open_store(_: Settings) -> Store:
        return KeptOpen(store)  # type: ignore[return-value]

    recorder = Recorder(settings, open_store)
    start = pd.Timestamp("2026-06-01 10:00", tz="UTC")
    seconds = start.timestamp()
    assert recorder.refill(Rows(power=[(seconds, HOUSE, 100.0)]), seconds)
    recorder.work(HOUSE, {}, start + pd.Timedelta(minutes=30))
    assert read_house(store, *EVER)["total_power_w"].unique().tolist() == [100.0]
    assert recorder.refill(Rows(power=[(seconds + 900, HOUSE, 400.0)]), seconds + 900)
    recorder.work(HOUSE, {}, start + pd.Timedelta(minutes=31))
    found = read_house(store, *EVER).set_index("time")["total_power_w"]
    assert found[: start + pd.Timedelta(minutes=15)].unique().tolist() == [100.0]
    assert found[start + pd.Timedelta(minutes=16) :].unique().tolist() == [400.0]


def test_a_long_hole_is_judged_day_by_day(settings: Settings, store: EmbeddedStore) -> None:
    """A week without the process: the days before yesterday, which nobody judges any more, are judged too."""

    def open_store(_: Settings) -> Store:
        return KeptOpen(store)  # type: ignore[return-value]

    recorder = Recorder(settings, open_store)
    start, end = pd.Timestamp("2026-06-01", tz="UTC"), pd.Timestamp("2026-06-05 12:00", tz="UTC")
    power = [(start.timestamp() + 600 * k, HOUSE, 100.0 + k % 5) for k in range(620)]
    events = [(start.timestamp() + 7200.0 * k, "switch.kettle", "switch", "on", "off", None) for k in range(50)]
    assert recorder.refill(Rows(power=power, events=events), start.timestamp())
    recorder.work(HOUSE, {}, end)
    assert recorder.problem is None
    judged = read_correlations(store, *EVER)["time"].dt.date.nunique()
    assert judged == 5
    found = read_house(store, *EVER)
    assert found["time"].iloc[-1] == end
    assert found["time"].diff().dropna().unique().tolist() == [pd.Timedelta(minutes=5)]
