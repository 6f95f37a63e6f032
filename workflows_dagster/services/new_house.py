"""Writes the configuration of a new house: a few meters, their patterns, and tariffs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from workflows_dagster.settings.language import Language
from workflows_dagster.settings.new_entries import free_id
from workflows_dagster.settings.utilities import Utility
from workflows_dagster.wording.new_house import Comment, comment, describe, flat_id, meter_name
from workflows_dagster.wording.words import Words

METERS, CONFIG, PATTERNS, TARIFFS = "meters.yaml", "config.yaml", "seasonal_patterns.yaml", "tariffs.yaml"
# Utilities that flats may meter separately; gas and solar are metered once for the house.
WITH_FLATS: tuple[Utility, ...] = ("electricity", "water", "heat")
_UNITS: Mapping[Utility, str] = {"electricity": "kWh", "gas": "m³", "water": "m³", "heat": "MWh", "solar": "kWh"}
# Example prices, until the owner enters real ones. [EUR/per]
EXAMPLE_PRICES: Mapping[Utility, float] = {
    "electricity": 0.32,
    "gas": 0.11,
    "water": 4.2,
    "heat": 0.12,
    "solar": 0.08,
}
PRICED_PER: Mapping[Utility, str] = {
    "electricity": "kWh",
    "gas": "kWh",
    "water": "m³",
    "heat": "kWh",
    "solar": "kWh",
}
_PATTERN_OF: Mapping[Utility, str] = {
    "electricity": "household",
    "gas": "heating",
    "water": "cold_water",
    "heat": "heating",
    "solar": "sunshine",
}
_PERCENTAGES: Mapping[str, tuple[float, ...]] = {
    "household": (9.6, 8.5, 8.8, 8.1, 7.8, 7.3, 7.3, 7.4, 7.7, 8.5, 9.1, 9.9),
    "heating": (17.5, 15.0, 13.0, 8.5, 4.0, 1.5, 1.0, 1.0, 3.0, 8.0, 12.5, 15.0),
    "cold_water": (8.1, 7.5, 8.2, 8.3, 8.8, 9.0, 9.0, 8.7, 8.3, 8.2, 7.9, 8.0),
    "sunshine": (2.5, 4.5, 8.5, 11.5, 13.3, 13.6, 13.5, 12.2, 9.5, 6.0, 3.0, 1.9),
}
_ONE_LINE = 10_000


@dataclass(frozen=True)
class NewHouse:
    """The owner's answers about a house.

    Attributes:
        utilities: The metered utilities.
        since: Day of the first reading; nothing is computed before its year.
        flats: Flats with their own meter, by utility.
        read_every: Interval of readings by hand, by utility; None if the meters report by themselves. [d]
        prices: Price of one unit; the other utilities get an example. [EUR/kWh, for water EUR/m³]
        timezone: Time zone that cuts the days.
        language: Language of reports.
    """

    utilities: tuple[Utility, ...]
    since: date
    flats: Mapping[Utility, tuple[str, ...]] = field(default_factory=dict, hash=False)
    read_every: Mapping[Utility, int | None] = field(default_factory=dict, hash=False)
    prices: Mapping[Utility, float] = field(default_factory=dict, hash=False)
    timezone: str = "Europe/Berlin"
    language: Language = "en"


class AlreadyDescribedError(FileExistsError):
    """A meters.yaml exists already.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(str(path))


def files_of(house: NewHouse) -> dict[str, str]:
    """Give the text of each configuration file, by file name."""
    words = Words(house.language)
    return {
        CONFIG: _config(house, words),
        METERS: _meters(house, words),
        PATTERNS: _patterns(house, words),
        TARIFFS: _tariffs(house, words),
    }


def write_files(folder: Path, texts: Mapping[str, str]) -> tuple[list[Path], list[Path]]:
    """Write a new configuration; existing files are left unchanged.

    Args:
        folder: Folder of the configuration; created if needed.
        texts: As `files_of` gives them.

    Returns:
        The written files, and those that existed already.

    Raises:
        AlreadyDescribedError: A meters.yaml exists; nothing is written.
        OSError: A file cannot be written.
    """
    if (folder / METERS).exists() or (folder / METERS).is_symlink():
        raise AlreadyDescribedError(folder / METERS)
    folder.mkdir(parents=True, exist_ok=True)
    written, kept = [], []
    # The meters last, so that the command can be repeated after an interruption.
    for name in sorted(texts, key=lambda name: name == METERS):
        try:
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(texts[name])
            written.append(folder / name)
        except FileExistsError:
            kept.append(folder / name)
    return written, kept


def _config(house: NewHouse, words: Words) -> str:
    lines = [
        f"# {comment('config', words)}",
        f"timezone: {house.timezone}",
        f"language: {house.language}",
        "workflows:",
        f"  analytics: {{start_year: {house.since.year}}}",
    ]
    if "gas" in house.utilities:
        lines += [f"# {comment('gas', words)}", "gas_conversion: {energy_content: 11.5, z_factor: 0.95}"]
    return "\n".join(lines) + "\n"


def _meters(house: NewHouse, words: Words) -> str:
    blocks = [f"# {comment('meters', words)}\nmeters:\n"]
    taken: list[str] = []
    for utility in house.utilities:
        blocks += [_block(entry) for entry in _entries(house, utility, taken, words)]
    return "\n".join(blocks)


def _entries(house: NewHouse, utility: Utility, taken: list[str], words: Words) -> Iterator[dict[str, Any]]:
    main = _taken(meter_name(utility, words), taken)
    yield _physical(house, utility, main, describe(utility, None, words))
    flats = house.flats.get(utility, ()) if utility in WITH_FLATS else ()
    subtracted = []
    for flat in flats:
        name = _taken(f"{main}_{flat_id(flat)}", taken)
        subtracted.append(name)
        yield _physical(house, utility, name, describe(utility, flat, words))
    if subtracted:
        yield {
            "meter_id": _taken(f"{main}_{meter_name('rest', words)}", taken),
            "type": "virtual",
            "output_unit": _UNITS[utility],
            "utility": utility,
            "description": describe(utility, "", words),
            "calculation_type": "subtraction",
            "base_meter": main,
            "subtract_meters": subtracted,
        }


def _taken(wanted: str, taken: list[str]) -> str:
    name = free_id(wanted, taken)
    taken.append(name)
    return name


def _physical(house: NewHouse, utility: Utility, name: str, description: str) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "meter_id": name,
        "type": "physical",
        "output_unit": _UNITS[utility],
        "utility": utility,
        "description": description,
        "pattern": _PATTERN_OF[utility],
    }
    interval = house.read_every.get(utility)
    if interval:
        entry["reading_interval_days"] = interval
    return entry


def _block(entry: Mapping[str, Any]) -> str:
    lines = [_line(key, value) for key, value in entry.items()]
    return "".join(f"  {'  ' if n else '- '}{line}\n" for n, line in enumerate(lines))


def _line(key: str, value: object) -> str:
    if isinstance(value, list):
        return f"{key}: [{', '.join(value)}]"
    written: str = yaml.safe_dump({key: value}, allow_unicode=True, width=_ONE_LINE, default_flow_style=False)
    return written.strip()


def _patterns(house: NewHouse, words: Words) -> str:
    lines = [f"# {comment('patterns', words)}", "patterns:"]
    for name in dict.fromkeys(_PATTERN_OF[utility] for utility in house.utilities):
        lines += [f"  {name}:", f"    monthly_percentages: [{', '.join(f'{share:g}' for share in _PERCENTAGES[name])}]"]
    return "\n".join(lines) + "\n"


def _tariffs(house: NewHouse, words: Words) -> str:
    lines = [f"# {comment('tariffs', words)}", "currency: EUR", "tariffs:"]
    for utility in house.utilities:
        own = utility in house.prices
        price = house.prices.get(utility, EXAMPLE_PRICES[utility])
        main = meter_name(utility, words)
        if utility == "solar":
            lines += [f"  - meter: {main}", "    feed_in: true"]
        else:
            lines += [f"  - utility: {utility}", f"    billed_meter: {main}"]
        remark: Comment = "standing" if own else "example"
        priced = f"valid_from: {house.since.year}-01-01, unit_price: {price:.12g}, per: {PRICED_PER[utility]}"
        lines += ["    prices:", f"      - {{{priced}}}  # {comment(remark, words)}"]
    return "\n".join(lines) + "\n"
