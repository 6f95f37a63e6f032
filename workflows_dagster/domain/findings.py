"""Findings: what a person should know about a meter, as codes with figures.

Which sentence a code becomes is none of a finding's business: it is made where it is shown, in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

# A note is good to know, a warning asks for a look, an error is a promise of ours that is broken.
Severity = Literal["note", "warn", "error"]
Figure = float | str
# What a figure is: an amount in the meter's unit, a number of things, days or hours, a ratio, a name of the house's own
# (a meter, an entity), a civil day as an ISO text, or one of the words that `WORDS` lists for it.
Kind = Literal["amount", "count", "days", "hours", "ratio", "name", "day", "word"]

# The words that a figure of the kind `word` may be.
WORDS: Mapping[str, tuple[str, ...]] = {
    # How the consumption of a late reading's days is known.
    "spread": ("one_day", "measured", "estimated"),
    # What brings the next reading.
    "reader": ("person", "sensor"),
    # Why nothing can be extrapolated: one reading, or readings that tell nothing.
    "no_rate": ("single", "several"),
    # What the days before the first reading have.
    "before": ("no_value", "estimated"),
    # Over what a residual below zero evens out.
    "over": ("month", "months_around"),
    # Which law of conservation is broken.
    "law": ("seam", "advance", "total", "parts"),
}


@dataclass(frozen=True)
class Code:
    """What the figures of one kind of finding are.

    Attributes:
        figures: Each figure's kind by name; every finding of the code has them.
        optional: Those that a finding may lack.
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
    "register_as_intervals": Code({"count": "count", "first": "amount", "last": "amount"}),
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
    "no_readings": Code({}, {"entity": "name"}),
    "extrapolated_long": Code(),
    "estimated_backwards": Code({}, {"before": "word"}),
    "unclaimed_consumption": Code({"source": "name", "amount": "amount", "days": "count"}),
    "residual_clipped": Code({"amount": "amount", "days": "count", "net": "amount"}, {"over": "word"}),
    "residual_negative": Code({"amount": "amount", "days": "count", "net": "amount"}),
    "not_conserved": Code(
        {"amount": "amount", "days": "count"},
        {"law": "word", "shown": "amount", "advanced": "amount", "sources": "name"},
    ),
    "tibber_hour_unknown": Code({"hours": "count"}, {"asked_days": "count"}),
}


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know.

    Attributes:
        code: What kind it is, one of `CODES`.
        meter_id: The meter that it is about.
        start: First instant that it is about, UTC.
        end: Last instant that it is about, UTC.
        figures: What `CODES` says that the code has; amounts in the meter's unit.
        severity: How much it matters.

    Raises:
        ValueError: The code is unknown, or its figures are others (our bug).
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
