"""Composition root: settings in, Definitions out. `dagster dev` and `dg dev` find `defs` here."""

from workflows_dagster.logs.reading import plan_of_house
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.storage.run_log import log_code_location
from workflows_dagster.settings.load import load

# First of all: what is wrong with the settings is a line of the log too.
log_code_location(plan_of_house)
defs = build_definitions(load())
