"""What a person should know about a meter: of its days, of its months and as things stand now."""

from workflows_dagster.evaluation.findings.review import Review, Reviewed

__all__ = ["Review", "Reviewed"]
