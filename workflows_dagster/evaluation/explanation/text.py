"""An explanation as text, for a person with a pocket calculator."""

from __future__ import annotations

from typing import cast
from zoneinfo import ZoneInfo

from workflows_dagster.evaluation.explanation.derived_figures import FromDifference, FromSources
from workflows_dagster.evaluation.explanation.figures import Explanation
from workflows_dagster.evaluation.explanation.reading_figures import FromReadings
from workflows_dagster.evaluation.explanation.sheet import Sheet
from workflows_dagster.evaluation.explanation.text_derived import write_difference, write_sources
from workflows_dagster.evaluation.explanation.text_readings import write_readings
from workflows_dagster.evaluation.explanation.wording import count_of, figure, moment, percent, register, rounded
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_sentence

_MOST_FINDINGS = 5


def render(explanation: Explanation, depth: int) -> str:
    """Write an explanation.

    Args:
        explanation: What to write.
        depth: How many levels of the meters that it is made from are written out, each below the other. A master that
            only passes one meter on takes none.

    Returns:
        Lines of at most a hundred columns, where no single word is longer.
    """
    return _render(explanation, depth, 0)


def _render(explained: Explanation, depth: int, level: int) -> str:
    sheet = Sheet(level)
    _write_head(sheet, explained, level)
    sheet.gap()
    if isinstance(explained.arithmetic, FromReadings):
        write_readings(sheet, explained, explained.arithmetic)
    elif isinstance(explained.arithmetic, FromSources):
        write_sources(sheet, explained, explained.arithmetic)
    elif isinstance(explained.arithmetic, FromDifference):
        write_difference(sheet, explained, explained.arithmetic)
    _write_findings(sheet, explained)
    _write_stored(sheet, explained)
    passes_on = isinstance(explained.arithmetic, FromSources) and len(explained.arithmetic.parts) == 1
    deeper = depth if passes_on and level > 0 else depth - 1
    if deeper >= 0:
        for source in explained.sources:
            sheet.below(_render(source, deeper, level + 1))
    elif explained.sources and level == 0:
        sheet.gap()
        sheet.entry("sources", "`--depth 1` writes out the meters that it is made from, `--deep` all of them.")
    return sheet.text.rstrip()


def _write_head(sheet: Sheet, explained: Explanation, level: int) -> None:
    name = f"{explained.first:%Y-%m-%d, %A}" if explained.is_day else explained.period
    sheet.title(f"{explained.meter_id}, {name}: {rounded(explained.consumption, explained.unit)}")
    if explained.description:
        sheet.title(explained.description)
    if level == 0:
        _write_span(sheet, explained)
    if explained.lives_from is not None:
        sheet.entry("counts from", f"{moment(explained.lives_from)}, when the meter's life begins")
    if explained.lives_until is not None:
        sheet.entry("counts until", f"{moment(explained.lives_until)}, when the meter's life ends")
    if explained.quality is not None:
        share = "" if explained.estimated_share is None else f", {percent(explained.estimated_share)} estimated"
        sheet.entry("quality", f"{explained.quality}{share}")
    if not explained.is_day and explained.tally:
        rows = [
            (tally.quality, count_of(tally.days, "day"), f"{figure(tally.consumption)} {explained.unit}")
            for tally in explained.tally
        ]
        sheet.table("days", rows, right=(1, 2))
    label = "why" if explained.consumption is not None else "why not"
    sheet.entry(label, *(f"{reason}." for reason in explained.reasons))


def _write_span(sheet: Sheet, explained: Explanation) -> None:
    hours = (explained.closes - explained.opens).total_seconds() / 3600
    sheet.entry("from", moment(explained.opens))
    if explained.provisional:
        sheet.entry("to", f"{moment(explained.closes)}, so far: the day is not over, its figures are provisional")
    elif explained.is_day:
        odd = ": the clocks change on this day" if hours != 24 else ""
        sheet.entry("to", f"{moment(explained.closes)}, {hours:g} hours{odd}")
    else:
        days = (explained.last - explained.first).days + 1
        sheet.entry("to", f"{moment(explained.closes)}, {count_of(days, 'day')}")


def _write_findings(sheet: Sheet, explained: Explanation) -> None:
    arithmetic = explained.arithmetic
    if isinstance(arithmetic, FromReadings) and arithmetic.excluded:
        sheet.gap()
        rows = [
            (moment(reading.at), f"{register(reading.value)} {explained.unit}")
            for reading in arithmetic.excluded[:_MOST_FINDINGS]
        ]
        sheet.table("left out", rows, right=(1,))
        if len(arithmetic.excluded) > _MOST_FINDINGS:
            sheet.entry("", f"and {len(arithmetic.excluded) - _MOST_FINDINGS} more")
    words = Words("en", cast(ZoneInfo, explained.opens.tz))
    for number, finding in enumerate(explained.findings[:_MOST_FINDINGS]):
        at = finding.start.tz_convert(explained.opens.tz)
        sheet.entry(
            "finding" if number == 0 else "", f"{moment(at)}: {finding_sentence(finding, explained.unit, words)}"
        )
    if len(explained.findings) > _MOST_FINDINGS:
        sheet.entry("", f"and {len(explained.findings) - _MOST_FINDINGS} more")


def _write_stored(sheet: Sheet, explained: Explanation) -> None:
    stored, unit = explained.stored, explained.unit
    if stored is None or (not stored.differing and not stored.days):
        return
    sheet.gap()
    if not stored.differing:
        sheet.entry("stored", "the same.")
    elif stored.days == 0:
        sheet.entry("stored", "nothing yet. Run `meters backfill`, or wait for the nightly run.")
    elif stored.consumption == explained.consumption and stored.quality == explained.quality:
        days = "" if explained.is_day else f" on {count_of(len(stored.differing), 'day')}"
        sheet.entry(
            "stored",
            f"the same consumption, but another register, share or day{days}. The next look of the sensor for changed "
            "readings repairs it; or run `meters backfill`.",
        )
    else:
        here = f"{figure(stored.consumption)} {unit} ({stored.quality})"
        there = f"{figure(explained.consumption)} {unit} ({explained.quality or 'no day of the meter'})"
        days = (
            "" if explained.is_day else f", on {count_of(len(stored.differing), 'day')} from {stored.differing[0]} on"
        )
        sheet.entry(
            "stored",
            f"{here}; computed from today's readings and settings: {there}{days}. Something changed since. "
            "The next look of the sensor for changed readings repairs it; or run `meters backfill`.",
        )
