"""`meters check --connect`: what is reachable and allowed, what stands there, and what to do otherwise."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import click
import pandas as pd

from workflows_dagster.clients.tibber.client import TibberClient, TibberError
from workflows_dagster.pipeline.storage.home import home_folder
from workflows_dagster.pipeline.storage.home_check import HomeFacts, look_at_home
from workflows_dagster.services.raw_catalogue import newest_by_meter
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.influx.connection import BucketFacts, ServerFacts
from workflows_dagster.stores.influx.store import InfluxStore
from workflows_dagster.stores.open import embedded_path, open_store
from workflows_dagster.stores.ports import RawStore, StoreError

# Below this, a multi-year write goes through many shards.
_SHORT_SHARD_DAYS = 90
_NAMES_SHOWN = 6
_TIBBER_LOOK_BACK = pd.Timedelta(days=7)

# Asked with a bucket's name whether it may be created.
MayCreate = Callable[[str], bool]


@dataclass(frozen=True)
class Fact:
    """One line of the report.

    Attributes:
        text: What was found, with what to do where something is to be done.
        is_good: Whether the work can be done as things stand.
    """

    text: str
    is_good: bool = True


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

    is_good = True
    for fact in look_around(settings, may_create):
        click.echo(fact.text, err=not fact.is_good)
        is_good = is_good and fact.is_good
    return is_good


def look_around(settings: Settings, may_create: MayCreate) -> Iterator[Fact]:
    """Look at the store, at Tibber and at Dagster's home, each in one try.

    Args:
        settings: The house.
        may_create: Asked where the processed bucket is missing.
    """
    # A look tells how things are; it does not wait until they are better.
    influx = settings.site.influxdb.model_copy(update={"retry_attempts": 0})
    hasty = replace(settings, site=settings.site.model_copy(update={"influxdb": influx}))
    yield from _store(hasty, may_create)
    yield from _tibber(settings, pd.Timestamp.now("UTC"))
    yield _home(look_at_home(home_folder(settings.data_dir)), settings)


# The store


def _store(settings: Settings, may_create: MayCreate) -> Iterator[Fact]:
    path = embedded_path(settings.data_dir)
    if settings.site.storage.backend == "embedded" and not path.exists():
        yield _embedded_to_be(path)
        return
    try:
        with open_store(settings) as store:
            if isinstance(store, InfluxStore):
                yield from _influx(settings, store, may_create)
            elif isinstance(store, EmbeddedStore):
                yield from _embedded(settings, store)
    except StoreError as error:
        yield Fact(str(error), is_good=False)


def _embedded_to_be(path: Path) -> Fact:
    there = next(folder for folder in path.parents if folder.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Fact(f"Embedded store {path}: not there yet; `meters import` or `meters demo` makes it.")
    return Fact(f"Embedded store {path}: cannot be made, {there} is no folder that may be written. Correct it.", False)


def _embedded(settings: Settings, store: EmbeddedStore) -> Iterator[Fact]:
    newest, *others = _readings(settings, store)
    if os.access(store.path, os.W_OK) and os.access(store.path.parent, os.W_OK | os.X_OK):
        yield Fact(f"Embedded store {store.path}: can be read and written; {newest}.")
    else:
        remedy = "Correct the owner or mode of the file and its folder."
        yield Fact(f"Embedded store {store.path}: can be read, but not written; {newest}. {remedy}", False)
    yield from map(Fact, others)


def _influx(settings: Settings, store: InfluxStore, may_create: MayCreate) -> Iterator[Fact]:
    names = settings.site.influxdb
    facts = store.check()
    if not facts.allowed:
        if facts.reachable:
            yield Fact(f"InfluxDB {facts.url}: reachable ({_version(facts)}).")
        yield from (Fact(problem, False) for problem in facts.problems)
        return
    if not facts.buckets[1].present and may_create(names.bucket_processed):
        try:
            store.create_bucket_processed()
            yield Fact(
                f"InfluxDB {facts.url}: created bucket '{names.bucket_processed}', kept for ever, a year a shard."
            )
            facts = store.check()
        except StoreError as error:
            yield Fact(str(error), False)
    raw, processed = facts.buckets
    allowed = ([f"read '{raw.name}'"] if raw.present else []) + (
        [f"write '{processed.name}'"] if processed.writable else []
    )
    newest, *others = [""]
    if raw.present:
        try:
            newest, *others = _readings(settings, store)
        except StoreError as error:
            yield Fact(str(error), False)
    may = f", the token may {' and '.join(allowed)}" if allowed else ""
    yield Fact(f"InfluxDB {facts.url}: reachable ({_version(facts)}){may}{'; ' if newest else ''}{newest}.")
    yield from map(Fact, others)
    yield from _bucket_problems(settings, facts, raw, processed)
    if processed.present:
        yield from _shards(store, processed.name)


def _bucket_problems(
    settings: Settings, facts: ServerFacts, raw: BucketFacts, processed: BucketFacts
) -> Iterator[Fact]:
    problem = facts.problem_of(raw)
    if problem and raw.present and "(403" in problem:
        # The graph only reads there; imports and Tibber's hours are written there.
        is_needed = settings.secrets.tibber_api_token is not None
        who = (
            "Tibber's hours and `meters import` need that"
            if is_needed
            else "`meters import` and Tibber would need that"
        )
        fact = f"InfluxDB {facts.url}: the token may not write '{raw.name}'; {who}."
        yield Fact(f"{fact} Give it write access{'' if is_needed else ' if you use one of them'}.", not is_needed)
    elif problem:
        yield Fact(problem, False)
    problem = facts.problem_of(processed)
    if problem and not processed.present:
        yield Fact(f"{problem} `meters check --create-bucket` creates it.", False)
    elif problem:
        yield Fact(f"Bucket '{processed.name}': {problem}", False)


def _shards(store: InfluxStore, bucket: str) -> Iterator[Fact]:
    days = store.processed_shard_days()
    if days is not None and days < _SHORT_SHARD_DAYS:
        yield Fact(
            f"Bucket '{bucket}' opens a new shard every {days:g} days, which makes writing several years three to ten "
            "times slower. `influx bucket update --id … --shard-group-duration 364d` changes that for new shards; "
            "`influx bucket list` shows the id."
        )


def _readings(settings: Settings, store: RawStore) -> Iterator[str]:
    """Say which meter was read last, and which never were."""
    catalogue = store.catalogue()
    by_meter = newest_by_meter(catalogue, settings.meters.physical)
    read = {name: last for name, last in by_meter.items() if last is not None}
    if not read:
        series = f"{len(catalogue)} series, none of them a meter's" if len(catalogue) else "no readings yet"
        yield f"it holds {series}"
        yield "No meter has a reading. `meters discover` lists what looks like one; `meters import` reads spreadsheets."
        return
    newest = max(read, key=lambda name: read[name])
    yield f"newest reading {_local(read[newest], settings)} ({newest})"
    silent = [name for name in by_meter if name not in read]
    if silent:
        shown = ", ".join(silent[:_NAMES_SHOWN]) + (", …" if len(silent) > _NAMES_SHOWN else "")
        have = "has" if len(silent) == 1 else "have"
        yield (
            f"{len(silent)} of {len(by_meter)} physical meters {have} no reading: {shown}. "
            "Check their `source` in meters.yaml, or import readings."
        )


def _version(facts: ServerFacts) -> str:
    return (facts.version or "unknown").removeprefix("v")


# Tibber


def _tibber(settings: Settings, now: pd.Timestamp) -> Iterator[Fact]:
    site, token = settings.site.tibber, settings.secrets.tibber_api_token
    if token is None:
        yield Fact(
            "Tibber: there is no token, so no hourly consumption and no prices are fetched. "
            "If you are Tibber's customer, write TIBBER_API_TOKEN into secrets/tibber.env."
        )
        return
    try:
        client = TibberClient(site.url, token.get_secret_value(), site.home_id, attempts=1)
        account, home = client.check()
        hours = client.hours(now.floor("h") - _TIBBER_LOOK_BACK).known
    except TibberError as error:
        yield Fact(str(error), is_good=False)
        return
    whose = f" of {account.name}" if account.name else ""
    contract = f"subscription {home.subscription}" if home.subscription else "no subscription, so it may have no hours"
    newest = f"newest hour {_local(hours.index[-1], settings)}" if len(hours) else "no hour of the last week is known"
    yield Fact(
        f"Tibber {site.url}: reachable, the token opens the account{whose}; home {home}, {contract}; "
        f"its hours go to '{site.meter_id}'; {newest}."
    )


# Dagster's home


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
        when = _local(pd.Timestamp(requested, unit="s", tz="UTC"), settings)
        runs = f"{facts.runs} run{'' if facts.runs == 1 else 's'}, the newest {when} ({status})"
    if facts.batches:
        return Fact(f"{name}: can be written, the batching event log is active; {runs}.")
    return Fact(
        f"{name}: can be written; {runs}. Its dagster.yaml does not use the batching event log, so backfills take "
        "minutes instead of seconds. Copy the section event_log_storage from deploy/dagster.yaml."
    )


def _local(instant: pd.Timestamp, settings: Settings) -> str:
    return f"{instant.tz_convert(settings.site.zone):%Y-%m-%d %H:%M}"
