"""The run that this process is working on, so that each line of a library names its run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RunContext:
    """Where in which run something happened.

    Attributes:
        run: Id of the run.
        job: Its job.
        asset: Asset or step that was being computed; None between two.
        partitions: Partition, or first and last of a range (`2024-01-01...2024-12-31`); None where there are none.
    """

    run: str
    job: str | None = None
    asset: str | None = None
    partitions: str | None = None


_current: RunContext | None = None


def current_run() -> RunContext | None:
    """Give the run that this process is working on, if any. A process works on one run at a time."""
    return _current


def follow_run(context: RunContext | None) -> None:
    """Note what this process works on from now on; None when a run is over."""
    global _current
    _current = context
