"""The Dagster asset graph; all code that is built on Dagster."""

import warnings

import dagster as dg

# The only beta feature that the graph uses; pyproject.toml pins the minor version.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
