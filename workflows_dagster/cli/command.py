"""The base of all commands: logging, and errors as one sentence and an exit code."""

from __future__ import annotations

import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from workflows_dagster.settings.load import Settings

EXIT_FAILED = 1
EXIT_WRONG_INPUT = 2
EXIT_PARTLY_REFUSED = 3


class HouseCommand(click.Command):
    """Base class of the commands: prints errors that a user can cause as a sentence; a traceback is always a bug.

    The modules of the commands import only click at their top. Everything else is imported when the command runs, after
    its arguments have been parsed: `--help` and usage errors cost 0.1 s of CPU instead of one to three.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments."""
        try:
            return super().parse_args(ctx, args)
        except ValueError:
            raise click.UsageError("a path holds a character that no path can. Correct it.", ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command with the house's logging."""
        from workflows_dagster.logs.configure import configure_command, unconfigure
        from workflows_dagster.logs.from_settings import load_log_config, log_config
        from workflows_dagster.logs.masking import masked
        from workflows_dagster.settings.load import load
        from workflows_dagster.settings.problems import SettingsError
        from workflows_dagster.stores.ports import StoreError

        try:
            ctx.obj = load()
            config = log_config(ctx.obj)
        except SettingsError:
            config = load_log_config(os.environ)
        configure_command(config, sys.stderr)
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            from workflows_dagster.wording.problems import problem_texts

            for line in problem_texts(error):
                click.echo(line, err=True)
            ctx.exit(EXIT_WRONG_INPUT)
        except StoreError as error:
            fail(ctx, str(error))
        except OSError as error:
            if error.filename is None:
                raise
            fail(
                ctx,
                f"{error.filename}: cannot be used ({error.strerror or error}). Check the path, its rights, the disk.",
            )
        except MemoryError:
            fail(ctx, "There is not enough memory for this. Close other programs, or ask for fewer days or files.")
        except Exception:
            trace = traceback.format_exc()
            if masked(trace) == trace:
                raise
            fail(ctx, trace)
        finally:
            unconfigure()


def settings_of(ctx: click.Context, *, without_meters: bool = False, without_costs: bool = False) -> Settings:
    """Give the settings of the house, loaded once per command.

    Args:
        ctx: The command's context.
        without_meters: Whether meters.yaml may be empty.
        without_costs: Whether the command goes on where tariffs.yaml has mistakes, and says so.

    Raises:
        SettingsError: The configuration cannot be used.
    """
    if ctx.obj is None:
        from workflows_dagster.settings.load import load

        ctx.obj = load(without_meters=without_meters, without_costs=without_costs)
        if without_costs:
            from workflows_dagster.wording import words_of

            # `HouseCommand` has loaded all files before, in vain.
            hint = words_of(ctx.obj.site).say(
                "tariffs.yaml has mistakes, which stop costs and not readings: `meters check`."
            )
            click.echo(hint, err=True)
    settings: Settings = ctx.obj
    return settings


def fail(ctx: click.Context, sentence: str, code: int = EXIT_FAILED) -> NoReturn:
    """Print an error and exit."""
    click.echo(sentence, err=True)
    ctx.exit(code)
