"""One day of all meters through the command line, beside four years that are computed already.

python -m bench.one_day [--runs N]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Column, Table

from bench.apart import influx_server, run_apart
from bench.houses import DAYS, House, Houses

MOST_SECONDS = 6

# As the installed `meters` does; it need not be on the PATH.
_METERS = [sys.executable, "-c", "from workflows_dagster.cli import main; main(prog_name='meters')"]


def one_day(house: House, runs: int) -> list[float]:
    """Compute the last of four years again and again, day by day backwards.

    Args:
        house: A house in which nothing is computed yet.
        runs: How many days.

    Returns:
        Seconds of each, from start to end of the process. [s], shape (runs,)

    Raises:
        RunError: The command failed.
    """
    from bench.household import LAST

    house.run("ours", DAYS)
    seconds = []
    for back in range(runs):
        day = (LAST - timedelta(days=back)).isoformat()
        began = time.perf_counter()
        run_apart([*_METERS, "backfill", "--from", day, "--to", day], house.environment)
        seconds.append(time.perf_counter() - began)
    return seconds


def main(arguments: list[str] | None = None) -> None:
    """Print seconds by store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args(arguments)
    console = Console(width=140)
    table = Table(
        "meters backfill --from D --to D",
        *(Column(name, justify="right") for name in ("median [s]", "fastest [s]")),
        caption=f"asked: one day of all meters ≤ {MOST_SECONDS} s",
    )
    with TemporaryDirectory() as folder:
        houses = Houses(Path(folder))
        with houses.embedded() as house:
            began = time.perf_counter()
            run_apart([*_METERS, "--version"], house.environment)
            loading = time.perf_counter() - began
            _add(table, "embedded", one_day(house, options.runs))
        with influx_server() as server:
            if server is not None:
                with houses.influx(server) as house:
                    _add(table, "InfluxDB", one_day(house, options.runs))
    _add(table, "of which loading the program (meters --version)", [loading])
    console.print(table)
    if table.row_count < 3:
        console.print("InfluxDB: left out, no influxd on the PATH. Put InfluxDB 2.x there to measure against it.")


def _add(table: Table, name: str, seconds: list[float]) -> None:
    table.add_row(name, f"{statistics.median(seconds):.1f}", f"{min(seconds):.1f}")


if __name__ == "__main__":
    main()
