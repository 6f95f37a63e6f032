"""Reads from config.yaml which requests Dagster's page answers; run as a program, it prints them for the page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

PAGE_HOST = "METERS_PAGE_HOST"
"""Environment variable with the page's address, set by the systemd units and the compose file."""

_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class PageRules:
    """The rules for requests to Dagster's page.

    Attributes:
        hosts: Names and addresses of the page, in addition to those of this machine.
        sentences: Answers to refused requests, by `wording.page_refusals.Refusal`.
        problem: Why config.yaml could not be read and the strictest rules apply, if so.
    """

    hosts: tuple[str, ...] = ()
    sentences: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


def page_rules(environ: Mapping[str, str]) -> PageRules:
    """Read config.yaml only, since the page must run to show the problems of the other files.

    Args:
        environ: Environment variables with the path of the configuration.
    """
    # Imported here: these import pandas, and the page imports this module.
    from pydantic import ValidationError

    from workflows_dagster.settings.dagster_page import DagsterPage
    from workflows_dagster.settings.documents import Document, read_document
    from workflows_dagster.settings.load import config_folder
    from workflows_dagster.wording import Words
    from workflows_dagster.wording.page_refusals import refusal_sentences

    document = read_document(config_folder(environ) / "config.yaml", "config_missing", "config_empty")
    content = document.content if isinstance(document, Document) else {}
    sentences = refusal_sentences(Words("de" if content.get("language") == "de" else "en"))
    try:
        return PageRules(DagsterPage.model_validate(content.get("dagster_page") or {}).hosts, sentences)
    except ValidationError:
        return PageRules((), sentences, "config.yaml: dagster_page cannot be used; see `meters check`")


def load_in_another_process(environ: Mapping[str, str]) -> PageRules:
    """Read the rules in a separate process, whose memory is freed when it ends.

    The page must run without them too, so any failure gives the strictest rules and the reason.

    Args:
        environ: Environment variables with the path of the configuration and the page's address.
    """
    command = [sys.executable, "-m", __name__]
    try:
        answer = subprocess.run(
            command, env=dict(environ), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
            timeout=_TIMEOUT_SECONDS,
        )  # fmt: skip
        fields = json.loads(answer.stdout)
        listens = (environ[PAGE_HOST],) if environ.get(PAGE_HOST) else ()
        return PageRules((*fields["hosts"], *listens), fields["sentences"], fields["problem"])
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return PageRules(problem=f"config.yaml cannot be read ({type(error).__name__}); see `meters check`")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(page_rules(os.environ))))
