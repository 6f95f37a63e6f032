"""`meters import`: readings from CSV or workbooks into the raw store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from workflows_dagster.cli.command import EXIT_PARTLY_REFUSED, EXIT_WRONG_INPUT, HouseCommand, fail, settings_of
from workflows_dagster.cli.parameters import known_meter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workflows_dagster.clients.spreadsheets.reader import Row
    from workflows_dagster.domain.imported_readings import Comparison
    from workflows_dagster.settings.load import Settings
    from workflows_dagster.wording import Words


_SHOWN_WORDS = 5


class HeaderAndMeter(click.ParamType[tuple[str, str]]):
    """A column's header and its meter, `Gas m³=gas`."""

    name = "header=meter"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split the two at the last `=`.

        Raises:
            click.BadParameter: One of them is missing.
        """
        if isinstance(value, tuple):
            return value
        header, _, meter_id = str(value).rpartition("=")
        if not header.strip() or not meter_id.strip():
            self.fail(f"'{value}' is no header and meter. Write it as \"Gas m³=gas\".", param, ctx)
        return header.strip(), meter_id.strip()


@click.command("import", cls=HouseCommand)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--meter", "meter_id", help="The meter, where the file does not name it.")
@click.option(
    "--columns", multiple=True, type=HeaderAndMeter(), help='A column\'s meter: "Gas m³=gas". May be repeated.'
)
@click.option("--power", is_flag=True, help="A column in W or kW is meant: each interval's mean becomes energy.")
@click.option("--stamps", type=click.Choice(["start", "end"]), help="Which end of an interval its time marks.")
@click.option("--temperature", is_flag=True, help="Outdoor temperatures in °C, which gas and heat may follow.")
@click.option("--yes", is_flag=True, help="Store also what looks like the wrong kind of file.")
@click.option("--dry-run", is_flag=True, help="Say what would be written, and write nothing.")
@click.pass_context
def import_(
    ctx: click.Context,
    files: tuple[Path, ...],
    meter_id: str | None,
    columns: tuple[tuple[str, str], ...],
    power: bool,
    stamps: Literal["start", "end"] | None,
    temperature: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    """Import readings from FILES: CSV, Excel or OpenDocument, with a column of readings or a column a meter.

    Every row gets a verdict. Bad rows are left out and named; good ones are written together at the end. A file that
    looks like the wrong kind is not stored without --yes.

    Exit codes: 0 all rows are good, 2 nothing is usable or stored, 3 some rows were refused and the others stored.
    """
    import pandas as pd

    from workflows_dagster.clients.spreadsheets.reader import SpreadsheetError
    from workflows_dagster.services.reading_import import ImportOptions, doubts, good_rows, judge_files
    from workflows_dagster.services.temperature_import import judge_temperatures
    from workflows_dagster.wording import words_of
    from workflows_dagster.wording.imports import doubt_text, understood_texts, verdict_texts
    from workflows_dagster.wording.spreadsheets import file_text

    settings = settings_of(ctx, without_costs=True)
    words = words_of(settings.site)
    for named in (meter_id, *(meter for _, meter in columns)):
        if named is not None:
            known_meter(settings, named)
    if temperature and (meter_id or columns or power or stamps):
        fail(ctx, words.say("--temperature goes with no other option but --dry-run."), EXIT_WRONG_INPUT)
    options, now = ImportOptions(meter_id, dict(columns), stamps, power), pd.Timestamp.now("UTC")
    try:
        sheets = judge_temperatures(settings, files, now) if temperature else judge_files(settings, files, options, now)
    except SpreadsheetError as error:
        fail(ctx, file_text(error, words), EXIT_WRONG_INPUT)
    for sheet in sheets:
        for line in understood_texts(sheet, words):
            click.echo(line)
        for line, is_bad in verdict_texts(sheet, words):
            click.echo(line, err=is_bad)
    by_meter = good_rows(sheets)
    if not by_meter:
        fail(ctx, words.say("Nothing to import: no row is usable."), EXIT_WRONG_INPUT)
    found = [] if temperature else doubts(settings, sheets, options)
    for doubt in found:
        click.echo(doubt_text(doubt, words), err=True)
    if found and not yes:
        fail(
            ctx,
            words.say("Nothing stored. Check the file and the meter, or store it as it is with --yes."),
            EXIT_WRONG_INPUT,
        )
    if temperature:
        _store_temperatures(settings, by_meter, words, dry_run=dry_run)
    else:
        _store(settings, by_meter, words, dry_run=dry_run)
    bad = sum(sheet.count("bad") for sheet in sheets)
    if bad:
        said = words.say_count(
            "{number} row left out; correct and import it again.",
            "{number} rows left out; correct and import them again.",
            bad,
        )
        fail(ctx, said, EXIT_PARTLY_REFUSED)


def _store_temperatures(
    settings: Settings, by_meter: Mapping[str, Sequence[Row]], words: Words, *, dry_run: bool
) -> None:
    """Compare temperatures with the stored ones, store them, and print the result."""
    from workflows_dagster.services.temperature_import import compare_temperatures, store_temperatures
    from workflows_dagster.stores.open import open_store, open_store_to_look
    from workflows_dagster.wording.imports import comparison_text

    with open_store_to_look(settings) if dry_run else open_store(settings) as store:
        for name, rows in by_meter.items():
            compared = compare_temperatures(store, rows)
            if not dry_run:
                store_temperatures(store, rows)
            times = [row.time for row in rows if row.time is not None]
            span = words.format.minute(min(times)), words.format.minute(max(times))
            click.echo(comparison_text(name, compared, span, words, dry_run=dry_run))


def _store(settings: Settings, by_meter: Mapping[str, Sequence[Row]], words: Words, *, dry_run: bool) -> None:
    """Compare the rows with the stored readings, store them, and print the result."""
    from workflows_dagster.services.reading_import import compare, store_readings
    from workflows_dagster.stores.open import open_store, open_store_to_look
    from workflows_dagster.wording.findings import finding_writer
    from workflows_dagster.wording.imports import comparison_text, word_on_reading

    with open_store_to_look(settings) if dry_run else open_store(settings) as store:
        compared: dict[str, Comparison] = compare(settings, store, by_meter)
        if not dry_run:
            store_readings(settings, store, by_meter)
    sentence = finding_writer(settings)
    for name, rows in by_meter.items():
        times = [row.time for row in rows if row.time is not None]
        span = words.format.minute(min(times)), words.format.minute(max(times))
        click.echo(comparison_text(name, compared[name], span, words, dry_run=dry_run))
        doubtful = compared[name].words
        for finding in doubtful[:_SHOWN_WORDS]:
            click.echo(word_on_reading(finding, sentence, words), err=True)
        if len(doubtful) > _SHOWN_WORDS:
            more = words.say_count(
                "{meter}: {number} more like it: see `meters check --all`.",
                "{meter}: {number} more like these: see `meters check --all`.",
                len(doubtful) - _SHOWN_WORDS,
                meter=name,
            )
            click.echo(more, err=True)
