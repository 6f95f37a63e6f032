"""Runs whose process is gone are written down as failed, and no other."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import EngineEventData

from workflows_dagster.pipeline.sensors.lost_runs import START_SECONDS, lost_runs_sensor, process_of

STARTED, STARTING = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING


@dg.op
def counted() -> None: ...


@dg.job
def days() -> None:
    counted()


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home"))) as instance:
        yield instance


@pytest.fixture
def child() -> Iterator[int]:
    """A process as the code server starts it, which waits until it is ended."""
    context = multiprocessing.get_context("spawn")
    waits = context.Event()
    process = context.Process(target=waits.wait, args=(60,))
    process.start()
    assert process.pid is not None
    yield process.pid
    process.kill()
    process.join()


def ended() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def run_of(instance: dg.DagsterInstance, process: int | None, status: dg.DagsterRunStatus = STARTED) -> dg.DagsterRun:
    run = instance.create_run_for_job(days, status=status)
    if process is not None:
        instance.report_engine_event(f"Started process for run (pid: {process}).", run, EngineEventData())
    return run


def look(instance: dg.DagsterInstance, later: int = 0) -> str:
    sensor = lost_runs_sensor(now=lambda: datetime.now(UTC) + timedelta(seconds=later))
    found = sensor(dg.build_sensor_context(instance))
    assert isinstance(found, dg.SkipReason)
    return found.skip_message or ""


def status_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


@pytest.mark.parametrize("status", [STARTED, STARTING, dg.DagsterRunStatus.CANCELING])
def test_a_run_whose_process_has_ended_has_failed_and_says_why(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    run = run_of(instance, ended(), status)
    assert look(instance) == "1 runs had lost their process."
    assert status_of(instance, run) is dg.DagsterRunStatus.FAILURE
    failure = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.PIPELINE_FAILURE)[0]
    assert "the power was cut" in (failure.dagster_event.message or "")
    assert look(instance) == "Every run has its process."


def test_a_number_that_now_is_another_programs_is_not_the_runs(instance: dg.DagsterInstance) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("no /proc here, so programs cannot be told apart")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        run = run_of(instance, other.pid)
        look(instance)
        other.communicate(b"\n")
    assert status_of(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_run_whose_process_works_goes_on(instance: dg.DagsterInstance, child: int) -> None:
    run = run_of(instance, child)
    assert look(instance) == "Every run has its process."
    assert status_of(instance, run) is STARTED


def test_a_run_for_which_no_process_came_has_failed_after_a_minute(instance: dg.DagsterInstance) -> None:
    """The daemon was killed between its word that the run starts and the code server's that it did."""
    look(instance)
    run = run_of(instance, None, STARTING)
    assert look(instance) == "Every run has its process."
    by_hand = run_of(instance, None, STARTED)
    assert look(instance, later=START_SECONDS + 1) == "1 runs had lost their process."
    assert status_of(instance, run) is dg.DagsterRunStatus.FAILURE
    assert status_of(instance, by_hand) is STARTED
    instance.delete_run(by_hand.run_id)


def test_a_run_that_waits_or_was_started_otherwise_is_left_alone(instance: dg.DagsterInstance) -> None:
    otherwise = run_of(instance, None)
    waiting = run_of(instance, ended(), dg.DagsterRunStatus.NOT_STARTED)
    good = run_of(instance, ended(), dg.DagsterRunStatus.SUCCESS)
    look(instance)
    assert [status_of(instance, run) for run in (otherwise, waiting, good)] == [
        STARTED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.SUCCESS,
    ]


def test_a_run_that_was_resumed_has_its_newest_process(instance: dg.DagsterInstance, child: int) -> None:
    run = run_of(instance, ended())
    instance.report_engine_event(f"Started process for run (pid: {child}).", run, EngineEventData())
    assert process_of(instance, run.run_id) == child
    look(instance)
    assert status_of(instance, run) is STARTED


def test_with_a_launcher_that_starts_runs_elsewhere_nothing_is_looked_for(tmp_path: Path) -> None:
    elsewhere = {"run_launcher": {"module": "dagster._core.test_utils", "class": "ExplodingRunLauncher"}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=elsewhere) as instance:
        run = run_of(instance, ended())
        look(instance)
        assert status_of(instance, run) is STARTED
