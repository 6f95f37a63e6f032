"""Checks the connections to the store and the services; reports what they hold and remedies for problems."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pandas as pd

from workflows_dagster.clients.home_assistant.errors import HomeAssistantError
from workflows_dagster.clients.open_meteo import OpenMeteoClient, OpenMeteoError
from workflows_dagster.clients.tibber.client import TibberClient, TibberError
from workflows_dagster.services.home_assistant_access import opened
from workflows_dagster.services.raw_catalogue import newest_by_meter
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.influx.connection import BucketFacts, ServerFacts
from workflows_dagster.stores.influx.store import InfluxStore
from workflows_dagster.stores.open import embedded_path, open_store
from workflows_dagster.stores.ports import RawStore, StoreError
from workflows_dagster.wording import Words, words_of

# With shorter shards, writing years touches many of them.
_SHORT_SHARD_DAYS = 90
_NAMES_SHOWN = 6
_TIBBER_LOOK_BACK = pd.Timedelta(days=7)
_WEATHER_LOOK_BACK = timedelta(days=14)

# Decides whether the named bucket may be created.
MayCreate = Callable[[str], bool]


@dataclass(frozen=True)
class Fact:
    """One line of the report.

    Attributes:
        text: The fact, and the remedy if there is a problem.
        is_good: Whether there is no problem.
    """

    text: str
    is_good: bool = True


def look_around(settings: Settings, may_create: MayCreate) -> Iterator[Fact]:
    """Check the store, Tibber, and Open-Meteo and Home Assistant where they are used, each without retries.

    Args:
        settings: The house.
        may_create: Called if the processed bucket is missing.
    """
    # No retries: a check reports the present state.
    influx = settings.site.influxdb.model_copy(update={"retry_attempts": 0})
    hasty = replace(settings, site=settings.site.model_copy(update={"influxdb": influx}))
    words = words_of(settings.site)
    yield from _store(hasty, may_create, words)
    now = pd.Timestamp.now("UTC")
    yield from _tibber(settings, now, words)
    yield from _weather(settings, now, words)
    yield from _home_assistant(settings, words)


# The store


def _store(settings: Settings, may_create: MayCreate, words: Words) -> Iterator[Fact]:
    path = embedded_path(settings.data_dir)
    if settings.site.storage.backend == "embedded" and not path.exists():
        yield _embedded_to_be(path, words)
        return
    try:
        with open_store(settings) as store:
            if isinstance(store, InfluxStore):
                yield from _influx(settings, store, may_create, words)
            elif isinstance(store, EmbeddedStore):
                yield from _embedded(settings, store, words)
    except StoreError as error:
        yield Fact(str(error), is_good=False)


def _embedded_to_be(path: Path, words: Words) -> Fact:
    there = next(folder for folder in path.parents if folder.exists())
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        return Fact(
            words.say("Embedded store {path}: not there yet; `meters import` or `meters demo` makes it.", path=path)
        )
    text = words.say(
        "Embedded store {path}: cannot be made, {folder} is no folder that may be written. Correct it.",
        path=path,
        folder=there,
    )
    return Fact(text, False)


def _embedded(settings: Settings, store: EmbeddedStore, words: Words) -> Iterator[Fact]:
    newest, *others = _readings(settings, store, words)
    figures = {"path": store.path, "newest": newest}
    if os.access(store.path, os.W_OK) and os.access(store.path.parent, os.W_OK | os.X_OK):
        yield Fact(words.say("Embedded store {path}: can be read and written; {newest}.", **figures))
    else:
        text = words.say(
            "Embedded store {path}: can be read, but not written; {newest}. "
            "Correct the owner or mode of the file and its folder.",
            **figures,
        )
        yield Fact(text, False)
    yield from map(Fact, others)


def _influx(settings: Settings, store: InfluxStore, may_create: MayCreate, words: Words) -> Iterator[Fact]:
    names = settings.site.influxdb
    facts = store.check()
    if not facts.allowed:
        if facts.reachable:
            yield Fact(words.say("InfluxDB {url}: reachable ({version}).", url=facts.url, version=_version(facts)))
        yield from (Fact(problem, False) for problem in facts.problems)
        return
    if not facts.buckets[1].present and may_create(names.bucket_processed):
        try:
            store.create_bucket_processed()
            text = words.say(
                "InfluxDB {url}: created bucket '{bucket}', kept for ever, a year a shard.",
                url=facts.url,
                bucket=names.bucket_processed,
            )
            yield Fact(text)
            facts = store.check()
        except StoreError as error:
            yield Fact(str(error), False)
    raw, processed = facts.buckets
    allowed = [words.say("read '{bucket}'", bucket=raw.name)] if raw.present else []
    allowed += [words.say("write '{bucket}'", bucket=processed.name)] if processed.writable else []
    newest, *others = [""]
    if raw.present:
        try:
            newest, *others = _readings(settings, store, words)
        except StoreError as error:
            yield Fact(str(error), False)
    state = words.say("InfluxDB {url}: reachable ({version})", url=facts.url, version=_version(facts))
    if allowed:
        state = words.say("{state}, the token may {allowed}", state=state, allowed=words.format.listed(allowed))
    yield Fact(f"{'; '.join(part for part in (state, newest) if part)}.")
    yield from map(Fact, others)
    yield from _bucket_problems(settings, facts, raw, processed, words)
    yield from _retentions(raw, processed, words)
    if processed.present:
        yield from _shards(store, processed.name, words)


def _bucket_problems(
    settings: Settings, facts: ServerFacts, raw: BucketFacts, processed: BucketFacts, words: Words
) -> Iterator[Fact]:
    problem = facts.problem_of(raw)
    if problem and raw.present and "(403" in problem:
        # The graph only reads this bucket; imports and the Tibber sync write to it.
        figures = {"url": facts.url, "bucket": raw.name}
        if settings.secrets.tibber_api_token is None:
            text = words.say(
                "InfluxDB {url}: the token may not write '{bucket}'; `meters import` and Tibber would need that. "
                "Give it write access if you use one of them.",
                **figures,
            )
            yield Fact(text)
        else:
            text = words.say(
                "InfluxDB {url}: the token may not write '{bucket}'; Tibber's hours and `meters import` need that. "
                "Give it write access.",
                **figures,
            )
            yield Fact(text, False)
    elif problem:
        yield Fact(problem, False)
    problem = facts.problem_of(processed)
    if problem and not processed.present:
        remedy = words.say("`meters check --create-bucket` creates it.")
        yield Fact(f"{problem} {remedy}", False)
    elif problem:
        yield Fact(words.say("Bucket '{bucket}': {problem}", bucket=processed.name, problem=problem), False)


def _retentions(raw: BucketFacts, processed: BucketFacts, words: Words) -> Iterator[Fact]:
    """Say what follows where a bucket does not keep its points for ever."""
    if raw.keeps_seconds is not None:
        text = words.say(
            "Bucket '{bucket}' keeps readings for {days} days. The days that were computed from them stay as they are "
            "when the readings expire, and late readings among the oldest ones that are left change nothing. An hourly "
            "meter's register and a replacement's offset need all readings: let the bucket keep them for ever.",
            bucket=raw.name,
            days=words.format.plain_number(raw.keeps_seconds / 86_400),
        )
        yield Fact(text)
    if processed.keeps_seconds is not None:
        text = words.say(
            "Bucket '{bucket}' keeps days, months and costs for {days} days only, and older ones cannot be stored. "
            "`influx bucket update --id … --retention 0` keeps them for ever; `influx bucket list` shows the id.",
            bucket=processed.name,
            days=words.format.plain_number(processed.keeps_seconds / 86_400),
        )
        yield Fact(text, False)


def _shards(store: InfluxStore, bucket: str, words: Words) -> Iterator[Fact]:
    days = store.processed_shard_days()
    if days is not None and days < _SHORT_SHARD_DAYS:
        text = words.say(
            "Bucket '{bucket}' opens a new shard every {days} days, which makes writing several years three to ten "
            "times slower. `influx bucket update --id … --shard-group-duration 364d` changes that for new shards; "
            "`influx bucket list` shows the id.",
            bucket=bucket,
            days=words.format.plain_number(days),
        )
        yield Fact(text)


def _readings(settings: Settings, store: RawStore, words: Words) -> Iterator[str]:
    """Report the newest reading, and the meters without readings."""
    catalogue = store.catalogue()
    by_meter = newest_by_meter(catalogue, settings.meters.physical)
    read = {name: last for name, last in by_meter.items() if last is not None}
    if not read:
        if len(catalogue):
            yield words.say("it holds {number} series, none of them a meter's", number=len(catalogue))
        else:
            yield words.say("it holds no readings yet")
        yield words.say(
            "No meter has a reading. `meters discover` lists what looks like one; `meters import` reads spreadsheets."
        )
        return
    newest = max(read, key=lambda name: read[name])
    yield words.say("newest reading {time} ({meter})", time=words.format.minute(read[newest]), meter=newest)
    silent = [name for name in by_meter if name not in read]
    if silent:
        shown = ", ".join(silent[:_NAMES_SHOWN]) + (", …" if len(silent) > _NAMES_SHOWN else "")
        yield words.say_count(
            "{number} of {all} physical meters has no reading: {names}. "
            "Check their `source` in meters.yaml, or import readings.",
            "{number} of {all} physical meters have no reading: {names}. "
            "Check their `source` in meters.yaml, or import readings.",
            len(silent),
            all=len(by_meter),
            names=shown,
        )


def _version(facts: ServerFacts) -> str:
    return (facts.version or "unknown").removeprefix("v")


# Tibber


def _tibber(settings: Settings, now: pd.Timestamp, words: Words) -> Iterator[Fact]:
    site, token = settings.site.tibber, settings.secrets.tibber_api_token
    if token is None:
        text = words.say(
            "Tibber: there is no token, so no hourly consumption and no prices are fetched. "
            "If you are Tibber's customer, write TIBBER_API_TOKEN into secrets/tibber.env."
        )
        yield Fact(text)
        return
    try:
        client = TibberClient(site.url, token.get_secret_value(), site.home_id, attempts=1)
        account, home = client.check()
        hours = client.hours(now.floor("h") - _TIBBER_LOOK_BACK).known
    except TibberError as error:
        yield Fact(str(error), is_good=False)
        return
    reach = words.say("Tibber {url}: reachable, the token opens the account", url=site.url)
    if account.name:
        reach = words.say(
            "Tibber {url}: reachable, the token opens the account of {name}", url=site.url, name=account.name
        )
    contract = words.say("home {home}, no subscription, so it may have no hours", home=home)
    if home.subscription:
        contract = words.say("home {home}, subscription {subscription}", home=home, subscription=home.subscription)
    newest = words.say("no hour of the last week is known")
    if len(hours):
        newest = words.say("newest hour {time}", time=words.format.minute(hours.index[-1]))
    goes = words.say("its hours go to '{meter}'", meter=site.meter_id)
    yield Fact(f"{reach}; {contract}; {goes}; {newest}.")


# Open-Meteo


def _weather(settings: Settings, now: pd.Timestamp, words: Words) -> Iterator[Fact]:
    site = settings.site.weather
    if site.latitude is None or site.longitude is None:
        return
    client = OpenMeteoClient(site.archive_url, site.forecast_url, site.latitude, site.longitude, attempts=1)
    yesterday = (now - pd.Timedelta(days=1)).date()
    try:
        settled = client.archived(yesterday - _WEATHER_LOOK_BACK, yesterday)
        recent = client.recent(yesterday, yesterday)
    except OpenMeteoError as error:
        yield Fact(str(error), is_good=False)
        return
    newest = words.say("no hour of the last weeks is known")
    if len(settled):
        newest = words.say("newest hour {time}", time=words.format.minute(settled.index[-1]))
    mean = words.say("yesterday's temperature is not known")
    if len(recent):
        mean = words.say("{celsius} °C yesterday", celsius=words.format.fixed(float(recent.mean()), 1))
    yield Fact(words.say("Open-Meteo: reachable; {mean}; archive: {newest}.", mean=mean, newest=newest))


# Home Assistant


def _home_assistant(settings: Settings, words: Words) -> Iterator[Fact]:
    url = settings.site.home_assistant.url
    if url is None:
        return
    try:
        with opened(settings, again=True) as (assistant, difference):
            entities = len(assistant.ask("get_states"))
            is_admin = bool((assistant.ask("auth/current_user") or {}).get("is_admin"))
            version = f"{assistant.version[0]}.{assistant.version[1]}"
    except HomeAssistantError as error:
        yield Fact(str(error), is_good=False)
        return
    reach = words.say("Home Assistant {url}: reachable, version {version}", url=url, version=version)
    count = words.say_count("{number} entity", "{number} entities", entities)
    clocks = words.say("the clocks are {seconds} s apart", seconds=words.format.fixed(abs(difference), 1))
    yield Fact(f"{reach}; {count}; {clocks}.")
    if settings.site.home_assistant.statistics and not is_admin:
        text = words.say(
            "Home Assistant: the token is no administrator's, so no hours can be given back. "
            "Make one as an administrator."
        )
        yield Fact(text, is_good=False)
