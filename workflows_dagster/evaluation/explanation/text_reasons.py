"""Writes reasons as sentences."""

from __future__ import annotations

from datetime import date
from typing import Literal

import pandas as pd

from workflows_dagster.evaluation.explanation.reasons import Figure, Reason
from workflows_dagster.wording.words import Words, marked

OutsideCode = Literal["in_future", "before_days", "not_over"]

_SENTENCES = {
    "extrapolated_before": marked("extrapolated: before the first reading, of {at}, it is given what was usual after"),
    "extrapolated_after": marked("extrapolated: after the last reading, of {at}, it is given what was usual before"),
    "hours_bridged": marked("extrapolated: {apart} are missing at the source and are given what was usual before"),
    "hours_known": marked("measured: the source knows the hours"),
    "interpolated": marked("interpolated: its readings lie {apart} apart, more than {limit} hours"),
    "nothing_used": marked(
        "measured: its readings lie {apart} apart, but the register advanced by no more than its resolution of "
        "{resolution}: nothing was used"
    ),
    "measured": marked("measured: readings no further apart than {limit} hours on both sides"),
    "no_reading": marked(
        "there is no valid reading at all. Its readings are looked for under measurement '{measurement}', entity_id "
        "'{entity_id}', field '{field}'"
    ),
    "not_yet_installed": marked("the meter is there from {at} on (installation_date {installed})"),
    "before_first_reading": marked(
        "its first reading is of {at}; without an installation_date nothing is known before"
    ),
    "taken_out": marked("the meter is there until {at} (deinstallation_date {taken_out})"),
    "no_period": marked("no period of '{meter}' in meters.yaml holds the day"),
    "sources_without_value": marked("without a value on the day: {sources}; and so the sum has none"),
    "no_source_there": marked("none of the period's sources was there on the day"),
    "base_not_there": marked("its base meter, {meter}, was not there"),
    "terms_without_value": marked("without a value on the day: {sources}; and so the difference has none"),
}


def reason_sentence(reason: Reason, words: Words, unit: str) -> str:
    """Write a reason, without a full stop.

    Args:
        reason: Code and figures.
        words: The reader's language and the house's zone.
        unit: The meter's unit.
    """
    sentence = _sentence(reason, words, unit)
    if reason.missing is None or reason.first_missing is None or "total" in reason.figures:
        return sentence
    return words.say_count(
        "{number} day from {first} on: {sentence}",
        "{number} days from {first} on: {sentence}",
        reason.missing,
        first=words.format.day(reason.first_missing),
        sentence=sentence,
    )


def outside_sentence(code: OutsideCode, period: str, day: date, words: Words) -> str:
    """Write why a period cannot be explained, and what to ask for instead.

    Args:
        code: Why.
        period: The day, month or year asked for.
        day: Today; for `before_days` the first day.
        words: The reader's language.
    """
    figures = {"period": period, "day": words.format.day(day)}
    if code == "in_future":
        return words.say("{period} lies in the future: today is {day}. Ask for a day until today.", **figures)
    if code == "before_days":
        return words.say("{period} lies before the first day, {day}. Ask for a later one.", **figures)
    return words.say(
        "no day of {period} is over yet. Ask for the day itself, {day}, or wait until tomorrow.", **figures
    )


def _sentence(reason: Reason, words: Words, unit: str) -> str:
    shown = {name: _shown(name, figure, words, unit) for name, figure in reason.figures.items()}
    if reason.code == "hours_fitted":
        if reason.figures["estimated"] == "yes":
            return words.say(
                "interpolated: {apart} are missing at the source; two readings of the register tell what flowed in "
                "them",
                **shown,
            )
        return words.say(
            "measured: {apart} are missing at the source; two readings of the register tell what flowed in them",
            **shown,
        )
    if reason.code in ("no_rate", "too_far"):
        return _known(reason, words, shown)
    if reason.code in ("source_without_value", "term_without_value"):
        first = words.format.day(reason.first_missing) if reason.first_missing else ""
        if reason.code == "source_without_value":
            return words.say(
                "{missing} of {total} days have no value, the first {first}: a source has none",
                missing=reason.missing,
                first=first,
                **shown,
            )
        return words.say(
            "{missing} of {total} days have no value, the first {first}, for want of {sources}",
            missing=reason.missing,
            first=first,
            **shown,
        )
    return words.say(_SENTENCES[reason.code], **shown)


def _known(reason: Reason, words: Words, shown: dict[str, str]) -> str:
    """Write from which reading on nothing can be extrapolated, and why."""
    is_last = reason.figures["side"] == "last"
    if reason.code == "no_rate":
        if is_last:
            return words.say(
                "the last reading is {value} of {at}; a single reading, or none with a season between, tells no rate "
                "to go on with",
                **shown,
            )
        return words.say(
            "the first reading is {value} of {at}; a single reading, or none with a season between, tells no rate to "
            "go on with",
            **shown,
        )
    if is_last:
        return words.say(
            "the last reading is {value} of {at}, {away} away; nothing is extrapolated further than {limit} days "
            "(max_extrapolation_days)",
            **shown,
        )
    return words.say(
        "the first reading is {value} of {at}, {away} away; nothing is extrapolated further than {limit} days "
        "(max_extrapolation_days)",
        **shown,
    )


def _shown(name: str, figure: Figure, words: Words, unit: str) -> str:
    if isinstance(figure, pd.Timestamp):
        return words.format.moment(figure)
    if isinstance(figure, date):
        return words.format.day(figure)
    if isinstance(figure, str):
        return figure
    if name in ("apart", "away"):
        return words.format.exact_duration(figure)
    if name in ("value", "resolution"):
        return f"{words.format.plain_number(figure, 12)} {unit}"
    return words.format.plain_number(figure)
