"""One connection's part of listening: what is watched, subscriptions, holes filled from Home Assistant's history."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from workflows_dagster.clients.home_assistant.connection import Connection
from workflows_dagster.clients.home_assistant.errors import CommandRefusedError
from workflows_dagster.live.states import Rows, States, Watched
from workflows_dagster.services.power_sensors import Sensors, find_sensors
from workflows_dagster.settings.home_assistant import HomeAssistantSettings

# A history of two hours of a busy house stays below some megabytes. [s]
_CHUNK = 7200.0
_REGISTRIES = ("entity_registry_updated", "device_registry_updated")
_AN_INSTANT = 1e-3
# Home Assistant takes longer to start again. [s]
_RESTART = 10.0


class Session:
    """What is watched over one connection; see `open_session`.

    Attributes:
        states: The entities that are watched.
        changed: Set when entities or devices were added, renamed or removed.
        started: Earliest instant at which Home Assistant may have started. [s since 1970]
    """

    def __init__(
        self,
        connection: Connection,
        watched: Watched,
        registered: frozenset[str],
        started: float,
        difference: float,
    ) -> None:
        self.states, self.started, self.changed = States(watched), started, asyncio.Event()
        self._connection, self._registered, self._difference = connection, registered, difference
        self._events: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self._subscriptions: list[int] = []

    @property
    def watched(self) -> Watched:
        """The entities that are listened to."""
        return self.states.watched

    def now(self) -> float:
        """Give Home Assistant's time. [s since 1970]"""  # noqa: D415
        return time.time() + self._difference

    def silent(self) -> list[str]:
        """Give the sensors of power that say nothing at present."""
        return self.states.silent(self._registered)

    async def subscribe(self) -> None:
        """Listen from now on.

        Raises:
            HomeAssistantError: It is refused, or the connection breaks.
        """
        ask, entities = self._connection.subscribe, self.watched.entities
        if entities:
            self._subscriptions.append(await ask(self._events.put_nowait, "subscribe_entities", entity_ids=entities))
        for kind in _REGISTRIES:
            self._subscriptions.append(await ask(lambda _: self.changed.set(), "subscribe_events", event_type=kind))

    async def unsubscribe(self) -> None:
        """Listen no more, so that other entities can be subscribed to."""
        for number in self._subscriptions:
            await self._connection.unsubscribe(number)
        self._subscriptions.clear()

    async def heard(self, seconds: float) -> Rows:
        """Wait for the next message, and give the rows of all that have come.

        Args:
            seconds: Longest wait. [s]

        Raises:
            HomeAssistantError: The connection is broken.
        """
        rows = Rows()
        waiting = asyncio.create_task(self._events.get())
        broken = asyncio.create_task(self._connection.until_broken())
        try:
            await asyncio.wait({waiting, broken}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                rows.extend(self.states.take(waiting.result()))
            while not self._events.empty():
                rows.extend(self.states.take(self._events.get_nowait()))
            if broken.done():
                raise broken.result()
        finally:
            waiting.cancel()
            broken.cancel()
        return rows

    async def missed(self, since: float, states: States | None = None) -> AsyncIterator[tuple[float, Rows]]:
        """Read what happened since an instant. While Home Assistant itself was off, nothing is known.

        Args:
            since: From here on. [s since 1970]
            states: What the states go into; None takes those of the session.

        Yields:
            Where each piece begins [s since 1970], and its rows.

        Raises:
            HomeAssistantError: It cannot be read.
        """
        into = states or self.states
        if since < self.started:
            # What was said at the start itself comes after it.
            async for piece in self._history(into, since, self.started - _AN_INSTANT, with_start=True):
                yield piece
            if 0 < into.newest < self.started - _RESTART:
                yield into.newest, into.unknown_from(into.newest + _AN_INSTANT)
            async for piece in self._history(into, self.started - _AN_INSTANT, self.now(), with_start=False):
                yield piece
        else:
            async for piece in self._history(into, since, self.now(), with_start=True):
                yield piece

    async def _history(
        self, into: States, since: float, until: float, *, with_start: bool
    ) -> AsyncIterator[tuple[float, Rows]]:
        begin = since
        while self.watched.entities and begin < until:
            end = min(begin + _CHUNK, until)
            answer = await self._connection.ask(
                "history/history_during_period",
                start_time=_iso(begin),
                end_time=_iso(end),
                entity_ids=self.watched.entities,
                include_start_time_state=with_start and begin == since,
                significant_changes_only=False,
                minimal_response=False,
                no_attributes=False,
            )
            yield begin, into.take_history(answer)
            begin = end


async def open_session(connection: Connection, named: HomeAssistantSettings, difference: float) -> Session:
    """Find what is to be watched.

    Args:
        connection: An open one.
        named: What config.yaml names.
        difference: How far Home Assistant's clock is ahead. [s]

    Raises:
        HomeAssistantError: It cannot be asked.
    """
    states = await connection.ask("get_states")
    sensors = find_sensors(
        states,
        await connection.ask("config/entity_registry/list"),
        await connection.ask("config/device_registry/list"),
        await _prefs(connection),
        named.power_entity,
        named.circuits,
    )
    devices = frozenset(one["entity_id"] for one in states if one["entity_id"].partition(".")[0] in named.event_domains)
    house = sensors.house
    watched = Watched(house.sensor.entity_id if house else None, _circuits(sensors), sensors.register, devices)
    registered = frozenset(one["entity_id"] for one in states)
    started = min((_seconds(one.get("last_updated")) for one in states), default=0.0)
    return Session(connection, watched, registered, started, difference)


async def _prefs(connection: Connection) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = await connection.ask("energy/get_prefs")
    except CommandRefusedError:
        return None
    return found


def _circuits(sensors: Sensors) -> dict[str, str]:
    """Give each circuit its device's name; where a device has several, the entity's as well."""
    often = Counter(one.sensor.name for one in sensors.circuits)
    return {
        one.sensor.entity_id: one.sensor.name
        if often[one.sensor.name] == 1
        else f"{one.sensor.name} ({one.sensor.entity_id.partition('.')[2]})"
        for one in sensors.circuits
    }


def _seconds(text: object) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return 0.0


def _iso(moment: float) -> str:
    return pd.Timestamp(moment, unit="s", tz="UTC").isoformat()
