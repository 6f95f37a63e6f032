"""Renders an explanation as text that can be checked with a pocket calculator."""

from __future__ import annotations

from typing import cast
from zoneinfo import ZoneInfo

from workflows_dagster.evaluation.explanation.derived_figures import FromDifference, FromSources
from workflows_dagster.evaluation.explanation.figures import Explanation
from workflows_dagster.evaluation.explanation.reading_figures import FromReadings
from workflows_dagster.evaluation.explanation.sheet import Sheet
from workflows_dagster.evaluation.explanation.text_derived import write_difference, write_sources
from workflows_dagster.evaluation.explanation.text_readings import write_readings
from workflows_dagster.evaluation.explanation.text_reasons import reason_sentence
from workflows_dagster.wording import Language, Words
from workflows_dagster.wording.findings import finding_sentence
from workflows_dagster.wording.tables import table_word

_MOST_FINDINGS = 5


def render(explanation: Explanation, depth: int, language: Language = "en") -> str:
    """Write an explanation.

    Args:
        explanation: What to write.
        depth: How many levels of sources are written out. A master with a single source takes no level.
        language: The reader's language.

    Returns:
        Lines of at most 100 columns, unless a single word is longer.
    """
    return _render(explanation, depth, 0, Words(language, cast(ZoneInfo, explanation.opens.tz)))


def _render(explained: Explanation, depth: int, level: int, words: Words) -> str:
    sheet = Sheet(level)
    _write_head(sheet, explained, level, words)
    sheet.gap()
    if isinstance(explained.arithmetic, FromReadings):
        write_readings(sheet, explained, explained.arithmetic, words)
    elif isinstance(explained.arithmetic, FromSources):
        write_sources(sheet, explained, explained.arithmetic, words)
    elif isinstance(explained.arithmetic, FromDifference):
        write_difference(sheet, explained, explained.arithmetic, words)
    _write_findings(sheet, explained, words)
    _write_stored(sheet, explained, words)
    passes_on = isinstance(explained.arithmetic, FromSources) and len(explained.arithmetic.parts) == 1
    deeper = depth if passes_on and level > 0 else depth - 1
    if deeper >= 0:
        for source in explained.sources:
            sheet.below(_render(source, deeper, level + 1, words))
    elif explained.sources and level == 0:
        sheet.gap()
        hint = words.say("`--depth 1` writes out the meters that it is made from, `--deep` all of them.")
        sheet.entry(words.say_as("explain", "sources"), hint)
    return sheet.text.rstrip()


def _write_head(sheet: Sheet, explained: Explanation, level: int, words: Words) -> None:
    shown = words.format
    name = explained.period
    if explained.is_day:
        name = f"{shown.day(explained.first)}, {shown.weekday(explained.first)}"
    sheet.title(f"{explained.meter_id}, {name}: {_rounded(explained.consumption, explained.unit, words)}")
    if explained.description:
        sheet.title(explained.description)
    if level == 0:
        _write_span(sheet, explained, words)
    if explained.lives_from is not None:
        begins = words.say("{at}, when the meter's life begins", at=shown.moment(explained.lives_from))
        sheet.entry(words.say_as("explain", "counts from"), begins)
    if explained.lives_until is not None:
        ends = words.say("{at}, when the meter's life ends", at=shown.moment(explained.lives_until))
        sheet.entry(words.say_as("explain", "counts until"), ends)
    if explained.quality is not None:
        quality = table_word(explained.quality, words)
        if explained.estimated_share is not None:
            share = shown.percent(explained.estimated_share)
            quality = words.say("{quality}, {share} estimated", quality=quality, share=share)
        sheet.entry(words.say_as("explain", "quality"), quality)
    if explained.lower is not None and explained.upper is not None:
        band = f"{shown.band(explained.lower, explained.upper)} {explained.unit}"
        line = words.say("{band} in four cases of five, by how far the readings leave it open", band=band)
        sheet.entry(words.say_as("explain", "band"), line)
    if not explained.is_day and explained.tally:
        rows = [
            (
                table_word(tally.quality, words),
                _days(tally.days, words),
                f"{shown.plain_number(tally.consumption)} {explained.unit}",
            )
            for tally in explained.tally
        ]
        sheet.table(words.say_as("explain", "days"), rows, right=(1, 2))
    is_known = explained.consumption is not None
    label = words.say_as("explain", "why") if is_known else words.say_as("explain", "why not")
    sheet.entry(label, *(f"{reason_sentence(reason, words, explained.unit)}." for reason in explained.reasons))


def _write_span(sheet: Sheet, explained: Explanation, words: Words) -> None:
    shown = words.format
    closes = shown.moment(explained.closes)
    hours = (explained.closes - explained.opens).total_seconds() / 3600
    sheet.entry(words.say_as("explain", "from"), shown.moment(explained.opens))
    if explained.provisional:
        until = words.say("{at}, so far: the day is not over, its figures are provisional", at=closes)
    elif explained.is_day and hours == 24:
        until = words.say("{at}, {hours} hours", at=closes, hours=24)
    elif explained.is_day:
        until = words.say(
            "{at}, {hours} hours: the clocks change on this day", at=closes, hours=shown.plain_number(hours, 6)
        )
    else:
        until = f"{closes}, {_days((explained.last - explained.first).days + 1, words)}"
    sheet.entry(words.say_as("explain", "to"), until)


def _write_findings(sheet: Sheet, explained: Explanation, words: Words) -> None:
    arithmetic, shown = explained.arithmetic, words.format
    if isinstance(arithmetic, FromReadings) and arithmetic.excluded:
        sheet.gap()
        rows = [
            (shown.moment(reading.at), f"{shown.plain_number(reading.value, 12)} {explained.unit}")
            for reading in arithmetic.excluded[:_MOST_FINDINGS]
        ]
        sheet.table(words.say_as("explain", "left out"), rows, right=(1,))
        _write_more(sheet, len(arithmetic.excluded), words)
    for number, finding in enumerate(explained.findings[:_MOST_FINDINGS]):
        sentence = finding_sentence(finding, explained.unit, words)
        label = words.say_as("explain", "finding") if number == 0 else ""
        sheet.entry(label, f"{shown.moment(finding.start)}: {sentence}")
    _write_more(sheet, len(explained.findings), words)


def _write_more(sheet: Sheet, number: int, words: Words) -> None:
    if number > _MOST_FINDINGS:
        sheet.entry("", words.say("and {number} more", number=words.format.count(number - _MOST_FINDINGS)))


def _write_stored(sheet: Sheet, explained: Explanation, words: Words) -> None:
    stored, unit = explained.stored, explained.unit
    if stored is None or (not stored.differing and not stored.days):
        return
    sheet.gap()
    label = words.say_as("explain", "stored")
    if not stored.differing:
        sheet.entry(label, words.say("the same."))
        return
    if stored.days == 0:
        sheet.entry(label, words.say("nothing yet. Run `meters backfill`, or wait for the nightly run."))
        return
    remedy = words.say("The next look of the sensor for changed readings repairs it; or run `meters backfill`.")
    if stored.consumption == explained.consumption and stored.quality == explained.quality:
        fact = words.say_count(
            "the same consumption, but another register, share or day on {number} day.",
            "the same consumption, but another register, share or day on {number} days.",
            len(stored.differing),
        )
        sheet.entry(label, f"{fact} {remedy}")
        return
    figures = {
        "stored": _with_quality(stored.consumption, stored.quality, unit, words),
        "computed": _with_quality(explained.consumption, explained.quality, unit, words),
    }
    if explained.is_day:
        fact = words.say(
            "{stored}; computed from today's readings and settings: {computed}. Something changed since.", **figures
        )
    else:
        fact = words.say_count(
            "{stored}; computed from today's readings and settings: {computed}, on {number} day from {first} on. "
            "Something changed since.",
            "{stored}; computed from today's readings and settings: {computed}, on {number} days from {first} on. "
            "Something changed since.",
            len(stored.differing),
            first=words.format.day(stored.differing[0]),
            **figures,
        )
    sheet.entry(label, f"{fact} {remedy}")


def _with_quality(consumption: float | None, quality: str | None, unit: str, words: Words) -> str:
    named = table_word(quality, words) if quality else words.say("no day of the meter")
    return f"{words.format.plain_number(consumption)} {unit} ({named})"


def _days(number: int, words: Words) -> str:
    return words.say_count("{number} day", "{number} days", number)


def _rounded(value: float | None, unit: str, words: Words) -> str:
    """Write a rounded figure: the smaller, the more decimals."""
    if value is None:
        return words.say("no value")
    if value == 0:
        return f"0 {unit}"
    decimals = 1 if abs(value) >= 100 else 3 if abs(value) >= 0.1 else 5
    return f"{words.format.fixed(value, decimals)} {unit}"
