from __future__ import annotations

import logging

import pytest

from tests.clock import PatientClock
from workflows_dagster.retry import GaveUpError, RetryPolicy, TransientError


class Faulty:
    """Fails so many times, then works."""

    def __init__(self, failures: int, wait: float | None = None) -> None:
        self.left = failures
        self.wait = wait

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise TransientError("busy", "Wait", self.wait)
        return "done"


class DrowsyClock(PatientClock):
    """A clock whose sleep ends early."""

    def sleep(self, seconds: float) -> None:
        super().sleep(min(seconds, 0.75))


def test_waits_double_up_to_the_longest() -> None:
    clock = PatientClock()
    assert RetryPolicy(5, first_wait=2.0, longest_wait=10.0, clock=clock).run("x", Faulty(5)) == "done"
    assert clock.waits == [2.0, 4.0, 8.0, 10.0, 10.0]


def test_a_servers_own_wait_counts_when_it_is_longer() -> None:
    clock = PatientClock()
    RetryPolicy(2, clock=clock).run("x", Faulty(2, wait=1.5))
    assert clock.waits == [1.5, 2.0]


def test_a_servers_own_wait_may_be_longer_than_the_longest() -> None:
    clock = PatientClock()
    RetryPolicy(1, longest_wait=10.0, clock=clock).run("x", Faulty(1, wait=90.0))
    assert clock.waits == [90.0]


def test_no_wait_goes_beyond_the_longest_total() -> None:
    clock = PatientClock()
    with pytest.raises(GaveUpError) as gave_up:
        RetryPolicy(5, longest_total=6.0, clock=clock).run("x", Faulty(9))
    assert clock.waits == [1.0, 2.0]
    assert gave_up.value.effort == "3 tries in 3 s"


def test_a_sleep_that_ends_early_is_slept_to_its_end() -> None:
    clock = DrowsyClock()
    RetryPolicy(1, first_wait=2.0, clock=clock).run("x", Faulty(1))
    assert clock.waits == [0.75, 0.75, 0.5]


def test_after_the_last_attempt_it_gives_up_and_says_what_it_took() -> None:
    with pytest.raises(GaveUpError) as gave_up:
        RetryPolicy(2, clock=PatientClock()).run("x", Faulty(3))
    assert (gave_up.value.last.fact, gave_up.value.effort) == ("busy", "3 tries in 3 s")


def test_anything_else_is_not_tried_again() -> None:
    clock = PatientClock()

    def broken() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        RetryPolicy(3, clock=clock).run("x", broken)
    assert clock.waits == []


def test_each_wait_is_logged_with_what_and_why(caplog: pytest.LogCaptureFixture) -> None:
    RetryPolicy(1, clock=PatientClock()).run("reading gas", Faulty(1))
    assert caplog.record_tuples[0][1:] == (logging.WARNING, "reading gas: busy; trying again in 1 s")
