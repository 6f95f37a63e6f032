"""The sensor that tells the owner what needs a look."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import dagster as dg
import pandas as pd
from dagster import DagsterInstance

from workflows_dagster.alerts import telling
from workflows_dagster.alerts.cause import Cause, Look, Seen, look_around
from workflows_dagster.alerts.memory import Memory, Message, Trials
from workflows_dagster.alerts.of_disk import full_disks
from workflows_dagster.alerts.of_house import house_causes
from workflows_dagster.alerts.sending import Outcome, send
from workflows_dagster.maintenance.status import read_status
from workflows_dagster.pipeline.failures import (
    DAY,
    HOURLY_PATIENCE,
    failed_jobs,
    run_causes,
    tibber_causes,
    tick_causes,
)
from workflows_dagster.pipeline.maintenance import BACKUP_JOB
from workflows_dagster.pipeline.storage.home import home_folder
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.open import open_store
from workflows_dagster.stores.ports import FINDING_NOW, StoreError

ALERTS = "alerts"
ALERT_SECONDS = 300
OFF = (
    "Alerts are off: APPRISE_URLS is not set. Write it into secrets/alerts.env to be told when something needs a look."
)
# A file of our own does not come back by itself as a server does.
_FILE_PATIENCE = pd.Timedelta(hours=1)
# One try, no longer than this: the next look is five minutes away. [ms]
_STORE_TIMEOUT = 10_000
_OVER = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def _now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC")


def alerts_sensor(
    settings: Settings,
    tibber_job: str,
    hourly_jobs: Sequence[str] = (),
    now: Callable[[], pd.Timestamp] = _now,
) -> dg.SensorDefinition:
    """Build the sensor that looks every five minutes and tells what needs a look, in one message for many causes.

    All that it must remember is in its cursor, so that a restart neither forgets nor repeats anything.

    Args:
        settings: The house.
        tibber_job: Name of the job that fetches Tibber's hours, which may fail for a day.
        hourly_jobs: Names of further jobs that run every hour, which may fail once.
        now: Tells the present, UTC.
    """
    watch = Watch(settings, tibber_job, hourly_jobs)

    @dg.sensor(
        name=ALERTS,
        minimum_interval_seconds=ALERT_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells you by mail, ntfy, Telegram, … what needs a look. Off until secrets/alerts.env is there.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not settings.secrets.apprise_urls:
            return dg.SkipReason(OFF)
        moment, memory = now(), Memory.decode(context.cursor)
        seen = watch.look(context, memory, moment)
        said = _tell(settings, context, memory, seen, moment)
        return dg.SensorResult(skip_reason=said, cursor=memory.encode())

    return alerts


class Watch:
    """All that is looked at.

    To watch one thing more, write a function that gives its causes and add it to `_looks`; the first part of the
    causes' keys is its name there.

    Args:
        settings: The house.
        tibber_job: Name of the job that fetches Tibber's hours.
        hourly_jobs: Names of further jobs that run every hour.
    """

    def __init__(self, settings: Settings, tibber_job: str, hourly_jobs: Sequence[str]) -> None:
        self._settings, self._tibber_job = settings, tibber_job
        # Tibber's failures are told as its own.
        self._patience = dict.fromkeys(hourly_jobs, HOURLY_PATIENCE) | {tibber_job: pd.Timedelta.max}

    def look(self, context: dg.SensorEvaluationContext, memory: Memory, now: pd.Timestamp) -> Seen:
        """Look at everything.

        Args:
            context: The sensor's.
            memory: Its part about the store is brought up to date.
            now: The present, UTC.
        """
        seen = look_around(self._looks(context, memory, now))
        for name, error in (seen.failures or {}).items():
            context.log.error(f"The look for '{name}' failed.", exc_info=error)
        if memory.store_away is None:
            return seen
        # While the store is away nearly everything fails, and comes right by itself when it is back.
        echoes = ("run", "tick")
        causes = tuple(cause for cause in seen.causes if cause.look not in echoes)
        return replace(seen, causes=causes, blind=seen.blind.union(echoes))

    def _looks(self, context: dg.SensorEvaluationContext, memory: Memory, now: pd.Timestamp) -> dict[str, Look]:
        settings, instance, zone = self._settings, context.instance, self._settings.site.zone
        folders = {"the data": settings.data_dir, "Dagster's home": home_folder(settings.data_dir)}
        # Its own failures it could not tell.
        names = {name for name in _names(context) if name != ALERTS}
        origin = context.code_location_origin
        location = None if origin is None else origin.location_name
        return {
            "house": lambda: self._of_store(context, memory, now),
            "run": lambda: self._of_runs(instance, now),
            "tick": lambda: tick_causes(instance, names, location, zone, now),
            "backup": lambda: self._of_backups(now),
            "disk": lambda: full_disks(folders, settings.site.alerts.disk_free_mb),
        }

    def _of_runs(self, instance: DagsterInstance, now: pd.Timestamp) -> Iterator[Cause]:
        failed, zone = failed_jobs(instance, now), self._settings.site.zone
        # What came of the backups is in a file of its own, and a backup by hand makes a failed one good there.
        told_elsewhere = {BACKUP_JOB: pd.Timedelta.max} if read_status(self._settings.data_dir) else {}
        yield from run_causes(failed, self._patience | told_elsewhere, zone, now)
        yield from tibber_causes(failed, self._tibber_job, zone, now)

    def _of_backups(self, now: pd.Timestamp) -> Iterator[Cause]:
        status = read_status(self._settings.data_dir)
        trouble = None if status is None else status.trouble(now.to_pydatetime())
        if trouble is not None:
            yield Cause("backup:newest", trouble)

    def _of_store(self, context: dg.SensorEvaluationContext, memory: Memory, now: pd.Timestamp) -> Iterable[Cause]:
        """Reach the store, and look through it when a run has ended since or an hour has passed."""
        try:
            with open_store(_hasty(self._settings)) as store:
                last_run = _last_run(context)
                if _is_recent(memory.store_seen, last_run, now):
                    store.present(FINDING_NOW, now - pd.Timedelta(hours=1), now)
                else:
                    memory.store_causes = house_causes(self._settings, store, now)
                    memory.store_seen = f"{now.isoformat()} {last_run}"
            memory.store_away = None
        except StoreError as error:
            memory.store_away = memory.store_away or now
            return [*memory.store_causes, *self._away(memory.store_away, error, now)]
        return memory.store_causes

    def _away(self, since: pd.Timestamp, error: StoreError, now: pd.Timestamp) -> Iterator[Cause]:
        is_server = self._settings.site.storage.backend == "influxdb"
        if now - since >= (DAY if is_server else _FILE_PATIENCE):
            name = "InfluxDB has" if is_server else "The data have"
            when = f"{since.tz_convert(self._settings.site.zone):%Y-%m-%d %H:%M}"
            yield Cause("house:away", f"{name} been out of reach since {when}: {error}", since)


def _hasty(settings: Settings) -> Settings:
    influx = settings.site.influxdb
    hasty = influx.model_copy(update={"retry_attempts": 0, "timeout": min(influx.timeout, _STORE_TIMEOUT)})
    return replace(settings, site=settings.site.model_copy(update={"influxdb": hasty}))


def _is_recent(seen: str, last_run: str, now: pd.Timestamp) -> bool:
    """Tell whether the last look through the store is less than an hour old, and no run has ended since."""
    moment, _, run = seen.partition(" ")
    return bool(moment) and run == last_run and abs(now - pd.Timestamp(moment)) < pd.Timedelta(hours=1)


def _last_run(context: dg.SensorEvaluationContext) -> str:
    """Tell when the last run that is over was over; empty before the first."""
    records = context.instance.get_run_records(dg.RunsFilter(statuses=_OVER), order_by="update_timestamp", limit=1)
    return records[0].update_timestamp.isoformat() if records else ""


def _names(context: dg.SensorEvaluationContext) -> list[str]:
    repository = context.repository_def
    if repository is None:
        return []
    return [one.name for one in repository.schedule_defs] + [one.name for one in repository.sensor_defs]


# Telling


def _tell(
    settings: Settings, context: dg.SensorEvaluationContext, memory: Memory, seen: Seen, now: pd.Timestamp
) -> str:
    """Send what is to be sent now, note it, and say in a sentence what was done."""
    rules, zone = settings.site.alerts, settings.site.zone
    telling.note(memory, seen, now)
    causes = telling.due(memory, seen, rules, now)
    message = telling.message_of(memory, seen, causes, now)
    _send_letter(settings, context, memory, now)
    if message is None:
        return _standing(seen)
    if not telling.is_time(memory, rules, zone, now):
        return f"{message.title}: told when the quiet time is over."
    if not telling.may_try(memory.trials, now):
        return f"{message.title}: no address took it so far; it is tried again."
    outcomes = send(settings.secrets.apprise_urls, message)
    _log(context, message, outcomes)
    left = tuple(outcome.position for outcome in outcomes if not outcome.is_sent)
    if len(left) == len(outcomes):
        memory.trials = telling.failed_again(memory.trials, now)
        return f"{message.title}: no address took it; it is tried again."
    memory.trials = Trials()
    telling.note_told(memory, causes, now)
    if left:
        telling.keep_letter(memory, message, left, len(outcomes), now)
    return f"Told: {message.title}."


def _send_letter(settings: Settings, context: dg.SensorEvaluationContext, memory: Memory, now: pd.Timestamp) -> None:
    """Send again what some addresses have not taken."""
    addresses = settings.secrets.apprise_urls
    letter = telling.next_letter(memory, len(addresses), now)
    if letter is None:
        return
    outcomes = [
        replace(outcome, position=position)
        for outcome, position in zip(
            send([addresses[position] for position in letter.left], letter.message), letter.left, strict=True
        )
    ]
    _log(context, letter.message, outcomes)
    left = tuple(outcome.position for outcome in outcomes if not outcome.is_sent)
    if left:
        telling.put_back(memory, letter, left, now)


def _log(context: dg.SensorEvaluationContext, message: Message, outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        if outcome.is_sent:
            context.log.info(f"Alert '{message.title}': {outcome.name} took it.")
        else:
            context.log.error(f"Alert '{message.title}': {outcome.name} did not get it: {outcome.reason}")


def _standing(seen: Seen) -> str:
    standing = sum(cause.lasts for cause in seen.causes)
    return f"Nothing new; {standing} still standing." if standing else "Nothing needs a look."
