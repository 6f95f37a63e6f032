"""Lists findings for `meters check`."""

from __future__ import annotations

import click
import pandas as pd
from rich.console import Console
from rich.table import Table

from workflows_dagster.domain.findings import Finding
from workflows_dagster.services.exchange_lines import exchanges
from workflows_dagster.services.findings import UnusualDay, house_findings
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.open import embedded_path, open_store
from workflows_dagster.wording.anomalies import anomaly_sentence
from workflows_dagster.wording.findings import finding_writer
from workflows_dagster.wording.hand_readings import reading_text
from workflows_dagster.wording.tables import table_word
from workflows_dagster.wording.words import words_of

_COLOURS = {"error": "bold red", "warn": "yellow", "note": "dim", "alert": "yellow", "notice": ""}


def report_findings(settings: Settings, console: Console, now: pd.Timestamp, *, everything: bool = False) -> None:
    """List recent and present findings and those about the last import; count the rest.

    Args:
        settings: The house.
        console: Where to print.
        now: The present, UTC.
        everything: Whether to list older findings and notes too.

    Raises:
        StoreError: The store cannot be read.
    """
    if settings.site.storage.backend == "embedded" and not embedded_path(settings.data_dir).exists():
        return
    with open_store(settings) as store:
        found = house_findings(settings, store, now, everything=everything)
        exchanged = list(exchanges(store, found.recent, settings))
    words = words_of(settings.site)
    if found.doubted:
        click.echo(words.say("Newest readings that look wrong (see `meters readings`, `meters forget`):"))
    for judged in found.doubted:
        click.echo(f"  {reading_text(judged, settings.meters[judged.meter_id].output_unit, words)}")
    if found.recent:
        console.print(_table(settings, found.recent))
    elif not found.doubted:
        click.echo(words.say("No findings in the last three months need attention."))
    for finding, lines in exchanged:
        day = words.format.day(words.format.day_at(finding.start))
        if finding.code == "unit_changed":
            said = words.say(
                "If the unit of {meter} changed on {day}, in meters.yaml:", meter=finding.meter_id, day=day
            )
        else:
            said = words.say("If {meter} was exchanged on {day}, in meters.yaml:", meter=finding.meter_id, day=day)
        click.echo(said)
        click.echo(lines, nl=False)
    if found.unusual:
        console.print(_unusual(settings, found.unusual))
    older = words.say_count("{number} older finding", "{number} older findings", found.older)
    notes = words.say_count("{number} note that needs nothing", "{number} notes that need nothing", found.notes)
    rest = [text for text, count in ((older, found.older), (notes, found.notes)) if count]
    if rest:
        listed = words.format.listed(rest)
        click.echo(words.say("In addition, {rest}: `meters check --all` lists them.", rest=listed))


def _table(settings: Settings, findings: tuple[Finding, ...]) -> Table:
    words = words_of(settings.site)
    headings = [table_word(name, words) for name in ("meter", "when", "what was found")]
    table = Table(*headings, box=None, pad_edge=False, title=words.say("Findings"), title_justify="left")
    write = finding_writer(settings)
    for finding in findings:
        when = words.format.days_between(finding.start, finding.end)
        table.add_row(finding.meter_id, when, write(finding), style=_COLOURS[finding.severity])
    return table


def _unusual(settings: Settings, unusual: tuple[UnusualDay, ...]) -> Table:
    words = words_of(settings.site)
    headings = [table_word(name, words) for name in ("meter", "when", "what was found")]
    table = Table(*headings, box=None, pad_edge=False, title=words.say("Unusual days"), title_justify="left")
    for day in unusual:
        unit = settings.meters[day.meter_id].output_unit
        why = anomaly_sentence(day.reason, unit, words) if day.reason is not None else day.sentence
        when = words.format.day(words.format.day_at(day.start))
        table.add_row(day.meter_id, when, why, style=_COLOURS.get(day.severity, ""))
    return table
