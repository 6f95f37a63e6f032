"""A physical meter's arithmetic as text: gap by gap."""

from __future__ import annotations

from collections.abc import Sequence

from workflows_dagster.evaluation.explanation.figures import Explanation
from workflows_dagster.evaluation.explanation.reading_figures import (
    BeyondReadings,
    FromReadings,
    Gap,
    PartOfGap,
    Piece,
    Reading,
    WeightStep,
    WholeGaps,
)
from workflows_dagster.evaluation.explanation.sheet import Sheet
from workflows_dagster.evaluation.explanation.wording import count_of, figure, length, moment, register

_HOURS_A_ROW = 6


def write_readings(sheet: Sheet, explained: Explanation, arithmetic: FromReadings) -> None:
    """Write the pieces, their sum and the register at both ends."""
    unit = explained.unit
    profile, pieces = arithmetic.profile, arithmetic.pieces
    if profile is not None and any(not isinstance(piece, WholeGaps) for piece in pieces):
        sheet.entry(
            "profile",
            f"weight = {figure(profile.base)} (base) + {figure(profile.season)} (season) × the yearly curve; "
            "summed over time, a weight is a number of mean days",
        )
    if not explained.is_day:
        _write_inside(sheet, arithmetic, unit)
    for number, piece in enumerate(pieces, start=1):
        if len(pieces) > 1:
            sheet.gap()
            sheet.entry(f"piece {number}", f"{moment(piece.start)} to {moment(piece.end)}")
        _write_piece(sheet, piece, unit, seasonal=profile is not None)
    if len(pieces) > 1:
        sheet.gap()
        terms = " + ".join(figure(piece.amount) for piece in pieces)
        sheet.entry("sum", f"{terms} = {figure(explained.consumption)} {unit}")
    _write_share(sheet, explained, pieces)
    if explained.is_day and arithmetic.source == "register":
        _write_register(sheet, explained, pieces)
    if arithmetic.held:
        held = "reading steps" if arithmetic.held == 1 else "readings step"
        sheet.entry(
            "jitter", f"{arithmetic.held} {held} back within the resolution; the highest reading before holds there"
        )


def _write_inside(sheet: Sheet, arithmetic: FromReadings, unit: str) -> None:
    """Write which readings lie within a month or year."""
    if arithmetic.first_inside is None or arithmetic.last_inside is None or arithmetic.source == "interval":
        sheet.entry("within", "no valid reading" if arithmetic.source == "register" else "hours, not readings")
        return
    rows = [_row(arithmetic.first_inside, unit)]
    if arithmetic.readings_inside > 1:
        rows.append(_row(arithmetic.last_inside, unit))
    words = [count_of(arithmetic.readings_inside, "valid reading"), ""]
    named = [(*row, word) for row, word in zip(rows, words, strict=False)]
    sheet.table("within", named, right=(1,))


def _write_piece(sheet: Sheet, piece: Piece, unit: str, *, seasonal: bool) -> None:
    if isinstance(piece, WholeGaps):
        _write_whole(sheet, piece, unit)
    elif isinstance(piece, PartOfGap):
        _write_part(sheet, piece, unit, seasonal=seasonal)
    else:
        _write_beyond(sheet, piece, unit, seasonal=seasonal)


def _write_whole(sheet: Sheet, piece: WholeGaps, unit: str) -> None:
    if piece.hours:
        rows = [piece.hours[k : k + _HOURS_A_ROW] for k in range(0, len(piece.hours), _HOURS_A_ROW)]
        filled = [[*map(figure, row), *[""] * (_HOURS_A_ROW - len(row))] for row in rows]
        sheet.table(f"{len(piece.hours)} hours", filled, right=range(_HOURS_A_ROW))
        sheet.entry("their sum", f"{figure(piece.amount)} {unit}")
        return
    if piece.gaps == 1 or piece.longest_gap_days > 0:
        sheet.table("first, last", [_row(piece.first, unit), _row(piece.last, unit)], right=(1,))
    sheet.entry(
        "between",
        f"{count_of(piece.gaps - 1, 'reading')}, no two further apart than {length(piece.longest_gap_days)}",
    )
    sheet.entry(
        "consumption",
        f"{register(piece.last.value)} − {register(piece.first.value)} = {figure(piece.amount)} {unit}",
    )


def _write_part(sheet: Sheet, piece: PartOfGap, unit: str, *, seasonal: bool) -> None:
    gap = piece.gap
    if gap.kind == "hour":
        sheet.entry("the hour", f"from {moment(gap.before.at)} on, {figure(gap.advance)} {unit}")
    elif gap.kind in ("bridged", "fitted"):
        _write_missing_hours(sheet, gap, unit)
    else:
        sheet.table("readings", [_row(gap.before, unit), _row(gap.after, unit)], right=(1,))
        sheet.entry("advance", f"{_advance(gap)} {unit} in {length(gap.days)}")
        if not piece.steps and piece.days < gap.days:
            sheet.entry("", f"{length(piece.days)} of the gap lie here")
    if gap.kind == "step_back" or piece.days == gap.days:
        sheet.entry("consumption", f"the whole gap: {figure(piece.amount)} {unit}")
        return
    if gap.weight > 0:
        part, whole = piece.weight, gap.weight
        if seasonal and piece.estimated:
            _write_weight(sheet, piece.steps, piece.weight)
            sheet.entry("", f"{figure(gap.weight)} mean days in the whole gap")
        elif not seasonal and piece.estimated:
            sheet.entry("weight", "the meter has no season: the advance is spread evenly over time")
    else:
        part, whole = piece.days, gap.days
        sheet.entry("weight", "none in the whole gap by the season; the advance is spread evenly over time")
    sheet.entry(
        "consumption", f"{figure(gap.advance)} × {figure(part)} / {figure(whole)} = {figure(piece.amount)} {unit}"
    )


def _write_missing_hours(sheet: Sheet, gap: Gap, unit: str) -> None:
    sheet.entry("missing", f"{moment(gap.before.at)} to {moment(gap.after.at)}, {length(gap.days)}")
    if gap.kind == "fitted":
        sheet.entry("filled with", f"{figure(gap.advance)} {unit}: what two readings of the register leave for them")
    else:
        per_weight = gap.advance / gap.weight if gap.weight > 0 else 0.0
        sheet.entry(
            "filled with",
            f"{figure(per_weight)} {unit} a mean day × {figure(gap.weight)} mean days = {figure(gap.advance)} {unit}:",
            "what was usual in the year next to them",
        )


def _advance(gap: Gap) -> str:
    if gap.kind == "climb":
        return f"{register(gap.after.value)} − {register(gap.before.value)} = {figure(gap.advance)}"
    if gap.kind == "rollover":
        modulus = gap.advance - gap.after.value + gap.before.value
        return (
            f"{register(gap.after.value)} + {register(round(modulus))} − {register(gap.before.value)} = "
            f"{figure(gap.advance)}"
        )
    if gap.kind == "step_back":
        return "the register steps back within its resolution, which is no consumption: 0"
    return f"the register fell and did not come back; what is counted for the time: {figure(gap.advance)}"


def _write_weight(sheet: Sheet, steps: Sequence[WeightStep], weight: float) -> None:
    """Write the weight of a stretch: hours of UTC days, over each of which it is constant."""
    if not steps:
        sheet.entry("weight", f"{figure(weight)} mean days in this piece")
        return
    rows = [
        (
            f"{step.day} (UTC)",
            f"{figure(step.hours)} h",
            f"curve {figure(step.curve)}",
            f"weight {figure(step.weight)}",
        )
        for step in steps
    ]
    sheet.table("weight", rows, right=(1,))
    terms = " + ".join(f"{figure(step.hours)} × {figure(step.weight)}" for step in steps)
    sheet.entry("", f"({terms}) / 24 = {figure(weight)} mean days in this piece")


def _write_beyond(sheet: Sheet, piece: BeyondReadings, unit: str, *, seasonal: bool) -> None:
    rate = piece.rate
    sheet.table(f"{piece.side} reading", [_row(piece.reading, unit)])
    sheet.entry("away", f"{length(piece.days_away)} at the far end")
    sheet.table("rate from", [_row(rate.first, unit), _row(rate.last, unit)], right=(1,))
    sheet.entry(
        "",
        f"{figure(rate.advance)} {unit} in {figure(rate.weight)} mean days",
    )
    sheet.entry("rate", f"{figure(rate.advance)} / {figure(rate.weight)} = {figure(rate.per_weight)} {unit} a mean day")
    if seasonal:
        _write_weight(sheet, piece.steps, piece.weight)
    else:
        sheet.entry("weight", f"{figure(piece.weight)} days; the meter has no season")
    product = f"{figure(rate.per_weight)} × {figure(piece.weight)} = {figure(rate.per_weight * piece.weight)} {unit}"
    if piece.floor is None:
        sheet.entry("consumption", product)
    else:
        sheet.entry(
            "consumption",
            f"{product}, of which {figure(piece.amount)} {unit} are left: the register is never below "
            f"{register(piece.floor)} {unit}",
        )


def _write_share(sheet: Sheet, explained: Explanation, pieces: Sequence[Piece]) -> None:
    """Write how the estimated share comes out, where some pieces are measured and some are not."""
    estimated = [_estimated(piece) for piece in pieces]
    if explained.estimated_share in (None, 0.0, 1.0) or not any(estimated):
        return
    terms = " + ".join(figure(amount) for amount in estimated if amount)
    sheet.entry("estimated", f"({terms}) / {figure(explained.consumption)} = {figure(explained.estimated_share)} of it")


def _estimated(piece: Piece) -> float:
    if isinstance(piece, WholeGaps):
        return piece.estimated_amount
    return piece.amount if isinstance(piece, BeyondReadings) or piece.estimated else 0.0


def _write_register(sheet: Sheet, explained: Explanation, pieces: Sequence[Piece]) -> None:
    unit = explained.unit
    opens, closes = register(explained.opening), register(explained.closing)
    sheet.entry("register", f"opens at {_reached(pieces[0])}{opens} {unit}", f"closes at {closes} {unit}")


def _reached(piece: Piece) -> str:
    """Write how the register comes to stand where the day opens."""
    if isinstance(piece, PartOfGap) and piece.gap.kind == "climb" and piece.days_before > 0:
        gap = piece.gap
        part, whole = (piece.weight_before, gap.weight) if gap.weight > 0 else (piece.days_before, gap.days)
        return f"{register(gap.before.value)} + {figure(gap.advance)} × {figure(part)} / {figure(whole)} = "
    if isinstance(piece, BeyondReadings) and piece.side == "last" and piece.weight_between > 0:
        return f"{register(piece.reading.value)} + {figure(piece.rate.per_weight)} × {figure(piece.weight_between)} = "
    return ""


def _row(reading: Reading, unit: str) -> tuple[str, str, str]:
    declared = "initial_reading in meters.yaml" if reading.declared else ""
    return moment(reading.at), f"{register(reading.value)} {unit}", declared
