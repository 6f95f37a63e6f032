"""The command group. A command's module is imported only when that command runs, so `meters --help` is fast."""

from __future__ import annotations

import importlib

import click

# Each command's module and the first sentence of its help; tests/cli/test_front_door.py compares them.
COMMANDS = {
    "init": (
        "init",
        "Describe a new house: asks a few questions, and writes a small meters.yaml with what belongs to it.",
    ),
    "check": ("check", "Check the configuration, every error at once; and what it needs to reach."),
    "discover": (
        "discover",
        "List raw readings that look like a meter but are not configured, as lines ready for meters.yaml.",
    ),
    "demo": (
        "demo",
        "Load the sample household into the embedded store, compute its history, and show its last twelve months.",
    ),
    "import": (
        "import_",
        "Import readings from FILES: CSV, Excel or OpenDocument, with a column of readings or a column a meter.",
    ),
    "reading": (
        "reading",
        "Store one reading of a METER: its register shows VALUE. It is compared with the meter's history first.",
    ),
    "readings": ("readings", "List the stored readings of a METER, with what cleaning made of each."),
    "forget": ("forget", "Take back one reading of a METER: the one of the moment WHEN ('20.11.2026 12:00')."),
    "export": (
        "export",
        "Write everything that is stored into FOLDER as CSV files: readings, days, months, costs, findings.",
    ),
    "backfill": ("backfill", "Compute a range of days for all meters, in one Dagster run."),
    "show": ("show", "Show a METER's days, months or years; the days end with today so far, which is provisional."),
    "advise": (
        "advise",
        "Say which meter to read next: whose reading narrows the running year's 80 % band the most.",
    ),
    "months": ("months", "Show the last twelve months of all meters in one table, the running one so far."),
    "home-assistant": (
        "home_assistant",
        "Work with Home Assistant: its power sensors, the hours given back to it, its Energy dashboard.",
    ),
    "explain": ("explain", "Explain why a METER's number for a DAY is what it is, with figures to calculate with."),
    "report": (
        "report",
        "Write the report of a MONTH (2025-03; default: the last complete one) as one self-contained page.",
    ),
    "notify": ("notify", "Try the addresses to which alerts go: with --test a message is sent to each."),
    "backup": (
        "backup",
        "Back up data, Dagster's home and configuration (without secrets) into one file, and verify it.",
    ),
    "restore": ("restore", "Make the backup FILE the house."),
    "upkeep": (
        "upkeep",
        "Keep Dagster's home small: deletes old runs and their logs, but forgets no materialized partition.",
    ),
}


class _LazyGroup(click.Group):
    """Lists commands by name and help, and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name, _ = COMMANDS[cmd_name]
        module = importlib.import_module(f"workflows_dagster.cli.{name}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        room = formatter.width - 6 - max(map(len, COMMANDS))
        rows = [
            (name, click.Command(name, help=COMMANDS[name][1]).get_short_help_str(room))
            for name in self.list_commands(ctx)
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="utility-meters", prog_name="meters")
def main() -> None:
    """Raw meter readings in, one trustworthy number a meter a day out.

    METERS_CONFIG_DIR, METERS_DATA_DIR and DAGSTER_HOME move the configuration, the embedded data and Dagster's home.
    Exit codes: 0 good, 1 the work failed, 2 what you gave was wrong.
    """
