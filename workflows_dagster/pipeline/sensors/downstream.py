"""Requests costs, anomalies, months and checks that were made from other days than are stored now."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from workflows_dagster.domain.days import DayRange, joined
from workflows_dagster.pipeline.assets.insight import ANOMALIES_KEY, COSTS_KEY, MONTHS_KEY
from workflows_dagster.pipeline.jobs import CHECKS_JOB, DAYS_JOB, INSIGHT_JOB, MONTHS_JOB
from workflows_dagster.pipeline.partitions import REVIEWED_FIRST, REVIEWED_LAST, partition_span, range_tags
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.pipeline.runs import RETRIES, SENSOR_SECONDS, unfinished_jobs
from workflows_dagster.repair.due import ANOMALIES, CHECKS, COSTS, MONTHS, DueDays, MadeFrom, prove_digests
from workflows_dagster.settings.load import Settings

DOWNSTREAM = "downstream"
# Ranges nearer than this are one run: a run takes longer to start than to work.
_NEAR = timedelta(days=31)
_JOBS = {DAYS_JOB, INSIGHT_JOB, MONTHS_JOB, CHECKS_JOB}


@dataclass(frozen=True)
class FollowUp:
    """One run that is due.

    Attributes:
        job: Its job.
        keys: Assets that it computes; none for the checks.
        days: Its civil days; of months their first days.
        tags: What tells the run its days.
    """

    job: str
    keys: tuple[dg.AssetKey, ...]
    days: DayRange
    tags: dict[str, str]


def follow_ups(due: Mapping[str, Sequence[date]], within: DayRange) -> list[FollowUp]:
    """Give the runs over what is due: costs of exactly the days, anomalies, months, checks.

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
    # First days of months that follow each other lie so near.
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
    """What the sensor remembers: no more than what saves it work.

    Attributes:
        proved: Last complete day when the digests were compared with the stored days.
        state: State of the store in which there was nothing to request.
        requested: By result the reason for which it was requested last.
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
    """Build the sensor that requests what is due by what is stored, whoever has changed it, and when.

    It waits while days or what is made from them are being computed. What was requested and is due for the same reason
    has failed for good: it is requested again when a day has gone by. Once a day, and the first time, it makes the
    digests of all days anew, so that it does not depend on whoever writes days to keep them.

    Args:
        settings: The house.
        jobs: The jobs of what is made from the days.
        seconds: Least time between two looks. [s]
        now: Tells the present, UTC.
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
            # A new day is a new chance for what failed.
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
