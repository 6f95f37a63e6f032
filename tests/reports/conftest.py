"""Stores that hold days: the shipped household's, computed once, and small houses' written by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.houses import SAMPLE_DAYS, SmallHouse
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.records.days import write_days
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.embedded import EmbeddedStore


@pytest.fixture(scope="session")
def household(
    shipped: Settings, sample_store: EmbeddedStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedStore]:
    """The shipped household's days, January 2024 to February 2025; tests only read them."""
    kept = EmbeddedStore(tmp_path_factory.mktemp("days") / "days.sqlite")
    evaluation = Evaluation(shipped, sample_store)
    start, end = SAMPLE_DAYS.bounds(shipped.site.zone)
    for meter in shipped.meters.in_order():
        frame = evaluation.days(meter.meter_id, SAMPLE_DAYS).days
        write_days(kept, meter.meter_id, meter.output_unit, start, end, frame)
    yield kept
    kept.close()


@pytest.fixture
def flat(small_house: Callable[..., SmallHouse]) -> SmallHouse:
    """A flat with one electricity meter, whose name needs escaping."""
    return small_house(
        """\
        meters:
          - meter_id: strom
            type: physical
            output_unit: kWh
            description: "Power | <b>Main & more</b> *"
        """
    )
