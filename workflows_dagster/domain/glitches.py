"""Finds glitches: short runs of wrong readings, after which the counter returns to its course."""

from __future__ import annotations

from statistics import median

from workflows_dagster.domain.days import MICROSECONDS_PER_DAY

# The longest run that can be a glitch; a longer one is a reset.
LONGEST_RUN = 12
# Nor does one last longer, from its first reading to its last: of a meter read once a month only a single reading can
# be a glitch.
LONGEST_TIME = 3 * MICROSECONDS_PER_DAY
# Readings on either side by which one is judged: enough for two complete neighbouring runs.
REACH = 4 * LONGEST_RUN


def keep_in_window(times: list[int], values: list[float], resolution: float) -> list[bool]:
    """Tell which readings of a short window are valid.

    A low run starts with a fall and ends when the counter is back at what it showed before; a high run starts with a
    rise and ends with a fall to no less than before. The step at the far end must regain, or the first rise must have
    made, at least half of the fall: a counter that climbs back step by step was reset. Of several runs the one furthest
    from the window's median goes first, then the shortest, until none is left (docs/explanation/methods.md#cleaning).

    Args:
        times: Instants of consecutive readings, microseconds since 1970, increasing, shape (n,).
        values: The readings, shape (n,). [meter unit]
        resolution: A fall within it is jitter. [meter unit]

    Returns:
        Whether each reading is valid, shape (n,).
    """
    index = list(range(len(values)))
    while (run := _strangest_run([times[i] for i in index], [values[i] for i in index], resolution)) is not None:
        del index[run[0] : run[1]]
    kept = [False] * len(values)
    for i in index:
        kept[i] = True
    return kept


def _strangest_run(times: list[int], values: list[float], resolution: float) -> tuple[int, int] | None:
    best: tuple[float, int, int] | None = None
    usual = median(values)
    found: tuple[int, int] | None = None
    for at in range(1, len(values)):
        if values[at] >= values[at - 1] - resolution:
            continue
        for high, run in ((0, _low_run(values, at, resolution)), (1, _high_run(values, at, resolution))):
            if run is None or times[run[1] - 1] - times[run[0]] > LONGEST_TIME:
                continue
            strangeness = abs(median(values[run[0] : run[1]]) - usual)
            rank = (-strangeness, run[1] - run[0], high)
            if best is None or rank < best:
                best, found = rank, run
    return found


def _low_run(values: list[float], fall: int, resolution: float) -> tuple[int, int] | None:
    """Find the run that begins with the fall and after which the counter has recovered."""
    before = values[fall - 1]
    for back in range(fall + 1, min(fall + LONGEST_RUN + 1, len(values))):
        if values[back] >= before - resolution:
            regained = values[back] - values[back - 1]
            return (fall, back) if regained >= (before - values[fall]) / 2 else None
    return None


def _high_run(values: list[float], fall: int, resolution: float) -> tuple[int, int] | None:
    """Find the run that ends with the fall, and that began with a rise from a reading no higher than those after it."""
    after = values[fall]
    for before in range(fall - 2, max(fall - LONGEST_RUN - 2, -1), -1):
        if values[before] <= after + resolution:
            risen = values[before + 1] - values[before]
            return (before + 1, fall) if risen >= (values[fall - 1] - after) / 2 else None
    return None
