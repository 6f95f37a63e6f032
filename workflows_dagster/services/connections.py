"""What of the house can be reached: its store and Tibber, what is in them, and what to do where they cannot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from workflows_dagster.clients.tibber.client import TibberClient, TibberError
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


def look_around(settings: Settings, may_create: MayCreate) -> Iterator[Fact]:
    """Look at the store and at Tibber, each in one try.

    Args:
        settings: The house.
        may_create: Asked where the processed bucket is missing.
    """
    # A look tells how things are; it does not wait until they are better.
    influx = settings.site.influxdb.model_copy(update={"retry_attempts": 0})
    hasty = replace(settings, site=settings.site.model_copy(update={"influxdb": influx}))
    yield from _store(hasty, may_create)
    yield from _tibber(settings, pd.Timestamp.now("UTC"))


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
    yield f"newest reading {local_time(read[newest], settings)} ({newest})"
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
    newest = (
        f"newest hour {local_time(hours.index[-1], settings)}" if len(hours) else "no hour of the last week is known"
    )
    yield Fact(
        f"Tibber {site.url}: reachable, the token opens the account{whose}; home {home}, {contract}; "
        f"its hours go to '{site.meter_id}'; {newest}."
    )


def local_time(instant: pd.Timestamp, settings: Settings) -> str:
    """Write an instant in the house's own time, to the minute."""
    return f"{instant.tz_convert(settings.site.zone):%Y-%m-%d %H:%M}"
