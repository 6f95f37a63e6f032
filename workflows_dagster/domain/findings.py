"""Findings: facts about a meter that a person should know, as codes with figures.

`wording/` makes the sentence, in the reader's language, when a finding is shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

# A note is information, a warning needs attention, an error is a broken law of conservation, a bug.
Severity = Literal["note", "warn", "error"]
Figure = float | str
# Kind of a figure: an amount in the meter's unit, a count, days or hours, a ratio, a name (meter, entity), a civil day
# as ISO text, or one of the words in `WORDS`.
Kind = Literal["amount", "count", "days", "hours", "ratio", "name", "day", "word"]

# Allowed values of figures of kind `word`.
WORDS: Mapping[str, tuple[str, ...]] = {
    # Quality of the days of a late reading.
    "spread": ("one_day", "measured", "estimated"),
    # How the next reading arrives.
    "reader": ("person", "sensor"),
    # Why nothing can be extrapolated: a single reading, or readings without a rate.
    "no_rate": ("single", "several"),
    # What is known of the days before the first reading.
    "before": ("no_value", "estimated"),
    # Over what a negative residual evens out, or that it is no more than the readings leave open.
    "over": ("month", "months_around", "band"),
    # Which law of conservation is broken.
    "law": ("seam", "advance", "total", "parts"),
}


@dataclass(frozen=True)
class Code:
    """The figures of one kind of finding.

    Attributes:
        figures: Kind of each figure by name; required unless optional.
        optional: Figures that may be absent.
    """

    figures: Mapping[str, Kind] = field(default_factory=dict)
    optional: Mapping[str, Kind] = field(default_factory=dict)


CODES: Mapping[str, Code] = {
    "reading_not_a_number": Code({"count": "count"}),
    "reading_out_of_time": Code({"count": "count"}),
    "reading_ahead": Code(),
    "glitch_dropped": Code({"count": "count", "lowest": "amount", "highest": "amount"}),
    "unconfirmed_fall": Code({"before": "amount", "after": "amount"}),
    "rollover": Code({"before": "amount", "after": "amount", "advance": "amount"}),
    "undeclared_reset": Code({"before": "amount", "after": "amount", "advance": "amount"}),
    "counter_restarts": Code({"before": "amount", "after": "amount", "advance": "amount"}),
    "counter_turns_back": Code({"amount": "amount"}),
    "decimals_lost": Code({"before": "amount", "after": "amount", "resolution": "amount"}),
    "negative_interval": Code({"count": "count", "lowest": "amount"}),
    "interval_length": Code({"declared_minutes": "count", "found_minutes": "count"}),
    "register_as_intervals": Code({"count": "count", "first": "amount", "last": "amount"}),
    "unit_changed": Code({"before": "amount", "after": "amount", "times": "ratio"}),
    "implausible_rate": Code({"advance": "amount", "usual": "amount"}, {"times": "ratio"}),
    "hours_missing": Code({"hours": "hours", "advance": "amount"}),
    "reading_late": Code(
        {"days": "days", "advance": "amount"},
        {"planned_days": "days", "usual_hours": "hours", "spread": "word", "measured_hours": "hours"},
    ),
    "reading_overdue": Code(
        {"days": "days"},
        {
            "expected": "amount",
            "planned_days": "days",
            "usual_hours": "hours",
            "unvalued_since": "day",
            "no_rate": "word",
            "reader": "word",
        },
    ),
    # The other meter used more than this one, which contains it, counted between two readings.
    "like_exceeds": Code({"other": "name", "used": "amount", "advance": "amount"}),
    # Readings left out would be missed by less with the use of a contained meter.
    "like_would_pay": Code({"other": "name", "missed": "ratio", "missed_with": "ratio"}),
    # Since about that day the meter uses so many times as much.
    "level_changed": Code({"since": "day", "times": "ratio"}),
    "reading_due": Code({"due": "day"}),
    "no_readings": Code({}, {"entity": "name"}),
    "extrapolated_long": Code(),
    "estimated_backwards": Code({}, {"before": "word"}),
    "unclaimed_consumption": Code({"source": "name", "amount": "amount", "days": "count"}),
    "residual_clipped": Code(
        {"amount": "amount", "days": "count", "net": "amount"}, {"over": "word", "band": "amount"}
    ),
    "residual_negative": Code({"amount": "amount", "days": "count", "net": "amount"}),
    "not_conserved": Code(
        {"amount": "amount", "days": "count"},
        {"law": "word", "shown": "amount", "advanced": "amount", "sources": "name"},
    ),
    # Both amounts are of the currency.
    "billed_otherwise": Code({"billed": "ratio", "priced": "ratio", "currency": "name"}),
    "priced_evenly": Code({"share": "ratio", "amount": "amount", "days": "count"}),
    "tibber_hour_unknown": Code({"hours": "count"}, {"asked_days": "count"}),
}

# Notes that name something to do, which a person should see without asking for all.
ADVICE = frozenset({"like_would_pay", "level_changed"})


@dataclass(frozen=True)
class Finding:
    """One fact about a meter that a person should know.

    Attributes:
        code: Its kind, one of `CODES`.
        meter_id: The meter that it is about.
        start: First instant concerned, UTC.
        end: Last instant concerned, UTC.
        figures: Values as `CODES` defines them; amounts in the meter's unit.
        severity: How much it matters.

    Raises:
        ValueError: The code is unknown, or the figures do not match it (our bug).
    """

    code: str
    meter_id: str
    start: pd.Timestamp
    end: pd.Timestamp
    figures: Mapping[str, Figure] = field(default_factory=dict)
    severity: Severity = "warn"

    def __post_init__(self) -> None:
        if not is_known(self.code, self.figures):
            raise ValueError(f"no finding '{self.code}' has the figures {sorted(self.figures)}")


def is_known(code: str, figures: Mapping[str, Figure]) -> bool:
    """Tell whether a code exists and has these figures."""
    if code not in CODES:
        return False
    kinds = CODES[code]
    all_kinds = {**kinds.figures, **kinds.optional}
    return kinds.figures.keys() <= figures.keys() <= all_kinds.keys() and all(
        isinstance(figure, str) == (all_kinds[name] in ("name", "day", "word"))
        and (all_kinds[name] != "word" or figure in WORDS[name])
        for name, figure in figures.items()
    )
