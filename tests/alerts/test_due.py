"""When the owner gets which message: a week at home, tick by tick."""

from __future__ import annotations

from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from workflows_dagster.alerts import due
from workflows_dagster.alerts.cause import Cause, CheckResults, run_checks
from workflows_dagster.alerts.memory import Memory
from workflows_dagster.settings.alert_rules import AlertSettings

BERLIN = ZoneInfo("Europe/Berlin")
NOON = pd.Timestamp("2026-06-01 12:00", tz=BERLIN).tz_convert("UTC")
HEAT = Cause("house:heat:reading_overdue", "finding", {"meter": "heat", "finding": "the last reading is 5 days old."})
DISK = Cause("disk:data", "disk_full", {"kept": ["data"], "path": "/data", "free_mb": 20, "least_mb": 1000})
RUN = Cause("run:days", "run_failed", {"job": "days", "run": "1f0c2233", "at": "2026-06-01T10:00:00+00:00"})
SPIKE = Cause("house:water:use:above", "unusual_day", {"meter": "water"}, pd.Timestamp("2026-05-30 22:00Z"), False)


@dataclass(frozen=True)
class Sent:
    """A message: the causes in it, how many others are still active, and those that it calls resolved."""

    due: tuple[str, ...] = ()
    active_before: int = 0
    resolved: tuple[str, ...] = ()


def keys(causes: list[Cause]) -> tuple[str, ...]:
    return tuple(cause.key for cause in causes)


class Owner:
    """Has the house checked and gets messages; the memory goes through its text at each tick, as through a restart."""

    def __init__(self, **rules: object) -> None:
        self.rules = AlertSettings.model_validate(rules)
        self.cursor: str | None = None

    def tick(self, at: str | pd.Timedelta, *causes: Cause, failed: tuple[str, ...] = ()) -> Sent | None:
        now, memory = NOON + pd.Timedelta(at), Memory.decode(self.cursor)
        results = CheckResults(causes, frozenset(failed))
        due.update(memory, results, now)
        causes_due = due.due_causes(memory, results, self.rules, now)
        resolved = [] if causes_due else due.resolved_causes(memory, results, now)
        sent = None
        if (causes_due or resolved) and due.may_send(memory, self.rules, BERLIN, now):
            sent = Sent(keys(causes_due), due.active_before(memory, causes_due) if causes_due else 0, keys(resolved))
            due.note_delivered(memory, causes_due, now)
        self.cursor = memory.encode()
        return sent


def test_many_causes_are_one_message():
    assert Owner().tick("0h", HEAT, DISK, RUN) == Sent(keys([HEAT, DISK, RUN]))


def test_the_same_cause_is_reported_once_a_week():
    owner = Owner(quiet_hours=None)
    assert owner.tick("0h", HEAT) is not None
    assert owner.tick("5m", HEAT) is None
    assert owner.tick("167h", HEAT) is None
    assert owner.tick("168h", HEAT) == Sent(keys([HEAT]))
    assert owner.tick("169h", HEAT) is None


def test_what_comes_up_soon_after_a_message_waits_and_goes_together():
    owner = Owner()
    owner.tick("0h", HEAT)
    assert owner.tick("1h", HEAT, DISK) is None
    assert owner.tick("3h55m", HEAT, DISK, RUN) is None
    assert owner.tick("4h", HEAT, DISK, RUN) == Sent(keys([DISK, RUN]), active_before=1)


def test_a_clock_that_was_ahead_silences_nobody():
    owner = Owner(min_hours_between=1, quiet_hours=None)
    assert owner.tick("90000h", HEAT) is not None
    assert owner.tick("0h", HEAT, DISK) is None
    assert owner.tick("1h", HEAT, DISK) == Sent(keys([DISK]), 1)
    assert owner.tick("200h", HEAT) == Sent(keys([HEAT]))


def test_the_night_is_quiet_and_the_morning_reports_what_is_still_active():
    owner = Owner()
    assert owner.tick("10h", HEAT, DISK) is None  # 22:00
    assert owner.tick("18h55m", HEAT) is None  # 06:55; the disk has been cleared in the night.
    assert owner.tick("19h", HEAT) == Sent(keys([HEAT]))  # 07:00


def test_quiet_hours_follow_the_clock_of_the_house_in_winter_too():
    owner = Owner(min_hours_between=0)
    january = pd.Timestamp("2026-01-10 07:00", tz=BERLIN) - NOON
    assert owner.tick(january - pd.Timedelta(minutes=1), HEAT) is None
    assert owner.tick(january, HEAT) is not None


def test_what_comes_and_goes_within_an_hour_is_one_cause():
    owner = Owner(min_hours_between=0)
    owner.tick("0h", DISK)
    assert owner.tick("1h") is None
    assert owner.tick("1h30m", DISK) is None
    assert owner.tick("2h") is None
    assert owner.tick("2h55m") is None


def test_what_went_away_and_came_back_is_reported_again():
    owner = Owner(min_hours_between=0)
    owner.tick("0h", HEAT, DISK)
    owner.tick("1h", HEAT)
    assert owner.tick("3h", HEAT, DISK) == Sent(keys([DISK]), 1)


def test_once_all_that_was_reported_is_gone_that_is_reported_once():
    owner = Owner(min_hours_between=0)
    owner.tick("0h", HEAT, DISK)
    owner.tick("1h", HEAT)
    assert owner.tick("2h") is None
    assert owner.tick("3h") == Sent(resolved=keys([HEAT, DISK]))
    assert owner.tick("4h") is None


def test_nothing_is_resolved_that_was_never_reported():
    owner = Owner()
    assert owner.tick("11h", DISK) is None
    assert owner.tick("13h") is None
    assert owner.tick("20h") is None


def test_a_new_cause_goes_before_the_message_that_all_is_resolved():
    owner = Owner(min_hours_between=0)
    owner.tick("0h", DISK)
    owner.tick("1h")
    assert owner.tick("2h", HEAT) == Sent(keys([HEAT]))


def test_an_unusual_day_is_reported_once_and_never_resolved():
    owner = Owner(quiet_hours=None)
    assert owner.tick("0h", SPIKE) is not None
    assert owner.tick("200h", SPIKE) is None
    assert owner.tick("300h") is None
    assert owner.tick("400h") is None


def test_a_later_unusual_day_of_the_same_kind_is_reported_after_the_repeat_time():
    owner = Owner(quiet_hours=None)
    later = replace(SPIKE, since=SPIKE.since + pd.Timedelta(days=2))
    owner.tick("0h", SPIKE)
    assert owner.tick("48h", later) is None
    assert owner.tick("168h", later) == Sent(keys([later]))
    assert owner.tick("336h", later) is None


def test_the_causes_of_a_failed_check_are_neither_resolved_nor_repeated():
    owner = Owner(min_hours_between=0)
    owner.tick("0h", RUN)
    assert owner.tick("2h", failed=("run",)) is None
    assert owner.tick("5h", failed=("run",)) is None
    assert owner.tick("6h", RUN) is None


def test_a_check_that_fails_is_a_cause_and_leaves_the_others_alone():
    def broken() -> list[Cause]:
        raise RuntimeError("token abc")

    results = run_checks({"run": broken, "disk": lambda: [DISK]})
    assert keys(results.causes) == ("check:run", "disk:data")
    assert results.failed == {"run"}
    assert results.causes[0].figures == {"check": "run", "error": "RuntimeError"}


def test_a_cause_found_twice_is_reported_once():
    assert Owner().tick("0h", DISK, DISK) == Sent(keys([DISK]))


def test_a_failed_delivery_is_repeated_at_the_next_tick_and_then_ever_more_rarely():
    memory, waits = Memory(), []
    for _ in range(9):
        due.note_failed(memory, NOON)
        waits.append((memory.retry_at - NOON) / pd.Timedelta(minutes=1))
    assert waits == [0, 5, 10, 20, 40, 80, 120, 120, 120]
    assert not due.may_retry(memory, NOON + pd.Timedelta("119m"))
    assert due.may_retry(memory, NOON + pd.Timedelta("120m"))


@pytest.mark.parametrize("cursor", [None, "", "{", "[]", '{"reported": 3}', "null", "{}", '{"told": {}}'])
def test_a_memory_that_cannot_be_read_is_an_empty_one(cursor):
    assert Memory.decode(cursor) == Memory()


def test_a_memory_survives_as_text():
    memory = Memory(store_down=NOON, store_version="x", store_causes=[HEAT, SPIKE])
    due.note_delivered(memory, [HEAT, SPIKE, DISK], NOON)
    due.note_failed(memory, NOON)
    due.update(memory, CheckResults((HEAT,)), NOON + pd.Timedelta(hours=1))
    assert Memory.decode(memory.encode()) == memory
