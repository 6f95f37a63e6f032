"""The command group, and what a failure looks like: one clear sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import click

from workflows_dagster.cli.discover import discover
from workflows_dagster.cli.errors import EXIT_FAILED, EXIT_WRONG_INPUT
from workflows_dagster.cli.explaining import explain
from workflows_dagster.cli.imports import import_readings
from workflows_dagster.cli.keeping import backup, restore, upkeep
from workflows_dagster.cli.looking import check, show
from workflows_dagster.cli.notifying import notify
from workflows_dagster.cli.reporting import report
from workflows_dagster.cli.running import backfill, demo
from workflows_dagster.clients.spreadsheets.reader import SpreadsheetError
from workflows_dagster.logs.configure import configure_command, unconfigure
from workflows_dagster.logs.from_settings import load_log_config
from workflows_dagster.logs.masking import masked
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.stores.ports import StoreError
from workflows_dagster.wording.problems import problem_texts


class _FrontDoor(click.Group):
    """Turns what a user can cause into a sentence; a traceback is always our own bug."""

    def invoke(self, ctx: click.Context) -> Any:
        configure_command(load_log_config(os.environ), sys.stderr)
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            for line in problem_texts(error):
                click.echo(line, err=True)
            ctx.exit(EXIT_WRONG_INPUT)
        except SpreadsheetError as error:
            click.echo(str(error), err=True)
            ctx.exit(EXIT_WRONG_INPUT)
        except StoreError as error:
            click.echo(str(error), err=True)
            ctx.exit(EXIT_FAILED)
        except Exception:
            trace = traceback.format_exc()
            if masked(trace) == trace:
                raise
            click.echo(trace, err=True)
            ctx.exit(EXIT_FAILED)
        finally:
            unconfigure()


@click.group(cls=_FrontDoor, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="utility-meters", prog_name="meters")
def main() -> None:
    """Raw meter readings in, one trustworthy number a meter a day out.

    METERS_CONFIG_DIR, METERS_DATA_DIR and DAGSTER_HOME move the configuration, the embedded data and Dagster's home.
    Exit codes: 0 good, 1 the work failed, 2 what you gave was wrong.
    """


for command in (
    check,
    discover,
    demo,
    import_readings,
    backfill,
    show,
    explain,
    report,
    notify,
    backup,
    restore,
    upkeep,
):
    main.add_command(command)
