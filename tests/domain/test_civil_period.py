"""Days, months and years by their names, as people type them."""

from __future__ import annotations

from datetime import date

import pytest

from workflows_dagster.domain.civil_period import CivilPeriod


@pytest.mark.parametrize(
    ("text", "name", "first", "last"),
    [
        pytest.param("2025-12-31", "2025-12-31", date(2025, 12, 31), date(2025, 12, 31), id="ISO"),
        pytest.param("31.12.2025", "2025-12-31", date(2025, 12, 31), date(2025, 12, 31), id="a German day"),
        pytest.param("1.3.2024", "2024-03-01", date(2024, 3, 1), date(2024, 3, 1), id="without zeros"),
        pytest.param("10.2026", "2026-10", date(2026, 10, 1), date(2026, 10, 31), id="a German month"),
        pytest.param("2/2024", "2024-02", date(2024, 2, 1), date(2024, 2, 29), id="a month with a slash"),
        pytest.param("2024", "2024", date(2024, 1, 1), date(2024, 12, 31), id="a year"),
    ],
)
def test_a_period_is_read_as_people_type_it(text: str, name: str, first: date, last: date) -> None:
    period = CivilPeriod.parse(text)
    assert (period.name, period.first, period.last) == (name, first, last)


@pytest.mark.parametrize("text", ["31.2.2025", "13.2025", "05/04/2025", "1.3.24", "2025-3", "0.2025", "31-12-2025", ""])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no day, month or year"):
        CivilPeriod.parse(text)
