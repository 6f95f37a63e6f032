"""Houses whose days are computed."""

from __future__ import annotations

import pytest

from tests.repair.repaired_house import HOUSE, WITHIN, compute, monthly
from workflows_dagster.repair.repairs import Repair


@pytest.fixture
def house(small_house):
    """Two years of the small house with a shed, read once a month and computed."""
    house = small_house(HOUSE)
    house.read("main", monthly(step=60.0))
    house.read("flat", monthly())
    house.read("shed", monthly())
    compute(house, [Repair(WITHIN, tuple(meter.meter_id for meter in house.settings.meters.in_order()))])
    return house
