"""Writes master and virtual meters' arithmetic: each source's contribution."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from workflows_dagster.evaluation.explanation.derived_figures import (
    FromDifference,
    FromSources,
    HandoverReading,
    PeriodUsed,
    SourcePart,
    Term,
)
from workflows_dagster.evaluation.explanation.figures import Explanation
from workflows_dagster.evaluation.explanation.sheet import REGISTER_DIGITS, Sheet
from workflows_dagster.evaluation.explanation.text_readings import opening_band
from workflows_dagster.wording import Words
from workflows_dagster.wording.tables import table_word


def write_sources(sheet: Sheet, explained: Explanation, arithmetic: FromSources, words: Words) -> None:
    """Write a master's periods, its sources' parts, their sum, and the register."""
    unit, figure = explained.unit, words.format.plain_number
    several = len(arithmetic.periods) > 1
    sheet.table(
        words.say_as("explain", "periods") if several else words.say_as("explain", "period"),
        [(_span_of(period, words), " + ".join(period.sources)) for period in arithmetic.periods],
    )
    known = [_known_row(part, words) for part in arithmetic.parts]
    if explained.consumption is None:
        sheet.table(words.say_as("explain", "known as"), known)
        return
    _write_amounts(sheet, unit, [("", part) for part in arithmetic.parts], words)
    _write_days(sheet, explained, arithmetic.parts, words)
    sheet.table(words.say_as("explain", "known as"), known)
    for part in arithmetic.parts:
        if part.succeeds:
            half = words.say(
                "{source} was installed on {day}, the last day of the period: its half counts too",
                source=part.source,
                day=words.format.day(part.first),
            )
            sheet.entry("", half)
    if len(arithmetic.parts) > 1:
        terms = " + ".join(figure(part.amount) for part in arithmetic.parts)
        sheet.entry(words.say_as("explain", "sum"), f"{terms} = {figure(explained.consumption)} {unit}")
    _write_share(sheet, explained, [(p.amount, p.estimated_share) for p in arithmetic.parts], words)
    if explained.opening is not None or explained.closing is not None:
        _write_register(sheet, explained, arithmetic, words)


def _span_of(period: PeriodUsed, words: Words) -> str:
    first = words.format.day(period.first)
    if period.last is None:
        return words.say("{first} on", first=first)
    return words.say("{first} to {last}", first=first, last=words.format.day(period.last))


def _write_amounts(sheet: Sheet, unit: str, parts: Sequence[tuple[str, SourcePart | Term]], words: Words) -> None:
    """Write each source's consumption, also in the derived meter's unit."""
    figure = words.format.plain_number
    converted = any(part.factor != 1 for _, part in parts)
    rows = [
        (sign, part.source, f"{figure(part.consumption)} {part.unit}")
        + ((f"× {figure(part.factor)}", f"= {figure(part.amount)} {unit}") if converted else ())
        for sign, part in parts
    ]
    label = words.say_as("explain", "parts")
    if not any(sign for sign, _ in parts):
        sheet.table(label, [row[1:] for row in rows], right=(1, 2, 3))
    else:
        sheet.table(label, rows, right=(2, 3, 4))


def _known_row(part: SourcePart | Term, words: Words) -> tuple[str, ...]:
    if part.days == 0:
        return part.source, words.say("not there"), ""
    share = ""
    if part.estimated_share is not None:
        share = words.say("{share} estimated", share=words.format.percent(part.estimated_share))
    return part.source, table_word(part.quality or "", words), share


def _write_days(sheet: Sheet, explained: Explanation, parts: Sequence[SourcePart | Term], words: Words) -> None:
    """Write on which days of a month or year each source counts."""
    if not explained.is_day:
        rows = [
            (
                part.source,
                words.say_count("{number} day", "{number} days", part.days),
                words.say("{first} to {last}", first=words.format.day(part.first), last=words.format.day(part.last)),
            )
            for part in parts
        ]
        sheet.table(words.say_as("explain", "counts on"), rows, right=(1,))


def _write_share(
    sheet: Sheet, explained: Explanation, parts: Sequence[tuple[float | None, float | None]], words: Words
) -> None:
    """Write the arithmetic of the estimated share, which is weighted by consumption."""
    figure = words.format.plain_number
    amounts = [(abs(amount), share or 0.0) for amount, share in parts if amount is not None]
    if explained.estimated_share in (None, 0.0, 1.0) or not explained.is_day or len(amounts) < 2:
        return
    above = " + ".join(f"{figure(amount)} × {figure(share)}" for amount, share in amounts if share)
    below = " + ".join(figure(amount) for amount, _ in amounts)
    equation = f"({above}) / ({below}) = {figure(explained.estimated_share)}"
    sheet.entry(words.say_as("explain", "estimated"), words.say("{equation} of it", equation=equation))


def _write_register(sheet: Sheet, explained: Explanation, arithmetic: FromSources, words: Words) -> None:
    unit, register = explained.unit, partial(words.format.plain_number, digits=REGISTER_DIGITS)
    opening, closing = "", ""
    if explained.is_day:
        old = [part for part in arithmetic.parts if not part.succeeds] or list(arithmetic.parts)
        new = [part for part in arithmetic.parts if part.succeeds] or old
        opening = _reached(old, arithmetic.periods, [part.opening for part in old], words)
        closing = _reached(new, arithmetic.periods, [part.closing for part in new], words)
    sheet.gap()
    sheet.entry(
        words.say_as("explain", "register"),
        words.say("opens at {equation}", equation=f"{opening}{register(explained.opening)} {unit}"),
        *opening_band(explained, words),
        words.say("closes at {equation}", equation=f"{closing}{register(explained.closing)} {unit}"),
    )
    for period in arithmetic.periods:
        if period.carried is not None and (sheet.level == 0 or len(arithmetic.periods) > 1):
            carried, taken_over = (f"{register(value)} {unit}" for value in (period.carried, period.taken_over))
            sheet.entry(
                words.say_as("explain", "carried on"),
                words.say("{register}, the register at the replacement:", register=carried),
            )
            sheet.table("", [_handed_row(shown, words) for shown in period.old], right=(3,))
            sheet.entry(
                words.say_as("explain", "taken over"),
                words.say("{register}, what the new ones showed then:", register=taken_over),
            )
            sheet.table("", [_handed_row(shown, words) for shown in period.new], right=(3,))


def _handed_row(shown: HandoverReading, words: Words) -> tuple[str, ...]:
    return (
        shown.source,
        words.format.day(shown.day),
        table_word(shown.end, words),
        words.format.plain_number(shown.register, REGISTER_DIGITS),
        f"× {words.format.plain_number(shown.factor)}",
    )


def _reached(
    parts: Sequence[SourcePart], periods: Sequence[PeriodUsed], shown: Sequence[float | None], words: Words
) -> str:
    """Write the arithmetic of the master's register."""
    register, figure = partial(words.format.plain_number, digits=REGISTER_DIGITS), words.format.plain_number
    if any(value is None for value in shown):
        return ""
    period = next((p for p in periods if parts[0].source in p.sources), None)
    terms = " + ".join(
        register(value) if part.factor == 1 else f"{register(value)} × {figure(part.factor)}"
        for part, value in zip(parts, shown, strict=True)
    )
    if period is None or period.carried is None:
        return f"{terms} = " if len(parts) > 1 or parts[0].factor != 1 else ""
    return f"{register(period.carried)} + ({terms} − {register(period.taken_over)}) = "


def write_difference(sheet: Sheet, explained: Explanation, arithmetic: FromDifference, words: Words) -> None:
    """Write a virtual meter's terms, residual and clipped amount."""
    unit, figure = explained.unit, words.format.plain_number
    known = [_known_row(term, words) for term in arithmetic.terms]
    if explained.consumption is None:
        sheet.table(words.say_as("explain", "known as"), known)
        return
    less = words.say_as("explain", "less")
    _write_amounts(sheet, unit, [(less if term.sign < 0 else "", term) for term in arithmetic.terms], words)
    _write_days(sheet, explained, arithmetic.terms, words)
    sheet.table(words.say_as("explain", "known as"), known)
    for lines in dict.fromkeys(_gas(term, unit, words) for term in arithmetic.terms if term.gas is not None):
        sheet.entry(words.say_as("explain", "gas"), *lines)
    terms = "".join(
        (figure(term.amount) if k == 0 else f" {'+' if term.sign > 0 else '−'} {figure(term.amount)}")
        for k, term in enumerate(arithmetic.terms)
    )
    residual = _signed(arithmetic.residual, words)
    sheet.entry(words.say_as("explain", "residual"), f"{terms} = {residual} {unit}")
    if arithmetic.clipped:
        figures = {
            "residual": residual,
            "clipped": figure(arithmetic.clipped),
            "consumption": f"{figure(explained.consumption)} {unit}",
        }
        line = words.say("the residual is below zero: {residual} + {clipped} clipped = {consumption}", **figures)
        sheet.entry(words.say_as("explain", "clipped"), line)
    if arithmetic.set_off and not explained.is_day:
        line = words.say_count(
            "{number} day below zero is set off against the others; the sum of all days is larger by {amount}",
            "{number} days below zero are set off against the others; the sum of all days is larger by {amount}",
            arithmetic.clipped_days,
            amount=f"{figure(arithmetic.set_off - arithmetic.clipped)} {unit}",
        )
        sheet.entry(words.say_as("explain", "set off"), line)
    _write_share(sheet, explained, [(t.amount, t.estimated_share) for t in arithmetic.terms if t.days], words)


def _gas(term: Term, unit: str, words: Words) -> tuple[str, str]:
    """Write a conversion between gas volume and energy, and since when its factors are valid."""
    gas, figure = term.gas, words.format.plain_number
    assert gas is not None
    product = f"{figure(gas.energy_content)} kWh/m³ × {figure(gas.z_factor)}"
    factors = {"energy": figure(gas.energy_content), "z": figure(gas.z_factor)}
    if gas.valid_from is None:
        named = words.say("energy content {energy} kWh/m³, z factor {z}, always valid", **factors)
    else:
        since = words.format.day(gas.valid_from)
        named = words.say("energy content {energy} kWh/m³, z factor {z}, valid from {since}", since=since, **factors)
    plain_units = (term.unit, unit) in (("kWh", "m³"), ("m³", "kWh"))
    formula = "" if not plain_units else f"1 / ({product}) = " if gas.to_volume else f"{product} = "
    equation = f"{formula}{figure(term.factor)}"
    return words.say("{unit} per {other} = {equation}", unit=unit, other=term.unit, equation=equation), named


def _signed(value: float | None, words: Words) -> str:
    figure = words.format.plain_number
    return figure(value) if value is None or value >= 0 else f"−{figure(-value)}"
