"""Findings: what a person should know about a meter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

# A note is good to know, a warning asks for a look, an error is a promise of ours that is broken.
Severity = Literal["note", "warn", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing that a person should know.

    Attributes:
        code: What kind it is, in snake_case, stable: `glitch_dropped`, `undeclared_reset`, …
        meter_id: The meter that it is about.
        start: First instant that it is about, UTC.
        end: Last instant that it is about, UTC.
        sentence: The fact with its figures and what to do, for a house owner.
        figures: The same figures for a machine.
        severity: How much it matters.
    """

    code: str
    meter_id: str
    start: pd.Timestamp
    end: pd.Timestamp
    sentence: str
    figures: Mapping[str, float | str] = field(default_factory=dict)
    severity: Severity = "warn"


def amount(value: float, unit: str, digits: int = 4) -> str:
    """Write an amount with its unit as a house owner reads it: `0.25 m³`, `8,510 kWh`, never a power of ten.

    Args:
        value: The amount. [unit]
        unit: What it is counted in.
        digits: Significant digits; zeros that end the decimals are left out.
    """
    rounded = float(f"{value:.{digits}g}") + 0.0
    written = np.format_float_positional(abs(rounded), trim="-")
    whole, point, decimals = written.partition(".")
    return f"{'-' if rounded < 0 else ''}{int(whole):,}{point}{decimals} {unit}"
