"""When what is told: one message for many causes, nothing twice, nothing in the quiet hours, nothing lost."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pandas as pd

from workflows_dagster.alerts.cause import Cause, Seen
from workflows_dagster.alerts.memory import Letter, Memory, Message, Told, Trials
from workflows_dagster.alerts.wording import all_well, digest
from workflows_dagster.settings.alert_rules import AlertSettings

# What comes and goes within this is one cause.
SETTLED = pd.Timedelta(hours=1)
# A receiver that takes messages but does not say so in time must not get one every five minutes.
_FIRST_WAIT = pd.Timedelta(minutes=5)
_LONGEST_WAIT = pd.Timedelta(hours=2)
_LETTER_LIFE = pd.Timedelta(days=1)
_MOST_LETTERS = 5


def note(memory: Memory, seen: Seen, now: pd.Timestamp) -> None:
    """Note which of the causes that were told still stand; what a blind look would have found still does.

    Args:
        memory: What was told; changed.
        seen: What was found now.
        now: The present, UTC.
    """
    _forget_the_future(memory, now)
    standing = {cause.key for cause in seen.causes}
    for key, told in list(memory.told.items()):
        has_settled = told.gone is not None and now - told.gone >= SETTLED
        if key in standing and has_settled:
            # It has come back, and is as good as new.
            del memory.told[key]
        elif key in standing or key.partition(":")[0] in seen.blind:
            memory.told[key] = replace(told, gone=None)
        elif told.gone is None:
            memory.told[key] = replace(told, gone=now)
        elif has_settled and not told.lasts:
            del memory.told[key]


def _forget_the_future(memory: Memory, now: pd.Timestamp) -> None:
    """Take what a clock that was ahead has noted for noted now, or nothing would be told until it is that late."""

    def at_latest_now(instant: pd.Timestamp | None) -> pd.Timestamp | None:
        return None if instant is None else min(instant, now)

    memory.last_message = at_latest_now(memory.last_message)
    memory.store_away = at_latest_now(memory.store_away)
    if memory.trials.next_try is not None:
        memory.trials = replace(memory.trials, next_try=min(memory.trials.next_try, now + _LONGEST_WAIT))
    for key, told in memory.told.items():
        memory.told[key] = replace(told, at=min(told.at, now), gone=at_latest_now(told.gone))


def due(memory: Memory, seen: Seen, rules: AlertSettings, now: pd.Timestamp) -> list[Cause]:
    """Give the causes that are to be told, whenever that may be: new ones, and those to be told again.

    Args:
        memory: What was told, after `note`.
        seen: What was found now.
        rules: When something is told again.
        now: The present, UTC.
    """
    return [cause for cause in _each_once(seen) if _is_due(cause, memory.told.get(cause.key), rules, now)]


def _each_once(seen: Seen) -> list[Cause]:
    return list({cause.key: cause for cause in reversed(seen.causes)}.values())[::-1]


def _is_due(cause: Cause, told: Told | None, rules: AlertSettings, now: pd.Timestamp) -> bool:
    if told is None:
        return True
    if now - told.at < rules.repeat_after:
        return False
    # What happened once is not told twice, but that it happened again is.
    return cause.lasts or (cause.since is not None and (told.since is None or cause.since > told.since))


def is_time(memory: Memory, rules: AlertSettings, zone: ZoneInfo, now: pd.Timestamp) -> bool:
    """Tell whether a new message may go out now: not in the quiet hours, not too soon after the last.

    Args:
        memory: When the last went out.
        rules: The owner's wishes.
        zone: The house's zone.
        now: The present, UTC.
    """
    if rules.quiet_hours is not None and rules.quiet_hours.cover(now.tz_convert(zone).to_pydatetime()):
        return False
    return memory.last_message is None or now - memory.last_message >= rules.between


def message_of(memory: Memory, seen: Seen, causes: list[Cause], now: pd.Timestamp) -> Message | None:
    """Compose the message that is to go out: what is due, or that all is well again, or none.

    Args:
        memory: What was told, after `note`.
        seen: What was found now.
        causes: What is due.
        now: The present, UTC.
    """
    if causes:
        mentioned = {cause.key for cause in causes}
        still = [key for key, told in memory.told.items() if told.lasts and told.gone is None and key not in mentioned]
        return digest(causes, len(still))
    states = [told for told in memory.told.values() if told.lasts]
    is_well = not any(cause.lasts for cause in seen.causes)
    if states and is_well and all(told.gone is not None and now - told.gone >= SETTLED for told in states):
        return all_well([told.sentence for told in states])
    return None


def note_told(memory: Memory, causes: list[Cause], now: pd.Timestamp) -> None:
    """Note that a message went out: the causes in it are told, or, where it had none, what has settled is forgotten."""
    memory.last_message = now
    if not causes:
        memory.told = {key: told for key, told in memory.told.items() if not told.lasts}
    for cause in causes:
        memory.told[cause.key] = Told(now, cause.sentence, cause.lasts, cause.since)


# Sending, and sending again


def may_try(trials: Trials, now: pd.Timestamp) -> bool:
    """Tell whether enough time has passed since the last sending that failed."""
    return trials.next_try is None or now >= trials.next_try


def failed_again(trials: Trials, now: pd.Timestamp) -> Trials:
    """Count a sending that failed. The next look tries again, those after it at growing distances."""
    wait = min(_FIRST_WAIT * 2 ** min(trials.failed - 1, 10), _LONGEST_WAIT) if trials.failed else pd.Timedelta(0)
    return Trials(trials.failed + 1, now + wait)


def keep_letter(memory: Memory, message: Message, left: tuple[int, ...], of: int, now: pd.Timestamp) -> None:
    """Keep a message for the addresses that have not taken it, while others have."""
    letter = Letter(message, now, left, of, failed_again(Trials(), now))
    memory.letters = [*memory.letters, letter][-_MOST_LETTERS:]


def next_letter(memory: Memory, addresses: int, now: pd.Timestamp) -> Letter | None:
    """Take out the letter that is to be tried next, and forget those that are not worth sending any more.

    One at a time, the oldest first, because a look may not take long.

    Args:
        memory: Its letters are changed.
        addresses: How many addresses there are now; where they have changed, old positions mean nothing.
        now: The present, UTC.
    """
    memory.letters = [one for one in memory.letters if one.of == addresses and now - one.since < _LETTER_LIFE]
    letter = next((one for one in memory.letters if may_try(one.trials, now)), None)
    if letter is not None:
        memory.letters.remove(letter)
    return letter


def put_back(memory: Memory, letter: Letter, left: tuple[int, ...], now: pd.Timestamp) -> None:
    """Put a letter back that some addresses have still not taken."""
    again = replace(letter, left=left, trials=failed_again(letter.trials, now))
    memory.letters = sorted([*memory.letters, again], key=lambda one: one.since)
