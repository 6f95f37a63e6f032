"""How far the error of a contained meter's use reaches the meter that contains it.

The contained meter's use is taken as it is, and the rest of a gap's advance is spread. Where that use is itself
estimated, too much of it in a stretch is too much here as well, and too little is left to be spread over the whole gap
(docs/explanation/methods.md#bands).
"""

from __future__ import annotations

import numpy as np

from workflows_dagster.domain.bands import Bands, Parts
from workflows_dagster.domain.given_use import GivenUse
from workflows_dagster.domain.stretches import Stretches


def passed_on(bands: Bands, stretches: Stretches) -> Stretches:
    """Give by how much an error of the contained meter's use, when, is one of the meter that contains it.

    Args:
        bands: Of the meter that contains another one.
        stretches: Its stretches, within its life.

    Returns:
        Stretches of the contained meter: those in which the others begin and end, and against them the whole gaps, or
        the readings that give the rate, from which the rest was left. None without a contained meter.
    """
    given = bands.weight.given
    parts = bands.parts(stretches.starts, stretches.ends)
    if given is None:
        return stretches.where(np.zeros(len(stretches.starts), dtype=bool))
    last = len(bands.register) - 1
    inside = (parts.gap >= 0) & (parts.gap < last)
    inside[inside] = bands.is_open(parts.gap[inside])
    found = [_of_gaps(bands, given, _chosen(parts, inside), stretches)]
    for window, beyond in ((bands.head, parts.gap < 0), (bands.tail, parts.gap >= last)):
        if window is None or not beyond.any():
            continue
        chosen = _chosen(parts, beyond)
        used = _used(given, chosen.starts, chosen.ends)
        weight = bands.weight.beyond
        spread = (weight.integral(chosen.ends) - weight.integral(chosen.starts)) / window.weight
        whole = np.full((2, len(used)), [[window.first], [window.last]], dtype=np.int64)
        against = used * window.given_share / window.given if window.given > window.advance else spread
        found.append(_both(chosen, whole, np.full(len(used), window.given_share), against, stretches))
    return Stretches.joined(found)


def _of_gaps(bands: Bands, given: GivenUse, parts: Parts, stretches: Stretches) -> Stretches:
    whole = np.stack([bands.register.times[parts.gap], bands.register.times[parts.gap + 1]])
    advance, used = bands.register.advances[parts.gap], _used(given, *whole)
    share = bands.share(parts.starts, parts.ends, parts.gap)
    # Where more was used than was counted, nothing is left, and the use is scaled to what was counted.
    with np.errstate(invalid="ignore", divide="ignore"):
        room = np.where(used > advance, advance / used, 1.0)
        against = np.where(used > advance, room * _used(given, parts.starts, parts.ends) / used, share)
    return _both(parts, whole, room, against, stretches)


def _both(parts: Parts, whole: np.ndarray, room: np.ndarray, against: np.ndarray, stretches: Stretches) -> Stretches:
    number, factor = stretches.number[parts.stretch], stretches.factor[parts.stretch]
    return Stretches.joined(
        [
            Stretches(number, parts.starts, parts.ends, factor * room),
            Stretches(number, whole[0], whole[1], -factor * against),
        ]
    )


def _used(given: GivenUse, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    used: np.ndarray = given.integral(ends) - given.integral(starts)
    return used


def _chosen(parts: Parts, which: np.ndarray) -> Parts:
    return Parts(parts.stretch[which], parts.starts[which], parts.ends[which], parts.gap[which])
