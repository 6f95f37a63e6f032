"""What was found about the meters, as `meters check` lists it."""

from __future__ import annotations

import click
import pandas as pd
from rich.console import Console
from rich.table import Table

from workflows_dagster.domain.findings import Finding
from workflows_dagster.pipeline.checks import when
from workflows_dagster.records.findings import findings_of_house
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.open import embedded_path, open_store
from workflows_dagster.stores.ports import FINDING_DAILY, FINDING_MONTHLY, FINDING_NOW

# What is older is on the page of the meter.
RECENT = pd.Timedelta(days=92)
_COLOURS = {"error": "bold red", "warn": "yellow", "note": "dim"}


def report_findings(settings: Settings, console: Console, now: pd.Timestamp) -> None:
    """List what was found about the last three months and what is so at present, errors first; and count the rest.

    Args:
        settings: The house.
        console: Where to print.
        now: The present, UTC.

    Raises:
        StoreError: The store cannot be read.
    """
    if settings.site.storage.backend == "embedded" and not embedded_path(settings.data_dir).exists():
        return
    with open_store(settings) as store:
        past = findings_of_house(store, [FINDING_DAILY, FINDING_MONTHLY])
        at_present = findings_of_house(store, [FINDING_NOW])
    since = now - RECENT
    # A meter that left meters.yaml may have left findings behind.
    there = [meter.meter_id for meter in settings.meters]
    of_past = [finding for meter_id in there for finding in past.get(meter_id, [])]
    of_now = [finding for meter_id in there for finding in at_present.get(meter_id, [])]
    recent = [finding for finding in of_past if finding.end >= since and finding.severity != "note"]
    asking = recent + [finding for finding in of_now if finding.severity != "note"]
    notes = sum(finding.severity == "note" for finding in (*of_past, *of_now))
    older = len(of_past) + len(of_now) - len(asking) - notes
    if asking:
        console.print(_table(settings, asking))
    else:
        click.echo("Nothing was found in the last three months that asks for a look.")
    rest = [
        f"{count} {what}" for count, what in ((older, "older findings"), (notes, "notes that ask for nothing")) if count
    ]
    if rest:
        click.echo(f"Besides {' and '.join(rest)}: see the meters' checks on the Dagster page.")


def _table(settings: Settings, findings: list[Finding]) -> Table:
    table = Table("meter", "when", "what was found", box=None, pad_edge=False, title="Findings", title_justify="left")
    for finding in sorted(findings, key=lambda found: (found.severity != "error", -found.start.value)):
        table.add_row(finding.meter_id, when(settings, finding), finding.sentence, style=_COLOURS[finding.severity])
    return table
