"""What the house page says of a utility's month so far beside the same days a year ago."""

from __future__ import annotations

from datetime import date

import pytest

from workflows_dagster.services.overview import UtilityNow
from workflows_dagster.web.pages.house import card
from workflows_dagster.wording.words import Words


def gas(month: float, band: tuple[float, float] | None, year_before: float) -> UtilityNow:
    return UtilityNow("gas", ("gas",), "m³", month, band, 1.0, date(2026, 11, 26), year_before, 17.8, None)


MORE = "+60\u202f% against the same days a year ago ({}\u202fm³)"
NONE = "no difference from the same days a year ago ({}\u202fm³) that the readings could show"


@pytest.mark.parametrize(
    ("band", "before", "said", "is_much"),
    [
        (None, 250.0, MORE, True),
        ((290.0, 520.0), 250.0, MORE, True),
        ((290.0, 520.0), 300.0, NONE, False),
        ((290.0, 520.0), 389.0, NONE, False),
    ],
)
def test_a_month_is_compared_as_far_as_its_band_allows(
    band: tuple[float, float] | None, before: float, said: str, is_much: bool
) -> None:
    found = card(gas(400.0, band, before), Words("en"))
    assert (found.comparison, found.is_much) == (said.format(round(before)), is_much)
