"""Code that several processes of a test run at once; a separate module, because each of them imports it."""

from __future__ import annotations

from multiprocessing.synchronize import Barrier
from pathlib import Path

from workflows_dagster.pipeline.storage.home import INSTANCE_FILE, ensure_home


def make_at_once(start: Barrier, homes: list[Path]) -> None:
    """Make one home after the other, each at the moment at which the other processes do."""
    for home in homes:
        start.wait(timeout=30)
        ensure_home(home)
        if (home / "dagster.yaml").read_text() != INSTANCE_FILE:
            raise SystemExit(1)


def open_at_once(start: Barrier, homes: list[Path]) -> None:
    """Open one fresh home after the other, each at the moment at which the other processes do."""
    # Here, because it loads Dagster, which a process that only makes homes does without.
    from workflows_dagster.pipeline.backfill import dagster_instance

    for home in homes:
        start.wait(timeout=60)
        with dagster_instance(home) as instance:
            instance.get_runs_count()
