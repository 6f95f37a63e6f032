"""Prints what `meters check --connect` finds: the store, Tibber, and what Dagster makes of the house."""

from __future__ import annotations

import sys

import click
import pandas as pd

from workflows_dagster.pipeline.graph import validate_graph
from workflows_dagster.pipeline.storage.home_check import HomeFacts, look_at_home
from workflows_dagster.services.connections import Fact, local_time, look_around
from workflows_dagster.settings.dagster_home import home_folder
from workflows_dagster.settings.load import Settings


def report_connections(settings: Settings, create_bucket: bool) -> bool:
    """Print what is reachable and allowed; what is not goes to the standard error.

    Args:
        settings: The house.
        create_bucket: Whether to create the processed bucket where it is missing. Without it, a person at the terminal
            is asked.

    Returns:
        Whether all is good.
    """

    def may_create(bucket: str) -> bool:
        return create_bucket or (sys.stdin.isatty() and click.confirm(f"There is no bucket '{bucket}'. Create it?"))

    # A configuration that loads makes a graph that loads; where it does not, the traceback is our bug.
    validate_graph(settings)
    is_good = True
    for fact in (*look_around(settings, may_create), _home(look_at_home(home_folder(settings.data_dir)), settings)):
        click.echo(fact.text, err=not fact.is_good)
        is_good = is_good and fact.is_good
    return is_good


def _home(facts: HomeFacts, settings: Settings) -> Fact:
    name = f"Dagster home {facts.folder}"
    if not facts.writable:
        remedy = "Correct its owner or mode, or let DAGSTER_HOME name another folder."
        return Fact(f"{name}: cannot be {'written' if facts.is_there else 'made'}. {remedy}", False)
    if not facts.is_there:
        return Fact(f"{name}: not there yet; it is made at the first use.")
    if facts.damage is not None:
        return Fact(facts.damage, False)
    if facts.problem is not None:
        remedy = "Correct its dagster.yaml, or move that aside to get a new one."
        return Fact(f"{name}: Dagster cannot open it: {facts.problem}. {remedy}", False)
    runs = "no run yet"
    if facts.newest_run is not None:
        status, requested = facts.newest_run
        when = local_time(pd.Timestamp(requested, unit="s", tz="UTC"), settings)
        runs = f"{facts.runs} run{'' if facts.runs == 1 else 's'}, the newest {when} ({status})"
    if facts.batches:
        return Fact(f"{name}: can be written, the batching event log is active; {runs}.")
    return Fact(
        f"{name}: can be written; {runs}. Its dagster.yaml does not use the batching event log, so backfills take "
        "minutes instead of seconds. Copy the section event_log_storage from deploy/dagster.yaml."
    )
