"""Writes the answers to requests that Dagster's page refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from workflows_dagster.wording.words import Words, marked

Refusal = Literal["unknown_host", "other_site", "query_by_get", "content_type"]

_SENTENCES: Mapping[Refusal, str] = {
    "unknown_host": marked(
        "The page is not known by the name '{host}'. Add it to dagster_page.hosts in config.yaml, and restart the page."
    ),
    "other_site": marked(
        "The request was made by another web page, which may not use this one. "
        "If there is a proxy between them: it must pass on the header Host unchanged."
    ),
    "query_by_get": marked("GraphQL is answered by POST only."),
    "content_type": marked("A POST must hold JSON (Content-Type: application/json)."),
}


def refusal_sentences(words: Words) -> dict[str, str]:
    """Give each refusal's sentence by its code, with `{host}` as a placeholder for the request's host.

    Args:
        words: The reader's language.
    """
    return {code: words.say(sentence) for code, sentence in _SENTENCES.items()}
