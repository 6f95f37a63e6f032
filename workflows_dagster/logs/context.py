"""The Dagster run that this process executes, so that every log line can name it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunContext:
    """A run, and the asset and partitions that it is working on.

    Attributes:
        run: Id of the run.
        job: Its job.
        asset: Asset or step being computed; None between two.
        partitions: Partition, or first and last of a range (`2024-01-01...2024-12-31`); None where there are none.
    """

    run: str
    job: str | None = None
    asset: str | None = None
    partitions: str | None = None


_current: RunContext | None = None


def current_run() -> RunContext | None:
    """Give the run that this process executes, if any. A process executes one run at a time."""
    return _current


def follow_run(context: RunContext | None) -> None:
    """Set the run that this process executes; None when the run is over."""
    global _current
    _current = context
