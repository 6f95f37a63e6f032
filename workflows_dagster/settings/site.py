"""The models of config.yaml: storage, connections, schedules, logging."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from workflows_dagster.domain.units import GasFactors
from workflows_dagster.settings.addresses import Url
from workflows_dagster.settings.alert_rules import AlertSettings
from workflows_dagster.settings.anomaly_rules import AnomalySettings
from workflows_dagster.settings.cron import Cron
from workflows_dagster.settings.dagster_page import DagsterPage
from workflows_dagster.settings.fields import CivilDay, Frozen, Number, Text, Whole
from workflows_dagster.settings.home_assistant import HomeAssistantSettings
from workflows_dagster.settings.house_page import HousePage
from workflows_dagster.settings.language import Language
from workflows_dagster.settings.maintenance_rules import UpkeepSettings
from workflows_dagster.settings.problems import nearest, shown
from workflows_dagster.settings.validation import Violation, refusal

_SHORTEST_TIMEOUT_MS = 1000
_MS = 1000


def _timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        suggestion = nearest(name, available_timezones())
        raise refusal(Violation("unknown_zone", {"value": shown(name), "suggestion": suggestion})) from None
    return name


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class Storage(Frozen):
    """The storage of readings and results.

    Attributes:
        backend: A SQLite file (embedded), or the owner's InfluxDB 2.x (influxdb).
    """

    backend: Literal["embedded", "influxdb"] = "embedded"


class InfluxSettings(Frozen):
    """The owner's InfluxDB 2.x.

    Attributes:
        url: Its address.
        bucket_raw: Bucket of the raw readings.
        bucket_processed: Bucket of our results.
        timeout: How long one request may take. A value below 1000 is taken as seconds. [ms]
        retry_attempts: How often a failed request is repeated.
    """

    url: Url = "http://localhost:8086"
    bucket_raw: Text = "lampfi"
    bucket_processed: Text = "lampfi_processed"
    timeout: Annotated[Whole, Field(gt=0)] = 30_000
    retry_attempts: Annotated[Whole, Field(ge=0)] = 5

    @field_validator("bucket_processed")
    @classmethod
    def _not_among_the_raw(cls, bucket: str, found: ValidationInfo) -> str:
        if bucket == found.data.get("bucket_raw"):
            raise refusal(Violation("same_bucket", {"name": bucket}))
        return bucket

    @field_validator("timeout")
    @classmethod
    def _in_milliseconds(cls, timeout: int) -> int:
        return timeout * _MS if timeout < _SHORTEST_TIMEOUT_MS else timeout


class TibberSettings(Frozen):
    """Tibber's hourly consumption and prices.

    Attributes:
        polling_interval: Shortest time between two requests, regardless of the schedule. [s]
        lookback_hours: How far back each request reaches. [h]
        meter_id: Meter whose consumption it is.
        url: Address of its GraphQL service.
        home_id: Id of the home, if the account has several.
    """

    polling_interval: Annotated[Whole, Field(gt=0)] = 3600
    lookback_hours: Annotated[Whole, Field(gt=0)] = 48
    meter_id: Text = "haupt_strom"
    url: Url = "https://api.tibber.com/v1-beta/gql"
    home_id: Text | None = None


class GasPair(Frozen):
    """One pair of gas factors.

    Attributes:
        valid_from: First civil day on which it holds.
        energy_content: Energy of a standard cubic metre. [kWh/m³]
        z_factor: Standard cubic metres per metered cubic metre. [1]
    """

    valid_from: CivilDay = date.min
    energy_content: Annotated[Number, Field(gt=0)]
    z_factor: Annotated[Number, Field(gt=0)]


class WeatherSettings(Frozen):
    """The outdoor temperature, which gas and heat may follow. Imported temperatures need no key.

    Attributes:
        entity_id: Entity of an outdoor thermometer in the raw bucket, in °C, without its domain.
        latitude: Degrees north of the house; with `longitude`, temperatures are fetched from Open-Meteo. [°]
        longitude: Degrees east of the house. [°]
        archive_url: Address of Open-Meteo's archive.
        forecast_url: Address of Open-Meteo's forecast.
    """

    entity_id: Text | None = None
    latitude: Annotated[Number, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[Number, Field(ge=-180, le=180)] | None = None
    archive_url: Url = "https://archive-api.open-meteo.com/v1/archive"
    forecast_url: Url = "https://api.open-meteo.com/v1/forecast"

    @field_validator("entity_id")
    @classmethod
    def _no_domain_in_it(cls, value: str | None) -> str | None:
        if value and "." in value:
            domain, _, entity = value.partition(".")
            raise refusal(Violation("weather_with_domain", {"value": shown(value), "entity": entity, "domain": domain}))
        return value

    @model_validator(mode="after")
    def _a_place_has_both(self) -> WeatherSettings:
        if (self.latitude is None) != (self.longitude is None):
            there, missing = ("latitude", "longitude") if self.longitude is None else ("longitude", "latitude")
            raise refusal(Violation("half_a_place", {"there": there, "missing": missing}))
        return self

    @property
    def is_fetched(self) -> bool:
        """Whether temperatures are fetched."""
        return self.latitude is not None


class Analytics(Frozen):
    """The nightly computation.

    Attributes:
        schedule: When, as a cron string in the site's zone.
        start_year: Year before which nothing is computed.
    """

    schedule: Cron = "0 2 * * *"
    start_year: Annotated[Whole, Field(ge=1970, le=2100)] = 2020


class TibberSync(Frozen):
    """The hourly fetch from Tibber.

    Attributes:
        schedule: When, as a cron string in the site's zone.
    """

    schedule: Cron = "5 * * * *"


class Workflows(Frozen):
    """Schedules of the computation.

    Attributes:
        analytics: The nightly computation.
        tibber_sync: The hourly fetch from Tibber.
    """

    analytics: Analytics = Analytics()
    tibber_sync: TibberSync = TibberSync()


class Logging(Frozen):
    """Log level, format and file.

    Attributes:
        level: The least level that is logged.
        format: JSON lines, or text for people.
        file: Log file in addition to standard output, None for none. A relative path is relative to the data folder.
        max_bytes: Size at which the file is rotated. [byte]
        backup_count: How many rotated files are kept.
    """

    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], BeforeValidator(_upper)] = "INFO"
    format: Literal["json", "text"] = "text"
    file: Text | None = None
    max_bytes: Annotated[Whole, Field(gt=0)] = 10_000_000
    backup_count: Annotated[Whole, Field(ge=0)] = 5


class ReportSettings(Frozen):
    """The monthly report.

    Attributes:
        send: Whether it is sent by the alerts' addresses on the first of the month.
    """

    send: bool = False


class Site(Frozen):
    """All of config.yaml.

    Attributes:
        timezone: IANA zone that cuts the days.
        language: Language of reports, alerts, findings and tables.
        storage: The storage of readings and results.
        influxdb: The owner's InfluxDB.
        tibber: Tibber's hourly consumption.
        gas_pairs: Gas factors, one pair or a dated list. The key is `gas_conversion`.
        weather: The outdoor temperature, which gas and heat may follow.
        workflows: Schedules of the computation.
        logging: What is logged.
        anomalies: What counts as an unusual day.
        alerts: When alerts are sent.
        upkeep: How long runs are kept, and when backups are made.
        reports: Whether the monthly report is sent.
        dagster_page: Under which names Dagster's page is reached.
        house: The house page and its API.
        home_assistant: Home Assistant, as the source of power and events.
        meters_config: Path of meters.yaml, relative to the config folder; None for the usual one.
        seasonal_patterns_config: Path of seasonal_patterns.yaml, likewise.
        tariffs_config: Path of tariffs.yaml, likewise.
    """

    timezone: Annotated[str, AfterValidator(_timezone)] = "Europe/Berlin"
    language: Language = "en"
    storage: Storage = Storage()
    influxdb: InfluxSettings = InfluxSettings()
    tibber: TibberSettings = TibberSettings()
    gas_pairs: tuple[GasPair, ...] = Field(default=(), alias="gas_conversion")
    weather: WeatherSettings = WeatherSettings()
    workflows: Workflows = Workflows()
    logging: Logging = Logging()
    anomalies: AnomalySettings = AnomalySettings()
    alerts: AlertSettings = AlertSettings()
    upkeep: UpkeepSettings = UpkeepSettings()
    reports: ReportSettings = ReportSettings()
    dagster_page: DagsterPage = DagsterPage()
    house: HousePage = HousePage()
    home_assistant: HomeAssistantSettings = HomeAssistantSettings()
    meters_config: Text | None = None
    seasonal_patterns_config: Text | None = None
    tariffs_config: Text | None = None

    @field_validator("gas_pairs", mode="before")
    @classmethod
    def _single_or_dated(cls, written: Any) -> Any:
        if isinstance(written, dict):
            return [written]
        if isinstance(written, list) and not written:
            raise refusal(Violation("no_gas_pairs"))
        return written

    @field_validator("gas_pairs")
    @classmethod
    def _each_from_its_own_day(cls, pairs: tuple[GasPair, ...]) -> tuple[GasPair, ...]:
        violations = []
        for position, pair in enumerate(pairs):
            if len(pairs) > 1 and "valid_from" not in pair.model_fields_set:
                violations.append(Violation("gas_pair_undated", at=f"[{position}].valid_from"))
            elif pair.valid_from in [earlier.valid_from for earlier in pairs[:position]]:
                violations.append(Violation("gas_pair_same_day", {"day": pair.valid_from}, f"[{position}].valid_from"))
        if violations:
            raise refusal(*violations)
        return tuple(sorted(pairs, key=lambda pair: pair.valid_from))

    @property
    def gas_conversion(self) -> tuple[GasFactors, ...]:
        """The dated gas factors by `valid_from` increasing; empty where the file has none."""
        return tuple(GasFactors(pair.valid_from, pair.energy_content, pair.z_factor) for pair in self.gas_pairs)

    @property
    def zone(self) -> ZoneInfo:
        """The zone that cuts the days."""
        return ZoneInfo(self.timezone)
