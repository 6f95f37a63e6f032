"""Every frame that crosses a layer keeps its schema, value by value, and one that does not is refused."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from tests.houses import SAMPLE_DAYS
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.frames import (
    ANOMALIES,
    BASE_LOADS,
    COSTS,
    DAYS,
    MONTHS,
    STORED_DAYS,
    VIRTUAL_DAYS,
    FrameError,
)
from workflows_dagster.domain.months import months_of
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.anomalies import Anomalies
from workflows_dagster.evaluation.costs import Costing
from workflows_dagster.records.days import read_days, write_days
from workflows_dagster.settings.meters import VirtualMeter
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import RawSeries

METERS = ["strom_total", "haupt_strom", "strom_allgemein", "gas_zahler_alt", "eg_kalfire", "og2_wasser_kalt"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory, shipped, sample_store):
    """The days of some of the sample household's meters, with their readings."""
    store = EmbeddedStore(tmp_path_factory.mktemp("schemas") / "days.sqlite")
    for row in sample_store.catalogue().itertuples():
        series = RawSeries(row.measurement, row.entity_id, row.field, row.domain)
        store.write_readings(series, sample_store.readings(series))
    evaluation = Evaluation(shipped, sample_store)
    frames = {}
    for meter_id in METERS:
        frames[meter_id] = evaluation.days(meter_id, SAMPLE_DAYS).days
        unit = shipped.meters[meter_id].output_unit
        write_days(store, meter_id, unit, *SAMPLE_DAYS.bounds(shipped.site.zone), frames[meter_id])
    yield store, frames
    store.close()


@pytest.mark.parametrize("meter_id", METERS)
def test_every_frame_of_a_meter_keeps_its_schema(meter_id, stored, shipped):
    store, frames = stored
    virtual = isinstance(shipped.meters[meter_id], VirtualMeter)
    (VIRTUAL_DAYS if virtual else DAYS).validate(frames[meter_id])
    read = STORED_DAYS.validate(read_days(store, meter_id))
    assert len(read) == len(frames[meter_id]) > 0
    assert len(COSTS.validate(Costing(shipped, store).of_meter(meter_id, SAMPLE_DAYS))) > 0
    judged = Anomalies(shipped, store).of_meter(meter_id, SAMPLE_DAYS)
    ANOMALIES.validate(judged.days)
    BASE_LOADS.validate(judged.base_load)
    civil = days.civil_days(pd.DatetimeIndex(read.index), shipped.site.zone)
    assert len(MONTHS.validate(months_of(read, civil, SAMPLE_DAYS))) > 0


@pytest.fixture
def good(stored):
    return stored[1]["strom_total"].iloc[:4].copy()


def with_value(column, value):
    def change(frame):
        frame.iloc[1, frame.columns.get_loc(column)] = value
        return frame

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda frame: frame.drop(columns="quality"), "columns are"),
        (lambda frame: frame[frame.columns[::-1]], "columns are"),
        (lambda frame: frame.assign(closing="12.5"), "column 'closing' has the type"),
        (lambda frame: frame.assign(quality=1.0), "column 'quality' has the type float64, which is no text"),
        (lambda frame: frame.iloc[::-1], "the index does not increase"),
        (lambda frame: frame.iloc[[0, 0]], "the index does not increase"),
        (lambda frame: frame.tz_localize(None), "the index has the type"),
    ],
    ids=["column", "order", "text", "number", "backwards", "twice", "zone"],
)
def test_a_frame_of_another_shape_is_refused_where_it_is_handed_on(good, change, fault):
    with pytest.raises(FrameError, match=fault):
        DAYS.check(change(good))


@pytest.mark.parametrize(
    "change",
    [
        with_value("consumption", np.inf),
        with_value("estimated_share", 1.5),
        with_value("quality", "guessed"),
    ],
    ids=["infinite", "more than all", "unknown quality"],
)
def test_a_value_that_cannot_be_is_found(good, change):
    with pytest.raises(FrameError, match="holds a value that it may not"):
        DAYS.validate(change(good))


def test_months_have_civil_days(stored, shipped):
    frame = stored[1]["strom_total"]
    civil = days.civil_days(pd.DatetimeIndex(frame.index), shipped.site.zone)
    months = months_of(frame, civil, DayRange(date(2024, 2, 1), date(2024, 3, 1)))
    with pytest.raises(FrameError, match="no date"):
        MONTHS.validate(months.set_axis(["2024-02", "2024-03"]))
