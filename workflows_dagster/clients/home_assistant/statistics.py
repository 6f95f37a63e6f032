"""Statistics by the hour: sent in small messages, read back, listed, cleared."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd

from workflows_dagster.clients.home_assistant.connection import Connection
from workflows_dagster.clients.home_assistant.dialect import Statistic, metadata

# An hour takes some 60 bytes; a message must stay below 1 MB.
HOURS_A_MESSAGE = 5_000
# So that Home Assistant's recorder, which stores on a small machine, is not overrun. [s]
_PAUSE = 0.05
_READ_SPAN = pd.Timedelta(days=92)
_UNITS = {"energy": "kWh", "volume": "m³"}


async def send_sums(connection: Connection, statistic: Statistic, sums: pd.Series) -> int:
    """Send the sums of hours; Home Assistant keeps one value an hour, the last one sent.

    It answers before anything is stored: read back what was sent.

    Args:
        connection: An open one.
        statistic: Whose sums they are.
        sums: Sum at the end of each hour by the hour's start, UTC, finite.

    Returns:
        Number of messages.

    Raises:
        HomeAssistantError: Not everything was sent, or it was refused.
    """
    described = metadata(statistic, connection.version)
    starts = pd.DatetimeIndex(sums.index).strftime("%Y-%m-%dT%H:%M:%S+00:00").tolist()
    values = sums.tolist()
    messages = 0
    for first in range(0, len(values), HOURS_A_MESSAGE):
        if first:
            await asyncio.sleep(_PAUSE)
        part = slice(first, first + HOURS_A_MESSAGE)
        rows = [{"start": start, "sum": value} for start, value in zip(starts[part], values[part], strict=True)]
        await connection.ask("recorder/import_statistics", metadata=described, stats=rows)
        messages += 1
    return messages


async def read_sums(
    connection: Connection, statistic_ids: Sequence[str], start: pd.Timestamp, end: pd.Timestamp
) -> dict[str, pd.Series]:
    """Read the sums of the hours in `[start, end)`, both whole UTC hours.

    Returns:
        By statistic: sums by the hour's start (UTC), empty where there are none.

    Raises:
        HomeAssistantError: They cannot be read.
    """
    parts: dict[str, list[pd.Series]] = {name: [] for name in statistic_ids}
    span = max(_READ_SPAN / max(len(statistic_ids), 1), pd.Timedelta(days=1))
    begin = start
    while begin < end:
        until = min(begin + span.floor("h"), end)
        answer = await connection.ask(
            "recorder/statistics_during_period",
            start_time=begin.isoformat(),
            end_time=until.isoformat(),
            statistic_ids=list(statistic_ids),
            period="hour",
            units=_UNITS,
            types=["sum"],
        )
        for name, rows in answer.items():
            if name in parts and rows:
                parts[name].append(_sums(rows))
        begin = until
    return {name: pd.concat(found) if found else _sums([]) for name, found in parts.items()}


async def listed(connection: Connection, source: str) -> dict[str, dict[str, Any]]:
    """Give the statistics of one source that Home Assistant has, by id, each as it describes it.

    Raises:
        HomeAssistantError: They cannot be read.
    """
    found = await connection.ask("recorder/list_statistic_ids")
    return {one["statistic_id"]: one for one in found if one.get("source") == source}


async def clear(connection: Connection, statistic_ids: Collection[str]) -> None:
    """Delete statistics, all their hours with them.

    Raises:
        HomeAssistantError: They are not deleted.
    """
    if statistic_ids:
        await connection.ask("recorder/clear_statistics", statistic_ids=list(statistic_ids))


def _sums(rows: list[dict[str, Any]]) -> pd.Series:
    index = pd.to_datetime([row["start"] for row in rows], unit="ms", utc=True).as_unit("us")
    return pd.Series([row.get("sum") for row in rows], index=pd.DatetimeIndex(index), dtype=float)
