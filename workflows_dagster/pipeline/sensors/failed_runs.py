"""Logs an error when a run has failed."""

import dagster as dg

from workflows_dagster.pipeline.runs import SENSOR_SECONDS


def failed_runs_sensor() -> dg.SensorDefinition:
    """Build the sensor that logs an error when a run has failed for good."""

    @dg.run_failure_sensor(
        name="failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=SENSOR_SECONDS,
        description="Says in the log which run failed, and whether it is tried again.",
    )
    def failed_runs(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        again = run.tags.get("dagster/will_retry", "false").lower() == "true"
        ending = "It is tried again." if again else "It is not tried again before the night. See the run on the page."
        message = context.failure_event.message or "no reason given"
        context.log.error(f"Run {run.run_id[:8]} of job '{run.job_name}' failed: {message} {ending}")

    return failed_runs
