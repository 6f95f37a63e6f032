"""Requests costs, anomalies, months and checks whose inputs have changed since they were computed."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from workflows_dagster.domain.days import DayRange, joined
from workflows_dagster.pipeline.assets.insight import ANOMALIES_KEY, COSTS_KEY
from workflows_dagster.pipeline.assets.months import MONTHS_KEY
from workflows_dagster.pipeline.jobs import CHECKS_JOB, DAYS_JOB, INSIGHT_JOB, MONTHS_JOB
from workflows_dagster.pipeline.partitions import REVIEWED_FIRST, REVIEWED_LAST, partition_span, range_tags
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.pipeline.runs import RETRIES, SENSOR_SECONDS, unfinished_jobs
from workflows_dagster.repair.due import ANOMALIES, CHECKS, COSTS, MONTHS, DueDays, MadeFrom, prove_digests
from workflows_dagster.settings.load import Settings

DOWNSTREAM = "downstream"
# Ranges nearer than this share a run, because starting a run takes longer than its work.
_NEAR = timedelta(days=31)
_JOBS = {DAYS_JOB, INSIGHT_JOB, MONTHS_JOB, CHECKS_JOB}


@dataclass(frozen=True)
class FollowUp:
    """One run to request.

    Attributes:
        job: Its job.
        keys: Assets that it computes; none for the checks.
        days: Its civil days; of months their first days.
        tags: Tags with its days.
    """

    job: str
    keys: tuple[dg.AssetKey, ...]
    days: DayRange
    tags: dict[str, str]


def follow_ups(due: Mapping[str, Sequence[date]], within: DayRange) -> list[FollowUp]:
    """Give the runs over the due days: costs of exactly those days, anomalies, months, checks.

    Args:
        due: Days on which each result is due (`repair.due`); of months their first days.
        within: Days that partitions exist for.
    """
    wanted = {
        ANOMALIES_KEY: joined(due.get(ANOMALIES, ()), near=_NEAR),
        COSTS_KEY: joined(due.get(COSTS, ())),
    }
    runs = [
        FollowUp(INSIGHT_JOB, tuple(keys), found, range_tags(found))
        for found, keys in _together(wanted, within).items()
    ]
    # Also joins consecutive months, which are given by their first days.
    for months in joined(due.get(MONTHS, ()), near=_NEAR):
        runs.append(FollowUp(MONTHS_JOB, (MONTHS_KEY,), months, range_tags(months)))
    for found in joined(due.get(CHECKS, ()), near=_NEAR):
        inside = found.clipped(within)
        if inside is not None:
            tags = {REVIEWED_FIRST: inside.first.isoformat(), REVIEWED_LAST: inside.last.isoformat()}
            runs.append(FollowUp(CHECKS_JOB, (), inside, tags))
    return runs


def _together(wanted: Mapping[dg.AssetKey, Sequence[DayRange]], within: DayRange) -> dict[DayRange, list[dg.AssetKey]]:
    """Give equal ranges of several assets one run."""
    runs: dict[DayRange, list[dg.AssetKey]] = {}
    for key, ranges in wanted.items():
        for found in ranges:
            inside = found.clipped(within)
            if inside is not None:
                runs.setdefault(inside, []).append(key)
    return dict(sorted(runs.items()))


@dataclass
class _Cursor:
    """The sensor's cursor. It only saves work; nothing depends on it.

    Attributes:
        proved: Last complete day at the time when the digests were last compared with the stored days.
        state: Last state of the store without due days.
        requested: Reason of the last request, by result.
    """

    proved: str = ""
    state: str = ""
    requested: dict[str, str] = field(default_factory=dict)

    @classmethod
    def decode(cls, text: str | None) -> "_Cursor":
        try:
            return cls(**json.loads(text)) if text else cls()
        except (ValueError, TypeError):
            return cls()

    def encode(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def _now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC")


def downstream_sensor(
    settings: Settings, jobs: Sequence[Any], seconds: int = SENSOR_SECONDS, now: Callable[[], pd.Timestamp] = _now
) -> dg.SensorDefinition:
    """Build the sensor that requests all results that are due according to the store's state.

    It waits while days or their results are being computed. A result that is due again for the reason of its last
    request has failed for good; it is requested again after a day. At the first tick and once a day the sensor
    recomputes the digests of all days, so that it does not depend on other writers to keep them.

    Args:
        settings: The house.
        jobs: The jobs of what is made from the days.
        seconds: Shortest time between two ticks. [s]
        now: Gives the present, UTC.
    """
    made_from = MadeFrom(settings)

    @dg.sensor(
        name=DOWNSTREAM,
        jobs=jobs,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Requests costs, anomalies, months and checks that were made from other days, prices or rules than "
        "there are now.",
    )
    def downstream(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult | dg.SkipReason:
        within = partition_span(settings, now())
        if within is None:
            return dg.SkipReason("No day is complete yet.")
        if not _JOBS.isdisjoint(unfinished_jobs(context.instance)):
            return dg.SkipReason("Days, or what is made from them, are being computed; the next look is after that.")
        cursor, today = _Cursor.decode(context.cursor), within.last.isoformat()
        if cursor.proved != today:
            corrected = prove_digests(settings, store.store, within)
            if corrected:
                context.log.info(f"Digests of {len(corrected)} meters did not match their days and are corrected.")
            # On a new day, failed results are requested again.
            cursor = _Cursor(proved=today)
        state = made_from.state(store.store, within.last, now())
        if state == cursor.state:
            return dg.SkipReason("Nothing has changed.")
        due = made_from.due(store.store, within)
        wanted = {owner: found for owner, found in due.items() if cursor.requested.get(owner) != found.reason}
        cursor.state, cursor.requested = state, {owner: found.reason for owner, found in due.items()}
        runs = follow_ups(_days(wanted), within)
        if not runs:
            failed = f"{', '.join(sorted(due))} failed and are requested again tomorrow." if due else "Nothing is due."
            return dg.SensorResult(skip_reason=failed, cursor=cursor.encode())
        requests = [
            dg.RunRequest(job_name=run.job, asset_selection=list(run.keys) or None, tags={**run.tags, **RETRIES})
            for run in runs
        ]
        return dg.SensorResult(run_requests=requests, cursor=cursor.encode())

    return downstream


def _days(due: Mapping[str, DueDays]) -> dict[str, tuple[date, ...]]:
    return {owner: found.days for owner, found in due.items()}
