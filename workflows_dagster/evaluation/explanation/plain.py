"""Explanations as plain dictionaries for JSON, with unrounded figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import date
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.evaluation.explanation.figures import Explanation
from workflows_dagster.evaluation.explanation.text_reasons import reason_sentence
from workflows_dagster.wording import Words
from workflows_dagster.wording.findings import finding_sentence


def plain(explanation: Explanation) -> dict[str, Any]:
    """Turn an explanation into dictionaries, lists, figures and texts; instants as ISO texts with their offset.

    Reasons and findings are English sentences, regardless of the house's language.
    """
    words = Words("en", cast(ZoneInfo, explanation.opens.tz))
    result: dict[str, Any] = _plain(explanation)
    result["reasons"] = [reason_sentence(reason, words, explanation.unit) for reason in explanation.reasons]
    for found, finding in zip(result["findings"], explanation.findings, strict=True):
        found["sentence"] = finding_sentence(finding, explanation.unit, words)
    result["sources"] = [plain(source) for source in explanation.sources]
    return result


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, pd.Timestamp | date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value
