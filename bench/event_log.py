"""What Dagster's bookkeeping costs: one run over all days of all meters, with the stock event log and with ours.

The assets do nothing but state their metadata, so all that is timed is Dagster. Each run is a process of its own.

    python -m bench.event_log [--assets 27] [--days 1461] [--stock-days 60]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

Log = Literal["stock", "ours"]

FIRST_DAY = date(2020, 1, 1)


def run_once(log: Log, assets: int, days: int, metadata: bool, home: Path) -> dict[str, float]:
    """Materialize all days of all assets in this process, in one run.

    Args:
        log: Which event log.
        assets: Number of assets, each hanging on the one before.
        days: Number of daily partitions.
        metadata: Whether each day states two entries of metadata of its own.
        home: An empty folder for Dagster's home.

    Returns:
        `seconds` of the run alone, `megabytes` at the peak of the whole process, `disk` megabytes of the event log.
    """
    import dagster as dg

    from workflows_dagster.pipeline.storage.home import ensure_home

    os.environ["DAGSTER_HOME"] = str(home)
    if log == "ours":
        ensure_home(home)
    else:
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\npython_logs: {python_log_level: INFO}\n")
    warnings.simplefilter("ignore", dg.BetaWarning)
    partitions = dg.DailyPartitionsDefinition(
        FIRST_DAY.isoformat(), end_date=(FIRST_DAY + timedelta(days)).isoformat(), timezone="Europe/Berlin"
    )
    keys = partitions.get_partition_keys()

    def meter(number: int) -> dg.AssetsDefinition:
        @dg.asset(
            name=f"meter_{number}",
            partitions_def=partitions,
            backfill_policy=dg.BackfillPolicy.single_run(),
            deps=[f"meter_{number - 1}"] if number else [],
        )
        def materialize_days(context) -> None:
            for position, key in enumerate(context.partition_keys if metadata else []):
                context.add_asset_metadata({"consumption": position / 10, "quality": "measured"}, partition_key=key)

        return materialize_days

    with dg.DagsterInstance.get() as instance:
        began = time.perf_counter()
        result = dg.materialize(
            [meter(number) for number in range(assets)],
            instance=instance,
            tags={"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]},
        )
        seconds = time.perf_counter() - began
        seen = sum(len(instance.get_materialized_partitions(key)) for key in instance.get_asset_keys())
    if not result.success or seen != assets * days:
        raise SystemExit(f"bench: {seen} partitions are materialized, {assets * days} were asked for. Look at the log.")
    return {
        "seconds": seconds,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "disk": sum(path.stat().st_size for path in (home / "history" / "runs").iterdir()) / 2**20,
    }


def run_apart(log: Log, assets: int, days: int, metadata: bool) -> dict[str, float]:
    """Do `run_once` in a process of its own, so that neither memory nor caches are shared."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-m", "bench.event_log", "--once", log, home]
            + ["--assets", str(assets), "--days", str(days)]
            + ([] if metadata else ["--no-metadata"]),
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
            env={name: value for name, value in os.environ.items() if name != "DAGSTER_EVENT_BATCH_SIZE"},
            text=True,
            check=True,
        )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def main(arguments: list[str] | None = None) -> None:
    """Print seconds, ratio and peak memory of both event logs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--assets", type=int, default=27)
    parser.add_argument("--days", type=int, default=1461)
    parser.add_argument("--stock-days", type=int, default=60, help="days for stock, whose time is then scaled up")
    parser.add_argument("--no-metadata", dest="metadata", action="store_false", help="no metadata of its own a day")
    parser.add_argument("--once", nargs=2, metavar=("LOG", "HOME"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.once:
        log, home = options.once
        print(json.dumps(run_once(log, options.assets, options.days, options.metadata, Path(home))))
        return
    ours = run_apart("ours", options.assets, options.days, options.metadata)
    stock_days = min(options.stock_days, options.days)
    stock = run_apart("stock", options.assets, stock_days, options.metadata)
    scale = options.days / stock_days
    stock_seconds = stock["seconds"] * scale
    note = "" if scale == 1 else f", scaled from {stock_days} days ({stock['seconds']:.1f} s)"
    metadata = "two entries of metadata a day" if options.metadata else "no metadata"
    print(f"{options.assets} assets × {options.days} days in one in-process run, {metadata}")
    print(f"  ours   {ours['seconds']:7.1f} s   peak {ours['megabytes']:4.0f} MB   event log {ours['disk']:4.0f} MB")
    print(f"  stock  {stock_seconds:7.1f} s   peak {stock['megabytes']:4.0f} MB at {stock_days} days{note}")
    print(f"  ratio  {stock_seconds / ours['seconds']:7.1f}")


if __name__ == "__main__":
    main()
