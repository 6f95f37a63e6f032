"""Lines for meters.yaml that declare an exchange or a changed unit, from the finding that a counter jumped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

import pandas as pd

from workflows_dagster.domain import days, units
from workflows_dagster.domain.findings import Finding
from workflows_dagster.evaluation import raw_series
from workflows_dagster.settings.fields import civil_day
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import PhysicalMeter
from workflows_dagster.settings.new_entries import free_id
from workflows_dagster.stores.ports import RawStore

# What an exchange that nobody declared is found as: a counter that starts lower, or higher.
_JUMPS = ("undeclared_reset", "implausible_rate")
_UNIT_CHANGED = "unit_changed"
# Units a thousandth of others.
_THOUSANDTHS = {"kWh": "Wh", "MWh": "kWh", "m³": "l"}
_THOUSANDFOLDS = {small: large for large, small in _THOUSANDTHS.items()}
_STEP = pd.Timedelta(microseconds=1)


def exchanges(store: RawStore, findings: Iterable[Finding], settings: Settings) -> Iterator[tuple[Finding, str]]:
    """Give the newest jump of each meter with the lines that declare an exchange there.

    Args:
        store: The raw readings.
        findings: What was found, in any order.
        settings: The house.

    Raises:
        StoreError: The raw readings cannot be read.
    """
    newest: dict[str, Finding] = {}
    for finding in sorted(findings, key=lambda one: one.start):
        earlier = newest.get(finding.meter_id)
        # A changed unit is also found as a jump, at the same readings.
        same = earlier is not None and earlier.code == _UNIT_CHANGED and earlier.end == finding.end
        if finding.code == _UNIT_CHANGED or (finding.code in _JUMPS and not same):
            newest[finding.meter_id] = finding
    for meter_id, finding in newest.items():
        meter = settings.meters[meter_id]
        if isinstance(meter, PhysicalMeter) and meter.source.kind == "register":
            readings = store.readings(raw_series(meter), finding.start, finding.end + _STEP)
            unit = meter.output_unit
            if finding.code == _UNIT_CHANGED:
                grew = float(readings.iloc[-1]) > float(readings.iloc[0])
                unit = (_THOUSANDTHS if grew else _THOUSANDFOLDS).get(unit, "")
            if len(readings) > 1 and unit:
                yield finding, _lines(meter, readings, settings, unit)


def _lines(meter: PhysicalMeter, readings: pd.Series, settings: Settings, unit: str) -> str:
    zone, old = settings.site.zone, meter.meter_id
    last, first = (moment.tz_convert(zone) for moment in (readings.index[0], readings.index[-1]))
    taken = [one.meter_id for one in settings.meters]
    new = free_id(f"{old}_new", taken)
    whole = free_id(f"{old}_total", [*taken, new])
    measurement = meter.source.measurement if unit == meter.output_unit else meter.raw_measurement
    source = {"entity_id": meter.raw_entity_id, "measurement": measurement, "field": meter.source.field}
    written = ", ".join(f"{key}: {value}" for key, value in source.items() if value is not None)
    begin = meter.installation_date
    since = civil_day(begin, zone) if begin is not None else settings.first_day
    change = days.civil_day(pd.Timestamp(readings.index[0]), zone)
    single = "composition_type: single, source_meters"
    installed = f"    installation_date: {_local(first)}  # it showed {float(readings.iloc[-1])!r}\n"
    if unit != meter.output_unit:
        # The same counter goes on: it begins where the old unit ends. A second later, or it would take the old reading.
        begins = float(readings.iloc[0]) * units.factor(meter.output_unit, unit)
        after = _local(last + pd.Timedelta(seconds=1))
        installed = f"    installation_date: {after}\n    initial_reading: {round(begins, 6)!r}\n"
    return (
        f"  # {old}: deinstallation_date: {_local(last)}  # it showed {float(readings.iloc[0])!r}\n"
        f"  - meter_id: {new}\n"
        f"    type: physical\n"
        f"    output_unit: {unit}\n"
        f"    utility: {meter.utility}\n"
        f"{installed}"
        f"    source: {{{written}}}\n"
        f"  - meter_id: {whole}\n"
        f"    type: master\n"
        f"    output_unit: {meter.output_unit}\n"
        f"    periods:\n"
        f"      - {{start_date: {since}, end_date: {change}, {single}: [{old}]}}\n"
        f"      - {{start_date: {change + timedelta(days=1)}, end_date: 9999-12-31, {single}: [{new}],\n"
        f"         apply_offset_from_previous_period: true}}\n"
    )


def _local(moment: pd.Timestamp) -> str:
    return moment.tz_localize(None).isoformat(timespec="minutes" if moment == moment.floor("min") else "auto")
