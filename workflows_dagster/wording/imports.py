"""Writes an import's layout, doubts and results as sentences."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from workflows_dagster.clients.spreadsheets.reader import Sheet, Understood, Verdict
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.imported_readings import Comparison, Doubt, DoubtCode
from workflows_dagster.wording.spreadsheets import row_text, verdict_text
from workflows_dagster.wording.words import Words, marked

_SHOWN_GOOD_ROWS = 5

DOUBTS: dict[DoubtCode, str] = {
    "looks_like_register": marked(
        "{file}: the numbers for {meter} only climb, as a register does, and the meter takes the consumption of "
        "intervals (source: kind: interval)."
    ),
    "looks_like_consumption": marked(
        "{file}: the numbers for {meter} fall about every second time, as consumption does, and the meter takes what a "
        "register shows. Is it a source of kind: interval, or one that starts again on purpose (kind: resetting)?"
    ),
    "stamps_are_ends": marked(
        "{file}: the times for {meter} go from 01:00 to 24:00, as the ends of hours do, and would be taken as starts. "
        "Write --stamps end, or --stamps start."
    ),
}


def doubt_text(doubt: Doubt, words: Words) -> str:
    """Write why a file probably has the wrong kind of values for the meter."""
    return words.say(DOUBTS[doubt.code], file=doubt.path.name, meter=doubt.meter_id)


def understood_texts(sheet: Sheet, words: Words) -> Iterator[str]:
    """Write how each table of a file was read."""
    for table in sheet.understood:
        place = f"{sheet.path.name}:{table.sheet}" if table.sheet and len(sheet.understood) > 1 else sheet.path.name
        yield f"{place}: {' '.join(_parts(table, words))}"


def _parts(table: Understood, words: Words) -> Iterator[str]:
    columns = ", ".join(
        f"'{header}'{f' → {meter}' if meter else ''}{f' [{unit}]' if unit else ''}"
        for header, meter, unit in table.columns
    )
    yield words.say("header in line {line}, readings in {columns}.", line=table.line, columns=columns)
    if table.unmatched:
        names = ", ".join(f"'{name}'" for name in table.unmatched)
        yield words.say(
            'No meter for {columns}: name it with --columns "{example}=…".', columns=names, example=table.unmatched[0]
        )
    if table.bare == "noon":
        yield words.say("A day without a time means noon.")
    if table.bare == "midnight":
        yield words.say("A day without a time means 00:00.")
    for meter, minutes in table.minutes.items():
        yield words.say_count(
            "The intervals of {meter} are {number} minute long, found from the times (source.interval_minutes).",
            "The intervals of {meter} are {number} minutes long, found from the times (source.interval_minutes).",
            minutes,
            meter=meter,
        )


def verdict_texts(sheet: Sheet, words: Words) -> Iterator[tuple[str, bool]]:
    """Write each row's verdict, and whether it is bad; equal remarks only once, of good rows only the first."""
    groups: dict[tuple[Verdict, str], list[str]] = {}
    good: list[str] = []
    for row in sheet.rows:
        place = f"{sheet.path.name}:{row.sheet}:{row.line}" if row.sheet else f"{sheet.path.name}:{row.line}"
        reason = row_text(row, words)
        if row.verdict == "good" and not reason:
            good.append(place)
        else:
            groups.setdefault((row.verdict, reason), []).append(place)
    word = verdict_text("good", words)
    yield from ((f"{place}: {word}", False) for place in good[:_SHOWN_GOOD_ROWS])
    if len(good) > _SHOWN_GOOD_ROWS:
        yield words.say("{file}: … further good rows are not listed", file=sheet.path.name), False
    for (verdict, reason), places in groups.items():
        said = verdict_text(verdict, words)
        also = ""
        if len(places) > 1:
            also = words.say_count(
                " (and {number} more row, up to {last})",
                " (and {number} more rows, up to {last})",
                len(places) - 1,
                last=places[-1].rpartition(":")[2],
            )
        yield f"{places[0]}{also}: {said} – {reason}", verdict == "bad"


def comparison_text(meter: str, compared: Comparison, span: tuple[str, str], words: Words, *, dry_run: bool) -> str:
    """Write how a meter's rows compare with the stored readings."""
    figures = {"meter": meter, "new": words.format.count(compared.new), "same": words.format.count(compared.same)}
    figures |= {"first": span[0], "last": span[1], "changed": words.format.count(compared.changed)}
    if compared.changed:
        said = words.say_count(
            "{meter}: {number} row, {first} to {last}: {new} new, {same} as before, {changed} with another value.",
            "{meter}: {number} rows, {first} to {last}: {new} new, {same} as before, {changed} with another value.",
            compared.rows,
            **figures,
        )
    else:
        said = words.say_count(
            "{meter}: {number} row, {first} to {last}: {new} new, {same} as before.",
            "{meter}: {number} rows, {first} to {last}: {new} new, {same} as before.",
            compared.rows,
            **figures,
        )
    if not dry_run:
        return said
    nothing = words.say("Nothing is stored (--dry-run).")
    return f"{said} {nothing}"


def word_on_reading(finding: Finding, said: Callable[[Finding], str], words: Words) -> str:
    """Write a finding about a new reading, which is stored nevertheless."""
    return words.say(
        "{meter}, {at}: look at this reading: {finding}",
        meter=finding.meter_id,
        at=words.format.minute(finding.end),
        finding=said(finding),
    )
