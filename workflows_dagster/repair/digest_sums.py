"""Sums of digests, modulo 2**64: equal sums mean equal days, and a window of any length is a difference of two sums."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from workflows_dagster.domain.days import DayRange

Numbers = npt.NDArray[np.uint64]
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def nothing(span: DayRange) -> Numbers:
    """Give 0 for each day."""
    return np.zeros(span.count, dtype=np.uint64)


def nothing_at() -> Numbers:
    """Give 0 for one day or month."""
    return np.zeros(1, dtype=np.uint64)


def key(*facts: object) -> np.uint64:
    """Hash facts into a key that distinguishes digests."""
    return np.uint64(int.from_bytes(hashlib.blake2b(repr(facts).encode(), digest_size=8).digest(), "big"))


def of_meter(digests: np.ndarray, span: DayRange, own: np.uint64) -> Numbers:
    """Mix meter and day into each digest, so that sums of digests distinguish meters and days."""
    ordinals = np.arange(span.first.toordinal(), span.last.toordinal() + 1, dtype=np.uint64)
    return np.where(digests != 0, mixed(mixed(digests + own) + ordinals * _SPREAD), np.uint64(0))


def summed(numbers: Numbers) -> Numbers:
    """Give prefix sums, shape (n + 1,): the sum of a range is the difference of two."""
    return np.concatenate([nothing_at(), np.cumsum(numbers, dtype=np.uint64)])


def window(numbers: Numbers, reach: int) -> Numbers:
    """Add up each day and the `reach` days before it."""
    sums = summed(numbers)
    starts = np.maximum(np.arange(len(numbers)) - reach, 0)
    return sums[1:] - sums[starts]


def mixed(numbers: np.ndarray) -> Numbers:
    """Spread each number over all 64 bits: the last step of splitmix64."""
    spread = numbers.astype(np.uint64)
    spread = (spread ^ (spread >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    spread = (spread ^ (spread >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return spread ^ (spread >> np.uint64(31))


def folded(numbers: Numbers) -> np.ndarray:
    """Shorten numbers to 32 bits above 0."""
    short = ((numbers ^ (numbers >> np.uint64(32))) & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    return np.where(short == 0, np.uint32(1), short)
