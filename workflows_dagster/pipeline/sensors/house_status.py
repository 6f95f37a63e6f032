"""The sensor that stores how runs and backups are, for the house page."""

from collections.abc import Callable

import dagster as dg
import pandas as pd
from dagster import DagsterInstance

from workflows_dagster.maintenance.status import read_status
from workflows_dagster.pipeline.failures import failed_jobs
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.records.house_status import HouseStatus, keep_status
from workflows_dagster.repair.snapshot import digest
from workflows_dagster.services.meter_info import meter_facts, write_meter_info
from workflows_dagster.settings.load import Settings

STATUS_SECONDS = 60
_OVER = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def _now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC").as_unit("us")


def house_status_sensor(settings: Settings, now: Callable[[], pd.Timestamp] = _now) -> dg.SensorDefinition:
    """Build the sensor; it writes only after a run, a backup or a changed configuration, as its cursor knows them.

    Args:
        settings: The house.
        now: Gives the present, UTC.
    """

    facts = digest(meter_facts(settings), settings.tariffs, settings.site.language)

    @dg.sensor(
        name="house_status",
        minimum_interval_seconds=STATUS_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Stores when the last run ended and how, what failed, and the newest backup, for the house page; "
        "and what a query has to know of the meters, for Grafana.",
    )
    def house_status(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult | dg.SkipReason:
        seen = f"{_seen(context.instance, settings)} {facts}"
        if seen == context.cursor:
            return dg.SkipReason("Nothing has changed since.")
        moment = now()
        keep_status(store.store, status_of(context.instance, settings, moment), moment)
        if facts not in (context.cursor or ""):
            write_meter_info(settings, store.store)
        return dg.SensorResult(skip_reason="Stored.", cursor=seen)

    return house_status


def status_of(instance: DagsterInstance, settings: Settings, now: pd.Timestamp) -> HouseStatus:
    """Find the status of runs and backups.

    Args:
        instance: Dagster's own.
        settings: The house.
        now: The present, UTC.
    """
    newest = _newest_run(instance)
    backup = read_status(settings.data_dir)
    good = backup.good if backup is not None else None
    return HouseStatus(
        run_ended=None if newest is None else pd.Timestamp(newest.update_timestamp).tz_convert("UTC").as_unit("us"),
        run_result=None if newest is None else newest.dagster_run.status.value.lower(),
        failed_jobs=tuple(sorted(job.name for job in failed_jobs(instance, now))),
        backup=None if good is None else pd.Timestamp(good).tz_convert("UTC").as_unit("us"),
    )


def _newest_run(instance: DagsterInstance) -> dg.RunRecord | None:
    records = instance.get_run_records(dg.RunsFilter(statuses=_OVER), order_by="update_timestamp", limit=1)
    return records[0] if records else None


def _seen(instance: DagsterInstance, settings: Settings) -> str:
    newest, backup = _newest_run(instance), read_status(settings.data_dir)
    ended = "" if newest is None else newest.update_timestamp.isoformat()
    return f"{ended} {'' if backup is None or backup.good is None else backup.good.isoformat()}"
