"""`meters months`: all meters in one table."""

from __future__ import annotations

import pandas as pd

from tests.cli.front_door import FrontDoor
from workflows_dagster.stores.ports import RawSeries


def test_the_last_twelve_months_of_all_meters_stand_in_one_table(house: FrontDoor) -> None:
    nothing = house.run("months")
    assert nothing.exit_code == 2
    assert "No days of the last twelve months are stored." in nothing.output
    yesterday = pd.Timestamp.now("Europe/Berlin").normalize() - pd.Timedelta(days=1)
    hours = pd.date_range(yesterday, yesterday + pd.DateOffset(days=1), freq="h").tz_convert("UTC").as_unit("us")
    for name, unit in (("haupt_strom", "kWh"), ("gas_zahler", "m³")):
        house.read(RawSeries(unit, name), pd.Series([float(k) for k in range(len(hours))], index=hours))
    day = f"{yesterday:%Y-%m-%d}"
    assert house.run("backfill", "--from", day, "--to", day).exit_code == 0
    shown = house.run("months")
    assert shown.exit_code == 0, shown.output
    assert "The last twelve months" in shown.output
    sums = [line.split()[-1] for line in shown.output.splitlines() if line.startswith(("haupt_strom", "gas_zahler"))]
    assert f"{len(hours) - 1:.1f}" in sums
