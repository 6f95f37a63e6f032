"""The lines of a Dagster run: which run, which asset, which days; and which processes log so."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterInstance

from workflows_dagster.logs.config import LogConfig
from workflows_dagster.logs.configure import configure_service, is_configured, unconfigure
from workflows_dagster.pipeline.storage.home import ensure_home
from workflows_dagster.pipeline.storage.run_log import RunLogger, log_code_location, mask_errors
from workflows_dagster.service import main

LIBRARY = "a.library"
DAYS = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-12-31")


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def water(context) -> None:  # type: ignore[no-untyped-def]
    logging.getLogger(LIBRARY).warning("asking again")
    context.log.warning("100%% of nothing: %s", "dry")
    context.log.debug("not of interest")


@dg.asset(deps=[water], partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def heat() -> None:
    raise RuntimeError("no pump")


@pytest.fixture
def lines_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[str, list[dict[str, Any]]]]:
    """Run both assets over two days, with the instance file of every home."""

    def run() -> tuple[str, list[dict[str, Any]]]:
        monkeypatch.setenv("DAGSTER_HOME", str(ensure_home(tmp_path)))
        console = io.StringIO()
        configure_service(LogConfig(form="json"), "run", console, RunLogger)
        job = dg.Definitions(
            assets=[water, heat], executor=dg.in_process_executor
        ).resolve_implicit_global_asset_job_def()
        tags = {
            "dagster/asset_partition_range_start": "2024-03-30",
            "dagster/asset_partition_range_end": "2024-03-31",
        }
        with DagsterInstance.get() as instance:
            result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
            assert list(instance.managed_python_loggers) == []
            stored = [
                record.event_log_entry.user_message for record in instance.get_records_for_run(result.run_id).records
            ]
        logging.getLogger(LIBRARY).warning("afterwards")
        unconfigure()
        assert "100% of nothing: dry" in stored
        assert "asking again" not in stored
        return result.run_id, [json.loads(line) for line in console.getvalue().splitlines()]

    return run


def test_each_line_of_a_run_names_run_job_asset_and_days(
    lines_of_a_run: Callable[[], tuple[str, list[dict[str, Any]]]],
) -> None:
    run, lines = lines_of_a_run()
    found = [(line["logger"], line["message"], line.get("asset"), line.get("event")) for line in lines]
    assert found == [
        (LIBRARY, "asking again", "water", None),
        ("dagster", "100% of nothing: dry", "water", None),
        ("dagster", 'Execution of step "heat" failed.', "heat", "STEP_FAILURE"),
        ("dagster", found[3][1], None, "PIPELINE_FAILURE"),
        (LIBRARY, "afterwards", None, None),
    ]
    for line in lines[:4]:
        assert (line["run"], line["job"], line["partitions"]) == (run, "__ASSET_JOB", "2024-03-30...2024-03-31")
        assert line["process"] == "run"
    assert "RuntimeError: no pump" in lines[2]["exception"]
    assert "run" not in lines[4]


def test_a_sensor_says_in_a_line_which_it_is() -> None:
    console = io.StringIO()
    configure_service(LogConfig(form="json"), "code", console, RunLogger)

    @dg.sensor(target=[water])
    def readings(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        context.log.info("looked at %d readings", 7)
        return dg.SkipReason("nothing new")

    with (
        DagsterInstance.ephemeral() as instance,
        dg.build_sensor_context(instance, sensor_name="readings", repository_name="home") as context,
    ):
        readings(context)
    unconfigure()
    (line,) = [json.loads(line) for line in console.getvalue().splitlines()]
    assert line["message"] == "readings: looked at 7 readings"


@pytest.mark.parametrize(
    ("command", "process"),
    [
        (["dagster", "api", "grpc", "--port", "4000"], "code"),
        (["dagster", "code-server", "start"], "code"),
        (["dagster", "api", "execute_run", "{}"], "run"),
        (["dagster", "api", "execute_step", "{}"], "run"),
    ],
)
def test_a_code_server_and_a_run_log_in_the_houses_way_by_themselves(
    command: list[str], process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = io.StringIO()
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr(sys, "stdout", console)
    log_code_location(lambda: LogConfig(form="json"))
    logging.getLogger("workflows_dagster").info("here")
    unconfigure()
    assert json.loads(console.getvalue())["process"] == process


@pytest.mark.parametrize("command", [["dagster", "definitions", "list"], ["pytest"], ["dg", "check", "defs"]])
def test_any_other_program_that_loads_the_graph_keeps_its_own_way(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", command)
    log_code_location(lambda: pytest.fail("asked for a plan"))
    assert not is_configured()


def test_errors_are_masked_once_however_often_that_is_asked_for() -> None:
    from dagster_shared.error import SerializableErrorInfo

    mask_errors()
    first = SerializableErrorInfo.from_traceback
    mask_errors()
    assert SerializableErrorInfo.from_traceback == first


@pytest.mark.parametrize("words", [[], ["postgres"], ["meters", "check"]])
def test_a_service_that_is_none_is_refused_in_a_sentence(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "Name house or dagster-webserver or dagster-daemon or dagster, with its arguments." in said
    assert said.count("\n") == 1
