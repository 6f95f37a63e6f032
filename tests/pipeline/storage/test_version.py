"""The gate before Dagster's private names: one folder uses them, and another version gets Dagster's own behaviour."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import workflows_dagster
from workflows_dagster.pipeline.storage.version import TESTED_MINOR, is_tested, unknown_version

PACKAGE = Path(workflows_dagster.__file__).parent
STORAGE = PACKAGE / "pipeline" / "storage"


def imported(path: Path) -> Iterator[str]:
    """Give the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def is_private(module: str) -> bool:
    library, _, rest = module.partition(".")
    return library == "dagster_shared" or (library.startswith("dagster") and rest.startswith("_"))


def test_only_the_storage_folder_imports_private_names_of_dagster() -> None:
    private = {path for path in PACKAGE.rglob("*.py") if any(map(is_private, imported(path)))}
    assert {path for path in private if path.parent != STORAGE} == set()
    assert STORAGE / "event_log.py" in private


@pytest.mark.parametrize(
    ("version", "tested"), [("1.13.0", True), ("1.13.99", True), ("1.14.0", False), ("1.1.3", False), ("2.13.1", False)]
)
def test_a_version_is_tested_when_its_minor_version_is(version: str, tested: bool) -> None:
    assert is_tested(version) == tested


OF_ANOTHER_VERSION = """
import builtins
import sys
import dagster as dg

dg.__version__ = "1.14.2"
STOCK = {"dagster._core.storage.event_log", "dagster_shared.check", "dagster_shared.error"}
ordinary = builtins.__import__

def without_private_names(name, importer=None, *rest, **named):
    private = name.startswith(("dagster._", "dagster_shared")) and name not in STOCK
    if private and (importer or {}).get("__name__", "").startswith("workflows_dagster"):
        raise ImportError(f"{importer['__name__']} imports {name}")
    return ordinary(name, importer, *rest, **named)

builtins.__import__ = without_private_names

import pandas as pd
from datetime import UTC, datetime
from pathlib import Path
from workflows_dagster.pipeline.storage.home import ensure_home
from workflows_dagster.pipeline.storage.home_check import look_at_home
from workflows_dagster.pipeline.storage.partition_metadata import add_partition_metadata
from workflows_dagster.pipeline.storage.retention import NotSqliteError, tidy
from workflows_dagster.pipeline.storage.ticks import failing_instigators

days = dg.DailyPartitionsDefinition("2024-03-25", end_date="2024-04-07")
keys = days.get_partition_keys()

@dg.asset(partitions_def=days, backfill_policy=dg.BackfillPolicy.single_run())
def gas(context: dg.AssetExecutionContext) -> None:
    add_partition_metadata(context, {key: {"consumption": float(key[-2:])} for key in context.partition_keys})

home = ensure_home(Path(sys.argv[1]))
with dg.DagsterInstance.get() as instance:
    tags = {"dagster/asset_partition_range_start": keys[0], "dagster/asset_partition_range_end": keys[-1]}
    assert dg.materialize([gas], instance=instance, tags=tags).success
    assert instance.get_materialized_partitions(dg.AssetKey("gas")) == set(keys)
    for record in instance.fetch_materializations(dg.AssetKey("gas"), limit=100).records:
        shown = record.asset_materialization.metadata["consumption"].value
        assert shown == float(record.partition_key[-2:]), (record.partition_key, shown)
    try:
        tidy(instance, 1, datetime.now(UTC))
    except NotSqliteError as left_alone:
        assert "Dagster 1.14.2 is installed" in str(left_alone)
    else:
        raise AssertionError("the home was tidied")
    assert list(failing_instigators(instance, {"daily"}, None, pd.Timestamp.now("UTC"))) == []
assert look_at_home(home).batches is False
"""


def test_with_another_version_dagsters_own_storage_keeps_every_day_and_one_sentence_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OF_ANOTHER_VERSION, str(tmp_path / "home")],
        env={**os.environ, "DAGSTER_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(unknown_version("1.14.2")) == 1
    assert f"Install Dagster {TESTED_MINOR}" in unknown_version("1.14.2")
