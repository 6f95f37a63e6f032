"""One asset per meter, partitioned by day, with dependencies from meters.yaml."""

import hashlib
import re
from collections.abc import Hashable, Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.frames import DAYS, VIRTUAL_DAYS
from workflows_dagster.evaluation import Evaluated, Evaluation, raw_series
from workflows_dagster.evaluation.weights import may_follow_weather
from workflows_dagster.pipeline.descriptions import as_code, as_text
from workflows_dagster.pipeline.io_manager import UNIT_METADATA
from workflows_dagster.pipeline.partitions import day_range
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.pipeline.storage.partition_metadata import add_partition_metadata
from workflows_dagster.pipeline.table_schema import table_schema
from workflows_dagster.records.findings import keep_findings
from workflows_dagster.repair.expiry import Expiry
from workflows_dagster.services.tibber_sync import reader_of_hours
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MasterMeter, Meter, PhysicalMeter, VirtualMeter
from workflows_dagster.stores.ports import FINDING_DAILY
from workflows_dagster.wording.findings import finding_writer

RAW_PREFIX = "lampfi"
PROFILES_KEY = dg.AssetKey("seasonal_profiles")
TIBBER_KEY = dg.AssetKey("tibber_consumption")
TEMPERATURE_KEY = dg.AssetKey("outdoor_temperature")
IO_MANAGER_KEY = "days"
OWNERS = ["team:house"]
_KEY = re.compile(r"[A-Za-z0-9_]{1,200}")
_NO_KEY = re.compile(r"[^A-Za-z0-9_]")
_LONGEST_KEY, _DIGITS = 60, 8
_SHOWN_DECIMALS = 3
# The nightly run computes yesterday; two missed nights are a failure.
_EVERY_NIGHT = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=50), warn_window=timedelta(hours=26))


def raw_key(meter: PhysicalMeter) -> dg.AssetKey:
    """Give the key of the external asset of a meter's raw readings.

    Dagster takes letters of the English alphabet, digits and `_`. Of another entity the rest becomes `_`, and a digest
    keeps it apart from all others: `m³` is `m__c7db57c8`.
    """
    entity = meter.first_entity_id
    if _KEY.fullmatch(entity):
        return dg.AssetKey([RAW_PREFIX, entity])
    digest = hashlib.sha256(entity.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return dg.AssetKey([RAW_PREFIX, f"{_NO_KEY.sub('_', entity)[:_LONGEST_KEY]}_{digest}"])


def raw_assets(settings: Settings) -> list[dg.AssetSpec]:
    """Give the external assets of raw readings: one per entity, even if several meters read it."""
    specs: dict[dg.AssetKey, dg.AssetSpec] = {}
    bucket = settings.site.influxdb.bucket_raw
    on_tibber = reader_of_hours(settings)
    for meter in settings.meters.physical:
        series = raw_series(meter)
        specs[raw_key(meter)] = dg.AssetSpec(
            raw_key(meter),
            deps=[TIBBER_KEY] if on_tibber and raw_key(meter) == raw_key(on_tibber) else [],
            description=(
                f"Raw readings of {as_code(series.entity_id)} as Home Assistant, Tibber or a person left them: "
                f"bucket {as_code(bucket)}, measurement {as_code(series.measurement)}, field {as_code(series.field)}."
            ),
            group_name="ingestion",
            owners=OWNERS,
            kinds={"influxdb" if settings.site.storage.backend == "influxdb" else "sqlite"},
            metadata={"measurement": series.measurement, "field": series.field},
        )
    return list(specs.values())


def meter_assets(settings: Settings, partitions: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Build the graph of all meters."""
    return [_asset(meter, settings, partitions) for meter in settings.meters.in_order()]


def _asset(meter: Meter, settings: Settings, partitions: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    if isinstance(meter, PhysicalMeter):
        deps = [raw_key(meter), PROFILES_KEY]
        deps += [TEMPERATURE_KEY] if may_follow_weather(meter) else []
        deps += [dg.AssetKey(meter.estimate.like)] if meter.estimate.like else []
        inputs = {}
    else:
        deps = []
        inputs = {source: dg.AssetIn(key=dg.AssetKey(source)) for source in meter.upstream}

    schema = VIRTUAL_DAYS if isinstance(meter, VirtualMeter) else DAYS

    @dg.asset(
        name=meter.meter_id,
        ins=inputs,
        deps=deps,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=meter.utility,
        owners=OWNERS,
        description=describe(meter, settings),
        kinds={"pandas", "influxdb" if settings.site.storage.backend == "influxdb" else "sqlite"},
        tags={"meter/type": meter.type, "meter/utility": meter.utility},
        metadata={
            UNIT_METADATA: meter.output_unit,
            "dagster/column_schema": table_schema(schema, meter.output_unit),
        },
        io_manager_key=IO_MANAGER_KEY,
        output_required=True,
        freshness_policy=_EVERY_NIGHT,
    )
    def days_of_meter(context: dg.AssetExecutionContext, store: StoreResource, **frames: pd.DataFrame) -> pd.DataFrame:
        asked = day_range(context.partition_key_range)
        evaluation = Evaluation(settings, store.store, hold=True)
        expiry = Expiry(settings, store.store, pd.Timestamp.now("UTC"))
        if isinstance(meter, PhysicalMeter):
            evaluated = expiry.kept(meter, asked, evaluation.physical(meter, asked))
            start, end = asked.bounds(settings.site.zone)
            write = finding_writer(settings)
            keep_findings(store.store, FINDING_DAILY, meter.meter_id, start, end, evaluated.findings, write)
        else:
            evaluated = expiry.kept(meter, asked, evaluation.derived(meter, asked, frames))
        _report(context, settings, evaluated, meter.output_unit)
        return evaluated.days

    return days_of_meter


def _report(context: dg.AssetExecutionContext, settings: Settings, evaluated: Evaluated, unit: str) -> None:
    """Attach each day's figures to its partition as metadata."""
    frame = evaluated.days
    civil = days.civil_days(pd.DatetimeIndex(frame.index), settings.site.zone)
    keys = {day.isoformat() for day in civil}
    by_partition: dict[str, Mapping[str, float | str | None]] = {
        day.isoformat(): _figures(row, unit) for day, row in zip(civil, frame.to_dict("records"), strict=True)
    }
    absent = {"quality": "not there"}
    by_partition |= {key: absent for key in context.partition_keys if key not in keys}
    add_partition_metadata(context, by_partition)


def _figures(row: Mapping[Hashable, Any], unit: str) -> dict[str, float | str | None]:
    """Give the rounded figures that the catalog plots; none for a missing day. Each entry costs time in a backfill.

    An estimated day also has how far its 80 % band reaches to either side.
    """
    figures: dict[str, float | str | None] = {"quality": str(row["quality"])}
    consumption = row["consumption"]
    if isinstance(consumption, float) and np.isfinite(consumption):
        figures[f"consumption [{unit}]"] = round(consumption, _SHOWN_DECIMALS)
        reach = row["upper"] - consumption
        if np.isfinite(reach):
            figures[f"± [{unit}]"] = round(reach, _SHOWN_DECIMALS)
    return figures


def describe(meter: Meter, settings: Settings) -> str:
    """Describe a meter's number for a house owner: formula, unit, sources."""
    opening = f"{as_text(meter.description) if meter.description else meter.meter_id} [{meter.output_unit}]."
    if isinstance(meter, PhysicalMeter):
        life = [
            f"from {meter.installation_date}" if meter.installation_date else "",
            "until " + str(meter.deinstallation_date) if meter.deinstallation_date else "",
        ]
        there = " ".join(part for part in life if part)
        kind = "consumption of each interval" if meter.source.kind == "interval" else "readings of the register"
        return (
            f"{opening}\n\nConsumption of each day from the {kind} {as_code(meter.raw_entity_id)}"
            + (f", {there}" if there else "")
            + ". Between two readings the difference is spread over the days"
            + (", more where the season uses more." if settings.pattern_of(meter.meter_id) else " evenly.")
        )
    if isinstance(meter, MasterMeter):
        return f"{opening}\n\nOne meter over several devices:\n\n" + "\n".join(_periods(meter))
    return f"{opening}\n\n{_difference(meter)} What is left is not below 0; the signed difference stands in `residual`."


def _periods(meter: MasterMeter) -> list[str]:
    lines = []
    for period in meter.periods:
        sources = " + ".join(f"`{source}`" for source in period.source_meters)
        until = f"until {period.end_date}" if period.end_date else "until today"
        carried = ", the register carried on" if period.apply_offset_from_previous_period else ""
        lines.append(f"- {period.start_date} {until}: {sources}{carried}")
    return lines


def _difference(meter: VirtualMeter) -> str:
    terms = [f"`{meter.base_meter}`"]
    for source in meter.subtract_meters:
        conversion = meter.subtract_meter_conversions.get(source)
        terms.append(f"`{source}`" + (f" ({conversion.from_unit} as {conversion.to_unit})" if conversion else ""))
    return " − ".join(terms) + "."
