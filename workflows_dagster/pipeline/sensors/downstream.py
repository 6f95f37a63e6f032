"""What follows the days: once some are computed, their anomalies, costs, months and checks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg
import pandas as pd
from dagster import DagsterInstance

from workflows_dagster.domain.allocation import RATE_WINDOW_DAYS
from workflows_dagster.domain.days import DayRange, joined
from workflows_dagster.domain.months import COMPARED_WITH, month_of, shifted
from workflows_dagster.evaluation.costs import hourly_prices
from workflows_dagster.pipeline.assets.insight import ANOMALIES_KEY, COSTS_KEY, MONTHS_KEY
from workflows_dagster.pipeline.jobs import CHECKS_JOB, DAYS_JOB, INSIGHT_JOB, MONTHS_JOB
from workflows_dagster.pipeline.partitions import (
    PARTITION,
    RANGE_END,
    RANGE_START,
    REVIEWED_FIRST,
    REVIEWED_LAST,
    partition_span,
    range_tags,
)
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.pipeline.runs import RETRIES, SENSOR_SECONDS, computed_days, is_unfinished
from workflows_dagster.repair.snapshot import digest
from workflows_dagster.repair.stale_costs import stale_cost_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import Store

# A run of days carries it once what follows has been done.
FOLLOWED = "meters/followed"
# A day is judged by the eight weeks before it, a long gap by the year before it; the gap itself may be as long.
_HISTORY = timedelta(days=2 * RATE_WINDOW_DAYS)
# Spans nearer than this are one run: what follows takes longer to start than to do.
_NEAR = timedelta(days=31)
_EPOCH = "1970-01-01T00:00:00+00:00"
_OVER = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_MOST_RUNS = 500


@dataclass(frozen=True)
class FollowUp:
    """One run that follows.

    Attributes:
        job: Its job.
        keys: Assets that it computes; none for the checks.
        days: The days.
        tags: What tells the run its days.
    """

    job: str
    keys: tuple[dg.AssetKey, ...]
    days: DayRange
    tags: dict[str, str]


@dataclass
class Due:
    """Days for which something is to be done.

    Attributes:
        days: Days whose meters' days have changed: all follows them.
        costs: Further days that are to be priced.
        anomalies: Further days that are to be judged.
    """

    days: set[date] = field(default_factory=set)
    costs: set[date] = field(default_factory=set)
    anomalies: set[date] = field(default_factory=set)


def follow_ups(due: Due, within: DayRange) -> list[FollowUp]:
    """Give the runs that follow: costs of exactly the days, anomalies of what is judged by them too, months, checks.

    Args:
        due: What is to be done.
        within: Days that partitions exist for.
    """
    judged = set(due.anomalies)
    for span in joined(due.days):
        judged |= DayRange(span.first, max(span.last, min(span.last + _HISTORY, within.last))).days()
    priced = due.days | due.costs
    runs = [
        FollowUp(INSIGHT_JOB, tuple(keys), span, range_tags(span))
        for span, keys in _together({ANOMALIES_KEY: judged, COSTS_KEY: priced}, within).items()
    ]
    for months in _months_of(due, within):
        runs.append(FollowUp(MONTHS_JOB, (MONTHS_KEY,), months, range_tags(months)))
    for span in joined(due.days, near=_NEAR):
        tags = {REVIEWED_FIRST: span.first.isoformat(), REVIEWED_LAST: span.last.isoformat()}
        runs.append(FollowUp(CHECKS_JOB, (), span, tags))
    return runs


def _months_of(due: Due, within: DayRange) -> list[DayRange]:
    """Give the first and the last of each stretch of months: those of the days, and those that compare with them.

    What a month cost stands in its report, so the months of days that are priced anew are among them.
    """
    changed = {month_of(day) for day in due.days}
    compared = {shifted(month, distance) for month in changed for distance in COMPARED_WITH}
    newest = month_of(within.last)
    wanted = changed | {month_of(day) for day in due.costs} | {month for month in compared if month <= newest}
    stretches: list[DayRange] = []
    for month in sorted(wanted):
        if stretches and month <= shifted(stretches[-1].last, 1):
            stretches[-1] = DayRange(stretches[-1].first, month)
        else:
            stretches.append(DayRange.single(month))
    return stretches


def _together(wanted: dict[dg.AssetKey, set[date]], within: DayRange) -> dict[DayRange, list[dg.AssetKey]]:
    """Give equal spans of several assets one run."""
    runs: dict[DayRange, list[dg.AssetKey]] = {}
    for key, found in wanted.items():
        for span in joined(found):
            inside = span.clipped(within)
            if inside is not None:
                runs.setdefault(inside, []).append(key)
    return dict(sorted(runs.items()))


def downstream_sensor(settings: Settings, jobs: Sequence[Any]) -> dg.SensorDefinition:
    """Build the sensor that sees days that were computed, by whomever, and requests what follows.

    It waits while days are being computed, so that many runs are followed once. Once a day it also looks for days that
    were never followed, and whenever the tariffs or the rule for anomalies change, for what they change.

    Args:
        settings: The house.
        jobs: The jobs of what follows.
    """

    @dg.sensor(
        name="after_days",
        jobs=jobs,
        minimum_interval_seconds=SENSOR_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Once days are computed: their anomalies, costs, months and checks. Once a tariff is corrected: "
        "the costs of the days that it prices.",
    )
    def after_days(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult | dg.SkipReason:
        instance, now = context.instance, pd.Timestamp.now("UTC")
        within = partition_span(settings, now)
        if within is None:
            return dg.SkipReason("No day is complete yet.")
        if is_unfinished(instance, job_name=DAYS_JOB):
            return dg.SkipReason("Days are being computed; what follows waits until that is done.")
        before, seen = _decoded(context.cursor), _Seen.now(settings, store.store, within)
        due = Due()
        seen.until = _add_computed(settings, instance, before.until, due)
        if before.recipe not in (None, seen.recipe):
            due.costs |= stale_cost_days(settings, store.store, within)
        if before.rule not in (None, seen.rule):
            due.anomalies |= _materialized(instance, ANOMALIES_KEY)
        if before.day != seen.day:
            _add_missing(settings, instance, within, due)
        if seen == before:
            return dg.SkipReason("No day was computed.")
        # A run key that was used before is not run again; days may be computed twice a day, and a sensor be reset.
        reason = digest(now.isoformat())
        requests = [
            dg.RunRequest(
                run_key=f"{reason}:{run.job}:{run.days.first}:{run.days.last}:{len(run.keys)}",
                job_name=run.job,
                asset_selection=list(run.keys) or None,
                tags={**run.tags, **RETRIES},
            )
            for run in follow_ups(due, within)
        ]
        if not requests:
            return dg.SensorResult(skip_reason="Nothing follows.", cursor=seen.encode())
        return dg.SensorResult(run_requests=requests, cursor=seen.encode())

    return after_days


@dataclass
class _Seen:
    """The sensor's cursor.

    Attributes:
        until: When the last run that was seen was over, ISO 8601; empty before the first.
        day: Last complete day when it last looked for gaps.
        recipe: Digest of what days are priced by.
        rule: Digest of what days are judged by.
    """

    until: str = ""
    day: str | None = None
    recipe: str | None = None
    rule: str | None = None

    @classmethod
    def now(cls, settings: Settings, store: Store, within: DayRange) -> "_Seen":
        prices = store.fingerprints([hourly_prices(settings)]) if settings.tariffs.has_hourly_prices else None
        return cls(
            day=within.last.isoformat(),
            recipe=priced_by(settings, prices),
            rule=digest(settings.site.anomalies),
        )

    def encode(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def priced_by(settings: Settings, prices: pd.DataFrame | None) -> str:
    """Give a digest of what days are priced by.

    Args:
        settings: The house.
        prices: Fingerprints of the hourly prices; None without any.
    """
    return digest(
        settings.tariffs,
        settings.site.gas_conversion,
        # A tariff of a utility prices the meters of it.
        [(meter.meter_id, meter.utility, meter.output_unit) for meter in settings.meters],
        () if prices is None else tuple(map(tuple, prices.astype(str).to_numpy())),
    )


def _decoded(cursor: str | None) -> _Seen:
    try:
        return _Seen(**json.loads(cursor)) if cursor else _Seen()
    except (ValueError, TypeError):
        return _Seen()


def _add_computed(settings: Settings, instance: DagsterInstance, until: str, due: Due) -> str:
    """Add the days of the runs that were over since, and give when the last of them was.

    Runs from before the first look are left to the look for gaps.
    """
    meters = {dg.AssetKey(meter.meter_id) for meter in settings.meters}
    since = datetime.fromisoformat(until) if until else None
    records = instance.get_run_records(
        dg.RunsFilter(statuses=_OVER, updated_after=since),
        order_by="update_timestamp",
        ascending=since is not None,
        limit=_MOST_RUNS if since is not None else 1,
    )
    for record in records if since is not None else ():
        run = record.dagster_run
        of_meters = run.job_name == DAYS_JOB or not meters.isdisjoint(run.asset_selection or ())
        if of_meters and FOLLOWED not in run.tags:
            due.days |= _days_of(run.tags)
    return max((record.update_timestamp.isoformat() for record in records), default=until or _EPOCH)


def _add_missing(settings: Settings, instance: DagsterInstance, within: DayRange, due: Due) -> None:
    """Add the days that were computed for some meter but never followed."""
    computed = {day for meter in settings.meters for day in computed_days(instance, meter.meter_id)}
    computed = {day for day in computed if day in within}
    due.costs |= computed - _materialized(instance, COSTS_KEY)
    due.anomalies |= computed - _materialized(instance, ANOMALIES_KEY)


def _materialized(instance: DagsterInstance, key: dg.AssetKey) -> set[date]:
    return {date.fromisoformat(partition) for partition in instance.get_materialized_partitions(key)}


def _days_of(tags: Mapping[str, str]) -> set[date]:
    first = tags.get(RANGE_START, tags.get(PARTITION))
    last = tags.get(RANGE_END, tags.get(PARTITION))
    if not first or not last:
        return set()
    return DayRange(date.fromisoformat(first), date.fromisoformat(last)).days()
