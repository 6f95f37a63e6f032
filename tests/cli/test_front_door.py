"""The command group: what it lists, and which modules each command loads."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from tests.cli.front_door import FrontDoor, at
from workflows_dagster.cli.main import COMMANDS, main
from workflows_dagster.maintenance.archive import PARTS
from workflows_dagster.stores.ports import RawSeries

# Costly in CPU or memory, or Dagster's.
HEAVY = {
    "dagster", "dagster_shared", "workflows_dagster.pipeline", "pandas", "numpy", "scipy", "pydantic", "yaml", "rich",
    "influxdb_client", "gql", "aiohttp", "requests", "apprise", "matplotlib", "jinja2", "python_calamine",
    "sqlalchemy", "grpc",
}  # fmt: skip
# What reading the configuration and the store and printing a table take.
PLAIN = {"pandas", "numpy", "pydantic", "yaml", "rich"}

HELP_AND_USAGE_ERRORS = [
    ["--help"],
    ["--version"],
    ["shwo"],
    *([name, "--help"] for name in COMMANDS),
    *([name, "--no-such-option"] for name in COMMANDS),
    ["show", "gas_zahler", "--from", "yesterday"],
    ["explain", "gas_zahler", "2024-13"],
    ["report", "March"],
    ["backfill", "--from", "2024-01-32"],
    ["restore", "no-such-file"],
    ["notify"],
]


def loaded_by(*commands: list[str]) -> set[str]:
    """Run commands in a process of its own; give which of the heavy modules it has loaded in the end."""
    (loaded,) = loaded_by_each(list(commands))
    return loaded


def loaded_by_each(*runs: list[list[str]], beforehand: Iterable[str] = ()) -> list[set[str]]:
    """Run lists of commands, each in a fork of one process that has loaded some modules beforehand."""
    code = f"""
import importlib, os, sys
for name in {sorted(beforehand)!r}:
    importlib.import_module(name)
from workflows_dagster.cli import main
for commands in {list(runs)!r}:
    sys.stdout.flush()
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        continue
    for arguments in commands:
        try:
            main(arguments, prog_name="meters")
        except SystemExit:
            pass
    print("\\nLOADED", *sorted({HEAVY!r} & set(sys.modules)))
    sys.stdout.flush()
    os._exit(0)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = [line.removeprefix("LOADED").split() for line in run.stdout.splitlines() if line.startswith("LOADED")]
    assert len(found) == len(runs)
    return [set(names) for names in found]


def test_help_and_usage_errors_load_nothing_heavy() -> None:
    assert loaded_by(*HELP_AND_USAGE_ERRORS) == set()


@pytest.fixture
def read(house: FrontDoor, tmp_path: Path) -> Path:
    """A house whose main meter has a day, and a file of readings."""
    house.read(RawSeries("kWh", "haupt_strom"), at({"2024-03-01 00:00": 0.0, "2024-03-02 00:00": 4.0}))
    assert house.run("backfill", "--from", "2024-03-01", "--to", "2024-03-01").exit_code == 0
    file = tmp_path / "readings.csv"
    file.write_text("time,value,meter_id\n2024-03-03T00:00,9.5,haupt_strom\n")
    return file


def test_plain_commands_load_no_dagster_and_no_library_that_they_do_not_need(read: Path) -> None:
    commands = {
        "show": ["show", "haupt_strom"],
        "explain": ["explain", "haupt_strom", "2024-03-01"],
        "check": ["check"],
        "reading": ["reading", "haupt_strom", "9,75", "--yes"],
        "readings": ["readings", "haupt_strom"],
        "discover": ["discover"],
        "import": ["import", str(read)],
        "report": ["report", "2024-03"],
        "notify": ["notify", "--test"],
        "backup": ["backup"],
    }
    found = loaded_by_each(*([arguments] for arguments in commands.values()), beforehand=PLAIN)
    loaded = {name: modules - PLAIN for name, modules in zip(commands, found, strict=True)}
    assert loaded == {
        "show": set(),
        "explain": set(),
        "check": set(),
        "reading": set(),
        "readings": set(),
        "discover": set(),
        "import": set(),
        "report": {"jinja2", "matplotlib"},
        "notify": set(),
        "backup": set(),
    }


def test_the_list_of_commands_says_what_each_command_says_itself() -> None:
    context = click.Context(main)
    for name, (_, sentence) in COMMANDS.items():
        command = main.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.get_short_help_str(500) == click.Command(name, help=sentence).get_short_help_str(500)


def test_restore_knows_all_parts_of_a_backup() -> None:
    command = main.get_command(click.Context(main), "restore")
    assert command is not None
    (only,) = (parameter for parameter in command.params if parameter.name == "parts")
    assert isinstance(only.type, click.Choice)
    assert tuple(only.type.choices) == PARTS
