"""Asks the questions of `meters init`, and parses answers and options."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, cast

import click

from workflows_dagster.cli.parameters import DAY
from workflows_dagster.domain.number_notation import AmbiguousNumberError, NotANumberError, number_from

if TYPE_CHECKING:
    from workflows_dagster.services.new_house import NewHouse
    from workflows_dagster.settings.language import Language
    from workflows_dagster.settings.utilities import Utility
    from workflows_dagster.wording import Words

UTILITIES = ("electricity", "gas", "water", "heat", "solar")
LANGUAGES = ("en", "de")
READ_EVERY = 35


def from_options(
    utilities: Sequence[str],
    flats: Sequence[str],
    read_every: int,
    by_itself: Sequence[str],
    prices: Sequence[str],
    since: date | None,
    language: Language,
    timezone: str,
) -> NewHouse:
    """Build a house from the command's options.

    Raises:
        click.BadParameter: An option is invalid, or two contradict each other.
    """
    from workflows_dagster.services.new_house import NewHouse

    counted = cast("tuple[Utility, ...]", tuple(dict.fromkeys(utilities)))
    named: dict[Utility, tuple[str, ...]] = {}
    for utility, flat in (_pair(text, "--flat", counted) for text in flats):
        named[utility] = (*named.get(utility, ()), flat)
    paid = {
        utility: _number(text, f"--price {utility}")
        for utility, text in (_pair(text, "--price", counted) for text in prices)
    }
    every = {utility: None if utility in by_itself else read_every for utility in counted}
    return NewHouse(counted, since or first_of_last_year(), named, every, paid, timezone, language)


def asked(language: str | None, since: date | None, timezone: str) -> NewHouse:
    """Ask for a house, question by question; an empty answer takes the default.

    Raises:
        click.Abort: Nobody answers.
    """
    from workflows_dagster.services.new_house import EXAMPLE_PRICES, PRICED_PER, WITH_FLATS, NewHouse
    from workflows_dagster.wording.words import Words

    if language is None:
        language = click.prompt("Language / Sprache", default="en", type=click.Choice(LANGUAGES))
    spoken: Language = "de" if language == "de" else "en"
    words = Words(spoken)
    known = words.say("What is counted? Of electricity, gas, water, heat, solar, separated by commas")
    usual = ", ".join(_named(name, words) for name in ("electricity", "gas", "water"))
    utilities = click.prompt(known, default=usual, value_proc=lambda text: _utilities(text, words))
    flats: dict[Utility, tuple[str, ...]] = {}
    every: dict[Utility, int | None] = {}
    prices: dict[Utility, float] = {}
    for utility in utilities:
        name = _named(utility, words)
        if utility in WITH_FLATS:
            question = words.say(
                "{utility}: flats with a meter of their own, separated by commas (empty: none)", utility=name
            )
            flats[utility] = _parts(click.prompt(question, default="", show_default=False))
        question = words.say("{utility}: read by hand every how many days (0: it reports by itself)", utility=name)
        every[utility] = click.prompt(question, default=READ_EVERY, type=click.IntRange(0, 1000)) or None
        question = words.say("{utility}: price of one {unit}, with VAT", utility=name, unit=PRICED_PER[utility])
        example = EXAMPLE_PRICES[utility]
        shown = words.format.plain_number(example)
        price = click.prompt(question, default=shown, value_proc=lambda text: _number(text, ""))
        if price != example:
            prices[utility] = price
    if since is None:
        question = words.say("Day of the first reading")
        since = click.prompt(question, default=first_of_last_year().isoformat(), type=DAY)
    return NewHouse(utilities, since, flats, every, prices, timezone, spoken)


def first_of_last_year() -> date:
    """Give the default of the first day of a house."""
    import pandas as pd

    return date(pd.Timestamp.now("UTC").year - 1, 1, 1)


def _named(utility: str, words: Words) -> str:
    from workflows_dagster.wording.tables import table_word

    name = table_word(utility, words)
    return name[:1].upper() + name[1:]


def _utilities(text: str, words: Words) -> tuple[Utility, ...]:
    """Parse utilities by their English names or those of the reader's language."""
    from workflows_dagster.wording.tables import table_word

    by_name = {name.casefold(): name for name in UTILITIES}
    by_name |= {table_word(name, words).casefold(): name for name in UTILITIES}
    given = _parts(text)
    unknown = [part for part in given if part.casefold() not in by_name]
    if unknown or not given:
        names = words.format.listed(list(UTILITIES))
        raise click.BadParameter(
            words.say("'{name}' is none of {names}.", name=unknown[0] if unknown else text, names=names)
        )
    return cast("tuple[Utility, ...]", tuple(dict.fromkeys(by_name[part.casefold()] for part in given)))


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _pair(text: str, option: str, utilities: Sequence[Utility]) -> tuple[Utility, str]:
    utility, equals, rest = text.partition("=")
    if not equals or not rest.strip() or utility not in utilities:
        raise click.BadParameter(
            f"{option} {text}: write it as {utilities[0]}=…, of the utilities that are counted: {', '.join(utilities)}."
        )
    return cast("Utility", utility), rest.strip()


def _number(text: str, what: str) -> float:
    # In a price such as 0,110 the comma cannot separate thousands.
    try:
        return number_from(str(text), "," if "," in str(text) else ".")
    except (NotANumberError, AmbiguousNumberError):
        raise click.BadParameter(f"{what} {text}: write a number such as 0.11 or 0,11.".strip()) from None
