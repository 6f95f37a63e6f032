"""Computes each meter's days from its settings and the stored raw readings."""

from workflows_dagster.evaluation.evaluated import Evaluated
from workflows_dagster.evaluation.house import Evaluation
from workflows_dagster.evaluation.valid_readings import raw_series

__all__ = ["Evaluated", "Evaluation", "raw_series"]
