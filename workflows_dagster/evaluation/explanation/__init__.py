"""Explains a meter's number: the arithmetic behind it, from the same functions that computed it."""

from workflows_dagster.evaluation.explanation.explainer import Explainer, NothingToExplainError
from workflows_dagster.evaluation.explanation.figures import Explanation

__all__ = ["Explainer", "Explanation", "NothingToExplainError"]
