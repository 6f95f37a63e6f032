"""Writes findings about the consumption of intervals as sentences."""

from __future__ import annotations

from workflows_dagster.wording.finding_figures import Figures


def negative(said: Figures) -> str:
    """Write that intervals have a negative consumption."""
    return said.words.say_count(
        "{number} interval has a negative consumption, {lowest} at the least, and is treated as unknown. "
        "Check the source.",
        "{number} intervals have a negative consumption, {lowest} at the least, and are treated as unknown. "
        "Check the source.",
        said.count("count"),
        lowest=said.amount("lowest"),
    )


def interval_length(said: Figures) -> str:
    """Write that intervals are longer or shorter than declared."""
    return said.words.say(
        "most intervals are {found} minutes apart, and source.interval_minutes says {declared}; what is missing is "
        "estimated by it. Correct it in meters.yaml, or remove it.",
        found=said.number("found_minutes"),
        declared=said.number("declared_minutes"),
    )


def register_as_intervals(said: Figures) -> str:
    """Write that an interval source holds what a register shows."""
    return said.words.say_count(
        "{number} interval only climbs, from {first} to {last}, as a register does; it is counted as consumption. "
        "Delete it and import it for a meter of kind: register, or correct the kind in meters.yaml.",
        "{number} intervals only climb, from {first} to {last}, as a register does; they are counted as consumption. "
        "Delete them and import them for a meter of kind: register, or correct the kind in meters.yaml.",
        said.count("count"),
        first=said.number("first"),
        last=said.amount("last"),
    )


def hours_missing(said: Figures) -> str:
    """Write that hours are missing."""
    return said.words.say(
        "no consumption was delivered for {duration}; {advance} are estimated. "
        "They are replaced as soon as the source delivers it.",
        duration=said.hours("hours"),
        advance=said.amount("advance", 4),
    )


def tibber_unknown(said: Figures) -> str:
    """Write that Tibber does not know some hours."""
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
