"""A meter's days, months or years as a table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.table import Table

from workflows_dagster.cli.figures import number
from workflows_dagster.cli.tables import wide_console

_REGISTER_AND_CONSUMPTION = ("opening", "closing", "consumption")


def rows_of(frame: pd.DataFrame, key: str) -> list[dict[str, Any]]:
    """Give rows for machines: floats as they are stored, None for what is not known.

    Args:
        frame: As `services.consumption.stored_consumption` gives it.
        key: What the period's name is called.
    """
    return [
        {key: name} | {str(column): _plain(value) for column, value in row.items()}
        for name, row in zip(frame.index, frame.to_dict("records"), strict=True)
    ]


def as_json(rows: list[dict[str, Any]]) -> str:
    """Write rows as JSON."""
    return json.dumps(rows, indent=1, ensure_ascii=False)


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Write rows as CSV; what is not known is empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    return text.getvalue()


def print_table(meter_id: str, rows: list[dict[str, Any]]) -> None:
    """Print rows as a table with their sum."""
    unit = rows[-1]["unit"]
    key = next(iter(rows[0]))
    table = Table(title=f"{meter_id} [{unit}]".replace("[", "\\["), title_justify="left", box=None, pad_edge=False)
    table.add_column(key)
    for column in _REGISTER_AND_CONSUMPTION:
        table.add_column(column, justify="right")
    table.add_column("quality")
    table.add_column("estimated", justify="right")
    for row in rows:
        table.add_row(row[key], *(number(row[c]) for c in _REGISTER_AND_CONSUMPTION), row["quality"], _percent(row))
    total = math.fsum(row["consumption"] or 0.0 for row in rows)
    table.add_section()
    table.add_row("total", "", "", number(total), "", "", style="bold")
    wide_console().print(table)


def _plain(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


def _percent(row: Mapping[str, Any]) -> str:
    share = row["estimated_share"]
    return "" if share is None else f"{share:.0%}"
