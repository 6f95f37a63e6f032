"""Print how many runs of Dagster are under way. Runs with the packages of an installed release."""

from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

UNDER_WAY = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]

with DagsterInstance.get() as instance:
    print(instance.get_runs_count(RunsFilter(statuses=UNDER_WAY)))
