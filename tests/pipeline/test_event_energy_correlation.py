"""What each event changed, through Dagster: one run over a range, kept results, the night, the end of old streams."""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg
import pandas as pd
import pytest

from tests.houses import small
from tests.streams import BERLIN, FIRST, HOUSE, LAST, START, live
from workflows_dagster.domain.days import DayRange, closing
from workflows_dagster.pipeline.assets.event_energy_correlation import (
    EVENT_ENERGY_KEY,
    EVENTS_JOB,
    STREAMS_JOB,
    correlation_of,
    days_to_compute,
)
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.partitions import range_tags
from workflows_dagster.records.events import read_correlations
from workflows_dagster.records.power import read_power
from workflows_dagster.services.event_correlation import Correlation
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.open import EMBEDDED_FILE

END = closing(LAST, BERLIN)
EVER = 20_000


def house(folder, keep_days: int, url: str = "http://127.0.0.1:1") -> Settings:
    """The small house with Home Assistant."""
    config = folder / "config"
    config.mkdir(exist_ok=True)
    (config / "config.yaml").write_text(
        "timezone: Europe/Berlin\nworkflows: {analytics: {start_year: 2021}}\n"
        f"home_assistant: {{url: {url}, power_entity: {HOUSE}, keep_days: {keep_days}}}\n",
        encoding="utf-8",
    )
    (config / "meters.yaml").write_text(small("2021-01-01"), encoding="utf-8")
    (config / "seasonal_patterns.yaml").write_text("patterns: {}", encoding="utf-8")
    return load(config, {"METERS_DATA_DIR": str(folder / "data"), "HOME_ASSISTANT_TOKEN": "token"})


def run(settings: Settings, instance: dg.DagsterInstance, job: str, **tags: str) -> None:
    assert build_definitions(settings).resolve_job_def(job).execute_in_process(instance=instance, tags=tags).success


@pytest.fixture
def store(tmp_path):
    (tmp_path / "data").mkdir()
    opened = EmbeddedStore(tmp_path / "data" / EMBEDDED_FILE)
    live(opened)
    yield opened
    opened.close()


def test_one_run_over_a_range_gives_what_the_running_days_gave_and_expired_days_keep_it(store, tmp_path):
    settings = house(tmp_path, EVER)
    for day in DayRange(FIRST, LAST):
        Correlation(store, BERLIN, HOUSE, settings.site.home_assistant.event_domains, EVER).of_days(
            DayRange.single(day), closing(day, BERLIN) + pd.Timedelta(minutes=20)
        )
    running = read_correlations(store, START, END)
    assert len(running) > 300
    with dg.instance_for_test() as instance:
        run(settings, instance, EVENTS_JOB, **range_tags(DayRange(FIRST, LAST)))
        pd.testing.assert_frame_equal(read_correlations(store, START, END), running, check_exact=True)
        event = instance.get_latest_materialization_event(EVENT_ENERGY_KEY)
        figures = event.asset_materialization.metadata
        assert (figures["events"].value > 50, figures["kept"].value) == (True, 0)
        expired = house(tmp_path, 92)
        run(expired, instance, STREAMS_JOB)
        assert read_power(store, START, END).empty
        run(expired, instance, EVENTS_JOB, **range_tags(DayRange(FIRST, LAST)))
        event = instance.get_latest_materialization_event(EVENT_ENERGY_KEY)
        assert event.asset_materialization.metadata["kept"].value == 1
    pd.testing.assert_frame_equal(read_correlations(store, START, END), running, check_exact=True)


def test_the_night_computes_the_last_three_days_and_what_is_missing(store, tmp_path):
    settings = house(tmp_path, 92)
    now = pd.Timestamp("2021-04-20 03:45", tz="Europe/Berlin").tz_convert("UTC")
    correlation = correlation_of(settings, store, now)
    within = DayRange(date(2021, 1, 1), date(2021, 4, 19))
    # Kept since 18 January, 00:00 UTC; 14 days and two hours later 2 February opens next.
    assert days_to_compute(within, set(), correlation, now) == DayRange(date(2021, 2, 2), within.last)
    made = within.days()
    assert days_to_compute(within, made, correlation, now) == DayRange(within.last - timedelta(days=2), within.last)
    made -= {date(2021, 4, 10)}
    assert days_to_compute(within, made, correlation, now) == DayRange(date(2021, 4, 10), within.last)


def test_a_house_without_home_assistant_has_none_of_it(tmp_path):
    definitions = build_definitions(house(tmp_path, 92, "null"))
    assert EVENT_ENERGY_KEY not in definitions.resolve_asset_graph().get_all_asset_keys()
    assert {EVENTS_JOB, STREAMS_JOB}.isdisjoint(job.name for job in definitions.resolve_all_job_defs())
