"""The Dagster asset graph; the only room that knows Dagster."""

import warnings

import dagster as dg

# The one beta feature that the graph is built on; pyproject.toml pins the minor version.
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=dg.BetaWarning)
