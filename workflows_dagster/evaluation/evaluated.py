"""The result of an evaluation: days and findings."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from workflows_dagster.domain.findings import Finding


@dataclass(frozen=True)
class Evaluated:
    """A meter's days and the findings about them.

    Attributes:
        days: Index the days' openings, UTC; columns as `domain.allocation.allocate` gives them, virtual meters as
            `domain.composition.compose_virtual`.
        findings: In time order.
    """

    days: pd.DataFrame
    findings: tuple[Finding, ...] = ()
