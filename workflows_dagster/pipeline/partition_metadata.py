"""Metadata for each partition of a ranged run, so that the catalog plots a meter over the years.

Dagster's own `add_asset_metadata(partition_key=…)` lists all partitions and copies all metadata at each call, which is
quadratic in the length of the range: a quarter of the time of a backfill over four years. This sets the same state
once, through names that Dagster does not promise, for the minor version that pyproject.toml pins; where they are not as
expected it takes the slow way.
"""

from collections.abc import Mapping

import dagster as dg
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator

PartitionMetadata = float | int | str | dg.MetadataValue | None


def add_partition_metadata(
    context: dg.AssetExecutionContext, by_partition: Mapping[str, Mapping[str, PartitionMetadata]]
) -> None:
    """Attach metadata to each partition's materialization.

    Args:
        context: Of an asset that is being materialized over a range.
        by_partition: Metadata by partition key; all keys lie in the range.
    """
    step = context.get_step_execution_context()
    accumulated = getattr(step, "_metadata_accumulator", None)
    if not isinstance(accumulated, OutputMetadataAccumulator):
        for partition, metadata in by_partition.items():
            context.add_asset_metadata(metadata, partition_key=partition)
        return
    merged = dict(accumulated.per_output_metadata)
    for partition, metadata in by_partition.items():
        merged[AssetMetadataHandle(asset_key=context.asset_key, partition_key=partition)] = metadata
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=merged)
