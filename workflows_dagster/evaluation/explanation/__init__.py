"""Why a number is what it is: its arithmetic, figure by figure, from the same functions that computed it."""

from workflows_dagster.evaluation.explanation.explainer import Explainer, NothingToExplainError
from workflows_dagster.evaluation.explanation.figures import Explanation

__all__ = ["Explainer", "Explanation", "NothingToExplainError"]
