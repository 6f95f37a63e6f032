"""Writes problems of the configuration as sentences: place, fact, remedy."""

from __future__ import annotations

from datetime import date

from workflows_dagster.settings.problems import Figure, Kind, Problem, SettingsError, on_one_line
from workflows_dagster.wording.problem_sentences import SENTENCES
from workflows_dagster.wording.words import Words, marked

_KINDS = {
    Kind.EMPTY: marked("an empty value"),
    Kind.MAPPING: marked("a mapping"),
    Kind.LIST: marked("a list"),
    Kind.EMPTY_LIST: marked("an empty list"),
}


def problem_text(problem: Problem, words: Words) -> str:
    """Write a problem in one line: `meters.yaml: rest.base_meter: no meter 'flta'. Did you mean 'flat'?`."""
    fact, remedy = SENTENCES[problem.code]
    if problem.figures.get("suggestion") is not None:
        remedy = marked("Did you mean '{suggestion}'?")
    figures = {"file": problem.file} | {name: _figure(figure, words) for name, figure in problem.figures.items()}
    return on_one_line(f"{problem.place}: {words.say(fact, **figures)}. {words.say(remedy, **figures)}")


def problem_texts(error: SettingsError, words: Words | None = None) -> list[str]:
    """Write each problem of an error in one line, in the language of config.yaml unless `words` is given."""
    return [problem_text(problem, words or Words(error.language)) for problem in error.problems]


class _Names(tuple[str, ...]):
    """Several names, which a sentence joins with commas, with `or`, or with `and`."""

    words: Words

    def __format__(self, joint: str) -> str:
        if joint == "and":
            return self.words.format.listed(self)
        if joint == "or" and len(self) > 1:
            return self.words.say("{first} or {last}", first=", ".join(self[:-1]), last=self[-1])
        return ", ".join(self)


def _figure(figure: Figure, words: Words) -> object:
    """Write a figure as the file does, so that the reader finds it there."""
    if isinstance(figure, Kind):
        return words.say(_KINDS[figure])
    if isinstance(figure, tuple):
        names = _Names(figure)
        names.words = words
        return names
    return figure.isoformat() if isinstance(figure, date) else figure
