"""Looks up meters by id."""

from __future__ import annotations

from workflows_dagster.settings.meters import Meter, MeterBook
from workflows_dagster.settings.problems import nearest


class UnknownMeterError(LookupError):
    """No meter has the given id; the message suggests the nearest.

    Args:
        meter_id: The id.
        suggestion: The most similar id, if any.
    """

    def __init__(self, meter_id: str, suggestion: str | None) -> None:
        self.meter_id, self.suggestion = meter_id, suggestion
        remedy = f"Did you mean '{suggestion}'?" if suggestion else "See `meters check` for all of them."
        super().__init__(f"no meter '{meter_id}' in meters.yaml. {remedy}")


def require_meter(meters: MeterBook, meter_id: str) -> Meter:
    """Give the meter of an id.

    Raises:
        UnknownMeterError: There is none in meters.yaml.
    """
    if meter_id in meters:
        return meters[meter_id]
    raise UnknownMeterError(meter_id, nearest(meter_id, [meter.meter_id for meter in meters]))
