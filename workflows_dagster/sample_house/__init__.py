"""A sample household for the demo and the tests: deterministic readings, with known true consumption and known faults.

Three flats and an office share a gas boiler, a fireplace, a water main and an electricity main, so that virtual meters
give plausible results. A reading depends only on the meter, the zone and the seed, not on other meters or the length of
the history.
"""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from workflows_dagster.domain import days
from workflows_dagster.sample_house.faults import FAULTS, Fault
from workflows_dagster.sample_house.household import Household
from workflows_dagster.sample_house.readings import SampleMeter, sample_meter
from workflows_dagster.sample_house.registers import is_read_by_hand
from workflows_dagster.settings.meters import MeterBook
from workflows_dagster.stores.ports import RawSeries, RawStore

__all__ = ["FAULTS", "Fault", "SampleMeter", "sample_readings", "write_sample"]


def sample_readings(
    meters: MeterBook, zone: ZoneInfo, end: date, start: date | None = None, seed: int = 1
) -> dict[str, SampleMeter]:
    """Make the raw readings of every physical meter, from its installation until `end`.

    Home Assistant's meters send their changes once an hour, some seconds late; those with a `reading_interval_days`
    above 1 are read by hand every two to six weeks; interval sources give each hour's consumption.

    Args:
        meters: The meters. Those of the shipped house are recognised by their ids; any other gets the usual consumption
            of its utility.
        zone: The house's time zone.
        end: The first civil day without readings; or, as a date-time, the first instant without (civil time unless it
            has an offset).
        start: The first civil day or instant with readings; None keeps all since the installation.
        seed: Seed of the random draws.

    Returns:
        Each physical meter's readings and true daily consumption, by meter id in the file's order.

    Raises:
        ValueError: `start` is not before `end`.
    """
    until = days.instant(end, zone, end=False)
    since = None if start is None else days.instant(start, zone, end=False)
    if since is not None and since >= until:
        raise ValueError(f"sample household: start {start} is not before end {end}. Give an earlier start.")
    house = Household(zone, seed)
    return {meter.meter_id: sample_meter(meter, house, since, until) for meter in meters.physical}


def write_sample(
    store: RawStore, meters: MeterBook, zone: ZoneInfo, end: date, start: date | None = None, seed: int = 1
) -> int:
    """Write the sample household's readings to the series that the meters read.

    Args:
        store: Where to write; existing readings are kept, or replaced at equal instants.
        meters: As in `sample_readings`; likewise the other arguments.
        zone: See there.
        end: See there.
        start: See there.
        seed: See there.

    Returns:
        How many readings were written.

    Raises:
        StoreError: Not everything was stored.
        ValueError: `start` is not before `end`.
    """
    written = 0
    samples = sample_readings(meters, zone, end, start, seed)
    for meter in meters.physical:
        sample = samples[meter.meter_id]
        if sample.readings.empty:
            continue
        domain = meter.source.domain or ("input_number" if is_read_by_hand(meter) else "sensor")
        series = RawSeries(meter.raw_measurement, meter.raw_entity_id, meter.raw_field, domain)
        store.write_readings(series, sample.readings)
        written += len(sample.readings)
    return written
