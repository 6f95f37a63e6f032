"""The sample household with a Tibber account: its main meter reads Tibber's hours, from a service on this machine."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime

from dagster import DagsterInstance
from pydantic import SecretStr

from workflows_dagster.pipeline.assets.ingestion import WRITTEN
from workflows_dagster.pipeline.assets.meters import TIBBER_KEY
from workflows_dagster.pipeline.backfill import BackfillError
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.jobs import TIBBER_JOB
from workflows_dagster.sample_house import sample_readings, write_sample
from workflows_dagster.sample_house.tibber_server import TibberStandIn
from workflows_dagster.services.tibber_sync import MEASUREMENT
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import MeterBook, PhysicalMeter, Source
from workflows_dagster.settings.problems import Problem, SettingsError, nearest
from workflows_dagster.stores.ports import RawStore

_DAYS_BETWEEN_VISITS = 30.0
# Keeps Dagster's log off the terminal; the event log has it all.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class TibberHouse:
    """A house whose main meter is billed by Tibber.

    Attributes:
        settings: The house; the meter's source is Tibber's hours.
        register: The same meter as a person reads it now and then. Its readings tie the hours to the register.
    """

    settings: Settings
    register: PhysicalMeter

    @property
    def meter(self) -> PhysicalMeter:
        """The meter that reads Tibber's hours."""
        meter = self.settings.meters[self.register.meter_id]
        assert isinstance(meter, PhysicalMeter)
        return meter


def tibber_house(settings: Settings) -> TibberHouse:
    """Let the meter that Tibber bills read Tibber's hours, whatever its source is in the file.

    Raises:
        SettingsError: No physical meter is the one that config.yaml names.
    """
    entity_id = settings.site.tibber.meter_id
    billed = next((m for m in settings.meters.physical if entity_id in (m.meter_id, m.raw_entity_id)), None)
    if billed is None or billed.output_unit != "kWh":
        names = [meter.meter_id for meter in settings.meters.physical if meter.output_unit == "kWh"]
        figures = {"name": entity_id, "suggestion": nearest(entity_id, names)}
        raise SettingsError([Problem("config.yaml", "tibber.meter_id", "unknown_tibber_meter", figures)])
    hours = Source(kind="interval", entity_id=entity_id, measurement=MEASUREMENT)
    by_the_hour = billed.model_copy(update={"source": hours, "register_digits": None})
    # Typed-in readings belong to the meter's own id.
    by_hand = {"source": Source(domain="input_number"), "reading_interval_days": _DAYS_BETWEEN_VISITS}
    meters = MeterBook([by_the_hour if meter is billed else meter for meter in settings.meters])
    return TibberHouse(replace(settings, meters=meters), billed.model_copy(update=by_hand))


def write_sample_around(store: RawStore, house: TibberHouse, end: datetime, start: date) -> int:
    """Write the sample household's readings, all but the hours that Tibber has; of that meter, what a person reads.

    Args:
        store: Where to write.
        house: The house.
        end: First instant without readings.
        start: First civil day with readings.

    Returns:
        How many readings were written.

    Raises:
        StoreError: Not everything was stored.
    """
    meters = [house.register if meter is house.meter else meter for meter in house.settings.meters]
    return write_sample(store, MeterBook(meters), house.settings.site.zone, end, start=start)


@contextmanager
def served(house: TibberHouse, end: datetime, start: date) -> Iterator[Settings]:
    """Serve the hours of the main meter as Tibber does, on this machine and with a token made up on the spot.

    Args:
        house: The house.
        end: First instant without hours.
        start: First civil day with hours.

    Yields:
        The house, asking there.
    """
    site = house.settings.site
    hours = sample_readings(MeterBook([house.meter]), site.zone, end, start)[house.meter.meter_id].readings
    # Tibber lists an hour that it does not know, without a value.
    every_hour = hours.asfreq("h")
    token = secrets.token_urlsafe(24)
    with TibberStandIn(every_hour, token, zone=site.timezone) as stand_in:
        tibber = site.tibber.model_copy(update={"url": stand_in.url, "home_id": None})
        yield replace(
            house.settings,
            site=site.model_copy(update={"tibber": tibber}),
            secrets=house.settings.secrets.model_copy(update={"tibber_api_token": SecretStr(token)}),
        )


def synchronise(settings: Settings, instance: DagsterInstance) -> int:
    """Materialize `tibber_consumption` once.

    Returns:
        How many hours were written that were not known before.

    Raises:
        BackfillError: The run failed; the text says why.
    """
    result = (
        build_definitions(settings)
        .resolve_job_def(TIBBER_JOB)
        .execute_in_process(instance=instance, raise_on_error=False, run_config=_QUIET)
    )
    name = TIBBER_KEY.to_user_string()
    if not result.success:
        failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
        said = [failure.user_failure_data.description for failure in failures if failure.user_failure_data]
        causes = [failure.error.message.strip() for failure in failures if failure.error]
        raise BackfillError(f"{name}: {next(iter([*filter(None, said), *causes]), 'the run failed')}")
    (materialization,) = result.asset_materializations_for_node(name)
    return int(str(materialization.metadata[WRITTEN].value))
