"""The command line `meters`."""

from workflows_dagster.cli.main import main

__all__ = ["main"]
