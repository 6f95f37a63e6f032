"""Findings as sentences: what was found, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date

import pandas as pd

from workflows_dagster.domain.findings import Finding
from workflows_dagster.settings.load import Settings
from workflows_dagster.wording.words import Words, words_of

# Enough to compare with what a register shows.
_DIGITS = 6
# Digits of what the season lets one expect.
_ROUGH = 3


def finding_sentence(finding: Finding, unit: str, words: Words) -> str:
    """Write a finding as a house owner reads it: the fact with its figures, and what to do.

    Args:
        finding: What was found. Figures that it may lack, as one that an older version stored, leave their part out.
        unit: The meter's unit.
        words: The reader's language and the house's zone.
    """
    return _SENTENCES[finding.code](_Said(finding, unit, words))


def finding_writer(settings: Settings, words: Words | None = None) -> Callable[[Finding], str]:
    """Give what writes the findings of a house.

    Args:
        settings: The house.
        words: The reader's language; by default the house's.
    """
    units = {meter.meter_id: meter.output_unit for meter in settings.meters}
    spoken = words_of(settings.site) if words is None else words
    return lambda finding: finding_sentence(finding, units.get(finding.meter_id, ""), spoken)


class _Said:
    """A finding's figures, each formatted when a sentence asks for it."""

    def __init__(self, finding: Finding, unit: str, words: Words) -> None:
        self.finding, self.unit, self.words = finding, unit, words

    def __contains__(self, name: str) -> bool:
        return name in self.finding.figures

    def value(self, name: str) -> float:
        return float(self.finding.figures[name])

    def text(self, name: str) -> str:
        return str(self.finding.figures.get(name, ""))

    def count(self, name: str) -> int:
        return round(self.value(name))

    def number(self, name: str) -> str:
        return self.words.format.number(self.value(name), _DIGITS)

    def amount(self, name: str, digits: int = _DIGITS) -> str:
        return self.words.format.amount(self.value(name), self.unit, digits)

    def day(self, name: str) -> str:
        return self.words.format.day(date.fromisoformat(self.text(name)))

    def hours(self, name: str) -> str:
        return self.words.format.duration(pd.Timedelta(hours=self.value(name)))

    @property
    def lasted(self) -> str:
        return self.words.format.duration(self.finding.end - self.finding.start)


def _not_a_number(said: _Said) -> str:
    return said.words.say_count(
        "{number} reading is not a number and left out. See what sends it to Home Assistant.",
        "{number} readings are not a number and left out. See what sends them to Home Assistant.",
        said.count("count"),
    )


def _out_of_time(said: _Said) -> str:
    return said.words.say_count(
        "{number} reading is dated before 1970 or after 2199, the first {day}, and left out. Correct the date.",
        "{number} readings are dated before 1970 or after 2199, the first {day}, and left out. Correct the date.",
        said.count("count"),
        day=said.words.format.day(said.finding.start.date()),
    )


def _ahead(said: _Said) -> str:
    return said.words.say(
        "a reading is dated {day}, which is still to come; the days until now are computed towards it. "
        "Correct its date, or delete it.",
        day=said.words.format.day(said.words.format.day_at(said.finding.end)),
    )


def _glitch(said: _Said) -> str:
    shown = said.amount("lowest")
    if said.value("lowest") != said.value("highest"):
        shown = said.words.say("{first} to {last}", first=said.number("lowest"), last=said.amount("highest"))
    return said.words.say_count(
        "{number} reading of {shown} left out, because the counter came back. Nothing to do, unless it happens often.",
        "{number} readings of {shown} left out, because the counter came back. Nothing to do, unless it happens often.",
        said.count("count"),
        shown=shown,
    )


def _unconfirmed(said: _Said) -> str:
    return said.words.say(
        "the newest reading, {after}, lies below the one before, {before}; it waits until another reading says whether "
        "the counter comes back. Check it, or declare a replacement.",
        after=said.amount("after"),
        before=said.amount("before"),
    )


def _rollover(said: _Said) -> str:
    return said.words.say(
        "the counter ran over from {before} to {after}; {advance} are counted. Nothing to do.",
        before=said.number("before"),
        after=said.amount("after"),
        advance=said.amount("advance"),
    )


def _reset(said: _Said) -> str:
    return said.words.say(
        "the counter fell from {before} to {after} and did not come back; {advance} are counted for the time between. "
        "Declare the replacement in meters.yaml (deinstallation_date, a new meter, a period in its master).",
        before=said.number("before"),
        after=said.amount("after"),
        advance=said.amount("advance"),
    )


def _negative(said: _Said) -> str:
    return said.words.say_count(
        "{number} interval has a negative consumption, {lowest} at the least, and is treated as unknown. "
        "Check the source.",
        "{number} intervals have a negative consumption, {lowest} at the least, and are treated as unknown. "
        "Check the source.",
        said.count("count"),
        lowest=said.amount("lowest"),
    )


def _implausible(said: _Said) -> str:
    figures = {
        "advance": said.amount("advance"),
        "duration": said.words.format.duration(said.finding.end - said.finding.start, dative=True),
    }
    remedy = said.words.say("Check the reading; if it is wrong, correct it or delete it where it is kept.")
    if "times" not in said:
        fact = said.words.say(
            "{advance} within {duration}, at most {usual} in any gap nearby.", usual=said.amount("usual"), **figures
        )
    else:
        times = said.words.format.fixed(said.value("times"), 0)
        fact = said.words.say(
            "{advance} within {duration}, {times} times as fast as ever nearby.", times=times, **figures
        )
    return f"{fact} {remedy}"


def _hours_missing(said: _Said) -> str:
    return said.words.say(
        "no hours for {duration}; {advance} are estimated for them. "
        "They are filled in as soon as the source delivers them.",
        duration=said.hours("hours"),
        advance=said.amount("advance", 4),
    )


def _late(said: _Said) -> str:
    words, figures = said.words, {"duration": said.lasted, "advance": said.amount("advance", 4)}
    if "planned_days" in said:
        fact = words.say_count(
            "no reading for {duration} while {advance} were used; one every day was planned.",
            "no reading for {duration} while {advance} were used; every {planned} days were planned.",
            _plural_of(said.value("planned_days")),
            planned=said.number("planned_days"),
            **figures,
        )
    elif "usual_hours" in said:
        fact = words.say(
            "no reading for {duration} while {advance} were used; they usually come within {usual}.",
            usual=said.hours("usual_hours"),
            **figures,
        )
    else:
        fact = words.say("no reading for {duration} while {advance} were used.", **figures)
    return f"{fact} {_consequence(said)}".rstrip()


def _consequence(said: _Said) -> str:
    """Say what a late reading means for the days."""
    spread = said.text("spread")
    if spread == "one_day":
        return said.words.say("Both readings are of one day, whose consumption is known all the same; nothing is lost.")
    if spread == "measured":
        return said.words.say(
            "Readings no further apart than {hours} hours count as measured; nothing is lost.",
            hours=said.number("measured_hours"),
        )
    if spread == "estimated":
        return said.words.say("How they spread over the days between is estimated; nothing is lost.")
    return ""


def _overdue(said: _Said) -> str:
    words, parts = said.words, []
    if "planned_days" in said:
        parts.append(
            words.say_count(
                "the last reading is {duration} old; one every day is planned.",
                "the last reading is {duration} old; every {planned} days are planned.",
                _plural_of(said.value("planned_days")),
                duration=said.lasted,
                planned=said.number("planned_days"),
            )
        )
    elif "usual_hours" in said:
        parts.append(
            words.say(
                "the last reading is {duration} old; they usually come within {usual}.",
                duration=said.lasted,
                usual=said.hours("usual_hours"),
            )
        )
    elif "unvalued_since" in said:
        parts.append(_unvalued(said))
    else:
        parts.append(words.say("the last reading is {duration} old.", duration=said.lasted))
    if "expected" in said and said.value("expected"):
        expected = said.amount("expected", _ROUGH)
        parts.append(words.say("About {expected} should have been used since.", expected=expected))
    if said.text("reader") == "person":
        parts.append(words.say("Read the meter."))
    elif said.text("reader") == "sensor":
        parts.append(words.say("See whether the sensor and Home Assistant are running."))
    if "unvalued_since" in said and ("planned_days" in said or "usual_hours" in said):
        parts.append(words.say("The days since {day} have no value.", day=said.day("unvalued_since")))
    return " ".join(parts)


def _unvalued(said: _Said) -> str:
    figures = {"duration": said.lasted, "day": said.day("unvalued_since")}
    if said.text("no_rate") == "single":
        return said.words.say(
            "the last reading is {duration} old; the days since {day} have no value, because a single reading tells no "
            "rate to go on with.",
            **figures,
        )
    if said.text("no_rate") == "several":
        return said.words.say(
            "the last reading is {duration} old; the days since {day} have no value, because its readings tell no rate "
            "to go on with.",
            **figures,
        )
    return said.words.say("the last reading is {duration} old; the days since {day} have no value.", **figures)


def _no_readings(said: _Said) -> str:
    remedy = said.words.say(
        "Look for its name in Home Assistant, or import readings; `meters discover` lists what is there."
    )
    if "entity" in said:
        fact = said.words.say("there is no reading at all in `{entity}`.", entity=said.text("entity"))
    else:
        fact = said.words.say("there is no reading at all.")
    return f"{fact} {remedy}"


def _extrapolated(said: _Said) -> str:
    return said.words.say(
        "the last reading is {duration} old; the days since are estimated by the season and the last year.",
        duration=said.lasted,
    )


def _backwards(said: _Said) -> str:
    remedy = said.words.say("An initial_reading in meters.yaml makes their sum right.")
    if said.text("before") == "no_value":
        fact = said.words.say(
            "the first reading was taken {duration} after the installation; the days before it have no value.",
            duration=said.lasted,
        )
    else:
        fact = said.words.say(
            "the first reading was taken {duration} after the installation; the days before it are estimated backwards "
            "from what was used later.",
            duration=said.lasted,
        )
    return f"{fact} {remedy}"


def _unclaimed(said: _Said) -> str:
    at = said.words.format
    return said.words.say(
        "{amount} of '{source}' between {first} and {last} belong to no period. "
        "Extend a period in meters.yaml, or correct the meter's installation dates.",
        amount=said.amount("amount"),
        source=said.text("source"),
        first=at.day(at.day_at(said.finding.start)),
        last=at.day(at.day_at(said.finding.end)),
    )


def _clipped(said: _Said) -> str:
    amount, number = said.amount("amount", 4), said.count("days")
    if said.text("over") == "months_around":
        return said.words.say_count(
            "the meters subtracted counted {amount} more than their main meter on {number} day; over the months around "
            "it evens out: estimated days meet measured ones. Nothing to do; more frequent readings make it smaller.",
            "the meters subtracted counted {amount} more than their main meter on {number} days; over the months "
            "around it evens out: estimated days meet measured ones. Nothing to do; more frequent readings make it "
            "smaller.",
            number,
            amount=amount,
        )
    return said.words.say_count(
        "the meters subtracted counted {amount} more than their main meter on {number} day; over the month it evens "
        "out: estimated days meet measured ones. Nothing to do; more frequent readings make it smaller.",
        "the meters subtracted counted {amount} more than their main meter on {number} days; over the month it evens "
        "out: estimated days meet measured ones. Nothing to do; more frequent readings make it smaller.",
        number,
        amount=amount,
    )


def _below_zero(said: _Said) -> str:
    return said.words.say_count(
        "the meters subtracted counted {amount} more than their main meter on {number} day, and {net} more over the "
        "whole month. See whether each of them really hangs behind the main meter, and their units.",
        "the meters subtracted counted {amount} more than their main meter on {number} days, and {net} more over the "
        "whole month. See whether each of them really hangs behind the main meter, and their units.",
        said.count("days"),
        amount=said.amount("amount", 4),
        net=said.words.format.amount(-said.value("net"), said.unit, 4),
    )


def _not_conserved(said: _Said) -> str:
    remedy = said.words.say(
        "Recompute these days (`meters backfill`); if it stays, it is a fault of this program: tell us."
    )
    return f"{_broken_law(said)} {remedy}"


def _broken_law(said: _Said) -> str:
    law, number, amount = said.text("law"), said.count("days"), said.amount("amount")
    if law == "seam":
        return said.words.say_count(
            "on one day the register closes up to {amount} away from where the next day opens.",
            "on {number} days the register closes up to {amount} away from where the next day opens.",
            number,
            amount=amount,
        )
    if law == "advance":
        return said.words.say_count(
            "on one day the consumption differs by {amount} from the register's advance.",
            "on {number} days the consumption differs by {amount} from the register's advance.",
            number,
            amount=amount,
        )
    if law == "total":
        return said.words.say_count(
            "{number} day adds up to {shown}, the readings to {advanced}.",
            "{number} days add up to {shown}, the readings to {advanced}.",
            number,
            shown=said.amount("shown", 9),
            advanced=said.amount("advanced", 9),
        )
    if law == "parts":
        return said.words.say_count(
            "on one day it differs by {amount} from what {sources} give.",
            "on {number} days it differs by {amount} from what {sources} give.",
            number,
            amount=amount,
            sources=said.words.format.listed(said.text("sources").split(", ")),
        )
    return said.words.say_count(
        "on one day a sum does not hold, by {amount}.",
        "on {number} days a sum does not hold, by {amount}.",
        number,
        amount=amount,
    )


def _tibber_unknown(said: _Said) -> str:
    at = said.words.format
    figures = {"start": at.minute(said.finding.start), "end": at.minute(said.finding.end)}
    asked = at.count(said.count("asked_days") if "asked_days" in said else 30)
    return said.words.say_count(
        "Tibber has no consumption for {number} hour, {start} to {end}, after more than {asked} days, and is no longer "
        "asked for it. It is filled like any gap; a reading of the register before and after makes it sure.",
        "Tibber has no consumption for {number} hours, {start} to {end}, after more than {asked} days, and is no "
        "longer asked for them. They are filled like any gap; a reading of the register before and after makes them "
        "sure.",
        said.count("hours"),
        asked=asked,
        **figures,
    )


def _plural_of(number: float) -> int:
    """Give the number by which a plural is chosen; what is no whole number is many."""
    return 1 if number == 1 else 2


_SENTENCES: Mapping[str, Callable[[_Said], str]] = {
    "reading_not_a_number": _not_a_number,
    "reading_out_of_time": _out_of_time,
    "reading_ahead": _ahead,
    "glitch_dropped": _glitch,
    "unconfirmed_fall": _unconfirmed,
    "rollover": _rollover,
    "undeclared_reset": _reset,
    "negative_interval": _negative,
    "implausible_rate": _implausible,
    "hours_missing": _hours_missing,
    "reading_late": _late,
    "reading_overdue": _overdue,
    "no_readings": _no_readings,
    "extrapolated_long": _extrapolated,
    "estimated_backwards": _backwards,
    "unclaimed_consumption": _unclaimed,
    "residual_clipped": _clipped,
    "residual_negative": _below_zero,
    "not_conserved": _not_conserved,
    "tibber_hour_unknown": _tibber_unknown,
}
