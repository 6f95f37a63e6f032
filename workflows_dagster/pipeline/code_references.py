"""Links from an asset's page to the code that makes it."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

import workflows_dagster

_ROOT = Path(workflows_dagster.__file__).parents[1]
_KEY = "dagster/code_references"
# `make serve` and `dagster dev` set it: the page and the editor are then on one machine.
_DEV_VARIABLE = "DAGSTER_IS_DEV_CLI"


def with_code_references(assets: Sequence[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """Attach file and line of each asset's function.

    Under `make serve` the link opens the file in the editor. On a deployed page it says where in the repository the
    code is, without the folders of the machine.
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
