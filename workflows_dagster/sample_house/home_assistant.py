"""A stand-in for Home Assistant: speaks its WebSocket messages, strict in each dialect, for tests and the demo.

It listens on this machine alone, under a token of its own; no configuration leads to it by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

# What Home Assistant itself would accept is more; a proxy in front of it may accept no more.
LARGEST_MESSAGE = 1_000_000
_VALID_ID = re.compile(r"^(?!.+__)(?!_)[\da-z_]+(?<!_):(?!_)[\da-z_]+(?<!_)$")
_HOUR_MS = 3_600_000


class _Refused(Exception):  # noqa: N818
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class State:
    """An entity's state at an instant.

    Attributes:
        state: Its text.
        attributes: What goes with it.
        changed: When the state changed. [s since 1970]
        updated: When anything changed. [s since 1970]
    """

    state: str
    attributes: dict[str, Any]
    changed: float
    updated: float

    def compressed(self) -> dict[str, Any]:
        """Give it as subscriptions and histories have it."""
        short = {"s": self.state, "a": self.attributes, "c": "01", "lc": self.changed}
        return short if self.updated == self.changed else {**short, "lu": self.updated}


@dataclass
class StandIn:
    """The state of the stand-in; `running` serves it.

    Attributes:
        version: Version that it says, and whose dialect it wants.
        token: Token that it accepts.
        states: Entities by id.
        history: What each entity's states were.
        entities: Entity registry.
        devices: Device registry.
        statistics: Metadata and sums by id; sums by the hour's start. [ms since 1970]
        prefs: Energy preferences; None before they were saved.
        is_admin: Whether the token is an administrator's, as imports and registries want it.
        lag: How many reads of statistics still see what was there before an import.
        clock_offset: How far its clock is ahead. [s]
        refused: Number of refused tokens.
        messages: Number of received imports.
        sent_hours: Number of received sums.
        largest: Size of the largest message received. [byte]
        on_import: Called before each import, which it may break off.
    """

    version: str = "2024.3.3"
    token: str = "token-of-the-stand-in"
    states: dict[str, State] = field(default_factory=dict)
    history: dict[str, list[State]] = field(default_factory=dict)
    entities: list[dict[str, Any]] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)
    statistics: dict[str, dict[str, Any]] = field(default_factory=dict)
    prefs: dict[str, Any] | None = None
    is_admin: bool = True
    lag: int = 0
    clock_offset: float = 0.0
    refused: int = 0
    messages: int = 0
    sent_hours: int = 0
    largest: int = 0
    on_import: Callable[[], None] | None = None
    _late: list[tuple[int, Callable[[], None]]] = field(default_factory=list)
    _sockets: list[_Peer] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None

    @property
    def _dialect(self) -> tuple[int, int]:
        year, month = self.version.split(".")[:2]
        return int(year), int(month)

    def now(self) -> float:
        """Give the time of its clock. [s since 1970]"""  # noqa: D415
        return time.time() + self.clock_offset

    # The house

    def set_state(
        self, entity_id: str, state: object, attributes: Mapping[str, Any] | None = None, at: float | None = None
    ) -> None:
        """Change an entity's state, and tell those who listen; safe from any thread.

        Args:
            entity_id: With its domain.
            state: The new state; numbers are written as text.
            attributes: The new attributes; None keeps them.
            at: When. [s since 1970]
        """
        moment = self.now() if at is None else at
        before = self.states.get(entity_id)
        text = str(state)
        kept = dict(attributes) if attributes is not None else dict(before.attributes if before else {})
        changed = before.changed if before and before.state == text else moment
        if before and before.state == text and before.attributes == kept:
            return
        self.states[entity_id] = now = State(text, kept, changed, moment)
        self.history.setdefault(entity_id, []).append(now)
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell, entity_id, before, now)

    def rename(self, entity_id: str, other: str) -> None:
        """Give an entity another id; those who listen to the registry are told."""
        state = self.states.pop(entity_id)
        self.states[other] = replace(state, updated=self.now(), changed=self.now())
        self.history.setdefault(other, []).append(self.states[other])
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell, entity_id, None, None)
            self._loop.call_soon_threadsafe(self._tell_registry)

    def restart(self) -> None:
        """Break all connections and say all states anew, as a restart does."""
        self.drop_connections()
        now = self.now()
        for entity_id, state in self.states.items():
            self.states[entity_id] = replace(state, updated=now, changed=now)
            self.history.setdefault(entity_id, []).append(self.states[entity_id])

    def _tell_registry(self) -> None:
        for peer in list(self._sockets):
            for number, wanted in peer.subscriptions.items():
                if "entity_registry_updated" in wanted:
                    peer.event(number, {"event_type": "entity_registry_updated", "data": {"action": "update"}})

    def drop_connections(self) -> None:
        """Break all connections, as a restart does."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._abort)

    def _abort(self) -> None:
        for peer in self._sockets:
            if (transport := peer.request.transport) is not None:
                transport.abort()

    def _tell(self, entity_id: str, before: State | None, now: State | None) -> None:
        for peer in list(self._sockets):
            for number, wanted in peer.subscriptions.items():
                if entity_id in wanted:
                    peer.event(number, _change(entity_id, before, now))

    # Commands

    def answer(self, peer: _Peer, message: dict[str, Any]) -> Any:
        """Carry out a command, and give its result."""
        fields = {key: value for key, value in message.items() if key not in ("id", "type")}
        name = str(message.get("type")).replace("/", "_")
        handler = getattr(self, f"_do_{name}", None)
        if handler is None:
            raise _Refused("unknown_command", "Unknown command.")
        if not self.is_admin and name.startswith(("recorder_import", "recorder_clear", "energy_save")):
            raise _Refused("unauthorized", "Unauthorized")
        return handler(peer, message["id"], fields)

    def _do_get_states(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        _only(fields, set())
        return [
            {
                "entity_id": entity_id,
                "state": one.state,
                "attributes": one.attributes,
                "last_changed": _iso(one.changed),
                "last_updated": _iso(one.updated),
            }
            for entity_id, one in self.states.items()
        ]

    def _do_auth_current_user(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        _only(fields, set())
        return {"id": "1", "name": "Owner", "is_owner": self.is_admin, "is_admin": self.is_admin}

    def _do_config_entity_registry_list(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        _only(fields, set())
        return self.entities

    def _do_config_device_registry_list(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        _only(fields, set())
        return self.devices

    def _do_render_template(self, peer: _Peer, number: int, fields: dict[str, Any]) -> Any:
        _only(fields, {"template"})
        if fields["template"] != "{{ utcnow().timestamp() }}":
            raise _Refused("template_error", "The stand-in knows one template only.")
        peer.subscriptions[number] = set()
        peer.later(number, {"result": repr(self.now()), "listeners": {"time": True}})

    def _do_subscribe_entities(self, peer: _Peer, number: int, fields: dict[str, Any]) -> Any:
        _only(fields, {"entity_ids"})
        peer.subscriptions[number] = set(fields["entity_ids"])
        there = {name: self.states[name].compressed() for name in fields["entity_ids"] if name in self.states}
        peer.later(number, {"a": there})

    def _do_subscribe_events(self, peer: _Peer, number: int, fields: dict[str, Any]) -> Any:
        _only(fields, {"event_type"})
        peer.subscriptions[number] = {fields["event_type"]}

    def _do_unsubscribe_events(self, peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        _only(fields, {"subscription"})
        if peer.subscriptions.pop(fields["subscription"], None) is None:
            raise _Refused("not_found", "Subscription not found.")

    def _do_history_history_during_period(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        _only(
            fields,
            {
                "start_time", "end_time", "entity_ids", "include_start_time_state", "significant_changes_only",
                "minimal_response", "no_attributes",
            },
        )  # fmt: skip
        start, end = _instant(fields["start_time"]), _instant(fields.get("end_time") or _iso(self.now()))
        found: dict[str, list[dict[str, Any]]] = {}
        for entity_id in fields["entity_ids"]:
            all_of_it = self.history.get(entity_id, [])
            inside = [one for one in all_of_it if start < one.updated < end]
            before = [one for one in all_of_it if one.updated <= start][-1:]
            rows = []
            for one in [*before, *inside]:
                row = {"s": one.state, "a": one.attributes, "lu": max(one.updated, start)}
                if fields.get("no_attributes"):
                    row["a"] = {}
                rows.append(row)
            if rows:
                found[entity_id] = rows
        return found

    # Statistics

    def _do_recorder_import_statistics(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        _only(fields, {"metadata", "stats"})
        if self.on_import is not None:
            self.on_import()
        described, rows = fields["metadata"], fields["stats"]
        needed = {"has_sum", "name", "source", "statistic_id", "unit_of_measurement"}
        if self._dialect < (2025, 4):
            needed |= {"has_mean"}
        elif self._dialect < (2025, 11):
            needed |= {"mean_type"}
        else:
            needed |= {"mean_type", "unit_class"}
        _only(described, needed, "metadata")
        if missing := needed - set(described):
            raise _Refused("invalid_format", f"required key not provided @ data['metadata']['{min(missing)}']")
        statistic_id = described["statistic_id"]
        if not _VALID_ID.match(statistic_id):
            raise _Refused("home_assistant_error", "Invalid statistic_id")
        if described["source"] != statistic_id.partition(":")[0]:
            raise _Refused("home_assistant_error", "Invalid source")
        sums: dict[int, float] = {}
        for row in rows:
            _only(row, {"start", "sum", "state", "mean", "min", "max", "last_reset"}, "stats")
            start = datetime.fromisoformat(row["start"])
            if start.tzinfo is None:
                raise _Refused("home_assistant_error", "Naive timestamp")
            if start.minute or start.second or start.microsecond:
                raise _Refused("home_assistant_error", "Invalid timestamp")
            if isinstance(row["sum"], bool) or not isinstance(row["sum"], int | float):
                raise _Refused("invalid_format", "expected float @ data['stats'][0]['sum']")
            sums[round(start.timestamp() * 1000)] = float(row["sum"])
        self.messages += 1
        self.sent_hours += len(rows)

        def store() -> None:
            there = self.statistics.setdefault(statistic_id, {"metadata": {}, "sums": {}})
            there["metadata"] = described
            there["sums"].update(sums)

        self._later(store)

    def _do_recorder_statistics_during_period(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        _only(fields, {"start_time", "end_time", "statistic_ids", "period", "units", "types"})
        if fields["period"] != "hour" or fields["types"] != ["sum"]:
            raise _Refused("invalid_format", "The stand-in knows sums by the hour only.")
        self._settle()
        start, end = _instant(fields["start_time"]) * 1000, _instant(fields["end_time"]) * 1000
        found = {}
        for statistic_id in fields["statistic_ids"]:
            sums = self.statistics.get(statistic_id, {}).get("sums", {})
            rows = [{"start": at, "end": at + _HOUR_MS, "sum": sums[at]} for at in sorted(sums) if start <= at < end]
            if rows:
                found[statistic_id] = rows
        return found

    def _do_recorder_list_statistic_ids(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        _only(fields, {"statistic_type"})
        return [
            {
                "statistic_id": statistic_id,
                "source": one["metadata"]["source"],
                "name": one["metadata"]["name"],
                "has_sum": True,
                "statistics_unit_of_measurement": one["metadata"]["unit_of_measurement"],
            }
            for statistic_id, one in self.statistics.items()
        ]

    def _do_recorder_clear_statistics(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        _only(fields, {"statistic_ids"})
        for statistic_id in fields["statistic_ids"]:
            self.statistics.pop(statistic_id, None)

    def _later(self, store: Callable[[], None]) -> None:
        if self.lag:
            self._late.append((self.lag, store))
        else:
            store()

    def _settle(self) -> None:
        waiting, self._late = self._late, []
        for reads, store in waiting:
            if reads <= 1:
                store()
            else:
                self._late.append((reads - 1, store))

    # The Energy dashboard

    def _do_energy_get_prefs(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        _only(fields, set())
        if self.prefs is None:
            raise _Refused("not_found", "No prefs")
        return self.prefs

    def _do_energy_save_prefs(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        known = {"energy_sources", "device_consumption"}
        _only(fields, known | ({"device_consumption_water"} if self._dialect >= (2025, 12) else set()))
        for source in fields.get("energy_sources", []):
            self._check_source(source)
        self.prefs = {"energy_sources": [], "device_consumption": [], **(self.prefs or {}), **fields}
        return self.prefs

    def _check_source(self, source: dict[str, Any]) -> None:
        prices = {"entity_energy_price", "number_energy_price"}
        if source["type"] == "grid" and self._dialect < (2026, 3):
            _only(source, {"type", "flow_from", "flow_to", "cost_adjustment_day"}, "energy_sources")
            for flow in source["flow_from"]:
                _only(flow, {"stat_energy_from", "stat_cost", *prices}, "flow_from")
            for flow in source["flow_to"]:
                _only(flow, {"stat_energy_to", "stat_compensation", *prices}, "flow_to")
        elif source["type"] == "grid":
            _only(
                source,
                {
                    "type", "stat_energy_from", "stat_energy_to", "stat_cost", "stat_compensation", *prices,
                    "entity_energy_price_export", "number_energy_price_export", "cost_adjustment_day",
                },
                "energy_sources",
            )  # fmt: skip
        elif source["type"] in ("gas", "water"):
            _only(source, {"type", "stat_energy_from", "stat_cost", *prices}, "energy_sources")
        elif source["type"] == "solar":
            _only(source, {"type", "stat_energy_from", "config_entry_solar_forecast"}, "energy_sources")
        else:
            raise _Refused("invalid_format", f"value is not allowed @ data['energy_sources']: {source['type']}")


class _Peer:
    """One connection."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self.request, self._socket = request, socket
        self.subscriptions: dict[int, set[str]] = {}
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._waiting: list[dict[str, Any]] = []

    def event(self, number: int, event: dict[str, Any]) -> None:
        self._queue.put_nowait({"id": number, "type": "event", "event": event})

    def later(self, number: int, event: dict[str, Any]) -> None:
        """Send an event after the result of the command that is being carried out."""
        self._waiting.append({"id": number, "type": "event", "event": event})

    def result(self, message: dict[str, Any]) -> None:
        self._queue.put_nowait(message)
        for one in self._waiting:
            self._queue.put_nowait(one)
        self._waiting.clear()

    async def write(self) -> None:
        while True:
            message = await self._queue.get()
            with contextlib.suppress(ConnectionError):
                await self._socket.send_str(json.dumps(message))


async def _serve(stand_in: StandIn, request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(max_msg_size=LARGEST_MESSAGE)
    await socket.prepare(request)
    await socket.send_json({"type": "auth_required", "ha_version": stand_in.version})
    hello = await socket.receive_json()
    if hello.get("type") != "auth" or hello.get("access_token") != stand_in.token:
        stand_in.refused += 1
        await socket.send_json({"type": "auth_invalid", "message": "Invalid access token or password"})
        await socket.close()
        return socket
    await socket.send_json({"type": "auth_ok", "ha_version": stand_in.version})
    peer = _Peer(request, socket)
    stand_in._sockets.append(peer)
    writer = asyncio.create_task(peer.write())
    last = 0
    try:
        async for raw in socket:
            if raw.type is not WSMsgType.TEXT:
                break
            stand_in.largest = max(stand_in.largest, len(raw.data))
            message = json.loads(raw.data)
            number = message["id"]
            if number <= last:
                peer.result(_error(number, "id_reuse", "Identifier values have to increase."))
                continue
            last = number
            if message["type"] == "ping":
                peer.result({"id": number, "type": "pong"})
                continue
            try:
                result = stand_in.answer(peer, message)
            except _Refused as refused:
                peer.result(_error(number, refused.code, str(refused)))
            else:
                peer.result({"id": number, "type": "result", "success": True, "result": result})
    finally:
        stand_in._sockets.remove(peer)
        writer.cancel()
    return socket


@contextmanager
def running(stand_in: StandIn, port: int = 0) -> Iterator[str]:
    """Serve a stand-in on this machine while the block runs.

    Args:
        stand_in: What is served.
        port: Its port; 0 takes a free one.

    Yields:
        Its address.
    """
    ready: threading.Event = threading.Event()
    address: list[str] = []
    stop: list[Callable[[], object]] = []

    async def handle(request: web.Request) -> web.WebSocketResponse:
        return await _serve(stand_in, request)

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/api/websocket", handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        stand_in._loop = loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        stop.append(lambda: loop.call_soon_threadsafe(ended.set))
        address.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        ready.set()
        await ended.wait()
        stand_in._abort()
        await runner.cleanup()
        stand_in._loop = None

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    if not ready.wait(10):
        raise RuntimeError("The stand-in does not start.")
    try:
        yield address[0]
    finally:
        stop[0]()
        thread.join(10)


def _change(entity_id: str, before: State | None, now: State | None) -> dict[str, Any]:
    if now is None:
        return {"r": [entity_id]}
    if before is None:
        return {"a": {entity_id: now.compressed()}}
    plus: dict[str, Any] = {"c": "02"}
    if before.state != now.state:
        plus |= {"s": now.state, "lc": now.changed}
    else:
        plus["lu"] = now.updated
    added = {key: value for key, value in now.attributes.items() if before.attributes.get(key) != value}
    removed = [key for key in before.attributes if key not in now.attributes]
    change: dict[str, Any] = {"+": plus | ({"a": added} if added else {})}
    if removed:
        change["-"] = {"a": removed}
    return {"c": {entity_id: change}}


def _only(fields: Mapping[str, Any], known: set[str], where: str = "") -> None:
    if unknown := set(fields) - known:
        place = f"data['{where}']" if where else "data"
        raise _Refused("invalid_format", f"extra keys not allowed @ {place}['{min(unknown)}']")


def _error(number: int, code: str, message: str) -> dict[str, Any]:
    return {"id": number, "type": "result", "success": False, "error": {"code": code, "message": message}}


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
