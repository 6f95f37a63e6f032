"""The sample household's results in an InfluxDB, as Grafana asks them, and the same in a store of plain points."""

from __future__ import annotations

import csv
import io
import json
import re
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from tests.houses import fit_profiles
from tests.stores.influx_server import ORG, TOKEN, InfluxServer
from workflows_dagster.domain.days import REPRESENTABLE, DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.anomalies import Anomalies
from workflows_dagster.evaluation.costs import Costing
from workflows_dagster.evaluation.outdoor_temperature import OUTDOOR
from workflows_dagster.pipeline.assets.insight import write_points
from workflows_dagster.pipeline.assets.months import write_month_to_date, write_months
from workflows_dagster.records.anomalies import BASE_LOAD, USE, write_anomalies
from workflows_dagster.records.days import write_days
from workflows_dagster.sample_house import write_sample
from workflows_dagster.services.meter_info import write_meter_info
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import (
    ANOMALY_DAILY,
    COST_DAILY,
    FINDING_DAILY,
    FINDING_NOW,
    MEASUREMENTS,
    RawSeries,
)

DAYS = DayRange(date(2024, 1, 1), date(2025, 2, 28))
# December to February, by the house's midnights; the present is the morning after.
START, END = pd.Timestamp("2024-11-30 23:00", tz="UTC"), pd.Timestamp("2025-02-28 23:00", tz="UTC")
NOW = pd.Timestamp("2025-03-01 05:30", tz="UTC")
HOUR = pd.Timedelta(hours=1)


@dataclass(frozen=True)
class GrafanaHouse:
    """The household's results.

    Attributes:
        settings: The house.
        store: Its points, for counting independently of Flux.
        server: The InfluxDB that holds the same.
        raw: Its bucket of readings.
        processed: Its bucket of results.
    """

    settings: Settings
    store: EmbeddedStore
    server: InfluxServer
    raw: str
    processed: str

    def ask(self, query: str, choices: Mapping[str, str]) -> list[dict[str, str]]:
        """Run a query with variables and macros filled in as Grafana does, at the house's present."""
        filled = filled_in(query, choices).replace('"lampfi_processed"', json.dumps(self.processed))
        filled = filled.replace('"lampfi"', json.dumps(self.raw))
        imports = re.findall(r'^import "[^"]*"$', filled, re.MULTILINE)
        body = re.sub(r'^import "[^"]*"$', "", filled, flags=re.MULTILINE)
        filled = "\n".join([*imports, f"option now = () => {_iso(NOW)}", body])
        request = urllib.request.Request(
            f"{self.server.url}/api/v2/query?org={ORG}",
            json.dumps({"query": filled, "dialect": {"annotations": [], "header": True}}).encode(),
            {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read().decode().replace("\r\n", "\n")
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{error.read().decode()}\n{filled}") from None
        tables = [csv.DictReader(io.StringIO(table.strip("\n"))) for table in text.split("\n\n")]
        return [row for table in tables for row in table]


def filled_in(query: str, choices: Mapping[str, str]) -> str:
    """Fill variables and macros in."""
    filled = query.replace("v.timeRangeStart", _iso(START)).replace("v.timeRangeStop", _iso(END))
    for name, value in choices.items():
        filled = filled.replace(f"${{{name}:regex}}", value).replace(f"${{{name}}}", value)
    return filled


def fill(settings: Settings, server: InfluxServer, folder: Path) -> GrafanaHouse:
    """Compute the household, and write the same points into both stores."""
    zone = settings.site.zone
    store = EmbeddedStore(folder / "grafana.sqlite")
    write_sample(store, settings.meters, zone, date(2025, 3, 1), start=DAYS.first)
    hours = pd.date_range(START - 48 * HOUR, END, freq="h").as_unit("us")
    celsius = pd.Series(8 + 9 * np.sin(np.arange(len(hours)) / 170), hours)
    store.write_readings(OUTDOOR, celsius)
    tibber = pd.Series(0.1 + np.arange(len(hours)) % 24 / 100, hours)
    store.write_readings(RawSeries("energy", "haupt_strom", "cost"), tibber)
    fit_profiles(settings, store, END)
    evaluation = Evaluation(settings, store, hold=True)
    for meter in settings.meters.in_order():
        frame = evaluation.days(meter.meter_id, DAYS).days
        write_days(store, meter.meter_id, meter.output_unit, *DAYS.bounds(zone), frame)
    costing, judge = Costing(settings, store), Anomalies(settings, store)
    for meter in settings.meters:
        name, currency = meter.meter_id, settings.tariffs.currency
        write_points(store, COST_DAILY, name, currency, DAYS.bounds(zone), costing.of_meter(name, DAYS))
        judged = judge.of_meter(name, DAYS)
        for kind, frame in ((USE, judged.days), (BASE_LOAD, judged.base_load)):
            write_anomalies(store, kind, name, meter.output_unit, DAYS.bounds(zone), frame, lambda reason: reason.code)
    write_months(settings, store, DAYS)
    write_month_to_date(settings, store, date(2025, 2, 1))
    write_meter_info(settings, store)
    found = {"code": ["hours_missing"], "severity": ["warn"], "sentence": ["Hours are missing."], "figures": ["{}"]}
    unusual = {"consumption": [31.0], "expected": [9.0], "delta_percent": [244.4], "severity": ["alert"]}
    day = START + 20 * 24 * HOUR
    store.replace(ANOMALY_DAILY, "eg_strom", "kWh", day, day + HOUR, pd.DataFrame({**unusual, "reason": ["31"]}, [day]))
    store.replace(FINDING_DAILY, "eg_strom", "finding", *REPRESENTABLE, pd.DataFrame(found, [START + 24 * HOUR]))
    store.replace(FINDING_NOW, "gas_zahler", "finding", *REPRESENTABLE, pd.DataFrame(found, [START - 900 * HOUR]))
    raw, processed = "grafana raw", "grafana results"
    server.bucket(raw)
    influx = server.store(bucket_raw=raw, bucket_processed=processed)
    influx.create_bucket_processed()
    for measurement in MEASUREMENTS:
        for name in store.present(measurement, *REPRESENTABLE):
            frame = store.read(measurement, name)
            for unit, points in frame.groupby("unit"):
                bounds = points.index[0], points.index[-1] + HOUR
                influx.replace(measurement, name, str(unit), *bounds, points.drop(columns="unit"))
    for series in (OUTDOOR, RawSeries("energy", "haupt_strom", "cost")):
        influx.write_readings(series, store.readings(series))
    influx.close()
    return GrafanaHouse(settings, store, server, raw, processed)


def _iso(instant: pd.Timestamp) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
