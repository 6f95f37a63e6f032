"""Writes the reasons of unusual days as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta

import numpy as np

from workflows_dagster.domain.anomaly_reasons import Reason, ReasonCode
from workflows_dagster.wording.words import Words

_A_MONDAY = date(2024, 1, 1)


def anomaly_sentence(reason: Reason, unit: str, words: Words) -> str:
    """Write why a day is unusual, as part of a sentence without a full stop.

    Args:
        reason: The reason.
        unit: The meter's unit.
        words: The reader's language.
    """
    figures = reason.figures
    # Enough decimals to show two digits of the expectation.
    decimals = int(np.clip(1 - np.floor(np.log10(max(figures["expected"], figures["step"]))), 0, 9))
    shown = {
        name: words.format.fixed(max(figures[name], 0.0), decimals) for name in ("actual", "expected", "lower", "upper")
    }
    return _SENTENCES[reason.code](reason, {**shown, "unit": unit}, words)


def _day(reason: Reason, shown: Mapping[str, str], words: Words) -> str:
    weekday = words.format.weekday(_A_MONDAY + timedelta(days=int(reason.figures["weekday"])))
    return words.say(
        "{actual} {unit}, usual for a {weekday} at this season {expected} ({lower}–{upper})", weekday=weekday, **shown
    )


def _week(reason: Reason, shown: Mapping[str, str], words: Words) -> str:
    return words.say(
        "{actual} {unit} a day over the last {days} days, usual at this season {expected} "
        "({lower}–{upper} in the weeks before)",
        days=reason.figures["days"],
        **shown,
    )


def _plain(reason: Reason, shown: Mapping[str, str], words: Words) -> str:
    return words.say(
        "{actual} {unit}, more than twice the mean of the {days} days before, {expected} (up to {upper})",
        days=reason.figures["days"],
        **shown,
    )


def _gap(reason: Reason, shown: Mapping[str, str], words: Words) -> str:
    return words.say_count(
        "{actual} {unit} in the {number} day to {last}, usual for this time of year {expected} ({lower}–{upper})",
        "{actual} {unit} in the {number} days to {last}, usual for this time of year {expected} ({lower}–{upper})",
        int(reason.figures["days"]),
        last=words.format.day_of_year(date.fromisoformat(reason.figures["last"])),
        **shown,
    )


def _base_load(reason: Reason, shown: Mapping[str, str], words: Words) -> str:
    return words.say(
        "at least {actual} {unit}/h flowed all day for the 3rd day running, usual {expected} ({lower}–{upper})", **shown
    )


_SENTENCES: Mapping[ReasonCode, Callable[[Reason, Mapping[str, str], Words], str]] = {
    "day": _day,
    "week": _week,
    "plain": _plain,
    "gap": _gap,
    "base_load": _base_load,
}
