"""Writes findings as sentences: the fact, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from workflows_dagster.domain.findings import Finding
from workflows_dagster.settings.load import Settings
from workflows_dagster.wording import findings_of_intervals as of_intervals
from workflows_dagster.wording import findings_of_readings as of_readings
from workflows_dagster.wording.finding_figures import Figures
from workflows_dagster.wording.words import Words, words_of


def finding_sentence(finding: Finding, unit: str, words: Words) -> str:
    """Write a finding for a house owner: the fact with its figures, and what to do.

    Args:
        finding: The finding. If optional figures are absent, as in findings of older versions, their part is left out.
        unit: The meter's unit.
        words: The reader's language and the house's zone.
    """
    return _SENTENCES[finding.code](Figures(finding, unit, words))


def finding_writer(settings: Settings, words: Words | None = None) -> Callable[[Finding], str]:
    """Give a function that writes the findings of a house.

    Args:
        settings: The house.
        words: The reader's language; by default the house's.
    """
    units = {meter.meter_id: meter.output_unit for meter in settings.meters}
    spoken = words_of(settings.site) if words is None else words
    return lambda finding: finding_sentence(finding, units.get(finding.meter_id, ""), spoken)


def _unclaimed(said: Figures) -> str:
    at = said.words.format
    return said.words.say(
        "{amount} of '{source}' between {first} and {last} belong to no period. "
        "Extend a period in meters.yaml, or correct the meter's installation dates.",
        amount=said.amount("amount"),
        source=said.text("source"),
        first=at.day(at.day_at(said.finding.start)),
        last=at.day(at.day_at(said.finding.end)),
    )


def _clipped(said: Figures) -> str:
    amount, number = said.amount("amount", 4), said.count("days")
    if said.text("over") == "band":
        return said.words.say_count(
            "the meters subtracted counted {amount} more than their main meter on {number} day; over the month it is "
            "{net}, no more than the readings leave open (± {band}). Nothing to do; more frequent readings make it "
            "smaller.",
            "the meters subtracted counted {amount} more than their main meter on {number} days; over the month it is "
            "{net}, no more than the readings leave open (± {band}). Nothing to do; more frequent readings make it "
            "smaller.",
            number,
            amount=amount,
            net=said.words.format.amount(-said.value("net"), said.unit, 4),
            band=said.amount("band", 2),
        )
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


def _below_zero(said: Figures) -> str:
    return said.words.say_count(
        "the meters subtracted counted {amount} more than their main meter on {number} day, and {net} more over the "
        "whole month. See whether each of them really hangs behind the main meter, and their units.",
        "the meters subtracted counted {amount} more than their main meter on {number} days, and {net} more over the "
        "whole month. See whether each of them really hangs behind the main meter, and their units.",
        said.count("days"),
        amount=said.amount("amount", 4),
        net=said.words.format.amount(-said.value("net"), said.unit, 4),
    )


def _not_conserved(said: Figures) -> str:
    remedy = said.words.say(
        "Recompute these days (`meters backfill`); if it stays, it is a fault of this program: tell us."
    )
    return f"{_broken_law(said)} {remedy}"


def _broken_law(said: Figures) -> str:
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


_SENTENCES: Mapping[str, Callable[[Figures], str]] = {
    "reading_not_a_number": of_readings.not_a_number,
    "reading_out_of_time": of_readings.out_of_time,
    "reading_ahead": of_readings.ahead,
    "glitch_dropped": of_readings.glitch,
    "unconfirmed_fall": of_readings.unconfirmed,
    "rollover": of_readings.rollover,
    "undeclared_reset": of_readings.reset,
    "counter_restarts": of_readings.restarts,
    "counter_turns_back": of_readings.turns_back,
    "decimals_lost": of_readings.decimals_lost,
    "negative_interval": of_intervals.negative,
    "interval_length": of_intervals.interval_length,
    "register_as_intervals": of_intervals.register_as_intervals,
    "unit_changed": of_readings.unit_changed,
    "implausible_rate": of_readings.implausible,
    "hours_missing": of_intervals.hours_missing,
    "reading_late": of_readings.late,
    "reading_overdue": of_readings.overdue,
    "like_exceeds": of_readings.like_exceeds,
    "like_would_pay": of_readings.like_would_pay,
    "level_changed": of_readings.level_changed,
    "reading_due": of_readings.due,
    "no_readings": of_readings.no_readings,
    "extrapolated_long": of_readings.extrapolated,
    "estimated_backwards": of_readings.backwards,
    "unclaimed_consumption": _unclaimed,
    "residual_clipped": _clipped,
    "residual_negative": _below_zero,
    "not_conserved": _not_conserved,
    "billed_otherwise": of_readings.billed_otherwise,
    "priced_evenly": of_readings.priced_evenly,
    "tibber_hour_unknown": of_intervals.tibber_unknown,
}
