"""Backfills killed at random moments, and whether the store comes out equal: `kill -9`, ten times.

    python -m bench.kill [--kills 10] [--seed 1] [--days 365]

The sample household, computed once undisturbed and once with kills; the stores are compared to the last bit.
"""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Column, Table

from bench.apart import environment_of, figures_of
from bench.household import LAST, copy_config, readings_of_house, write_house


def main() -> None:
    """Print where the kills fell and what came of them."""
    parser = argparse.ArgumentParser(description="Backfills killed at random moments, and the store compared.")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1, help="decides the moments")
    parser.add_argument("--days", type=int, default=365)
    options = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        config = copy_config(folder / "config", {"storage": {"backend": "embedded"}})
        environment = environment_of(folder, METERS_CONFIG_DIR=str(config))
        first = LAST - timedelta(days=options.days - 1)
        _write(folder, environment, options.days)
        span = ["--from", f"{first}", "--to", f"{LAST}"]
        found = figures_of("tests.maintenance.killing", [str(options.kills), str(options.seed), *span], environment)
    table = Table(Column("kill", justify="right"), Column("values in the store", justify="right"), Column("of all"))
    for number, there in enumerate(found["values_at_kill"], start=1):
        table.add_row(str(number), f"{there:,}", f"{there / found['values']:.0%}")
    console = Console(width=140)
    console.print(f"Undisturbed: {found['values']:,} values in {found['seconds']:.0f} s.")
    console.print(table)
    same = found["ended_well"] and found["equal"] and found["partitions_equal"]
    console.print(
        "After the last kill, run again: every value and every materialized partition as undisturbed."
        if same
        else f"NOT equal: {found['differing']}"
    )
    if not same:
        sys.exit("bench: a kill left something that the next run does not mend.")


def _write(folder: Path, environment: dict[str, str], days: int) -> None:
    from workflows_dagster.settings.load import load
    from workflows_dagster.stores.embedded import EmbeddedStore
    from workflows_dagster.stores.open import EMBEDDED_FILE

    settings = load(folder / "config", environment)
    store = EmbeddedStore(settings.data_dir / EMBEDDED_FILE)
    write_house(settings, store, readings_of_house(settings, LAST - timedelta(days=days + 60), at_least=0))
    store.close()


if __name__ == "__main__":
    main()
