"""The shape of the graph, and days that go through Dagster into the store."""

from __future__ import annotations

import dataclasses
import os
import runpy
from datetime import date
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
import yaml
from pydantic import SecretStr

from tests.houses import CONFIG, SAMPLE_DAYS, small
from tests.pipeline.small_house import compute_without_what_follows
from tests.settings.houses import METERS, write_house
from workflows_dagster.domain.days import DayRange
from workflows_dagster.evaluation import Evaluation
from workflows_dagster.pipeline.assets.meters import PROFILES_KEY, RAW_PREFIX, describe, raw_key
from workflows_dagster.pipeline.backfill import BackfillError, backfill
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.resources import tibber_resource
from workflows_dagster.records.days import read_days
from workflows_dagster.settings.load import load


@pytest.fixture(scope="module")
def graph(shipped):
    return build_definitions(shipped).resolve_asset_graph()


def test_the_edges_between_meters_are_those_of_meters_yaml(graph, shipped):
    names = {meter.meter_id for meter in shipped.meters}
    drawn = {
        (parent.to_user_string(), key.to_user_string())
        for key in graph.get_all_asset_keys()
        for parent in graph.get(key).parent_keys
        if key.to_user_string() in names and parent.to_user_string() in names
    }
    written = {(source, meter.meter_id) for meter in shipped.meters for source in meter.upstream}
    assert drawn == written


def test_every_physical_meter_begins_at_its_raw_readings(graph, shipped):
    for meter in shipped.meters.physical:
        parents = graph.get(dg.AssetKey(meter.meter_id)).parent_keys
        assert raw_key(meter) in parents
        has_season = dg.AssetKey("seasonal_profiles") in parents
        assert has_season == (shipped.pattern_of(meter.meter_id) is not None)
        assert graph.get(raw_key(meter)).is_external


@pytest.mark.parametrize(
    ("asset", "meter", "partition", "first", "count"),
    [
        ("anomalies", "gas_zahler", "2025-03-01", "2023-01-31", 761),
        ("anomalies", "strom_total", "2025-03-01", "2025-01-04", 57),
        ("monthly_consumption", "gas_zahler", "2025-03-01", "2024-03-01", 396),
        ("costs", "gas_zahler", "2025-03-01", "2025-03-01", 1),
    ],
    ids=lambda value: str(value),
)
def test_an_asset_declares_the_days_that_it_reads(shipped, asset, meter, partition, first, count):
    """By what is due when one of them changes (repair/due.py), Dagster's lineage tells the truth."""
    definition = build_definitions(shipped).resolve_assets_def(dg.AssetKey(asset))
    upstream = build_definitions(shipped).resolve_assets_def(dg.AssetKey(meter)).partitions_def
    mapping = definition.get_partition_mapping(dg.AssetKey(meter)) or dg.TimeWindowPartitionMapping()
    subset = definition.partitions_def.subset_with_partition_keys([partition])
    read = list(
        mapping.get_upstream_mapped_partitions_result_for_partitions(
            subset, definition.partitions_def, upstream
        ).partitions_subset.get_partition_keys()
    )
    assert (read[0], len(read)) == (first, count)


def test_every_meter_tells_a_house_owner_what_it_is(graph, shipped):
    for meter in shipped.meters:
        node = graph.get(dg.AssetKey(meter.meter_id))
        assert node.group_name == meter.utility
        assert f"[{meter.output_unit}]" in node.description
        assert all(f"`{source}`" in node.description for source in meter.upstream)
        assert node.kinds
        assert node.tags["meter/type"] == meter.type
        columns = node.metadata["dagster/column_schema"].columns
        assert "consumption" in {column.name for column in columns}


def test_all_meters_share_one_partitions_definition_and_run_ranges(graph, shipped):
    definitions = {id(graph.get(dg.AssetKey(meter.meter_id)).partitions_def) for meter in shipped.meters}
    assert len(definitions) == 1
    for meter in shipped.meters:
        assert graph.get(dg.AssetKey(meter.meter_id)).backfill_policy == dg.BackfillPolicy.single_run()


def test_dagster_can_load_the_whole_of_it(shipped):
    dg.Definitions.validate_loadable(build_definitions(shipped))


def test_the_groups_are_the_utilities_and_ingestion(graph):
    groups = {graph.get(key).group_name for key in graph.get_all_asset_keys()}
    assert groups == {"electricity", "gas", "water", "heat", "solar", "ingestion", "insight"}


def test_a_meter_less_in_the_file_is_a_meter_less_in_the_graph_and_nothing_else(tmp_path, shipped, graph):
    for name in ("config.yaml", "meters.yaml", "seasonal_patterns.yaml", "tariffs.yaml"):
        content = yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))
        if name == "meters.yaml":
            content["meters"] = [meter for meter in content["meters"] if meter["meter_id"] != "buro_heat"]
        elif name == "seasonal_patterns.yaml":
            content["patterns"].pop("buro_heat", None)
        (tmp_path / name).write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    fewer = load(tmp_path, {})
    smaller = build_definitions(fewer).resolve_asset_graph()
    gone = graph.get_all_asset_keys() - smaller.get_all_asset_keys()
    assert gone == {dg.AssetKey("buro_heat"), dg.AssetKey([RAW_PREFIX, "buro_heat"])}
    assert not smaller.get_all_asset_keys() - graph.get_all_asset_keys()
    of_all_meters = {"seasonal_profiles", "running_day", "anomalies", "costs", "monthly_consumption"}
    for key in smaller.get_all_asset_keys() - {dg.AssetKey(name) for name in of_all_meters}:
        assert smaller.get(key).parent_keys == graph.get(key).parent_keys
        assert smaller.get(key).description == graph.get(key).description


def test_tibbers_hours_come_before_the_meter_that_reads_them(small_house, graph):
    settings = small_house("""
        meters:
          - meter_id: haupt_strom
            type: physical
            output_unit: kWh
            source: {kind: interval, measurement: energy}
          - {meter_id: flat, type: physical, output_unit: kWh}
    """).settings
    tibber, raw = dg.AssetKey("tibber_consumption"), dg.AssetKey([RAW_PREFIX, "haupt_strom"])
    on_tibber = build_definitions(settings).resolve_asset_graph()
    assert on_tibber.get(tibber).child_keys == {raw}
    assert on_tibber.get(raw).is_external
    assert on_tibber.get(dg.AssetKey("haupt_strom")).parent_keys == {raw, PROFILES_KEY}
    # The shipped house reads a register there; its prices are Tibber's.
    assert graph.get(tibber).child_keys == {dg.AssetKey("costs")}


def test_tibber_is_asked_without_partitions_by_a_job_of_its_own(graph, shipped):
    node = graph.get(dg.AssetKey("tibber_consumption"))
    assert not node.is_partitioned
    assert (node.group_name, "graphql" in node.kinds) == ("ingestion", True)
    assert "`haupt_strom`" in node.description
    job = build_definitions(shipped).resolve_job_def("tibber_sync")
    assert job.asset_layer.selected_asset_keys == {dg.AssetKey("tibber_consumption")}


TWO_METERS = small("2024-01-01")


@pytest.fixture
def house(small_house):
    house = small_house(TWO_METERS)
    house.read("main", {"2024-01-01": 0.0, "2024-01-11": 100.0, "2024-01-31": 400.0})
    house.read("flat", {"2024-01-01": 0.0, "2024-01-21": 80.0, "2024-01-31": 120.0})
    return house


def stored(house, meter_id):
    return read_days(house.store, meter_id)


def test_a_range_through_dagster_is_in_the_store_as_it_was_computed(house):
    with dg.DagsterInstance.ephemeral() as instance:
        result = backfill(
            house.settings, instance, ["main", "flat", "rest"], DayRange(date(2024, 1, 1), date(2024, 1, 30))
        )
        for meter in ("main", "flat", "rest"):
            assert len(instance.get_materialized_partitions(dg.AssetKey(meter))) == 30
    assert result.partitions == 90
    evaluation = Evaluation(house.settings, house.store)
    for meter in ("main", "flat", "rest"):
        computed = evaluation.days(meter, DayRange(date(2024, 1, 1), date(2024, 1, 30))).days
        pd.testing.assert_frame_equal(
            stored(house, meter)[computed.columns], computed, check_exact=True, check_freq=False, check_dtype=False
        )


def test_days_one_by_one_through_dagster_are_the_days_of_one_range(house):
    with dg.DagsterInstance.ephemeral() as instance:
        backfill(house.settings, instance, ["main", "flat", "rest"], DayRange(date(2024, 1, 1), date(2024, 1, 30)))
        whole = {meter: stored(house, meter) for meter in ("main", "flat", "rest")}
        for day in (date(2024, 1, 30), date(2024, 1, 12), date(2024, 1, 11)):
            compute_without_what_follows(house.settings, instance, ["main", "flat", "rest"], day, day)
    for meter, before in whole.items():
        pd.testing.assert_frame_equal(stored(house, meter), before, check_exact=True)


def test_each_partition_shows_its_own_consumption(house):
    with dg.DagsterInstance.ephemeral() as instance:
        backfill(house.settings, instance, ["main"], DayRange(date(2024, 1, 10), date(2024, 1, 12)))
        records = instance.fetch_materializations(dg.AssetKey("main"), limit=10).records
        shown = {record.partition_key: record.asset_materialization.metadata for record in records}
    assert shown["2024-01-10"]["consumption [kWh]"].value == pytest.approx(10)
    assert shown["2024-01-12"]["consumption [kWh]"].value == pytest.approx(15)
    assert shown["2024-01-12"]["quality"].value == "interpolated"


def test_a_failed_run_is_one_sentence_that_names_the_meter(house):
    house.store.close()
    (house.settings.data_dir / "utility_meters.sqlite").write_bytes(b"not a database at all, but long enough" * 100)
    for extra in ("-wal", "-shm"):
        (house.settings.data_dir / f"utility_meters.sqlite{extra}").unlink(missing_ok=True)
    with (
        dg.DagsterInstance.ephemeral() as instance,
        pytest.raises(BackfillError, match=r"^main: .*utility_meters.sqlite") as caught,
    ):
        backfill(house.settings, instance, ["main"], DayRange(date(2024, 1, 10), date(2024, 1, 12)))
    assert "Traceback" not in str(caught.value)


def test_a_winter_of_the_shipped_house_has_no_day_unexplained(shipped, sample_store):
    evaluation = Evaluation(shipped, sample_store)
    for meter in shipped.meters.virtuals:
        frame = evaluation.days(meter.meter_id, SAMPLE_DAYS).days
        assert (frame["quality"] != "missing").all()
        assert len(frame) == SAMPLE_DAYS.count


def test_a_wrong_configuration_is_a_sentence_on_dagsters_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = write_house(
        tmp_path, config="language: de\n", meters=METERS.replace("base_meter: total", "base_meter: totl")
    )
    monkeypatch.setenv("METERS_CONFIG_DIR", str(folder))
    with pytest.raises(Exception, match=r"rest\.base_meter: kein Zähler 'totl'\. Meinten Sie 'total'\?$") as caught:
        runpy.run_module("workflows_dagster.definitions")
    assert caught.type.__name__ == "ConfigurationError"


def test_every_computed_asset_names_its_owner_and_its_code_without_the_folders_of_this_machine(graph):
    for node in graph.asset_nodes:
        assert node.owners == ["team:house"]
        references = node.metadata.get("dagster/code_references")
        if node.is_executable:
            (reference,) = references.code_references
            assert reference.file_path.startswith("workflows_dagster/pipeline/assets/")
            assert reference.line_number > 1


def test_a_secret_from_a_file_reaches_its_resource_but_no_environment_and_no_page(house):
    secrets = house.settings.secrets.model_copy(update={"tibber_api_token": SecretStr("planted-token")})
    settings = dataclasses.replace(house.settings, secrets=secrets)
    definitions = build_definitions(settings)
    assert tibber_resource(settings).token == "planted-token"
    assert "planted-token" not in "".join(os.environ.values())
    shown = [resource.model_dump_json() for resource in (definitions.resources or {}).values()]
    assert len(shown) == 3
    assert "planted-token" not in "".join(shown)


ENTITIES = ["m³", "kWh total", "m²", "m_", "größe", "a`b", "<b>", "x" * 300, "gas.main"[:3] + "-main", "日本"]


def test_any_name_of_an_entity_makes_an_asset_of_its_own(small_house):
    meters = "".join(
        f"\n          - {{meter_id: m{n}, type: physical, output_unit: kWh, source: {{entity_id: {name!r}}}}}"
        for n, name in enumerate(ENTITIES)
    )
    settings = small_house(f"""
        meters:{meters}
          - {{meter_id: plain, type: physical, output_unit: kWh}}
    """).settings
    definitions = build_definitions(settings)
    dg.Definitions.validate_loadable(definitions)
    keys = [raw_key(meter) for meter in settings.meters.physical]
    assert len(set(keys)) == len(ENTITIES) + 1
    assert keys[-1] == dg.AssetKey([RAW_PREFIX, "plain"])
    assert {key.path[1] for key in keys} <= {
        key.path[1] for key in definitions.resolve_asset_graph().get_all_asset_keys() if len(key.path) > 1
    }
    # The same in every process, or a sensor would look for another asset than there is.
    assert keys[0] == dg.AssetKey([RAW_PREFIX, "m__c7db57c8"])


def test_the_owners_words_are_shown_as_they_are_on_dagsters_page(small_house):
    settings = small_house("""
        meters:
          - meter_id: a
            type: physical
            output_unit: kWh
            description: "# Flat <img src=x onerror=alert(1)> [pay](http://evil.example) `1` *now* \u202e"
            source: {entity_id: "a`b<i>"}
    """).settings
    (meter,) = settings.meters.physical
    assert describe(meter, settings).splitlines()[0] == (
        r"\# Flat \<img src=x onerror=alert(1)\> \[pay\](http\:\/\/evil.example) \`1\` \*now\* \\u202e [kWh]."
    )
    assert "`a'b<i>`" in describe(meter, settings)
