"""Hints: what is worth a look in the configuration and stops nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from workflows_dagster.settings.documents import Document
from workflows_dagster.settings.meter_file import Entry
from workflows_dagster.settings.patterns import is_rounded_well
from workflows_dagster.settings.problems import Problem, nearest
from workflows_dagster.settings.secrets import Secrets


def pattern_hints(document: Document, entries: Sequence[Entry]) -> Iterator[Problem]:
    """Find patterns whose months were scaled to 100, and those that no meter uses.

    Args:
        document: seasonal_patterns.yaml, without problems.
        entries: All meters of the file.
    """
    ids = [entry.meter_id for entry in entries if entry.meter_id is not None]
    used = {str(entry.raw["pattern"]) for entry in entries if entry.raw.get("pattern")} | set(ids)
    for name, pattern in (document.content.get("patterns") or {}).items():
        total = math.fsum(pattern["monthly_percentages"])
        if not is_rounded_well(total):
            at = f"patterns.{name}.monthly_percentages"
            yield Problem(document.file, at, "percentages_scaled", {"total": f"{total:.6g}"})
        if str(name) not in used:
            figures = {"name": str(name), "suggestion": nearest(str(name), [one for one in ids if one != name])}
            yield Problem(document.file, f"patterns.{name}", "pattern_unused", figures)


def store_hints(config: Document, secrets: Secrets) -> Iterator[Problem]:
    """Find a configuration of InfluxDB, with its token, that nothing says to use."""
    if "influxdb" in config.content and "storage" not in config.content and secrets.influx_token:
        yield Problem(config.file, "storage", "storage_not_said")
