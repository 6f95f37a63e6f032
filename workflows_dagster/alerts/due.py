"""Decides which causes are due and when a message may be sent: bundled, not twice, and not in quiet hours."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pandas as pd

from workflows_dagster.alerts.cause import Cause, CheckResults
from workflows_dagster.alerts.memory import Memory, Reported
from workflows_dagster.settings.alert_rules import AlertSettings

# A cause that returns within this time counts as the same one.
SETTLED = pd.Timedelta(hours=1)
# The tick after a failure retries, later ones ever more rarely: a receiver that accepts messages but answers too late
# must not get one every five minutes.
_FIRST_WAIT = pd.Timedelta(minutes=5)
_LONGEST_WAIT = pd.Timedelta(hours=2)


def update(memory: Memory, results: CheckResults, now: pd.Timestamp) -> None:
    """Record which reported causes are still active; those of a failed check count as active.

    Args:
        memory: Updated in place.
        results: Results of this tick's checks.
        now: The present, UTC.
    """
    _limit_to(memory, now)
    active = {cause.key for cause in results.causes}
    for key, reported in list(memory.reported.items()):
        has_settled = reported.gone is not None and now - reported.gone >= SETTLED
        if has_settled and (key in active or not reported.cause.lasts):
            # It has returned and is new again, or was an event, whose end is not reported.
            del memory.reported[key]
        elif key in active or reported.cause.check in results.failed:
            memory.reported[key] = replace(reported, gone=None)
        elif reported.gone is None:
            memory.reported[key] = replace(reported, gone=now)


def _limit_to(memory: Memory, now: pd.Timestamp) -> None:
    """Move future instants, written when the clock was wrong, back to now; else nothing would be sent until then."""
    for name, latest in (("last_message", now), ("store_down", now), ("retry_at", now + _LONGEST_WAIT)):
        if (instant := getattr(memory, name)) is not None:
            setattr(memory, name, min(instant, latest))
    memory.reported = {
        key: replace(one, at=min(one.at, now), gone=None if one.gone is None else min(one.gone, now))
        for key, one in memory.reported.items()
    }


def due_causes(memory: Memory, results: CheckResults, rules: AlertSettings, now: pd.Timestamp) -> list[Cause]:
    """Give the causes that have to be reported: new ones, and those to be repeated.

    Args:
        memory: After `update`.
        results: Results of this tick's checks.
        rules: When alerts are repeated.
        now: The present, UTC.
    """
    once = {cause.key: cause for cause in results.causes}
    return [cause for key, cause in once.items() if _is_due(cause, memory.reported.get(key), rules, now)]


def _is_due(cause: Cause, reported: Reported | None, rules: AlertSettings, now: pd.Timestamp) -> bool:
    if reported is None:
        return True
    if now - reported.at < rules.repeat_after:
        return False
    # An event is not repeated, but a later one of its kind is reported.
    before = reported.cause.since
    return cause.lasts or (cause.since is not None and (before is None or cause.since > before))


def active_before(memory: Memory, due: list[Cause]) -> int:
    """Count the states that were reported earlier, are still active, and are not due again."""
    mentioned = {cause.key for cause in due}
    return sum(one.cause.lasts and one.gone is None and key not in mentioned for key, one in memory.reported.items())


def resolved_causes(memory: Memory, results: CheckResults, now: pd.Timestamp) -> list[Cause]:
    """Give all reported states once every one of them is resolved and no other is active; else none.

    Args:
        memory: After `update`.
        results: Results of this tick's checks.
        now: The present, UTC.
    """
    states = [one for one in memory.reported.values() if one.cause.lasts]
    if any(cause.lasts for cause in results.causes):
        return []
    if any(one.gone is None or now - one.gone < SETTLED for one in states):
        return []
    return [one.cause for one in states]


def may_send(memory: Memory, rules: AlertSettings, zone: ZoneInfo, now: pd.Timestamp) -> bool:
    """Tell whether a message may go out now: not in the quiet hours, and not too soon after the last.

    Args:
        memory: Knows when the last message was sent.
        rules: Quiet hours and shortest time between messages.
        zone: The house's zone.
        now: The present, UTC.
    """
    if rules.quiet_hours is not None and rules.quiet_hours.cover(now.tz_convert(zone).to_pydatetime()):
        return False
    return memory.last_message is None or now - memory.last_message >= rules.between


def may_retry(memory: Memory, now: pd.Timestamp) -> bool:
    """Tell whether enough time has passed since the last failed delivery."""
    return memory.retry_at is None or now >= memory.retry_at


def note_failed(memory: Memory, now: pd.Timestamp) -> None:
    """Record a failed delivery."""
    wait = min(_FIRST_WAIT * 2 ** min(memory.failures - 1, 10), _LONGEST_WAIT) if memory.failures else pd.Timedelta(0)
    memory.failures, memory.retry_at = memory.failures + 1, now + wait


def note_delivered(memory: Memory, due: list[Cause], now: pd.Timestamp) -> None:
    """Record a successful delivery.

    Args:
        memory: Updated in place.
        due: The causes in it; empty for the message that all are resolved.
        now: The present, UTC.
    """
    memory.last_message, memory.failures, memory.retry_at = now, 0, None
    if not due:
        memory.reported = {key: one for key, one in memory.reported.items() if not one.cause.lasts}
    memory.reported |= {cause.key: Reported(cause, now) for cause in due}
