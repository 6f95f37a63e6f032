"""The `anomalies` section of config.yaml: what counts as unusual."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workflows_dagster.domain.anomalies import AnomalyRule
from workflows_dagster.settings.fields import Frozen, Number


class AnomalySettings(Frozen):
    """What counts as an unusual day.

    Attributes:
        method: Each day against its own recent weeks, weekday and season (robust), or more than twice the mean of the
            seven days before (plain).
        score: How many robust standard deviations away a day must lie with the robust method; less flags more. [1]
    """

    method: Literal["robust", "plain"] = "robust"
    score: Annotated[Number, Field(ge=2, le=20)] = AnomalyRule().score

    @property
    def rule(self) -> AnomalyRule:
        """The rule for `domain.anomalies`."""
        return AnomalyRule(self.method, self.score)
