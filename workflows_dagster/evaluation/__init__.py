"""Computes each meter's days from its settings and the stored raw readings."""

from workflows_dagster.evaluation.evaluated import Evaluated
from workflows_dagster.evaluation.house import Evaluation
from workflows_dagster.evaluation.physical import raw_series

__all__ = ["Evaluated", "Evaluation", "raw_series"]
