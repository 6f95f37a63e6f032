"""What was found about the meters, as `meters check` lists it."""

from __future__ import annotations

import click
import pandas as pd
from rich.console import Console
from rich.table import Table

from workflows_dagster.domain.findings import Finding
from workflows_dagster.services.findings import house_findings, when
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.open import embedded_path, open_store
from workflows_dagster.wording.findings import finding_writer

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
        found = house_findings(settings, store, now)
    if found.recent:
        console.print(_table(settings, found.recent))
    else:
        click.echo("Nothing was found in the last three months that asks for a look.")
    rest = [
        f"{count} {what}"
        for count, what in ((found.older, "older findings"), (found.notes, "notes that ask for nothing"))
        if count
    ]
    if rest:
        click.echo(f"Besides {' and '.join(rest)}: see the meters' checks on the Dagster page.")


def _table(settings: Settings, findings: tuple[Finding, ...]) -> Table:
    table = Table("meter", "when", "what was found", box=None, pad_edge=False, title="Findings", title_justify="left")
    write = finding_writer(settings)
    for finding in findings:
        table.add_row(finding.meter_id, when(settings, finding), write(finding), style=_COLOURS[finding.severity])
    return table
