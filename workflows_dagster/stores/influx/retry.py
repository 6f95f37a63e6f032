"""Trying again what may pass, on a clock that nobody sets."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Clock(Protocol):
    """Time that only goes forward."""

    def monotonic(self) -> float:
        """Tell the seconds since some instant."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's monotonic clock: it does not jump when somebody sets the time."""

    def monotonic(self) -> float:
        """Tell the seconds since some instant."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class PassingError(Exception):
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
    """It did not pass. The last failure is `last`, `effort` says how long it was tried."""

    def __init__(self, last: PassingError, effort: str) -> None:
        super().__init__(last.fact)
        self.last = last
        self.effort = effort


@dataclass(frozen=True)
class Patience:
    """How often and how long to try again.

    Attributes:
        attempts: How often to try again after the first failure.
        first_wait: Wait before the second try; it doubles with each. [s]
        longest_wait: No wait is longer, whatever the server asks. [s]
        clock: The clock to wait on.
    """

    attempts: int
    first_wait: float = 1.0
    longest_wait: float = 60.0
    clock: Clock = field(default_factory=SystemClock)

    def run(self, what: str, call: Callable[[], _Result]) -> _Result:
        """Call until it works.

        Args:
            what: What is tried, for the log.
            call: Raises PassingError for a failure that may pass; anything else ends the trying.

        Raises:
            GaveUpError: It failed once more than `attempts`.
        """
        began = self.clock.monotonic()
        for attempt in range(self.attempts + 1):
            try:
                return call()
            except PassingError as failure:
                if attempt == self.attempts:
                    seconds = self.clock.monotonic() - began
                    tries = f"{attempt + 1} tries in {seconds:.0f} s" if attempt else "1 try"
                    raise GaveUpError(failure, tries) from None
                wait = min(max(self.first_wait * 2**attempt, failure.wait or 0.0), self.longest_wait)
                _log.warning("%s: %s; trying again in %.0f s", what, failure.fact, wait)
                self._sleep(wait)
        raise AssertionError("unreachable")

    def _sleep(self, seconds: float) -> None:
        due = self.clock.monotonic() + seconds
        # A sleep may end early; only the clock tells when the wait is over.
        while (left := due - self.clock.monotonic()) > 0:
            self.clock.sleep(left)
