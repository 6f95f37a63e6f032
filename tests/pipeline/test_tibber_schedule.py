"""Tibber is asked by the schedule, but never sooner after an answer than the configuration allows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from workflows_dagster.pipeline.assets.meters import TIBBER_KEY
from workflows_dagster.pipeline.backfill import dagster_instance
from workflows_dagster.pipeline.schedules import tibber_schedule
from workflows_dagster.settings.load import Settings


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dagster_instance(tmp_path) as instance:
        yield instance


def tick(settings: Settings, instance: dg.DagsterInstance, later: timedelta, polling_interval: int) -> str | None:
    """Give why Tibber is not asked at a tick so long from now, None if it is."""
    tibber = settings.site.tibber.model_copy(update={"polling_interval": polling_interval})
    asking = replace(settings, site=settings.site.model_copy(update={"tibber": tibber}))
    context = dg.build_schedule_context(instance, datetime.now(UTC) + later)
    found = tibber_schedule(asking, "tibber_sync")(context)
    assert isinstance(found, dg.RunRequest | dg.SkipReason)
    return found.skip_message if isinstance(found, dg.SkipReason) else None


def test_the_first_tick_asks(shipped: Settings, instance: dg.DagsterInstance) -> None:
    assert tick(shipped, instance, timedelta(), 3600) is None


@pytest.mark.parametrize(
    ("minutes", "polling_interval", "asked"),
    [(10, 3600, False), (50, 3600, False), (59, 3600, True), (60, 3600, True), (10, 300, True), (90, 7200, False)],
)
def test_after_an_answer_it_asks_once_the_interval_is_over_or_nearly(
    shipped: Settings, instance: dg.DagsterInstance, minutes: int, polling_interval: int, asked: bool
) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(TIBBER_KEY))
    reason = tick(shipped, instance, timedelta(minutes=minutes), polling_interval)
    assert (reason is None) == asked
    assert asked or reason == (
        f"Tibber was asked less than {polling_interval} s ago (config.yaml:tibber.polling_interval)."
    )
