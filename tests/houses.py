"""The small house of many tests: a main meter, a flat behind it, and what is left."""

from __future__ import annotations

SMALL = ("main", "flat", "rest")


def small(installed: str, **options: str) -> str:
    """Give the meters.yaml of the small house.

    Args:
        installed: Day on which both devices were installed.
        options: Further settings by meter, such as `main="reading_interval_days: 30"`.
    """
    further = {name: f", {options[name]}" if name in options else "" for name in SMALL}
    return (
        "meters:\n"
        f"  - {{meter_id: main, type: physical, output_unit: kWh, installation_date: {installed}{further['main']}}}\n"
        f"  - {{meter_id: flat, type: physical, output_unit: kWh, installation_date: {installed}{further['flat']}}}\n"
        "  - {meter_id: rest, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: main,\n"
        f"     subtract_meters: [flat]{further['rest']}}}\n"
    )
