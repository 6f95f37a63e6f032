"""A clock for tests."""

from __future__ import annotations


class PatientClock:
    """A clock on which waiting takes no time, and is kept."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
