"""Parameters that several routes share: the house, the meter, days, instants, the form of an answer."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, Literal

import pandas as pd
from fastapi import Depends, Path, Query, Request, Response
from pydantic import AfterValidator

from workflows_dagster.services.meters import require_meter
from workflows_dagster.settings.meters import Meter, PhysicalMeter
from workflows_dagster.web.language import words_for
from workflows_dagster.web.problems import RefusedError
from workflows_dagster.web.state import HouseState
from workflows_dagster.wording import Words

# Years in which a house may have readings.
_YEARS = range(1900, 2200)


def house_of(request: Request) -> HouseState:
    """Give what all requests share."""
    house: HouseState = request.app.state.house
    return house


House = Annotated[HouseState, Depends(house_of)]
Spoken = Annotated[Words, Depends(words_for)]


def known_meter(house: House, meter_id: Annotated[str, Path(max_length=200)]) -> Meter:
    """Give the meter of the path."""
    return require_meter(house.settings.meters, meter_id)


KnownMeter = Annotated[Meter, Depends(known_meter)]


def physical_meter(house: House, words: Spoken, meter: KnownMeter) -> PhysicalMeter:
    """Give the physical meter of the path."""
    return require_physical(meter, words)


def require_physical(meter: Meter, words: Words) -> PhysicalMeter:
    """Give a meter that has readings of its own.

    Raises:
        RefusedError: It is made from others.
    """
    if isinstance(meter, PhysicalMeter):
        return meter
    sentence = words.say(
        "'{meter}' has no readings of its own; it is made from {sources}.",
        meter=meter.meter_id,
        sources=words.format.listed(list(meter.upstream)),
    )
    raise RefusedError(422, sentence, meter_id=meter.meter_id)


Physical = Annotated[PhysicalMeter, Depends(physical_meter)]


def _within_years(day: date) -> date:
    if day.year not in _YEARS:
        raise ValueError(f"a year from {_YEARS.start} to {_YEARS.stop - 1} is expected")
    return day


Day = Annotated[date, AfterValidator(_within_years)]
FirstDay = Annotated[Day | None, Query(alias="from", description="First civil day; by default the first there is.")]
LastDay = Annotated[Day | None, Query(alias="to", description="Last civil day, included; by default the last.")]
Form = Annotated[
    Literal["json", "csv"] | None, Query(alias="format", description="By default what the header Accept wishes.")
]


def in_order(first: date | None, last: date | None, words: Words) -> None:
    """Check the order of two days.

    Raises:
        RefusedError: The last comes before the first.
    """
    if first is not None and last is not None and last < first:
        sentence = words.say(
            "from {first} to {last}: the last day comes before the first. Swap them.", first=first, last=last
        )
        raise RefusedError(422, sentence)


def instant(text: str, house: HouseState, words: Words, now: pd.Timestamp) -> pd.Timestamp:
    """Parse an instant: ISO 8601 with offset, or as a person writes it.

    Raises:
        RefusedError: It is no instant, or lies in the future.
    """
    from workflows_dagster.services.reading_entry import WrongMomentError, moment_of
    from workflows_dagster.wording.spreadsheets import remark_text

    try:
        return moment_of(text, house.settings, now)
    except WrongMomentError as error:
        raise RefusedError(422, f"time: {remark_text(error.remark, words)}.") from None


def now_utc() -> pd.Timestamp:
    """Give the present, UTC."""
    return pd.Timestamp.now("UTC").as_unit("us")


def iso(at: pd.Timestamp | None, house: HouseState) -> str | None:
    """Write an instant as ISO 8601 with the house's offset; None stays None."""
    return None if at is None else at.tz_convert(house.settings.site.zone).isoformat()


def known(value: float | None) -> float | None:
    """Give a number, or None for one that is not known."""
    return None if value is None or pd.isna(value) else float(value)


def rows_answer(request: Request, rows: list[dict[str, Any]], columns: list[str], form: str | None) -> Response:
    """Answer with rows as JSON or CSV.

    Args:
        request: The request.
        rows: The rows.
        columns: Their keys.
        form: `json` or `csv`; None for what the header Accept wishes.
    """
    as_csv = wishes_csv(request, form)
    return text_answer(rows_text(rows, columns, as_csv), as_csv=as_csv)


def wishes_csv(request: Request, form: str | None) -> bool:
    """Tell whether rows are wanted as CSV: by `format`, else by the header Accept."""
    return form == "csv" or (form is None and "text/csv" in request.headers.get("accept", ""))


def rows_text(rows: list[dict[str, Any]], columns: list[str], as_csv: bool) -> str:
    """Write rows as JSON or CSV."""
    return csv_text(rows, columns) if as_csv else json.dumps(rows, ensure_ascii=False)


def text_answer(text: str, *, as_csv: bool) -> Response:
    """Answer with a text of `rows_text`."""
    return Response(text, media_type="text/csv; charset=utf-8" if as_csv else "application/json")


def csv_text(rows: list[dict[str, Any]], columns: list[str]) -> str:
    """Write rows as CSV; unknown values are empty."""
    import csv
    import io

    from workflows_dagster.services.export import cell

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue()
