"""One authenticated connection to Home Assistant: commands and their answers, events as they come."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from workflows_dagster.clients.home_assistant.dialect import Version, version_of
from workflows_dagster.clients.home_assistant.errors import (
    CommandRefusedError,
    HomeAssistantError,
    RefusedTokenError,
    unreached,
)

TIMEOUT = 30.0
# A dead connection is noticed within this and half of it. [s]
_HEARTBEAT = 30.0
# The states of a house with thousands of entities, or a quarter of a year of hours. [byte]
_LARGEST_ANSWER = 64 * 1024 * 1024

Event = dict[str, Any]


class Connection:
    """An open connection; see `connect`.

    Attributes:
        version: Home Assistant's.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, url: str, version: Version, timeout: float) -> None:
        self.version = version
        self._socket, self._url, self._timeout = socket, url, timeout
        self._last_id = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._listeners: dict[int, Callable[[Event], None]] = {}
        self._broken: HomeAssistantError | None = None
        self._closed = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    async def ask(self, command: str, **fields: Any) -> Any:
        """Send a command and give its answer.

        Raises:
            HomeAssistantError: There is no answer; the connection is then broken.
            CommandRefusedError: Home Assistant refuses it.
        """
        return (await self._ask(command, fields))[1]

    async def subscribe(self, listener: Callable[[Event], None], command: str, **fields: Any) -> int:
        """Send a command that is followed by events, and call `listener` with each from now on.

        Returns:
            Its number, for `unsubscribe`.

        Raises:
            HomeAssistantError: As `ask`.
        """
        number, _ = await self._ask(command, fields, listener)
        return number

    async def unsubscribe(self, number: int) -> None:
        """End a subscription."""
        self._listeners.pop(number, None)
        await self.ask("unsubscribe_events", subscription=number)

    async def until_broken(self) -> HomeAssistantError:
        """Wait until the connection breaks, and give why."""
        await self._closed.wait()
        return self._broken or HomeAssistantError("the connection is closed.")

    async def clock_difference(self) -> float:
        """Give how far Home Assistant's clock is ahead of this machine's. [s]

        Raises:
            HomeAssistantError: As `ask`.
        """  # noqa: D415
        told: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

        def hear(event: Event) -> None:
            if not told.done():
                told.set_result(event)

        before = time.time()
        number = await self.subscribe(hear, "render_template", template="{{ utcnow().timestamp() }}")
        try:
            event = await asyncio.wait_for(told, self._timeout)
            after = time.time()
            theirs = float(event["result"])
        except (TimeoutError, KeyError, TypeError, ValueError):
            raise HomeAssistantError("it does not tell its time.") from None
        await self.unsubscribe(number)
        return theirs - (before + after) / 2

    async def close(self) -> None:
        """Close the connection."""
        self._reader.cancel()
        await self._socket.close()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader

    async def _ask(
        self, command: str, fields: dict[str, Any], listener: Callable[[Event], None] | None = None
    ) -> tuple[int, Any]:
        if self._broken is not None:
            raise self._broken
        self._last_id += 1
        number = self._last_id
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        if listener is not None:
            self._listeners[number] = listener
        try:
            await self._socket.send_json({"id": number, "type": command, **fields})
            message = await asyncio.wait_for(answer, self._timeout)
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            self._listeners.pop(number, None)
            raise unreached(self._url, error, self._timeout) from None
        finally:
            self._answers.pop(number, None)
        if message.get("success"):
            return number, message.get("result")
        self._listeners.pop(number, None)
        problem = message.get("error") or {}
        raise CommandRefusedError(command, str(problem.get("code")), str(problem.get("message")))

    async def _read(self) -> None:
        reason = HomeAssistantError(f"{self._url} has closed the connection.")
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(message.json())
                elif message.type is aiohttp.WSMsgType.ERROR:
                    break
        except ValueError:
            reason = HomeAssistantError(f"{self._url} sends what is no JSON.")
        finally:
            self._broken = reason
            for waiting in self._answers.values():
                if not waiting.done():
                    waiting.set_exception(reason)
            self._closed.set()

    def _take(self, message: Any) -> None:
        # Home Assistant may bundle messages.
        for one in message if isinstance(message, list) else [message]:
            number = one.get("id")
            if one.get("type") == "event" and number in self._listeners:
                self._listeners[number](one.get("event") or {})
            elif one.get("type") == "result" and (waiting := self._answers.get(number)) and not waiting.done():
                waiting.set_result(one)


@asynccontextmanager
async def connect(
    url: str, token: str, timeout: float = TIMEOUT, *, heartbeat: bool = True
) -> AsyncIterator[Connection]:
    """Connect and authenticate, and close at the end.

    Args:
        url: Its address, `http://` or `https://`.
        token: Long-lived access token; it appears in no text.
        timeout: Longest wait for an answer. [s]
        heartbeat: Whether a connection that is dead is noticed without asking; it needs a loop that keeps running.

    Raises:
        RefusedTokenError: The token is refused. Do not try it again: Home Assistant bans addresses that keep guessing.
        HomeAssistantError: It cannot be reached, or is no Home Assistant.
    """
    address = f"{url.replace('http', 'ws', 1)}/api/websocket"
    pulse = _HEARTBEAT if heartbeat else None
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, connect=timeout)) as session:
        try:
            async with asyncio.timeout(timeout):
                socket = await session.ws_connect(address, heartbeat=pulse, max_msg_size=_LARGEST_ANSWER)
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError) as error:
            raise unreached(url, error, timeout) from None
        try:
            version = await _authenticated(socket, url, token, timeout)
        except BaseException:
            await socket.close()
            raise
        connection = Connection(socket, url, version, timeout)
        try:
            yield connection
        finally:
            await connection.close()


async def _authenticated(socket: aiohttp.ClientWebSocketResponse, url: str, token: str, timeout: float) -> Version:
    foreign = HomeAssistantError(
        f"{url} does not speak as Home Assistant does. Correct home_assistant.url in config.yaml."
    )
    try:
        async with asyncio.timeout(timeout):
            hello = await socket.receive_json()
            if hello.get("type") != "auth_required":
                raise foreign
            await socket.send_json({"type": "auth", "access_token": token})
            answer = await socket.receive_json()
    except (TypeError, ValueError, AttributeError):
        raise foreign from None
    except (TimeoutError, OSError, aiohttp.ClientError) as error:
        raise unreached(url, error, timeout) from None
    if answer.get("type") == "auth_ok":
        return version_of(answer.get("ha_version") or hello.get("ha_version"))
    raise RefusedTokenError(
        "the token is refused. Make a long-lived one as an administrator (your profile, Security), and write it into "
        "secrets/home_assistant.env as HOME_ASSISTANT_TOKEN.",
        passing=False,
    )
