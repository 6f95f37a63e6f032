"""What was found about the meters: the part that needs attention, and how much there is besides."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from workflows_dagster.domain.findings import Finding
from workflows_dagster.records.findings import findings_of_house
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import FINDING_DAILY, FINDING_MONTHLY, FINDING_NOW, ProcessedStore

# What is older is on the page of the meter.
RECENT = pd.Timedelta(days=92)


@dataclass(frozen=True)
class HouseFindings:
    """The stored findings of a house.

    Attributes:
        recent: Warnings and errors of the last three months and of the present; errors first, then the newest.
        older: How many warnings and errors are older.
        notes: How many findings are notes.
    """

    recent: tuple[Finding, ...]
    older: int
    notes: int


def house_findings(settings: Settings, store: ProcessedStore, now: pd.Timestamp) -> HouseFindings:
    """Read what was found about all meters of the house.

    Args:
        settings: The house.
        store: Where the findings are.
        now: The present, UTC.

    Raises:
        StoreError: The store cannot be read.
    """
    past = findings_of_house(store, [FINDING_DAILY, FINDING_MONTHLY])
    at_present = findings_of_house(store, [FINDING_NOW])
    since = now - RECENT
    # A meter that left meters.yaml may have left findings behind.
    there = [meter.meter_id for meter in settings.meters]
    of_past = [finding for meter_id in there for finding in past.get(meter_id, [])]
    of_now = [finding for meter_id in there for finding in at_present.get(meter_id, [])]
    recent = [finding for finding in of_past if finding.end >= since and finding.severity != "note"]
    recent += [finding for finding in of_now if finding.severity != "note"]
    notes = sum(finding.severity == "note" for finding in (*of_past, *of_now))
    older = len(of_past) + len(of_now) - len(recent) - notes
    recent.sort(key=lambda found: (found.severity != "error", -found.start.value))
    return HouseFindings(tuple(recent), older, notes)
