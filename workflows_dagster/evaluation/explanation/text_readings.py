"""Writes a physical meter's arithmetic, gap by gap."""

from __future__ import annotations

from collections.abc import Sequence

from workflows_dagster.evaluation.explanation.figures import Explanation
from workflows_dagster.evaluation.explanation.reading_figures import (
    BeyondReadings,
    FromReadings,
    Gap,
    PartOfGap,
    Piece,
    ProfileUsed,
    Rate,
    Reading,
    WeightStep,
    WholeGaps,
)
from workflows_dagster.evaluation.explanation.sheet import REGISTER_DIGITS, Sheet
from workflows_dagster.wording import Words

_HOURS_A_ROW = 6


def write_readings(sheet: Sheet, explained: Explanation, arithmetic: FromReadings, words: Words) -> None:
    """Write the pieces, their sum and the register at both ends."""
    _Writer(sheet, explained.unit, words).write(explained, arithmetic)


class _Writer:
    """Writes onto one sheet, in one unit and language."""

    def __init__(self, sheet: Sheet, unit: str, words: Words) -> None:
        self._sheet, self._unit, self._words = sheet, unit, words
        self._figure, self._moment = words.format.plain_number, words.format.moment
        self._length = words.format.exact_duration

    def write(self, explained: Explanation, arithmetic: FromReadings) -> None:
        """Write the pieces, their sum and the register at both ends."""
        sheet, words, figure = self._sheet, self._words, self._figure
        profile, pieces = arithmetic.profile, arithmetic.pieces
        if profile is not None and any(not isinstance(piece, WholeGaps) for piece in pieces):
            beyond = any(isinstance(piece, BeyondReadings) for piece in pieces)
            sheet.entry(words.say_as("explain", "profile"), *self._profile(profile, beyond=beyond))
        if arithmetic.like is not None:
            line = words.say(
                "the use of '{other}' is taken as it is; the rest is spread by the weight", other=arithmetic.like
            )
            sheet.entry(words.say_as("explain", "contained"), line)
        if not explained.is_day:
            self._write_inside(arithmetic)
        for number, piece in enumerate(pieces, start=1):
            if len(pieces) > 1:
                sheet.gap()
                span = words.say("{first} to {last}", first=self._moment(piece.start), last=self._moment(piece.end))
                sheet.entry(words.say_as("explain", "piece {number}", number=number), span)
            self._write_piece(piece, seasonal=profile is not None)
        if len(pieces) > 1:
            sheet.gap()
            terms = " + ".join(figure(piece.amount) for piece in pieces)
            sheet.entry(words.say_as("explain", "sum"), f"{terms} = {self._amount(explained.consumption)}")
        self._write_share(explained, pieces)
        if explained.is_day and arithmetic.source == "register":
            self._write_register(explained, pieces)
        if arithmetic.held:
            line = words.say_count(
                "{number} reading steps back within the resolution; the highest reading before holds there",
                "{number} readings step back within the resolution; the highest reading before holds there",
                arithmetic.held,
            )
            sheet.entry(words.say_as("explain", "jitter"), line)

    def _profile(self, profile: ProfileUsed, *, beyond: bool) -> list[str]:
        """Write what the weight is made of, and why."""
        words, figure = self._words, self._figure
        shares = {"base": figure(profile.base), "season": figure(profile.season)}
        if profile.other is not None:
            return [
                words.say(
                    "weight = {base} (base) + {season} × the use of '{other}' over its mean of {mean} a day; a day "
                    "whose use is not known has that of its season",
                    **shares,
                    other=profile.other,
                    mean=figure(profile.mean_use or 0.0),
                )
            ]
        if profile.base_temperature is None:
            ahead = words.say("beyond the readings the curve has the shape that the meter's own years show")
            return [
                words.say(
                    "weight = {base} (base) + {season} (season) × the yearly curve; summed over time, a weight is a "
                    "number of mean days",
                    **shares,
                ),
                *([ahead] if beyond and profile.is_shaped else []),
            ]
        lines = [
            words.say(
                "weight = {base} (base) + {season} (weather) × degree days below {temperature} °C over those of the "
                "mean day of a usual year; a day whose temperature is not known has those of its season",
                **shares,
                temperature=words.format.fixed(profile.base_temperature, 1),
            )
        ]
        if profile.missed is not None and profile.missed_by_season is not None:
            lines.append(
                words.say(
                    "readings that were left out miss by {missed} with the weather, by the calendar by {other}",
                    missed=words.format.percent(profile.missed),
                    other=words.format.percent(profile.missed_by_season),
                )
            )
        return [*lines, *([profile.credit] if profile.credit else [])]

    def _write_inside(self, arithmetic: FromReadings) -> None:
        """Write which readings lie within a month or year."""
        words, label = self._words, self._words.say_as("explain", "within")
        if arithmetic.source == "interval":
            self._sheet.entry(label, words.say("consumption of intervals, not readings"))
            return
        if arithmetic.first_inside is None or arithmetic.last_inside is None:
            self._sheet.entry(label, words.say("no valid reading"))
            return
        rows = [self._row(arithmetic.first_inside)]
        if arithmetic.readings_inside > 1:
            rows.append(self._row(arithmetic.last_inside))
        count = words.say_count("{number} valid reading", "{number} valid readings", arithmetic.readings_inside)
        self._sheet.table(label, [(*row, word) for row, word in zip(rows, (count, ""), strict=False)], right=(1,))

    def _write_piece(self, piece: Piece, *, seasonal: bool) -> None:
        if isinstance(piece, WholeGaps):
            self._write_whole(piece)
        elif isinstance(piece, PartOfGap):
            self._write_part(piece, seasonal=seasonal)
        else:
            self._write_beyond(piece, seasonal=seasonal)

    def _write_whole(self, piece: WholeGaps) -> None:
        sheet, words = self._sheet, self._words
        if piece.hours:
            rows = [piece.hours[k : k + _HOURS_A_ROW] for k in range(0, len(piece.hours), _HOURS_A_ROW)]
            filled = [[*map(self._figure, row), *[""] * (_HOURS_A_ROW - len(row))] for row in rows]
            label = words.say_count("{number} interval", "{number} intervals", len(piece.hours))
            sheet.table(label, filled, right=range(_HOURS_A_ROW))
            sheet.entry(words.say_as("explain", "their sum"), self._amount(piece.amount))
            return
        if piece.gaps == 1 or piece.longest_gap_days > 0:
            rows_of_both = [self._row(piece.first), self._row(piece.last)]
            sheet.table(words.say_as("explain", "first, last"), rows_of_both, right=(1,))
        between = words.say_count(
            "{number} reading, no two further apart than {length}",
            "{number} readings, no two further apart than {length}",
            piece.gaps - 1,
            length=self._length(piece.longest_gap_days),
        )
        sheet.entry(words.say_as("explain", "between"), between)
        first, last = self._register(piece.first.value), self._register(piece.last.value)
        self._write_consumption(f"{last} − {first} = {self._amount(piece.amount)}")

    def _write_part(self, piece: PartOfGap, *, seasonal: bool) -> None:
        sheet, words, figure, gap = self._sheet, self._words, self._figure, piece.gap
        label_of_weight = words.say_as("explain", "weight")
        if gap.kind == "hour":
            figures = {"at": self._moment(gap.before.at), "amount": self._amount(gap.advance)}
            sheet.entry(words.say_as("explain", "the interval"), words.say("from {at} on, {amount}", **figures))
        elif gap.kind in ("bridged", "fitted"):
            self._write_missing_hours(gap)
        else:
            rows = [self._row(gap.before), self._row(gap.after)]
            sheet.table(words.say_as("explain", "readings"), rows, right=(1,))
            advance = words.say(
                "{advance} in {length}", advance=f"{self._advance(gap)} {self._unit}", length=self._length(gap.days)
            )
            sheet.entry(words.say_as("explain", "advance"), advance)
            if not piece.steps and piece.days < gap.days:
                sheet.entry("", words.say("{length} of the gap lie here", length=self._length(piece.days)))
        if gap.kind == "step_back" or piece.days == gap.days:
            self._write_consumption(words.say("the whole gap: {amount}", amount=self._amount(piece.amount)))
            return
        if gap.weight > 0:
            part, whole = piece.weight, gap.weight
            if seasonal and piece.estimated:
                self._write_weight(piece.steps, piece.weight)
                sheet.entry("", words.say("{weight} mean days in the whole gap", weight=figure(gap.weight)))
            elif not seasonal and piece.estimated:
                sheet.entry(
                    label_of_weight,
                    words.say("the meter has no season: the advance is spread evenly over time"),
                )
        else:
            part, whole = piece.days, gap.days
            sheet.entry(
                label_of_weight,
                words.say("none in the whole gap by the season; the advance is spread evenly over time"),
            )
        self._write_contained(piece.contained, gap.contained)
        spread = self._spread(gap, piece.contained, figure(part), figure(whole))
        self._write_consumption(f"{spread} = {self._amount(piece.amount)}")

    def _write_contained(self, part: float, whole: float | None) -> None:
        if whole:
            figures = {"part": self._amount(part), "whole": self._amount(whole)}
            line = self._words.say("{part} here, {whole} in all of it", **figures)
            self._sheet.entry(self._words.say_as("explain", "contained"), line)

    def _spread(self, gap: Gap, contained: float, part: str, whole: str) -> str:
        """Write how a part of a gap's advance comes about."""
        figure = self._figure
        if not gap.contained:
            return f"{figure(gap.advance)} × {part} / {whole}"
        if gap.contained > gap.advance:
            return f"{figure(contained)} × {figure(gap.advance)} / {figure(gap.contained)}"
        return f"{figure(contained)} + ({figure(gap.advance)} − {figure(gap.contained)}) × {part} / {whole}"

    def _write_missing_hours(self, gap: Gap) -> None:
        sheet, words = self._sheet, self._words
        span = words.say("{first} to {last}", first=self._moment(gap.before.at), last=self._moment(gap.after.at))
        sheet.entry(words.say_as("explain", "missing"), f"{span}, {self._length(gap.days)}")
        label, amount = words.say_as("explain", "filled with"), self._amount(gap.advance)
        if gap.kind == "fitted":
            line = words.say("{amount}: what two readings of the register leave for them", amount=amount)
            sheet.entry(label, line)
            return
        per_weight = gap.advance / gap.weight if gap.weight > 0 else 0.0
        line = words.say(
            "{rate} a mean day × {weight} mean days = {amount}:",
            rate=self._amount(per_weight),
            weight=self._figure(gap.weight),
            amount=amount,
        )
        sheet.entry(label, line, words.say("what was usual in the year next to them"))

    def _advance(self, gap: Gap) -> str:
        before, after = self._register(gap.before.value), self._register(gap.after.value)
        advance = self._figure(gap.advance)
        if gap.kind == "climb":
            return f"{after} − {before} = {advance}"
        if gap.kind == "rollover":
            modulus = gap.advance - gap.after.value + gap.before.value
            return f"{after} + {self._register(round(modulus))} − {before} = {advance}"
        if gap.kind == "step_back":
            return self._words.say("the register steps back within its resolution, which is no consumption: 0")
        return self._words.say(
            "the register fell and did not come back; what is counted for the time: {advance}", advance=advance
        )

    def _write_weight(self, steps: Sequence[WeightStep], weight: float) -> None:
        """Write the weight of a stretch: hours of UTC days, over each of which it is constant."""
        sheet, words, figure = self._sheet, self._words, self._figure
        label = words.say_as("explain", "weight")
        if not steps:
            sheet.entry(label, words.say("{weight} mean days in this piece", weight=figure(weight)))
            return
        rows = [
            (
                f"{words.format.day(step.day)} (UTC)",
                f"{figure(step.hours)} h",
                words.say("curve {curve}", curve=figure(step.curve)) if step.curve is not None else "",
                words.say("weight {weight}", weight=figure(step.weight)),
            )
            for step in steps
        ]
        sheet.table(label, rows, right=(1,))
        terms = " + ".join(f"{figure(step.hours)} × {figure(step.weight)}" for step in steps)
        sheet.entry("", words.say("{weight} mean days in this piece", weight=f"({terms}) / 24 = {figure(weight)}"))

    def _write_beyond(self, piece: BeyondReadings, *, seasonal: bool) -> None:
        sheet, words, figure, rate = self._sheet, self._words, self._figure, piece.rate
        is_first = piece.side == "first"
        label = words.say_as("explain", "first reading") if is_first else words.say_as("explain", "last reading")
        sheet.table(label, [self._row(piece.reading)])
        away = words.say("{length} at the far end", length=self._length(piece.days_away))
        sheet.entry(words.say_as("explain", "away"), away)
        rows = [self._row(rate.first), self._row(rate.last)]
        sheet.table(words.say_as("explain", "rate from"), rows, right=(1,))
        if rate.is_since_change:
            sheet.entry("", words.say("not earlier: until then it used more or less, beyond the season"))
        in_days = words.say(
            "{advance} in {weight} mean days", advance=self._amount(rate.advance), weight=figure(rate.weight)
        )
        sheet.entry("", in_days)
        self._write_contained(piece.contained, rate.contained)
        left = f"({figure(rate.advance)} − {figure(rate.contained)})" if rate.contained else figure(rate.advance)
        quotient = f"{left} / {figure(rate.weight)} = {self._amount(rate.per_weight)}"
        sheet.entry(words.say_as("explain", "rate"), words.say("{rate} a mean day", rate=quotient))
        if seasonal:
            self._write_weight(piece.steps, piece.weight)
        else:
            no_season = words.say("{weight} days; the meter has no season", weight=figure(piece.weight))
            sheet.entry(words.say_as("explain", "weight"), no_season)
        share = _room(rate)
        amount = self._amount(rate.per_weight * piece.weight + piece.contained * share)
        beside = f"{self._beside(rate, piece.contained)} + " if rate.contained else ""
        product = f"{beside}{figure(rate.per_weight)} × {figure(piece.weight)} = {amount}"
        if piece.floor is not None:
            product = words.say(
                "{product}, of which {left} are left: the register is never below {floor}",
                product=product,
                left=self._amount(piece.amount),
                floor=f"{self._register(piece.floor)} {self._unit}",
            )
        self._write_consumption(product)

    def _beside(self, rate: Rate, contained: float) -> str:
        """Write how much of a contained meter's use counts beyond the readings."""
        share = _room(rate)
        return self._figure(contained) + (f" × {self._figure(share)}" if share < 1 else "")

    def _write_consumption(self, line: str) -> None:
        self._sheet.entry(self._words.say_as("explain", "consumption"), line)

    def _write_share(self, explained: Explanation, pieces: Sequence[Piece]) -> None:
        """Write the arithmetic of the estimated share if only some pieces are measured."""
        estimated = [_estimated(piece) for piece in pieces]
        if explained.estimated_share in (None, 0.0, 1.0) or not any(estimated):
            return
        figure = self._figure
        terms = " + ".join(figure(amount) for amount in estimated if amount)
        equation = f"({terms}) / {figure(explained.consumption)} = {figure(explained.estimated_share)}"
        label = self._words.say_as("explain", "estimated")
        self._sheet.entry(label, self._words.say("{equation} of it", equation=equation))

    def _write_register(self, explained: Explanation, pieces: Sequence[Piece]) -> None:
        words = self._words
        opens, closes = (f"{self._register(value)} {self._unit}" for value in (explained.opening, explained.closing))
        self._sheet.entry(
            words.say_as("explain", "register"),
            words.say("opens at {equation}", equation=f"{self._reached(pieces[0])}{opens}"),
            *opening_band(explained, words),
            words.say("closes at {equation}", equation=closes),
        )

    def _reached(self, piece: Piece) -> str:
        """Write the arithmetic of the register at the day's opening."""
        register, figure = self._register, self._figure
        if isinstance(piece, PartOfGap) and piece.gap.kind == "climb" and piece.days_before > 0:
            gap = piece.gap
            part, whole = (piece.weight_before, gap.weight) if gap.weight > 0 else (piece.days_before, gap.days)
            spread = self._spread(gap, piece.contained_before, figure(part), figure(whole))
            return f"{register(gap.before.value)} + {spread} = "
        if isinstance(piece, BeyondReadings) and piece.side == "last" and piece.weight_between > 0:
            rate = f"{figure(piece.rate.per_weight)} × {figure(piece.weight_between)}"
            beside = f"{self._beside(piece.rate, piece.contained_between)} + " if piece.rate.contained else ""
            return f"{register(piece.reading.value)} + {beside}{rate} = "
        return ""

    def _row(self, reading: Reading) -> tuple[str, str, str]:
        declared = self._words.say("initial_reading in meters.yaml") if reading.declared else ""
        return self._moment(reading.at), f"{self._register(reading.value)} {self._unit}", declared

    def _register(self, value: float | None) -> str:
        return self._figure(value, REGISTER_DIGITS)

    def _amount(self, value: float | None) -> str:
        return f"{self._figure(value)} {self._unit}"


def opening_band(explained: Explanation, words: Words) -> list[str]:
    """Write the band of the register at the opening; nothing where it is measured."""
    lower, upper = explained.opening_lower, explained.opening_upper
    if lower is None or upper is None or lower == upper:
        return []
    band = f"{words.format.band(lower, upper)} {explained.unit}"
    return [words.say("{band} in four cases of five, by how far the readings leave it open", band=band)]


def _room(rate: Rate) -> float:
    """Give how much of a contained meter's use the window's advance has room for. 0..1"""  # noqa: D415
    return min(rate.advance / rate.contained, 1.0) if rate.contained else 1.0


def _estimated(piece: Piece) -> float:
    if isinstance(piece, WholeGaps):
        return piece.estimated_amount
    return piece.amount if isinstance(piece, BeyondReadings) or piece.estimated else 0.0
