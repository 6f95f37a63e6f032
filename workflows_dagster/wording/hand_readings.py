"""Writes the judgement of a hand reading, doubts about it, and the outcome of cleaning."""

from __future__ import annotations

from collections.abc import Mapping

from workflows_dagster.domain.hand_readings import Doubt, JudgedReading, Outcome
from workflows_dagster.domain.slips import SlipKind
from workflows_dagster.wording.words import Words, marked

# Enough digits to compare with a register.
_DIGITS = 10
_ROUNDED = 4

_DOUBTS: Mapping[Doubt, str] = {
    "below_last": marked("the reading before it was {last}, and a register does not fall"),
    "above_next": marked("the next reading is {next}, and a register does not fall"),
    "less_than_expected": marked("that is less than this meter's history lets one expect"),
    "more_than_expected": marked("that is more than this meter's history lets one expect"),
    "outside_life": marked("the meter was not installed then, by its dates in meters.yaml"),
}
_SLIPS: Mapping[SlipKind, str] = {
    "digits_swapped": marked("Digits swapped? {value} would fit ({advance})."),
    "decimals_missing": marked("Decimal mark missing? {value} would fit ({advance})."),
    "digit_missing": marked("Last digit missing? {value} would fit ({advance})."),
    "other_meter": marked("Another meter's reading? It would fit '{meter}'."),
}
_OUTCOMES: Mapping[Outcome, str] = {
    "used": marked("used"),
    "held": marked("used; a step back within the resolution"),
    "dropped": marked("left out: a glitch"),
    "unconfirmed": marked("left out until the next reading confirms it"),
    "rollover": marked("used; the register started again from zero"),
    "reset": marked("used; the register fell"),
    "implausible": marked("used, but implausible"),
    "outside_life": marked("left out: outside the installation dates"),
}


def judgement_text(judged: JudgedReading, unit: str, words: Words) -> str:
    """Write the meaning of a reading: `210 m³ in 21 days, 118 to 153 expected`.

    Args:
        judged: The reading.
        unit: The meter's unit.
        words: The reader's language.
    """
    if judged.advance is None or judged.since is None:
        return words.say("the first reading") if judged.since is None and not judged.doubts else ""
    at = words.format
    said = {
        "advance": at.amount(judged.advance, unit, _ROUNDED),
        "duration": at.duration(judged.at - judged.since, dative=True),
    }
    if judged.expected is None:
        return words.say("{advance} in {duration}", **said)
    expected = judged.band or (judged.expected.lower, judged.expected.upper)
    lower, upper = (at.number(end, 3) for end in expected)
    return words.say("{advance} in {duration}, {lower} to {upper} expected", lower=lower, upper=upper, **said)


def doubt_texts(judged: JudgedReading, unit: str, words: Words) -> list[str]:
    """Write why a reading is implausible; empty if it is plausible."""
    limits = {name: words.format.amount(limit, unit, _DIGITS) for name, limit in judged.limits.items()}
    return [words.say(_DOUBTS[doubt], **limits) for doubt in judged.doubts]


def slip_text(judged: JudgedReading, unit: str, words: Words) -> str:
    """Write what may have been meant; empty if nothing is likely."""
    slip = judged.slip
    if slip is None:
        return ""
    figures = {
        "value": words.format.amount(slip.value, unit, _DIGITS),
        "advance": words.format.amount(slip.advance, unit, _ROUNDED),
        "meter": slip.meter_id,
    }
    return words.say(_SLIPS[slip.kind], **figures)


def reading_text(judged: JudgedReading, unit: str, words: Words) -> str:
    """Write a reading in one line: register, time, meaning and doubts."""
    shown = words.format.amount(judged.value, unit, _DIGITS)
    head = words.say(
        "{meter}: {value} at {time}", meter=judged.meter_id, value=shown, time=words.format.minute(judged.at)
    )
    parts = [text for text in (judgement_text(judged, unit, words), *doubt_texts(judged, unit, words)) if text]
    line = f"{head}: {'; '.join(parts)}." if parts else f"{head}."
    return f"{line} {slip_text(judged, unit, words)}".rstrip()


def outcome_text(outcome: Outcome, words: Words) -> str:
    """Write the outcome of cleaning for a reading."""
    return words.say(_OUTCOMES[outcome])
