"""Which meters there are, by id."""

from __future__ import annotations

from workflows_dagster.settings.meters import Meter, MeterBook
from workflows_dagster.settings.problems import nearest


class UnknownMeterError(LookupError):
    """No meter has the id that is asked for; the text names the nearest."""


def require_meter(meters: MeterBook, meter_id: str) -> Meter:
    """Give the meter of an id.

    Raises:
        UnknownMeterError: There is none in meters.yaml.
    """
    if meter_id in meters:
        return meters[meter_id]
    near = nearest(meter_id, [meter.meter_id for meter in meters])
    remedy = f"Did you mean '{near}'?" if near else "See `meters check` for all of them."
    raise UnknownMeterError(f"no meter '{meter_id}' in meters.yaml. {remedy}")
