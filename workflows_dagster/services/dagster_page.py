"""Which requests Dagster's page answers, by config.yaml; run as a program, it prints them for the page's process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

PAGE_HOST = "METERS_PAGE_HOST"
"""Where the page listens, for those who start it: the systemd units and the compose file."""

_TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class PageRules:
    """Which requests Dagster's page answers.

    Attributes:
        hosts: Names and addresses under which it is reached, beside those of this machine.
        sentences: What a refused request is answered, by `wording.page_refusals.Refusal`.
        problem: Why this is not what config.yaml says, where it could not be read.
    """

    hosts: tuple[str, ...] = ()
    sentences: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None


def page_rules(environ: Mapping[str, str]) -> PageRules:
    """Read config.yaml alone: the page is there to say what is wrong with the rest.

    Args:
        environ: The environment that says where the configuration is.
    """
    # Imported here: these bring pandas with them, and the page imports this module.
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
    """Read the rules in a process of its own, which takes the memory for reading settings along when it ends.

    Without them the page still has to run, so any failure gives the strictest rules and their reason.

    Args:
        environ: The environment that says where the configuration is, and where the page listens.
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
