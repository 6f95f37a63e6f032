"""How a finding writes an amount."""

from __future__ import annotations

import pytest

from workflows_dagster.domain.findings import amount


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        (2.0, 4, "2 kWh"),
        (0.25, 4, "0.25 kWh"),
        (134.9999, 4, "135 kWh"),
        (9999.6, 4, "10,000 kWh"),
        (8512.3, 3, "8,510 kWh"),
        (6.6e6, 3, "6,600,000 kWh"),
        (0.00001234, 4, "0.00001234 kWh"),
        (-1234.56, 4, "-1,235 kWh"),
        (0.0, 4, "0 kWh"),
        (-0.0, 4, "0 kWh"),
    ],
)
def test_an_amount_is_never_a_power_of_ten(value, digits, written):
    assert amount(value, "kWh", digits) == written
