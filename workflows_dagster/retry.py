"""Retries transient failures, timed by a monotonic clock."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Clock(Protocol):
    """Time that only goes forward."""

    def monotonic(self) -> float:
        """Give the seconds since some instant."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; it may end early."""
        ...


class SystemClock:
    """The machine's monotonic clock: it does not jump when somebody sets the time."""

    def monotonic(self) -> float:
        """Give the seconds since some instant."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def wait(clock: Clock, seconds: float) -> None:
    """Wait until so much time has passed on the clock, however early its sleep ends. [s]"""  # noqa: D415
    due = clock.monotonic() + seconds
    while (left := due - clock.monotonic()) > 0:
        clock.sleep(left)


class TransientError(Exception):
    """A failure that may pass.

    Attributes:
        fact: What happened, for a person.
        remedy: What to do when it does not pass.
        wait: How long the server asks to wait, if it does. [s]
    """

    def __init__(self, fact: str, remedy: str, wait: float | None = None) -> None:
        super().__init__(fact)
        self.fact = fact
        self.remedy = remedy
        self.wait = wait


class GaveUpError(Exception):
    """It did not pass.

    Attributes:
        last: The last failure.
        effort: How often and how long it was tried, such as `3 tries in 3 s`.
    """

    def __init__(self, last: TransientError, effort: str) -> None:
        super().__init__(last.fact)
        self.last = last
        self.effort = effort


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how long to retry.

    Attributes:
        retries: Tries after the first one failed.
        first_wait: Wait before the first retry; it doubles with each. [s]
        longest_wait: It doubles up to this; a server that asks for a longer wait gets it. [s]
        longest_total: No retry begins later than this after the first try. [s]
        clock: The clock to wait on.
    """

    retries: int
    first_wait: float = 1.0
    longest_wait: float = 60.0
    longest_total: float = math.inf
    clock: Clock = field(default_factory=SystemClock)

    def run(self, what: str, call: Callable[[], _Result]) -> _Result:
        """Call until it works.

        Args:
            what: What is tried, for the log.
            call: Raises `TransientError` for a failure that may pass; anything else is raised at once.

        Raises:
            GaveUpError: The retries or the time are used up.
        """
        began = self.clock.monotonic()
        for retry in range(self.retries + 1):
            try:
                return call()
            except TransientError as failure:
                spent = self.clock.monotonic() - began
                pause = max(min(self.first_wait * 2.0**retry, self.longest_wait), failure.wait or 0.0)
                if retry == self.retries or spent + pause > self.longest_total:
                    effort = f"{retry + 1} tries in {spent:.0f} s" if retry else "1 try"
                    raise GaveUpError(failure, effort) from None
                _log.warning("%s: %s; trying again in %.0f s", what, failure.fact, pause)
            wait(self.clock, pause)
        raise AssertionError("unreachable")
