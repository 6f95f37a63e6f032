"""Master and virtual meters' arithmetic as text: what each source adds or takes."""

from __future__ import annotations

from collections.abc import Sequence

from workflows_dagster.evaluation.explanation.derived_figures import (
    FromDifference,
    FromSources,
    HandoverReading,
    PeriodUsed,
    SourcePart,
    Term,
)
from workflows_dagster.evaluation.explanation.figures import Explanation
from workflows_dagster.evaluation.explanation.sheet import Sheet
from workflows_dagster.evaluation.explanation.wording import count_of, figure, percent, register


def write_sources(sheet: Sheet, explained: Explanation, arithmetic: FromSources) -> None:
    """Write a master's periods, its sources' parts, their sum, and the register that is carried on."""
    unit = explained.unit
    sheet.table(
        "periods" if len(arithmetic.periods) > 1 else "period",
        [
            (f"{period.first} {f'to {period.last}' if period.last else 'on'}", " + ".join(period.sources))
            for period in arithmetic.periods
        ],
    )
    if explained.consumption is None:
        sheet.table("known as", [_known_row(part) for part in arithmetic.parts])
        return
    _write_amounts(sheet, unit, [("", part) for part in arithmetic.parts])
    _write_days(sheet, explained, arithmetic.parts)
    sheet.table("known as", [_known_row(part) for part in arithmetic.parts])
    for part in arithmetic.parts:
        if part.succeeds:
            sheet.entry(
                "", f"{part.source} was installed on {part.first}, the last day of the period: its half counts too"
            )
    if len(arithmetic.parts) > 1:
        terms = " + ".join(figure(part.amount) for part in arithmetic.parts)
        sheet.entry("sum", f"{terms} = {figure(explained.consumption)} {unit}")
    _write_share(sheet, explained, [(p.amount, p.estimated_share) for p in arithmetic.parts])
    if explained.opening is not None or explained.closing is not None:
        _write_register(sheet, explained, arithmetic)


def _write_amounts(sheet: Sheet, unit: str, parts: Sequence[tuple[str, SourcePart | Term]]) -> None:
    """Write what each source counts, and what that is in the meter's own unit."""
    converted = any(part.factor != 1 for _, part in parts)
    rows = [
        (sign, part.source, f"{figure(part.consumption)} {part.unit}")
        + ((f"× {figure(part.factor)}", f"= {figure(part.amount)} {unit}") if converted else ())
        for sign, part in parts
    ]
    if not any(sign for sign, _ in parts):
        sheet.table("parts", [row[1:] for row in rows], right=(1, 2, 3))
    else:
        sheet.table("parts", rows, right=(2, 3, 4))


def _known_row(part: SourcePart | Term) -> tuple[str, ...]:
    if part.days == 0:
        return part.source, "not there", ""
    share = "" if part.estimated_share is None else f"{percent(part.estimated_share)} estimated"
    return part.source, part.quality or "", share


def _write_days(sheet: Sheet, explained: Explanation, parts: Sequence[SourcePart | Term]) -> None:
    """Write on which days of a month or year each source counts."""
    if not explained.is_day:
        rows = [(part.source, count_of(part.days, "day"), f"{part.first} to {part.last}") for part in parts]
        sheet.table("counts on", rows, right=(1,))


def _write_share(sheet: Sheet, explained: Explanation, parts: Sequence[tuple[float | None, float | None]]) -> None:
    """Write how the estimated share comes out: weighted by consumption."""
    amounts = [(abs(amount), share or 0.0) for amount, share in parts if amount is not None]
    if explained.estimated_share in (None, 0.0, 1.0) or not explained.is_day or len(amounts) < 2:
        return
    above = " + ".join(f"{figure(amount)} × {figure(share)}" for amount, share in amounts if share)
    below = " + ".join(figure(amount) for amount, _ in amounts)
    sheet.entry("estimated", f"({above}) / ({below}) = {figure(explained.estimated_share)} of it")


def _write_register(sheet: Sheet, explained: Explanation, arithmetic: FromSources) -> None:
    unit = explained.unit
    opening, closing = "", ""
    if explained.is_day:
        old = [part for part in arithmetic.parts if not part.succeeds] or list(arithmetic.parts)
        new = [part for part in arithmetic.parts if part.succeeds] or old
        opening = _reached(old, arithmetic.periods, [part.opening for part in old])
        closing = _reached(new, arithmetic.periods, [part.closing for part in new])
    sheet.gap()
    sheet.entry(
        "register",
        f"opens at {opening}{register(explained.opening)} {unit}",
        f"closes at {closing}{register(explained.closing)} {unit}",
    )
    for period in arithmetic.periods:
        if period.carried is not None and (sheet.level == 0 or len(arithmetic.periods) > 1):
            sheet.entry("carried on", f"{register(period.carried)} {unit}, the register at the replacement:")
            sheet.table("", [_handed_row(shown) for shown in period.old], right=(3,))
            sheet.entry("taken over", f"{register(period.taken_over)} {unit}, what the new ones showed then:")
            sheet.table("", [_handed_row(shown) for shown in period.new], right=(3,))


def _handed_row(shown: HandoverReading) -> tuple[str, ...]:
    return (
        shown.source,
        str(shown.day),
        f"{shown.end}",
        register(shown.register),
        f"× {figure(shown.factor)}",
    )


def _reached(parts: Sequence[SourcePart], periods: Sequence[PeriodUsed], shown: Sequence[float | None]) -> str:
    """Write how the master's register comes from those of its sources."""
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


def write_difference(sheet: Sheet, explained: Explanation, arithmetic: FromDifference) -> None:
    """Write a virtual meter's terms, what is left, and what was clipped."""
    unit = explained.unit
    if explained.consumption is None:
        sheet.table("known as", [_known_row(term) for term in arithmetic.terms])
        return
    _write_amounts(sheet, unit, [("less" if term.sign < 0 else "", term) for term in arithmetic.terms])
    _write_days(sheet, explained, arithmetic.terms)
    sheet.table("known as", [_known_row(term) for term in arithmetic.terms])
    for lines in dict.fromkeys(_gas(term, unit) for term in arithmetic.terms if term.gas is not None):
        sheet.entry("gas", *lines)
    terms = "".join(
        (figure(term.amount) if k == 0 else f" {'+' if term.sign > 0 else '−'} {figure(term.amount)}")
        for k, term in enumerate(arithmetic.terms)
    )
    sheet.entry("residual", f"{terms} = {_signed(arithmetic.residual)} {unit}")
    if arithmetic.clipped:
        below = (
            "the residual is below zero"
            if explained.is_day
            else f"{count_of(arithmetic.clipped_days, 'day')} below zero count as zero"
        )
        sheet.entry(
            "clipped",
            f"{below}: {_signed(arithmetic.residual)} + {figure(arithmetic.clipped)} clipped = "
            f"{figure(explained.consumption)} {unit}",
        )
    _write_share(sheet, explained, [(t.amount, t.estimated_share) for t in arithmetic.terms if t.days])


def _gas(term: Term, unit: str) -> tuple[str, str]:
    """Write a conversion between gas volume and energy, and since when its factors are valid."""
    gas = term.gas
    assert gas is not None
    product = f"{figure(gas.energy_content)} kWh/m³ × {figure(gas.z_factor)}"
    since = "always valid" if gas.valid_from is None else f"valid from {gas.valid_from}"
    named = f"energy content {figure(gas.energy_content)} kWh/m³, z factor {figure(gas.z_factor)}, {since}"
    plain_units = (term.unit, unit) in (("kWh", "m³"), ("m³", "kWh"))
    formula = "" if not plain_units else f"1 / ({product}) = " if gas.to_volume else f"{product} = "
    return f"{unit} per {term.unit} = {formula}{figure(term.factor)}", named


def _signed(value: float | None) -> str:
    return figure(value) if value is None or value >= 0 else f"−{figure(-value)}"
