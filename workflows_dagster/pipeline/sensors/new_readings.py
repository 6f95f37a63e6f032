"""Requests the days that changed readings affect."""

from collections.abc import Sequence
from functools import partial

import dagster as dg
import pandas as pd

from workflows_dagster.pipeline.partitions import partition_span
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.pipeline.runs import SENSOR_SECONDS, computed_days, is_unfinished, repair_requests
from workflows_dagster.repair.fingerprints import Fingerprints
from workflows_dagster.repair.repairs import plan_repairs
from workflows_dagster.repair.snapshot import decode, digest
from workflows_dagster.settings.load import Settings


def new_readings_sensor(settings: Settings, job: str, seconds: int = SENSOR_SECONDS) -> dg.SensorDefinition:
    """Build the sensor that finds new, back-dated, edited and deleted readings, and requests the affected days.

    Its cursor is a snapshot of the readings, which advances only together with the requests. The sensor waits while
    days are being computed, so that no change is lost between a run and the next comparison. Changes by other programs
    in older months are found within the hour (repair/fingerprints.py), all others at the next tick.
    """
    fingerprints = Fingerprints()

    @dg.sensor(
        name="new_readings",
        job_name=job,
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Finds changed readings and recomputes the days that they reach, and no others.",
    )
    def new_readings(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult | dg.SkipReason:
        if is_unfinished(context.instance, job_name=job):
            return dg.SkipReason("Days are being computed; the readings are looked at when that is done.")
        now = pd.Timestamp.now("UTC")
        within = partition_span(settings, now)
        if within is None:
            return dg.SkipReason("No day is complete yet.")
        number, _, text = (context.cursor or "").partition("|")
        before = decode(text)
        look = partial(fingerprints.look, store.store, now=now)
        plan = plan_repairs(settings, store.store, before, within, partial(computed_days, context.instance), look)
        if not plan.changed and before is not None and plan.snapshot.encode() == before.encode():
            return dg.SkipReason("No reading has changed.")
        # Numbered, because readings that return to an earlier state must still give a new request.
        number = str(int(number) + 1 if number.isdigit() else 1)
        cursor = f"{number}|{plan.snapshot.encode()}"
        if not plan.changed:
            return dg.SensorResult(skip_reason="What has changed reaches no stored day.", cursor=cursor)
        if not plan.repairs:
            return dg.SensorResult(skip_reason=f"{_names(plan.changed)} changed; no complete day does.", cursor=cursor)
        return dg.SensorResult(run_requests=list(repair_requests(plan.repairs, job, digest(cursor))), cursor=cursor)

    return new_readings


def _names(meters: Sequence[str]) -> str:
    return ", ".join(meters[:3]) + (f" and {len(meters) - 3} more" if len(meters) > 3 else "")
