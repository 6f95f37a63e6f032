"""Slips of a hand that types: what was meant is named where it fits the band, and nothing else."""

from __future__ import annotations

import pytest

from workflows_dagster.domain.slips import Expected, likely_slip

GAS = Expected(47_218.0, 31.0, 58.0)


@pytest.mark.parametrize(
    ("typed", "kind", "meant"),
    [
        (47_625.0, "digits_swapped", 47_265.0),
        (472_653.0, "decimals_missing", 47_265.3),
        (47_265_300.0, "decimals_missing", 47_265.3),
        (4_726.0, "digit_missing", 47_260.0),
    ],
)
def test_the_reading_that_was_meant_is_named(typed, kind, meant):
    slip = likely_slip(typed, GAS, {})
    assert slip is not None
    assert (slip.kind, slip.value) == (kind, pytest.approx(meant))
    assert slip.advance == pytest.approx(meant - GAS.last)


def test_a_neighbours_reading_is_named_after_its_meter():
    slip = likely_slip(8_812.0, GAS, {"water": Expected(700.0, 5.0, 11.0), "power": Expected(8_750.0, 50.0, 70.0)})
    assert slip is not None
    assert (slip.kind, slip.meter_id, slip.advance) == ("other_meter", "power", 62.0)


def test_where_nothing_fits_nothing_is_named():
    assert likely_slip(51_000.0, GAS, {}) is None
