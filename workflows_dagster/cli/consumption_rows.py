"""Prints a meter's days, months or years as a table, CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import click
import pandas as pd
from tabulate import tabulate

from workflows_dagster.domain.frames import BAND_COLUMNS, REGISTER_BAND_COLUMNS
from workflows_dagster.wording import Words
from workflows_dagster.wording.tables import table_word

_HEADS = ("closing", "consumption", "likely", "quality", "estimated")


def rows_of(frame: pd.DataFrame, key: str) -> list[dict[str, Any]]:
    """Give rows for machines: unrounded floats, None for unknown values.

    Args:
        frame: As `services.consumption.stored_consumption` gives it.
        key: Key of the period's name.
    """
    return [
        {key: name} | {str(column): _plain(value) for column, value in row.items()}
        for name, row in zip(frame.index, frame.to_dict("records"), strict=True)
    ]


def as_json(rows: list[dict[str, Any]]) -> str:
    """Write rows as JSON."""
    return json.dumps(rows, indent=1, ensure_ascii=False)


def as_csv(rows: list[dict[str, Any]]) -> str:
    """Write rows as CSV; unknown values are empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({key: "" if value is None else value for key, value in row.items()} for row in rows)
    return text.getvalue()


def print_table(meter_id: str, rows: list[dict[str, Any]], words: Words) -> None:
    """Print rows as a table with their sum.

    Args:
        meter_id: The meter.
        rows: As `rows_of` gives them.
        words: The reader's language.
    """
    key = next(iter(rows[0]))
    number = words.format.rounded
    of_register = [_band(row, words, *REGISTER_BAND_COLUMNS) for row in rows]
    # A virtual or measured meter's table has no empty column for the register's bands.
    beside = 1 if any(of_register) else 0
    lines = [
        [
            _name(row[key], words),
            number(row["opening"]),
            *[band][:beside],
            *(number(row[column]) for column in ("closing", "consumption")),
            _band(row, words, *BAND_COLUMNS),
            table_word(row["quality"], words),
            _percent(row, words),
        ]
        for row, band in zip(rows, of_register, strict=True)
    ]
    total = math.fsum(row["consumption"] or 0.0 for row in rows)
    click.echo(f"{meter_id} [{rows[-1]['unit']}]")
    heads = [table_word(head, words) for head in (key, "opening", *["likely"][:beside], *_HEADS)]
    # Without rich, which takes longer for a table of four years than everything else here.
    text = tabulate(
        [*lines, [table_word("total", words), "", *[""][:beside], "", number(total), "", "", ""]],
        headers=heads,
        tablefmt="plain",
        disable_numparse=True,
        colalign=("left", "right", *["right"][:beside], "right", "right", "right", "left", "right"),
        preserve_whitespace=True,
    )
    *above, last = text.splitlines()
    click.echo("\n".join([*above, click.style(last, bold=True)]))


def _plain(value: object) -> object:
    return None if isinstance(value, float) and math.isnan(value) else value


def _band(row: Mapping[str, Any], words: Words, at: str, until: str) -> str:
    """Write a number's 80 % band; nothing for one that is measured, or without a band of its own."""
    lower, upper = row.get(at), row.get(until)
    if lower is None or upper is None or lower == upper:
        return ""
    return words.format.band(lower, upper)


def _percent(row: Mapping[str, Any], words: Words) -> str:
    share = row["estimated_share"]
    return "" if share is None else words.format.percent(share)


def _name(period: str, words: Words) -> str:
    """Write a day in the reader's notation; months and years are unchanged."""
    return words.format.day(date.fromisoformat(period)) if len(period) == len("2024-01-31") else period
