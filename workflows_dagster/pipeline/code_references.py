"""Links assets to their source code."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

import workflows_dagster

_ROOT = Path(workflows_dagster.__file__).parents[1]
_KEY = "dagster/code_references"
# Set by `make serve` and `dagster dev`, when page and editor are on one machine.
_DEV_VARIABLE = "DAGSTER_IS_DEV_CLI"


def with_code_references(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """Attach file and line of each asset's function.

    Under `make serve` the link opens the file in the editor. A deployed page shows the path within the repository only.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        linked: list[Any] = list(dg.with_source_code_references(assets))
        if os.environ.get(_DEV_VARIABLE):
            return linked
        return [asset.map_asset_specs(_in_repository) for asset in linked]


def _in_repository(spec: dg.AssetSpec) -> dg.AssetSpec:
    value = spec.metadata.get(_KEY)
    if not isinstance(value, dg.CodeReferencesMetadataValue):
        return spec
    references: list[Any] = [
        dg.LocalFileCodeReference(
            file_path=str(Path(reference.file_path).relative_to(_ROOT)), line_number=reference.line_number
        )
        for reference in value.code_references
        if isinstance(reference, dg.LocalFileCodeReference)
    ]
    return spec.merge_attributes(metadata={_KEY: dg.CodeReferencesMetadataValue(code_references=references)})
