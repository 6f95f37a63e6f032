"""Writes names, descriptions and comments of a new house's configuration in the owner's language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from workflows_dagster.settings.utilities import Utility
from workflows_dagster.wording.words import Words, marked

Comment = Literal["config", "gas", "meters", "patterns", "tariffs", "example", "standing"]

_COMMENTS: Mapping[Comment, str] = {
    "config": marked("The site. Every key has a default: docs/reference/configuration.md."),
    "gas": marked("Both figures are on the gas bill; these are examples."),
    "meters": marked("The meters of the house. Check with `meters check`."),
    "patterns": marked("What share of a year falls into each month, January first. [%]"),
    "tariffs": marked("What you pay. A price holds until the next one: add new ones below, and leave the old ones."),
    "example": marked("an example: write what your bill says"),
    "standing": marked("a standing charge: add standing_charge: 120, standing_charge_per: year"),
}


def comment(which: Comment, words: Words) -> str:
    """Write a comment of a configuration file."""
    return words.say(_COMMENTS[which])


def meter_name(name: Utility | Literal["rest"], words: Words) -> str:
    """Name the main meter of a utility, or its remainder."""
    return {
        "electricity": words.say_as("meter id", "electricity"),
        "gas": words.say_as("meter id", "gas"),
        "water": words.say_as("meter id", "water"),
        "heat": words.say_as("meter id", "heat"),
        "solar": words.say_as("meter id", "solar"),
        "rest": words.say_as("meter id", "rest"),
    }[name]


def flat_id(flat: str) -> str:
    """Make the part of an id from a flat's name."""
    return re.sub(r"\s+", "_", flat.strip()).lower()


def describe(utility: Utility, flat: str | None, words: Words) -> str:
    """Describe a meter: the main one (None), a flat's, or the remainder ("")."""
    whole = {
        "electricity": words.say("Electricity of the whole house"),
        "gas": words.say("Gas of the whole house"),
        "water": words.say("Water of the whole house"),
        "heat": words.say("Heat of the whole house"),
        "solar": words.say("Solar electricity that is fed into the grid"),
    }
    if flat is None:
        return whole[utility]
    of_flat = {
        "electricity": (words.say("Electricity, {flat}", flat=flat), words.say("Electricity without the flats")),
        "water": (words.say("Water, {flat}", flat=flat), words.say("Water without the flats")),
        "heat": (words.say("Heat, {flat}", flat=flat), words.say("Heat without the flats")),
    }
    return of_flat[utility][0 if flat else 1]
