"""How far the error of another meter's use reaches the meter that is estimated by it.

Of a contained meter the use is taken as it is, and the rest of a gap's advance is spread: where that use is itself
estimated, too much of it in a stretch is too much here as well, and too little is left for the whole gap. A meter that
goes along with another one has by a fitted share more where the other has (docs/explanation/methods.md#bands).
"""

from __future__ import annotations

import numpy as np

from workflows_dagster.domain.bands import Bands, Parts
from workflows_dagster.domain.given_use import GivenUse
from workflows_dagster.domain.like_profile import LikeWeight
from workflows_dagster.domain.rate_window import RateWindow
from workflows_dagster.domain.stretches import Stretches


def passed_on(bands: Bands, stretches: Stretches) -> Stretches:
    """Give by how much an error of the other meter's use, when, is one of the meter that is estimated by it.

    Args:
        bands: Of the meter that contains another one, or goes along with it.
        stretches: Its stretches, within its life.

    Returns:
        Stretches of the other meter: those in which these begin and end, and against them the whole gaps, or the
        readings that give the rate. None where no other meter is used.
    """
    weight = bands.weight
    parts = bands.parts(stretches.starts, stretches.ends)
    if weight.given is None and not isinstance(weight, LikeWeight):
        return stretches.where(np.zeros(len(stretches.starts), dtype=bool))
    last = len(bands.register) - 1
    inside = (parts.gap >= 0) & (parts.gap < last)
    inside[inside] = bands.is_open(parts.gap[inside])
    found = [_of_gaps(bands, _chosen(parts, inside), stretches)]
    for window, beyond in ((bands.head, parts.gap < 0), (bands.tail, parts.gap >= last)):
        if window is not None and beyond.any():
            found.append(_beyond(bands, window, _chosen(parts, beyond), stretches))
    return Stretches.joined(found)


def _of_gaps(bands: Bands, parts: Parts, stretches: Stretches) -> Stretches:
    whole = np.stack([bands.register.times[parts.gap], bands.register.times[parts.gap + 1]])
    advance, weight = bands.register.advances[parts.gap], bands.weight
    share = bands.share(parts.starts, parts.ends, parts.gap)
    with np.errstate(invalid="ignore", divide="ignore"):
        if isinstance(weight, LikeWeight):
            total = weight.integral(whole[1]) - weight.integral(whole[0])
            along = weight.per_use * np.where(total > 0, advance / total, 0.0)
            return _both(parts, whole, along, along * share, stretches)
        assert weight.given is not None
        used = _used(weight.given, *whole)
        # Where more was used than was counted, nothing is left, and the use is scaled to what was counted.
        room = np.where(used > advance, advance / used, 1.0)
        against = np.where(used > advance, room * _used(weight.given, parts.starts, parts.ends) / used, share)
    return _both(parts, whole, room, against, stretches)


def _beyond(bands: Bands, window: RateWindow, parts: Parts, stretches: Stretches) -> Stretches:
    weight, ahead = bands.weight, bands.weight.beyond
    whole = np.full((2, len(parts.starts)), [[window.first], [window.last]], dtype=np.int64)
    share = (ahead.integral(parts.ends) - ahead.integral(parts.starts)) / window.weight
    if isinstance(weight, LikeWeight):
        along = np.full(len(share), weight.per_use * window.rate)
        return _both(parts, whole, along, along * share, stretches)
    assert weight.given is not None
    room = np.full(len(share), window.given_share)
    if window.given > window.advance:
        share = _used(weight.given, parts.starts, parts.ends) * room / window.given
    return _both(parts, whole, room, share, stretches)


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
