"""The IO manager that writes and reads meters' days in the processed store, a range at a time."""

from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd

from workflows_dagster.pipeline.partitions import day_range
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.records.days import read_days
from workflows_dagster.records.made_from import replace_days

# Metadata key of the unit of a meter's asset.
UNIT_METADATA = "unit"


class DaysIOManager(dg.ConfigurableIOManager):
    """Writes the days that a meter's asset returns, and reads them for derived meters.

    Attributes:
        store: The house's store.
        timezone: The house's zone, by its IANA name.
    """

    store: dg.ResourceDependency[StoreResource]
    timezone: str

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        """Replace the meter's days in the run's partitions by the returned ones."""
        unit = str(context.definition_metadata[UNIT_METADATA])
        asked = day_range(context.asset_partition_key_range)
        replace_days(self.store.store, context.asset_key.path[-1], unit, ZoneInfo(self.timezone), asked, obj)

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """Read a meter's days in the run's partitions.

        Raises:
            DagsterInvariantViolationError: No partition is named, as `load_asset_value` without `partition_key` does.
        """
        meter_id = context.asset_key.path[-1]
        if not context.has_asset_partitions:
            raise dg.DagsterInvariantViolationError(
                f"{meter_id}: no day is named. Name one with `partition_key`; for several days use "
                f"`workflows_dagster.House.open().days('{meter_id}', '2024')`."
            )
        start, end = day_range(context.asset_partition_key_range).bounds(ZoneInfo(self.timezone))
        return read_days(self.store.store, meter_id, start, end)
