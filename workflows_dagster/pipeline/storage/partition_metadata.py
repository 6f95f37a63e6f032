"""Attaches metadata to each partition of a ranged run, so that the catalog plots a meter over the years.

Dagster's own `add_asset_metadata(partition_key=…)` lists all partitions and copies all metadata at each call, which is
quadratic in the length of the range: a quarter of the time of a backfill over four years. This sets the same state
once; with an unknown version of Dagster it uses the slow method.
"""

from collections.abc import Mapping

import dagster as dg

from workflows_dagster.pipeline.storage.version import is_tested

PartitionMetadata = float | int | str | dg.MetadataValue | None


def add_partition_metadata(
    context: dg.AssetExecutionContext, by_partition: Mapping[str, Mapping[str, PartitionMetadata]]
) -> None:
    """Attach metadata to each partition's materialization.

    Args:
        context: Context of an asset that is being materialized over a range.
        by_partition: Metadata by partition key; all keys lie in the range.
    """
    if not is_tested():
        for partition, metadata in by_partition.items():
            context.add_asset_metadata(metadata, partition_key=partition)
        return
    from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator

    step = context.get_step_execution_context()
    merged = dict(step._metadata_accumulator.per_output_metadata)
    for partition, metadata in by_partition.items():
        merged[AssetMetadataHandle(asset_key=context.asset_key, partition_key=partition)] = metadata
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=merged)
