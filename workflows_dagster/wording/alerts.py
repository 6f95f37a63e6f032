"""Writes alerts as plain text, short enough for any service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from workflows_dagster.domain.anomaly_reasons import decoded
from workflows_dagster.domain.printable import printable
from workflows_dagster.logs.masking import masked
from workflows_dagster.wording.anomalies import anomaly_sentence
from workflows_dagster.wording.words import Words, marked

# Nobody would read more, and some services accept at most 4096 characters per message.
_MOST_LINES = 10
_LONGEST_LINE = 320
_INSTANTS = ("since", "at", "last")

SENTENCES: Mapping[str, str] = {
    "check_failed": marked("The check '{check}' failed ({error}). The log of the sensor 'alerts' says why."),
    "disk_full": marked(
        "The disk of {kept} ({path}) has {free_mb} MB left, less than {least_mb} MB. "
        "Free some space: nothing can be computed once it is full."
    ),
    "store_down_server": marked("InfluxDB has not answered since {since}: {error}"),
    "store_down_file": marked("The stored data have not been readable since {since}: {error}"),
    "finding": marked("{meter}: {finding}"),
    "broken_promise": marked("{meter}, {day}: {finding}"),
    "unusual_day": marked("{meter}, {day}: {reason}."),
    "run_failed": marked(
        "The job '{job}' failed (run {run}, {at}) and is not retried before its next time. "
        "Its page under Runs says why."
    ),
    "manual_run_failed": marked("A run by hand failed (run {run}, {at}). Its page under Runs says why."),
    "tibber_down": marked(
        "Tibber has delivered nothing since {since}; every fetch since then failed. `meters check --connect` says why. "
        "Hours of the last 30 days are fetched once Tibber answers."
    ),
    "weather_down": marked(
        "Open-Meteo has delivered nothing since {since}; every fetch since then failed. `meters check --connect` says "
        "why. Days are computed as in a usual year meanwhile, and repair themselves once it answers."
    ),
    "home_assistant_down": marked(
        "Home Assistant has been given no hours since {since}; every try since then failed. "
        "`meters home-assistant send` says why. It is given what it lacks once it can be reached."
    ),
    "live_down": marked("No power and no events since {since}: {error}"),
    "live_silent": marked(
        "No power and no events since {since}, and the house page says nothing of it. See whether its process runs."
    ),
    "live_clock": marked(
        "The clocks of Home Assistant and this machine are {seconds} s apart. "
        "Let both take their time from the network (NTP)."
    ),
    "live_sensor": marked(
        "{sensor} has sent no power since {since}. See to its device, or name the circuits in config.yaml without it."
    ),
    "schedule_failing": marked(
        "The schedule '{name}' has failed since {since}, so what it starts is not done. "
        "Its page under Automation says why."
    ),
    "sensor_failing": marked(
        "The sensor '{name}' has failed since {since}, so what it starts is not done. "
        "Its page under Automation says why."
    ),
    "backup_failed": marked("The last backup failed ({at}): {reason}"),
    "backup_not_good": marked("The last backup cannot be restored ({at}): {reason}"),
    "backup_overdue": marked(
        "No good backup for more than {days} days; the last one is of {last}. Run `meters backup`."
    ),
    "backup_missing": marked("No good backup for more than {days} days; there is none. Run `meters backup`."),
}

RESULTS: Mapping[str, str] = {
    "unusable": marked("the address cannot be used. Compare it with the examples in secrets/alerts.env.example."),
    "unreachable": marked("the service could not be reached. Is it up, and the host in the address right?"),
    "failed": marked("the service did not take it. Is every part of the address right?"),
    "refused": marked("the service answered with HTTP {status}. Is every part of the address right?"),
    "no_answer": marked("the service did not answer in time. Is it up?"),
    "not_started": marked("apprise could not be started. Is it installed beside this program?"),
}


def alert_sentence(code: str, figures: Mapping[str, str | float | list[str]], words: Words) -> str:
    """Write a cause as a sentence, with what to do.

    Args:
        code: The cause's code.
        figures: Its figures; instants (`since`, `at`, `last`) and a `day` as ISO texts.
        words: The reader's language and the house's zone.
    """
    shown = {name: _figure(name, value, words) for name, value in figures.items()}
    reason = decoded(figures.get("reason_code"), figures.get("reason_figures"))
    if reason is not None:
        shown["reason"] = anomaly_sentence(reason, shown["unit"], words)
    sentence = words.say(SENTENCES[code], **shown)
    times = figures.get("times", 1)
    if isinstance(times, (int, float)) and times > 1:
        number = round(times)
        if code == "unusual_day":
            more = words.say_count(
                "{number} of the last {days} days is unusual like this.",
                "{number} of the last {days} days are unusual like this.",
                number,
                days=shown["days"],
            )
        else:
            more = words.say_count("It has happened once.", "It has happened {number} times.", number)
        sentence = f"{sentence} {more}"
    return sentence


def alerts_title(number: int, words: Words) -> str:
    """Write the title of a message with a number of alerts."""
    return words.say_count("An alert from your meters", "{number} alerts from your meters", number)


def alerts_body(sentences: Sequence[str], active_before: int, words: Words) -> str:
    """Write a message.

    Args:
        sentences: The reported causes, at least one.
        active_before: Number of other alerts that were reported earlier and are still active.
        words: The reader's language.
    """
    lines = _lines(sentences, words)
    if active_before:
        still = words.say_count(
            "{number} earlier alert is still active.", "{number} earlier alerts are still active.", active_before
        )
        lines.append(still)
    return "\n".join(lines)


def resolved_text(sentences: Sequence[str], words: Words) -> tuple[str, str]:
    """Write title and body of the message that all alerts are resolved.

    Args:
        sentences: The reported causes.
        words: The reader's language.
    """
    return words.say("All alerts are resolved"), "\n".join([words.say("Resolved:"), *_lines(sentences, words)])


def trial_text(words: Words) -> tuple[str, str]:
    """Give title and body of a test message."""
    return words.say("Test message from your meters"), words.say("If you can read this, alerts reach you here.")


def address_text(schema: str, position: int, words: Words) -> str:
    """Name an address without revealing it: `ntfy (address 2)`."""
    return words.say("{schema} (address {number})", schema=schema, number=position + 1)


def result_text(result: str, words: Words) -> str:
    """Write why an address did not accept a message, and what to do."""
    code, _, status = result.partition(" ")
    return words.say(RESULTS.get(code, RESULTS["failed"]), status=status)


def _figure(name: str, value: str | float | list[str], words: Words) -> str:
    if isinstance(value, list):
        return words.format.listed([words.say(_KEPT.get(each, each)) for each in value])
    if name in _INSTANTS:
        return words.format.minute(pd.Timestamp(value))
    if name == "day":
        return words.format.day(date.fromisoformat(str(value)))
    return value if isinstance(value, str) else words.format.count(round(value))


_KEPT = {"data": marked("the data"), "dagster_home": marked("Dagster's home")}


def _lines(sentences: Sequence[str], words: Words) -> list[str]:
    lines = [f"- {_line(text)}" for text in sentences[:_MOST_LINES]]
    more = len(sentences) - len(lines)
    if more:
        rest = words.say("and {number} more.", number=words.format.count(more))
        lines.append(f"- {rest}")
    return lines


def _line(sentence: str) -> str:
    text = printable(masked(" ".join(sentence.split())))
    return text if len(text) <= _LONGEST_LINE else text[: _LONGEST_LINE - 1] + "…"
