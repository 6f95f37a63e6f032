"""The words of a message: plain text, short enough for any service."""

from __future__ import annotations

from collections.abc import Sequence

from workflows_dagster.alerts.cause import Cause
from workflows_dagster.alerts.memory import Message

# More would not be read, and some services take 4096 characters a message at most.
_MOST_LINES = 10
_LONGEST_LINE = 320

TEST = Message(
    "A test from your meters",
    "If you can read this, alerts reach you here. Nothing needs a look.",
    "info",
)


def digest(causes: Sequence[Cause], told_before: int) -> Message:
    """Put what needs a look into one message.

    Args:
        causes: What is told, at least one.
        told_before: How many more causes stand that were told before.
    """
    title = f"{len(causes)} things need a look at home" if len(causes) > 1 else "Something needs a look at home"
    lines = _lines([cause.sentence for cause in causes])
    if told_before:
        lines.append(f"So {'are' if told_before > 1 else 'is'} still {told_before} more that you were told before.")
    return Message(title, "\n".join(lines))


def all_well(settled: Sequence[str]) -> Message:
    """Say that nothing of what was told stands any more.

    Args:
        settled: The sentences that were told.
    """
    return Message("All is well again at home", "\n".join(["No longer so:", *_lines(settled)]), "success")


def _lines(sentences: Sequence[str]) -> list[str]:
    more = len(sentences) - _MOST_LINES
    return [f"- {_line(text)}" for text in sentences[:_MOST_LINES]] + ([f"- and {more} more."] if more > 0 else [])


def _line(sentence: str) -> str:
    text = " ".join(sentence.split())
    return text if len(text) <= _LONGEST_LINE else text[: _LONGEST_LINE - 1] + "…"
