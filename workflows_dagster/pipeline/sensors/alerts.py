"""The sensor that sends alerts to the owner."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import dagster as dg
import pandas as pd
from dagster import DagsterInstance

from workflows_dagster.alerts import due
from workflows_dagster.alerts.cause import Cause, Check, CheckResults, run_checks
from workflows_dagster.alerts.delivery import Message, Outcome, send
from workflows_dagster.alerts.disk import full_disks
from workflows_dagster.alerts.findings import house_causes
from workflows_dagster.alerts.memory import Memory
from workflows_dagster.maintenance.status import read_status
from workflows_dagster.pipeline.failures import (
    DAY,
    HOURLY_PATIENCE,
    failed_jobs,
    fetch_causes,
    run_causes,
    tick_causes,
)
from workflows_dagster.pipeline.maintenance import BACKUP_JOB
from workflows_dagster.settings.dagster_home import home_folder
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.open import hasty, open_store
from workflows_dagster.stores.ports import FINDING_NOW, StoreError
from workflows_dagster.wording.alerts import (
    address_text,
    alert_sentence,
    alerts_body,
    alerts_title,
    resolved_text,
    result_text,
)
from workflows_dagster.wording.words import Words

ALERTS = "alerts"
ALERT_SECONDS = 300
OFF = "Alerts are off: APPRISE_URLS is not set. Write it into secrets/alerts.env to turn them on."
# An embedded file does not recover by itself as a server does.
_FILE_PATIENCE = pd.Timedelta(hours=1)
_OVER = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def _now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC")


def alerts_sensor(
    settings: Settings,
    fetching_jobs: Mapping[str, str],
    hourly_jobs: Sequence[str] = (),
    now: Callable[[], pd.Timestamp] = _now,
) -> dg.SensorDefinition:
    """Build the sensor that runs all checks every five minutes and sends one message about all due causes.

    Its cursor holds its whole state, so that a restart neither forgets nor repeats an alert.

    Args:
        settings: The house.
        fetching_jobs: The code of the cause by the name of each job that asks an outside service, which is reported
            after failing for a day.
        hourly_jobs: Names of further hourly jobs; they are reported after failing twice.
        now: Gives the present, UTC.
    """
    watch = Watch(settings, fetching_jobs, hourly_jobs)

    @dg.sensor(
        name=ALERTS,
        minimum_interval_seconds=ALERT_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Reports by mail, ntfy, Telegram, … what needs attention. Off until secrets/alerts.env is there.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not settings.secrets.apprise_urls:
            return dg.SkipReason(OFF)
        moment, memory = now(), Memory.decode(context.cursor)
        results = watch.check(context, memory, moment)
        reason = _report(settings, context, memory, results, moment)
        return dg.SensorResult(skip_reason=reason, cursor=memory.encode())

    return alerts


class Watch:
    """All checks of the sensor.

    To add a check, write a function that returns its causes and add it to `_checks`; its name there is the first part
    of the causes' keys.

    Args:
        settings: The house.
        fetching_jobs: The code of the cause by the name of each job that asks an outside service.
        hourly_jobs: Names of further jobs that run every hour.
    """

    def __init__(self, settings: Settings, fetching_jobs: Mapping[str, str], hourly_jobs: Sequence[str]) -> None:
        self._settings, self._fetching_jobs = settings, fetching_jobs
        # Failures of outside services have causes of their own.
        self._patience = dict.fromkeys(hourly_jobs, HOURLY_PATIENCE) | dict.fromkeys(fetching_jobs, pd.Timedelta.max)

    def check(self, context: dg.SensorEvaluationContext, memory: Memory, now: pd.Timestamp) -> CheckResults:
        """Run all checks.

        Args:
            context: The sensor's.
            memory: Its part about the store is updated.
            now: The present, UTC.
        """
        results = run_checks(self._checks(context, memory, now))
        for name, error in results.errors.items():
            context.log.error(f"The check '{name}' failed.", exc_info=error)
        if memory.store_down is None:
            return results
        # While the store is down nearly all jobs fail; they recover when it is back.
        consequences = ("run", "tick")
        causes = tuple(cause for cause in results.causes if cause.check not in consequences)
        return replace(results, causes=causes, failed=results.failed.union(consequences))

    def _checks(self, context: dg.SensorEvaluationContext, memory: Memory, now: pd.Timestamp) -> dict[str, Check]:
        settings, instance = self._settings, context.instance
        folders = {"data": settings.data_dir, "dagster_home": home_folder(settings.data_dir)}
        # The sensor cannot report its own failures.
        names = {name for name in _names(context) if name != ALERTS}
        origin = context.code_location_origin
        location = None if origin is None else origin.location_name
        return {
            "house": lambda: self._of_store(context, memory, now),
            "run": lambda: self._of_runs(instance, now),
            "tick": lambda: tick_causes(instance, names, location, now),
            "backup": lambda: self._of_backups(now),
            "disk": lambda: full_disks(folders, settings.site.alerts.disk_free_mb),
        }

    def _of_runs(self, instance: DagsterInstance, now: pd.Timestamp) -> Iterator[Cause]:
        failed = failed_jobs(instance, now)
        # Backups are checked by their status file, where a manual backup clears a failed one.
        reported_elsewhere = {BACKUP_JOB: pd.Timedelta.max} if read_status(self._settings.data_dir) else {}
        yield from run_causes(failed, self._patience | reported_elsewhere, now)
        yield from fetch_causes(failed, self._fetching_jobs, now)

    def _of_backups(self, now: pd.Timestamp) -> Iterator[Cause]:
        status = read_status(self._settings.data_dir)
        trouble = None if status is None else status.trouble(now.to_pydatetime())
        if trouble is not None:
            yield Cause("backup:newest", trouble.code, trouble.figures)

    def _of_store(self, context: dg.SensorEvaluationContext, memory: Memory, now: pd.Timestamp) -> Iterable[Cause]:
        """Connect to the store, and check its results if a run has ended or an hour has passed since the last time."""
        try:
            with open_store(hasty(self._settings)) as store:
                last_run = _last_run(context)
                if _is_recent(memory.store_version, last_run, now):
                    store.present(FINDING_NOW, now - pd.Timedelta(hours=1), now)
                else:
                    memory.store_causes = house_causes(self._settings, store, now)
                    memory.store_version = f"{now.isoformat()} {last_run}"
            memory.store_down = None
        except StoreError as error:
            memory.store_down = memory.store_down or now
            return [*memory.store_causes, *self._down(memory.store_down, error, now)]
        return memory.store_causes

    def _down(self, since: pd.Timestamp, error: StoreError, now: pd.Timestamp) -> Iterator[Cause]:
        is_server = self._settings.site.storage.backend == "influxdb"
        if now - since >= (DAY if is_server else _FILE_PATIENCE):
            code = "store_down_server" if is_server else "store_down_file"
            yield Cause("house:down", code, {"since": since.isoformat(), "error": str(error)}, since)


def _is_recent(version: str, last_run: str, now: pd.Timestamp) -> bool:
    """Tell whether the store was last checked less than an hour ago, and no run has ended since."""
    moment, _, run = version.partition(" ")
    return bool(moment) and run == last_run and abs(now - pd.Timestamp(moment)) < pd.Timedelta(hours=1)


def _last_run(context: dg.SensorEvaluationContext) -> str:
    """Give the end time of the last run; empty before the first."""
    records = context.instance.get_run_records(dg.RunsFilter(statuses=_OVER), order_by="update_timestamp", limit=1)
    return records[0].update_timestamp.isoformat() if records else ""


def _names(context: dg.SensorEvaluationContext) -> list[str]:
    repository = context.repository_def
    if repository is None:
        return []
    return [one.name for one in repository.schedule_defs] + [one.name for one in repository.sensor_defs]


# Reporting


def _report(
    settings: Settings, context: dg.SensorEvaluationContext, memory: Memory, results: CheckResults, now: pd.Timestamp
) -> str:
    """Send the due causes, record the delivery, and describe the result in a sentence."""
    due.update(memory, results, now)
    causes = due.due_causes(memory, results, settings.site.alerts, now)
    message = _message(memory, results, causes, Words(settings.site.language, settings.site.zone), now)
    if message is None:
        active = sum(cause.lasts for cause in results.causes)
        return f"Nothing new; {active} still active." if active else "Nothing needs attention."
    if not due.may_send(memory, settings.site.alerts, settings.site.zone, now):
        return f"{message.title}: sent when the quiet time is over."
    if not due.may_retry(memory, now):
        return f"{message.title}: no address took it so far; it is sent again later."
    outcomes = send(settings.secrets.apprise_urls, message)
    _log(context, message, outcomes)
    if not any(outcome.is_sent for outcome in outcomes):
        due.note_failed(memory, now)
        return f"{message.title}: no address took it; it is sent again."
    due.note_delivered(memory, causes, now)
    return f"Sent: {message.title}."


def _message(
    memory: Memory, results: CheckResults, causes: list[Cause], words: Words, now: pd.Timestamp
) -> Message | None:
    """Write the message about due causes, or that everything is resolved; None if neither applies."""

    def sentences(causes: Sequence[Cause]) -> list[str]:
        return [alert_sentence(cause.code, cause.figures, words) for cause in causes]

    if causes:
        body = alerts_body(sentences(causes), due.active_before(memory, causes), words)
        return Message(alerts_title(len(causes), words), body)
    if resolved := due.resolved_causes(memory, results, now):
        return Message(*resolved_text(sentences(resolved), words), "success")
    return None


def _log(context: dg.SensorEvaluationContext, message: Message, outcomes: Sequence[Outcome]) -> None:
    english = Words("en")
    for outcome in outcomes:
        address = address_text(outcome.schema, outcome.position, english)
        if outcome.is_sent:
            context.log.info(f"Alert '{message.title}': sent to {address}.")
        else:
            context.log.error(f"Alert '{message.title}': not sent to {address}: {result_text(outcome.result, english)}")
