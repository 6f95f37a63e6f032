"""Composition root: settings in, Definitions out. `dagster dev` and `dg dev` find `defs` here."""

from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.settings.load import load

defs = build_definitions(load())
