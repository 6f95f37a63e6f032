"""The alert sensor, driven as the daemon drives it, with a real receiver."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import date

import dagster as dg
import pandas as pd
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.events import JobFailureData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.utils import make_new_run_id
from dagster_shared.error import SerializableErrorInfo

from tests.alerts.receiver import SECRET, Receiver
from tests.sentences import said
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.findings import Finding
from workflows_dagster.maintenance import status
from workflows_dagster.pipeline.failures import failed_jobs, tick_causes
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.jobs import DAYS_JOB, RUNNING_DAY_JOB, TIBBER_JOB, WEATHER_JOB
from workflows_dagster.pipeline.maintenance import BACKUP_JOB
from workflows_dagster.pipeline.partitions import range_tags
from workflows_dagster.pipeline.sensors.alerts import OFF, alerts_sensor
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.settings.secrets import Secrets
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.open import EMBEDDED_FILE
from workflows_dagster.stores.ports import ANOMALY_DAILY, FINDING_NOW

HOUSE = """
    meters:
      - {meter_id: main, type: physical, output_unit: kWh, installation_date: 2026-01-01}
      - {meter_id: flat, type: physical, output_unit: kWh, installation_date: 2026-01-01}
"""
CONFIG = "alerts: {quiet_hours: null, min_hours_between: 0, disk_free_mb: 0}"
FAILED, DONE = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS
FETCHES = {TIBBER_JOB: "tibber_down", WEATHER_JOB: "weather_down"}


@pytest.fixture(scope="module")
def dagster(tmp_path_factory):
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home"))) as instance:
        yield instance


@pytest.fixture
def instance(dagster):
    """An instance in which nothing has happened; to make a new one takes a second."""
    yield dagster
    dagster.wipe()
    dagster.wipe_all_schedules()


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def other():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def house(small_house):
    return small_house(HOUSE, config=CONFIG)


class Watchman:
    """Looks when told to; between two looks nothing but the cursor is kept."""

    def __init__(self, house, instance, *receivers):
        self.settings = replace(house.settings, secrets=Secrets(apprise_urls=tuple(one.address for one in receivers)))
        self.repository = build_definitions(self.settings).get_repository_def()
        self.instance, self.cursor, self.start = instance, None, pd.Timestamp.now("UTC")

    def look(self, after="0s"):
        """One look so long after the beginning; gives what it says about itself."""
        moment = self.start + pd.Timedelta(after)
        sensor = alerts_sensor(self.settings, FETCHES, [RUNNING_DAY_JOB], now=lambda: moment)
        with dg.build_sensor_context(self.instance, self.cursor, repository_def=self.repository) as context:
            result = sensor(context)
        if isinstance(result, dg.SkipReason):
            return result.skip_message
        self.cursor = result.cursor
        assert not result.run_requests
        return result.skip_reason.skip_message


def ended(instance, job, status, first=None, last=None, meters=(), **tags):
    """A run of a job, as it ended a moment ago."""
    if first:
        tags |= range_tags(DayRange(date.fromisoformat(first), date.fromisoformat(last)))
    selection = frozenset(dg.AssetKey(meter) for meter in meters) or None
    run = instance.add_run(
        dg.DagsterRun(job, make_new_run_id(), status=dg.DagsterRunStatus.STARTED, tags=tags, asset_selection=selection)
    )
    ending = dg.DagsterEventType.RUN_SUCCESS if status == DONE else dg.DagsterEventType.RUN_FAILURE
    what = JobFailureData(error=None) if status == FAILED else None
    instance.report_dagster_event(dg.DagsterEvent(ending.value, job, event_specific_data=what), run.run_id)
    return run


def many(instance, job, status):
    """Two hundred runs of a job, as days of an hourly one leave them."""
    for _ in range(200):
        instance.run_storage.add_run(dg.DagsterRun(job, make_new_run_id(), status=status))


def overdue(house, meter_id, *, is_read=False):
    start = pd.Timestamp("2026-06-01", tz="UTC").as_unit("us")
    late = Finding("reading_overdue", meter_id, start, start + pd.Timedelta(days=9), {"days": 9.0})
    found = [] if is_read else [late]
    keep_findings(house.store, FINDING_NOW, meter_id, *days.REPRESENTABLE, found, said)


def titles(receiver):
    return [message["title"] for message in receiver.messages]


def test_without_addresses_nothing_is_done(house, instance):
    watchman = Watchman(house, instance)
    assert watchman.look() == OFF
    assert watchman.cursor is None


def test_many_causes_arrive_as_one_message_once(house, instance, receiver):
    watchman = Watchman(house, instance, receiver)
    overdue(house, "main")
    overdue(house, "flat")
    run = ended(instance, DAYS_JOB, FAILED)
    assert watchman.look() == "Sent: 3 alerts from your meters."
    assert watchman.look("5m") == "Nothing new; 3 still active."
    (message,) = receiver.messages
    lines = message["message"].splitlines()
    assert lines[:2] == ["- main: the last reading is 9 days old.", "- flat: the last reading is 9 days old."]
    assert lines[2].startswith(f"- The job 'days' failed (run {run.run_id[:8]}, ")
    assert len(lines) == 3
    assert SECRET not in watchman.cursor


def test_when_all_is_well_again_that_is_told_too(house, instance, receiver):
    watchman = Watchman(house, instance, receiver)
    overdue(house, "main")
    watchman.look()
    overdue(house, "main", is_read=True)
    assert watchman.look("61m") == "Nothing needs attention."
    assert watchman.look("122m") == "Sent: All alerts are resolved."
    assert titles(receiver) == ["An alert from your meters", "All alerts are resolved"]


def test_while_the_receiver_is_down_nothing_is_lost_and_when_it_is_up_it_hears_once(house, instance, receiver, caplog):
    watchman = Watchman(house, instance, receiver)
    overdue(house, "main")
    receiver.status = 503
    assert watchman.look().endswith("no address took it; it is sent again.")
    assert watchman.look("5m").endswith("no address took it; it is sent again.")
    assert "so far" in watchman.look("8m")
    assert receiver.tries == 2
    receiver.status = 200
    overdue(house, "flat")
    assert watchman.look("61m") == "Sent: 2 alerts from your meters."
    assert watchman.look("70m") == "Nothing new; 2 still active."
    assert len(receiver.messages) == 1
    assert SECRET not in caplog.text + watchman.cursor


def test_an_address_that_is_down_costs_the_others_no_second_message(house, instance, receiver, other):
    watchman = Watchman(house, instance, receiver, other)
    overdue(house, "main")
    other.status = 500
    assert watchman.look() == "Sent: An alert from your meters."
    watchman.look("5m")
    assert titles(receiver) == ["An alert from your meters"]
    assert other.tries == 1


def test_a_house_in_german_is_told_in_german(house, instance, receiver):
    site = house.settings.site.model_copy(update={"language": "de"})
    house.settings = replace(house.settings, site=site)
    watchman = Watchman(house, instance, receiver)
    run = ended(instance, DAYS_JOB, FAILED)
    watchman.look()
    (message,) = receiver.messages
    assert message["title"] == "Eine Meldung Ihrer Zähler"
    assert message["message"].startswith(f"- Der Auftrag „days“ ist fehlgeschlagen (Lauf {run.run_id[:8]}, ")


def test_a_look_with_nothing_new_is_cheap(shipped, instance, receiver, tmp_path):
    settings = replace(shipped, secrets=Secrets(apprise_urls=(receiver.address,)), data_dir=tmp_path)
    now = pd.Timestamp.now("UTC").floor("D").as_unit("us")
    judged = pd.DataFrame({"severity": "notice"}, index=pd.date_range(end=now, periods=365, freq="D", unit="us"))
    store = EmbeddedStore(tmp_path / EMBEDDED_FILE)
    for meter in settings.meters:
        store.replace(ANOMALY_DAILY, meter.meter_id, meter.output_unit, *days.REPRESENTABLE, judged)
    store.close()
    sensor = alerts_sensor(settings, FETCHES)
    cursor, seconds = None, []
    for _ in range(3):
        with dg.build_sensor_context(instance, cursor) as context:
            begin = time.perf_counter()
            cursor = sensor(context).cursor
            seconds.append(time.perf_counter() - begin)
    # Some tens of milliseconds; the first, which looks through the store, is among them.
    assert min(seconds) < 1.0
    assert receiver.tries == 0


def test_a_store_out_of_reach_is_told_after_a_while_and_what_it_causes_is_not(house, instance, receiver):
    watchman = Watchman(house, instance, receiver)
    overdue(house, "main", is_read=True)
    house.store.close()
    path = house.store.path
    path.rename(path.with_suffix(".away"))
    path.mkdir()
    ended(instance, DAYS_JOB, FAILED)
    assert watchman.look() == "Nothing needs attention."
    assert watchman.look("55m") == "Nothing needs attention."
    assert watchman.look("60m") == "Sent: An alert from your meters."
    assert receiver.messages[0]["message"].startswith("- The stored data have not been readable since ")
    path.rmdir()
    path.with_suffix(".away").rename(path)
    assert watchman.look("65m") == "Sent: An alert from your meters."
    assert receiver.messages[1]["message"].startswith("- The job 'days' failed")


def test_tibber_may_fail_for_a_day_and_an_hourly_job_once(house, instance, receiver):
    watchman = Watchman(house, instance, receiver)
    ended(instance, TIBBER_JOB, DONE)
    ended(instance, TIBBER_JOB, FAILED)
    ended(instance, RUNNING_DAY_JOB, FAILED)
    assert watchman.look("1h") == "Nothing needs attention."
    assert watchman.look("3h") == "Sent: An alert from your meters."
    assert "'today'" in receiver.messages[0]["message"]
    assert watchman.look("25h") == "Sent: An alert from your meters."
    assert receiver.messages[1]["message"].startswith("- Tibber has delivered nothing since ")
    ended(instance, TIBBER_JOB, DONE)
    ended(instance, RUNNING_DAY_JOB, DONE)
    assert watchman.look("26h") == "Nothing needs attention."
    assert watchman.look("28h") == "Sent: All alerts are resolved."


def test_the_weather_may_be_away_for_a_day(house, instance, receiver):
    watchman = Watchman(house, instance, receiver)
    ended(instance, WEATHER_JOB, FAILED)
    assert watchman.look("23h") == "Nothing needs attention."
    assert watchman.look("25h") == "Sent: An alert from your meters."
    assert receiver.messages[0]["message"].startswith("- Open-Meteo has delivered nothing since ")


def test_a_backup_that_failed_is_told_once_and_one_by_hand_makes_it_good(house, instance, receiver):
    watchman = Watchman(house, instance, receiver)
    at = watchman.start.to_pydatetime()
    status.note(watchman.settings.data_dir, at, backup=status.Attempt(at=at, ok=False, sentence="the disk is full."))
    ended(instance, BACKUP_JOB, FAILED)
    assert watchman.look() == "Sent: An alert from your meters."
    assert receiver.messages[0]["message"].endswith("the disk is full.")
    good = status.Attempt(at=at, ok=True, sentence="good")
    status.note(watchman.settings.data_dir, at, backup=good, drill=good)
    assert watchman.look("5m") == "Nothing needs attention."
    assert watchman.look("216h") == "Sent: An alert from your meters."
    assert "No good backup for more than 8 days" in receiver.messages[1]["message"]


def test_a_disk_that_is_nearly_full_is_told(house, instance, receiver):
    rules = house.settings.site.alerts.model_copy(update={"disk_free_mb": 10**9})
    house.settings = replace(house.settings, site=house.settings.site.model_copy(update={"alerts": rules}))
    Watchman(house, instance, receiver).look()
    assert "MB left, less than 1,000,000,000 MB" in receiver.messages[0]["message"]


# Runs


def names(instance, after="0s"):
    return [job.name for job in failed_jobs(instance, pd.Timestamp.now("UTC") + pd.Timedelta(after))]


def test_a_run_that_is_tried_again_has_not_failed_for_good(instance):
    ended(instance, DAYS_JOB, FAILED, **{"dagster/will_retry": "true"})
    assert names(instance) == []
    ended(instance, DAYS_JOB, FAILED, **{"dagster/will_retry": "false"})
    assert names(instance) == [DAYS_JOB]


def test_a_failure_is_made_good_by_a_run_over_its_days_and_meters_and_by_no_other(instance):
    ended(instance, DAYS_JOB, DONE, "2026-03-01", "2026-04-01", ["flat"])
    ended(instance, DAYS_JOB, FAILED, "2026-03-01", "2026-04-01", ["flat"])
    ended(instance, DAYS_JOB, DONE, "2026-05-01", "2026-05-02", ["main", "flat"])
    ended(instance, DAYS_JOB, DONE, "2026-03-01", "2026-04-01", ["main"])
    assert names(instance) == [DAYS_JOB]
    ended(instance, DAYS_JOB, DONE, "2026-03-15", "2026-03-20", ["main", "flat"])
    assert names(instance) == []


def test_a_success_before_a_failure_does_not_make_it_good(instance):
    ended(instance, DAYS_JOB, FAILED, "2026-04-01", "2026-04-02", ["flat"])
    ended(instance, DAYS_JOB, DONE, "2026-03-01", "2026-03-02", ["flat"])
    ended(instance, DAYS_JOB, FAILED, "2026-03-01", "2026-03-02", ["flat"])
    (job,) = failed_jobs(instance, pd.Timestamp.now("UTC"))
    assert len(job.runs) == 2


def test_what_made_a_failure_good_is_not_hidden_by_the_many_runs_of_another_job(instance):
    ended(instance, "profiles", FAILED)
    ended(instance, "profiles", DONE)
    many(instance, RUNNING_DAY_JOB, DONE)
    assert names(instance) == []


def test_a_failure_is_not_hidden_by_the_many_of_another_job(instance):
    ended(instance, "profiles", FAILED)
    many(instance, TIBBER_JOB, FAILED)
    assert set(names(instance)) == {TIBBER_JOB, "profiles"}


def test_days_that_nobody_asked_for_again_have_come_right(instance):
    ended(instance, DAYS_JOB, FAILED, "2026-03-01", "2026-04-01", ["flat"])
    ended(instance, "profiles", FAILED)
    assert names(instance, "71h") == ["profiles", DAYS_JOB]
    assert names(instance, "73h") == ["profiles"]


def test_several_failures_of_a_job_are_one_cause(house, instance, receiver):
    watchman = Watchman(house, instance, receiver)
    for _ in range(3):
        ended(instance, DAYS_JOB, FAILED)
    watchman.look()
    (line,) = receiver.messages[0]["message"].splitlines()
    assert line.startswith("- The job 'days' failed (run ")
    assert line.endswith(" It has happened 3 times.")


# Schedules and sensors


def ticked(instance, name, kind, *ticks, status=InstigatorStatus.RUNNING, location="home"):
    """A schedule or sensor that has ticked so and so many minutes ago, with which status."""
    origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__")
    of_schedule = ScheduleInstigatorData("0 2 * * *") if kind == InstigatorType.SCHEDULE else None
    state = InstigatorState(origin.get_instigator_origin(name), kind, status, of_schedule)
    if instance.get_instigator_state(state.instigator_origin_id, state.selector_id) is None:
        instance.add_instigator_state(state)
    for minutes, tick in ticks:
        at = time.time() - 60 * minutes
        what = {"error": SerializableErrorInfo("broken", [], None)} if tick == TickStatus.FAILURE else {}
        what |= {"skip_reason": "nothing to do"} if tick == TickStatus.SKIPPED else {}
        what |= {"run_ids": ["1"]} if tick == TickStatus.SUCCESS else {}
        instance.create_tick(
            TickData(state.instigator_origin_id, name, kind, tick, at, selector_id=state.selector_id, **what)
        )


def failing(instance, location="home"):
    now = pd.Timestamp.now("UTC")
    return [cause.key for cause in tick_causes(instance, {"daily", "new_readings"}, location, now)]


def test_a_schedule_whose_last_look_failed_is_a_cause_until_the_next(instance):
    ticked(instance, "daily", InstigatorType.SCHEDULE, (1500, TickStatus.SUCCESS), (60, TickStatus.FAILURE))
    assert failing(instance) == ["tick:daily"]
    assert failing(instance, location="elsewhere") == []


def test_a_schedule_that_works_again_or_is_turned_off_is_none(instance):
    ticked(instance, "daily", InstigatorType.SCHEDULE, (1500, TickStatus.FAILURE), (60, TickStatus.SKIPPED))
    off = InstigatorStatus.STOPPED
    ticked(instance, "new_readings", InstigatorType.SCHEDULE, (60, TickStatus.FAILURE), status=off)
    ticked(instance, "of_another_house", InstigatorType.SCHEDULE, (60, TickStatus.FAILURE))
    assert failing(instance) == []


def test_a_sensor_is_failing_once_it_has_done_nothing_else_for_an_hour(instance):
    ticks = [(minutes, TickStatus.FAILURE) for minutes in range(58, 0, -3)]
    ticked(instance, "new_readings", InstigatorType.SENSOR, *ticks)
    assert failing(instance) == []
    ticked(instance, "new_readings", InstigatorType.SENSOR, (62, TickStatus.FAILURE))
    assert failing(instance) == ["tick:new_readings"]


def test_a_sensor_that_failed_between_good_looks_is_none(instance):
    failure, skip = TickStatus.FAILURE, TickStatus.SKIPPED
    ticked(instance, "new_readings", InstigatorType.SENSOR, (65, failure), (30, skip), (10, failure), (1, failure))
    assert failing(instance) == []
