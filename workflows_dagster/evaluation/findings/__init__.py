"""Findings about a meter's months and its present state."""

from workflows_dagster.evaluation.findings.review import Review, Reviewed

__all__ = ["Review", "Reviewed"]
