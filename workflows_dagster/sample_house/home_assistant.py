"""A stand-in for Home Assistant: speaks its WebSocket messages, strict in each dialect, for tests and the demo.

It listens on this machine alone, under a token of its own; no configuration leads to it by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

from workflows_dagster.sample_house.home_assistant_statistics import (
    RefusedError,
    StandInStatistics,
    instant_of,
    only,
)

# What Home Assistant itself would accept is more; a proxy in front of it may accept no more.
LARGEST_MESSAGE = 1_000_000


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
class StandIn(StandInStatistics):
    """The state of the stand-in; `running` serves it.

    Attributes:
        token: Token that it accepts.
        states: Entities by id.
        history: What each entity's states were.
        entities: Entity registry.
        devices: Device registry.
        is_admin: Whether the token is an administrator's, as imports and registries want it.
        clock_offset: How far its clock is ahead. [s]
        refused: Number of refused tokens.
        largest: Size of the largest message received. [byte]
    """

    token: str = "token-of-the-stand-in"
    states: dict[str, State] = field(default_factory=dict)
    history: dict[str, list[State]] = field(default_factory=dict)
    entities: list[dict[str, Any]] = field(default_factory=list)
    devices: list[dict[str, Any]] = field(default_factory=list)
    is_admin: bool = True
    clock_offset: float = 0.0
    refused: int = 0
    largest: int = 0
    _sockets: list[_Peer] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None

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
            raise RefusedError("unknown_command", "Unknown command.")
        if not self.is_admin and name.startswith(("recorder_import", "recorder_clear", "energy_save")):
            raise RefusedError("unauthorized", "Unauthorized")
        return handler(peer, message["id"], fields)

    def _do_get_states(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        only(fields, set())
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
        only(fields, set())
        return {"id": "1", "name": "Owner", "is_owner": self.is_admin, "is_admin": self.is_admin}

    def _do_config_entity_registry_list(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        only(fields, set())
        return self.entities

    def _do_config_device_registry_list(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        only(fields, set())
        return self.devices

    def _do_render_template(self, peer: _Peer, number: int, fields: dict[str, Any]) -> Any:
        only(fields, {"template"})
        if fields["template"] != "{{ utcnow().timestamp() }}":
            raise RefusedError("template_error", "The stand-in knows one template only.")
        peer.subscriptions[number] = set()
        peer.later(number, {"result": repr(self.now()), "listeners": {"time": True}})

    def _do_subscribe_entities(self, peer: _Peer, number: int, fields: dict[str, Any]) -> Any:
        only(fields, {"entity_ids"})
        peer.subscriptions[number] = set(fields["entity_ids"])
        there = {name: self.states[name].compressed() for name in fields["entity_ids"] if name in self.states}
        peer.later(number, {"a": there})

    def _do_subscribe_events(self, peer: _Peer, number: int, fields: dict[str, Any]) -> Any:
        only(fields, {"event_type"})
        peer.subscriptions[number] = {fields["event_type"]}

    def _do_unsubscribe_events(self, peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        only(fields, {"subscription"})
        if peer.subscriptions.pop(fields["subscription"], None) is None:
            raise RefusedError("not_found", "Subscription not found.")

    def _do_history_history_during_period(self, _peer: _Peer, _number: int, fields: dict[str, Any]) -> Any:
        only(
            fields,
            {
                "start_time", "end_time", "entity_ids", "include_start_time_state", "significant_changes_only",
                "minimal_response", "no_attributes",
            },
        )  # fmt: skip
        start, end = instant_of(fields["start_time"]), instant_of(fields.get("end_time") or _iso(self.now()))
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
            except RefusedError as refused:
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


def _error(number: int, code: str, message: str) -> dict[str, Any]:
    return {"id": number, "type": "result", "success": False, "error": {"code": code, "message": message}}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
