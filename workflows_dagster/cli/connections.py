"""Prints the results of `meters check --connect`: store, Tibber and Dagster graph."""

from __future__ import annotations

import sys

import click
import pandas as pd

from workflows_dagster.pipeline.graph import validate_graph
from workflows_dagster.pipeline.storage.home_check import HomeFacts, look_at_home
from workflows_dagster.services.connections import Fact, look_around
from workflows_dagster.settings.dagster_home import home_folder
from workflows_dagster.settings.load import Settings
from workflows_dagster.wording import Words, words_of


def report_connections(settings: Settings, create_bucket: bool) -> bool:
    """Print successful checks to standard output and failed ones to standard error.

    Args:
        settings: The house.
        create_bucket: Whether to create a missing processed bucket. If not, a person at the terminal is asked.

    Returns:
        Whether all checks succeeded.
    """

    words = words_of(settings.site)

    def may_create(bucket: str) -> bool:
        question = words.say("There is no bucket '{bucket}'. Create it?", bucket=bucket)
        return create_bucket or (sys.stdin.isatty() and click.confirm(question))

    # A valid configuration must give a valid graph; a traceback is a bug.
    validate_graph(settings)
    is_good = True
    for fact in (*look_around(settings, may_create), _home(look_at_home(home_folder(settings.data_dir)), words)):
        click.echo(fact.text, err=not fact.is_good)
        is_good = is_good and fact.is_good
    return is_good


def _home(facts: HomeFacts, words: Words) -> Fact:
    say, folder = words.say, facts.folder
    if not facts.writable:
        remedy = say("Correct its owner or mode, or let DAGSTER_HOME name another folder.")
        if facts.is_there:
            fact = say("Dagster home {folder}: cannot be written.", folder=folder)
        else:
            fact = say("Dagster home {folder}: cannot be made.", folder=folder)
        return Fact(f"{fact} {remedy}", False)
    if not facts.is_there:
        return Fact(say("Dagster home {folder}: not there yet; it is made at the first use.", folder=folder))
    if facts.damage is not None:
        return Fact(facts.damage, False)
    if facts.problem is not None:
        text = say(
            "Dagster home {folder}: Dagster cannot open it: {problem}. "
            "Correct its dagster.yaml, or move that aside to get a new one.",
            folder=folder,
            problem=facts.problem,
        )
        return Fact(text, False)
    runs = say("no run yet")
    if facts.newest_run is not None:
        status, requested = facts.newest_run
        when = words.format.minute(pd.Timestamp(requested, unit="s", tz="UTC"))
        runs = words.say_count(
            "{number} run, the newest {when} ({status})",
            "{number} runs, the newest {when} ({status})",
            facts.runs or 0,
            when=when,
            status=status,
        )
    if facts.batches:
        return Fact(
            say(
                "Dagster home {folder}: can be written, the batching event log is active; {runs}.",
                folder=folder,
                runs=runs,
            )
        )
    return Fact(
        say(
            "Dagster home {folder}: can be written; {runs}. Its dagster.yaml does not use the batching event log, so "
            "backfills take minutes instead of seconds. Copy the section event_log_storage from deploy/dagster.yaml.",
            folder=folder,
            runs=runs,
        )
    )
