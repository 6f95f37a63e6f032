"""The IO manager that keeps meters' days in the processed store, a whole range at a time."""

from collections.abc import Mapping

import dagster as dg
import pandas as pd

from workflows_dagster.pipeline.partitions import day_range
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.records.days import read_days
from workflows_dagster.records.made_from import replace_days
from workflows_dagster.settings.load import Settings

# The key under which a meter's asset says its unit.
UNIT_METADATA = "unit"


class DaysIOManager(dg.IOManager):
    """Writes the days that a meter's asset returns, and reads them for the meters made from it."""

    def __init__(self, settings: Settings, store: StoreResource) -> None:
        self._settings, self._store = settings, store

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        """Make the returned days all that the store holds of the meter in the run's partitions."""
        unit = str(context.definition_metadata[UNIT_METADATA])
        asked, zone = day_range(context.asset_partition_key_range), self._settings.site.zone
        replace_days(self._store.store, context.asset_key.path[-1], unit, zone, asked, obj)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Read a meter's days in the run's partitions.

        Raises:
            DagsterInvariantViolationError: No partition is named, as `load_asset_value` without `partition_key` does.
        """
        if not context.has_asset_partitions:
            meter_id = context.asset_key.path[-1]
            raise dg.DagsterInvariantViolationError(
                f"{meter_id}: no day is named. Name one with `partition_key`; for several days use "
                f"`workflows_dagster.House.open().days('{meter_id}', '2024')`."
            )
        start, end = self._bounds(context.asset_partition_key_range)
        return read_days(self._store.store, context.asset_key.path[-1], start, end)

    def _bounds(self, key_range: dg.PartitionKeyRange) -> tuple[pd.Timestamp, pd.Timestamp]:
        return day_range(key_range).bounds(self._settings.site.zone)


def days_io_manager(settings: Settings) -> dg.IOManagerDefinition:
    """Give the IO manager over the graph's `store` resource."""

    @dg.io_manager(required_resource_keys={"store"}, description="Meters' days in the processed store.")
    def build(context: dg.InitResourceContext) -> DaysIOManager:
        resources: Mapping[str, StoreResource] = context.resources._asdict()
        return DaysIOManager(settings, resources["store"])

    return build
