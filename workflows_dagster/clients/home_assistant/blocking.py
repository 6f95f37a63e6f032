"""Home Assistant for programs that do one thing after the other: runs, commands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd

from workflows_dagster.clients.home_assistant import statistics
from workflows_dagster.clients.home_assistant.connection import TIMEOUT, Connection, connect
from workflows_dagster.clients.home_assistant.dialect import Statistic, Version


class HomeAssistant:
    """An open connection; see `home_assistant`. Each method raises HomeAssistantError."""

    def __init__(self, runner: asyncio.Runner, connection: Connection) -> None:
        self._runner, self._connection = runner, connection

    @property
    def version(self) -> Version:
        """Its year and month."""
        return self._connection.version

    def ask(self, command: str, **fields: Any) -> Any:
        """Send a command and give its answer."""
        return self._runner.run(self._connection.ask(command, **fields))

    def clock_difference(self) -> float:
        """Give how far its clock is ahead of this machine's. [s]"""  # noqa: D415
        return self._runner.run(self._connection.clock_difference())

    def send_sums(self, statistic: Statistic, sums: pd.Series) -> int:
        """Send sums by hour; see `statistics.send_sums`."""
        return self._runner.run(statistics.send_sums(self._connection, statistic, sums))

    def read_sums(self, ids: Sequence[str], start: pd.Timestamp, end: pd.Timestamp) -> dict[str, pd.Series]:
        """Read sums by hour; see `statistics.read_sums`."""
        return self._runner.run(statistics.read_sums(self._connection, ids, start, end))

    def listed(self, source: str) -> dict[str, dict[str, Any]]:
        """Give the statistics of a source by id."""
        return self._runner.run(statistics.listed(self._connection, source))

    def clear(self, ids: Sequence[str]) -> None:
        """Delete statistics."""
        self._runner.run(statistics.clear(self._connection, ids))


@contextmanager
def home_assistant(url: str, token: str, timeout: float = TIMEOUT) -> Iterator[HomeAssistant]:
    """Connect to Home Assistant, and close the connection at the end.

    Args:
        url: Its address.
        token: Long-lived access token.
        timeout: Longest wait for an answer. [s]

    Raises:
        HomeAssistantError: It cannot be asked, or refuses.
    """
    with asyncio.Runner() as runner:
        # The loop stands still between the commands, so it cannot listen for a heartbeat.
        manager = connect(url, token, timeout, heartbeat=False)
        connection = runner.run(manager.__aenter__())
        try:
            yield HomeAssistant(runner, connection)
        finally:
            runner.run(manager.__aexit__(None, None, None))
