"""Settings and stores together: each meter's days, computed from the raw readings that decide them and no others."""

from workflows_dagster.evaluation.evaluated import Evaluated
from workflows_dagster.evaluation.house import Evaluation
from workflows_dagster.evaluation.physical import raw_series

__all__ = ["Evaluated", "Evaluation", "raw_series"]
