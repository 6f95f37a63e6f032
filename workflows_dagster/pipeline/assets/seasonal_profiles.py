"""The asset that fits each meter's seasonal profile, and how irregular it is, to its own history, and stores both."""

import dagster as dg
import pandas as pd

from workflows_dagster.evaluation import Evaluation
from workflows_dagster.evaluation.weights import may_follow_weather
from workflows_dagster.pipeline.assets.meters import OWNERS, PROFILES_KEY, TEMPERATURE_KEY, raw_key
from workflows_dagster.pipeline.resources import StoreResource
from workflows_dagster.records.profiles import keep_profile
from workflows_dagster.settings.load import Settings

_DESCRIPTION = """How each meter's consumption follows the year: an even base, and a share by its table or the weather.

And how irregular each meter is, from which its bands come. Fitted to the meter's whole history and kept as a version:
all estimated days are computed with the version that is kept.
"""


def seasonal_profiles_asset(settings: Settings) -> dg.AssetsDefinition:
    """Build the asset over all physical meters."""
    fitted = settings.meters.physical

    @dg.asset(
        key=PROFILES_KEY,
        deps=[
            *dict.fromkeys(raw_key(meter) for meter in fitted),
            *([TEMPERATURE_KEY] if any(map(may_follow_weather, fitted)) else []),
        ],
        group_name="ingestion",
        owners=OWNERS,
        description=_DESCRIPTION,
        kinds={"numpy"},
    )
    def seasonal_profiles(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
        meters = Evaluation(settings, store.store).of_physical
        now = pd.Timestamp.now("UTC")
        rows = []
        for meter in fitted:
            profile, spread = meters.fitted(meter)
            new = keep_profile(store.store, meter.meter_id, meter.output_unit, profile, now, spread)
            rows.append(
                dg.TableRecord(
                    {
                        "meter": meter.meter_id,
                        "base": profile.base,
                        "season": profile.season,
                        "scatter": spread.scale,
                        "version": profile.version,
                        "new": new,
                    }
                )
            )
        changed = sum(bool(row.data["new"]) for row in rows)
        return dg.MaterializeResult(metadata={"profiles": dg.MetadataValue.table(rows), "changed": changed})

    return seasonal_profiles
