from __future__ import annotations

import sqlite3
from contextlib import closing

from workflows_dagster.maintenance.checksums import differences, sums_in


def test_a_month_is_cut_by_the_houses_zone_and_added_up_exactly(house):
    # 1 February opens in Berlin at 23:00 UTC on 31 January; 0.1 + 0.2 is the nearest number to 0.3 that there is.
    with closing(sqlite3.connect(house.store.path)) as connection:
        assert sums_in(connection, house.settings.site.zone) == {"main": {"2026-01": 2.75, "2026-02": 0.1 + 0.2}}


def test_the_smallest_difference_is_told_by_meter_and_month():
    told = differences({"a": {"2026-01": 0.3, "2026-02": 1.0}}, {"a": {"2026-01": 0.1 + 0.2, "2026-02": 1.0}})
    assert told == ["a 2026-01: 0.30000000000000004 instead of 0.3"]
    assert differences({"a": {"2026-01": 1.0}}, {}) == ["a 2026-01: nothing instead of 1.0"]
    assert differences({}, {"b": {"2026-01": 0.0}}) == ["b 2026-01: 0.0 instead of nothing"]
