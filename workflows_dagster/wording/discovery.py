"""Writes how often a series has readings."""

from __future__ import annotations

import pandas as pd

from workflows_dagster.wording.words import Words

_DAY, _YEAR = pd.Timedelta(days=1), pd.Timedelta(days=365.25)
_MONTH_DAYS = 30.4
_HOURLY = pd.Timedelta(minutes=45), pd.Timedelta(minutes=75)
# Longest gap for each unit of time.
_SECONDS, _MINUTES, _HOURS = pd.Timedelta(seconds=90), pd.Timedelta(minutes=45), pd.Timedelta(hours=19.2)
_DAYS, _WEEKS, _MONTHS = pd.Timedelta(days=14), pd.Timedelta(days=63), pd.Timedelta(days=700)


def cadence(gap: pd.Timedelta | None, words: Words) -> str:
    """Write how often readings come: `hourly`, `every ~5 weeks`; None is `one reading`.

    Args:
        gap: Usual time between two readings.
        words: The reader's language.
    """
    if gap is None:
        return words.say("one reading")
    return _regular(gap, words) or _about(gap, words)


def _regular(gap: pd.Timedelta, words: Words) -> str | None:
    days = gap / _DAY
    if 0.8 <= days <= 1.2:
        return words.say("daily")
    if 6.5 <= days <= 7.5:
        return words.say("weekly")
    if 28 <= days <= 32:
        return words.say("monthly")
    if 350 <= days <= 380:
        return words.say("yearly")
    return words.say("hourly") if _HOURLY[0] <= gap <= _HOURLY[1] else None


def _about(gap: pd.Timedelta, words: Words) -> str:
    def number(length: pd.Timedelta) -> int:
        return max(1, round(gap / length))

    if gap < _SECONDS:
        return words.say_count("every second", "every ~{number} seconds", number(pd.Timedelta(seconds=1)))
    if gap < _MINUTES:
        return words.say_count("every minute", "every ~{number} minutes", number(pd.Timedelta(minutes=1)))
    if gap < _HOURS:
        return words.say_count("every hour", "every ~{number} hours", number(pd.Timedelta(hours=1)))
    if gap < _DAYS:
        return words.say_count("every day", "every ~{number} days", number(_DAY))
    if gap < _WEEKS:
        return words.say_count("every week", "every ~{number} weeks", number(7 * _DAY))
    if gap < _MONTHS:
        return words.say_count("every month", "every ~{number} months", number(_MONTH_DAYS * _DAY))
    return words.say_count("every year", "every ~{number} years", number(_YEAR))
