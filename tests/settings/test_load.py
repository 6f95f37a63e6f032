from __future__ import annotations

import math
from collections import Counter
from dataclasses import FrozenInstanceError
from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.settings.houses import METERS, SHIPPED, house, write_house
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.settings.site import Site
from workflows_dagster.wording.problems import problem_texts


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    # The secrets of whoever runs the tests stay out of them.
    return load(SHIPPED, {"METERS_SECRETS_DIR": str(tmp_path_factory.mktemp("secrets"))})


def test_the_shipped_household_has_27_meters(shipped: Settings):
    assert len(shipped.meters) == 27
    assert Counter(meter.type for meter in shipped.meters) == {"physical": 22, "master": 2, "virtual": 3}
    assert Counter(meter.utility for meter in shipped.meters) == {
        "electricity": 8,
        "gas": 7,
        "water": 6,
        "heat": 5,
        "solar": 1,
    }


def test_the_shipped_meters_are_made_from_one_another_as_the_house_is(shipped: Settings):
    made_from = {meter.meter_id: meter.upstream for meter in shipped.meters if meter.upstream}
    assert made_from == {
        "strom_total": ("strom_1LOG0007013695_NT", "strom_1LOG0007013695_HT", "haupt_strom"),
        "strom_allgemein": ("strom_total", "eg_strom", "og1_strom", "og2_strom"),
        "gas_total": ("gas_zahler_alt", "gas_zahler"),
        "eg_kalfire": ("gas_total", "gastherme_gesamt"),
        "eg_wasser": (
            "haupt_wasser",
            "og1_wasser_kalt",
            "og1_wasser_warm",
            "og2_wasser_kalt",
            "og2_wasser_warm",
        ),
    }
    assert shipped.meters.downstream_of(["gas_zahler"]) == ("gas_zahler", "gas_total", "eg_kalfire")


def test_a_shipped_successor_is_installed_on_the_last_day_of_the_period_before(shipped: Settings):
    for master in shipped.meters.masters:
        before, after = master.periods
        assert after.apply_offset_from_previous_period
        for source in before.source_meters:
            assert shipped.meters[source].deinstallation_date == before.end_date
        for source in after.source_meters:
            assert shipped.meters[source].installation_date == before.end_date


def test_no_shipped_sub_meter_is_older_than_what_it_is_subtracted_from(shipped: Settings):
    def begin(meter_id: str) -> date:
        meter = shipped.meters[meter_id]
        return meter.periods[0].start_date if meter.type == "master" else meter.installation_date

    for virtual in shipped.meters.virtuals:
        assert begin(virtual.base_meter) <= min(begin(meter_id) for meter_id in virtual.subtract_meters)


def test_every_shipped_physical_meter_has_a_description_a_date_and_a_season(shipped: Settings):
    for meter in shipped.meters.physical:
        assert meter.description
        assert meter.installation_date
        assert shipped.pattern_of(meter.meter_id)


def test_every_shipped_pattern_is_used(shipped: Settings):
    used = {meter.pattern or meter.meter_id for meter in shipped.meters.physical}
    assert set(shipped.patterns) == used


def test_the_shipped_site_says_what_is_so_without_it(shipped: Settings):
    written = yaml.safe_load((SHIPPED / "config.yaml").read_text(encoding="utf-8"))
    assert set(written) == {field.alias or name for name, field in Site.model_fields.items()}
    files = dict.fromkeys(("meters_config", "seasonal_patterns_config", "tariffs_config"))
    silent = shipped.site.model_copy(update={"gas_pairs": (), **files})
    assert silent == Site()


def test_the_shipped_history_begins_with_its_oldest_meters(shipped: Settings):
    assert shipped.first_day == date(2020, 1, 1)


def test_an_owners_file_loads_with_the_plain_keys_and_with_date_times(tmp_path: Path):
    meters = """\
meters:
  - meter_id: "old"
    type: "physical"
    output_unit: "m3"
    description: "Alter Zähler"
    installation_date: "2020-06-01T00:00:00Z"
    deinstallation_date: 2024-11-12T00:00:00
  - meter_id: new
    type: physical
    output_unit: m³
    installation_date: 2024-11-12 11:30:00
    deinstallation_date: null
  - meter_id: gas_total
    type: master
    output_unit: m³
    periods:
      - start_date: 2024-11-13T00:00:00
        end_date: "9999-12-31"
        composition_type: single
        source_meters:
          - new
        source_unit: m3
        apply_offset_from_previous_period: true
      - start_date: "2020-06-01"
        end_date: 2024-11-12
        composition_type: single
        source_meters: [old]
        source_unit: m³
  - meter_id: boiler
    type: physical
    output_unit: kWh
  - meter_id: fireplace
    type: virtual
    output_unit: m³
    utility: gas
    calculation_type: subtraction
    base_meter: gas_total
    subtract_meters: [boiler]
    subtract_meter_conversions:
      boiler: {from_unit: kWh, to_unit: m3}
"""
    gas = "gas_conversion: {energy_content: 11.504, z_factor: 0.8885}\n"
    settings = house(tmp_path, config=gas, meters=meters)
    old, total = settings.meters["old"], settings.meters.masters[0]
    assert (old.output_unit, old.installation_date) == ("m³", date(2020, 6, 1))
    assert [period.end_date for period in total.periods] == [date(2024, 11, 12), None]
    assert total.upstream == ("old", "new")
    assert settings.meters.virtuals[0].subtract_meter_conversions["boiler"].to_unit == "m³"


def test_meters_may_stand_under_their_names(tmp_path: Path):
    listed = yaml.safe_load(METERS)["meters"]
    by_name = {meter.pop("meter_id"): meter for meter in listed}
    by_name["old"]["meter_id"] = "old"
    named = house(tmp_path, meters=yaml.safe_dump({"meters": by_name}, sort_keys=False))
    (tmp_path / "other").mkdir()
    assert named.meters == house(tmp_path / "other").meters


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path):
    assert len(house(tmp_path, meters=METERS.encode("utf-8-sig")).meters) == 5


def test_yaml_anchors_and_merges_are_no_duplicates(tmp_path: Path):
    meters = """\
meters:
  - &flat {meter_id: a, type: physical, output_unit: kWh, resolution: 0.1}
  - {<<: *flat, meter_id: b}
"""
    assert [meter.resolution for meter in house(tmp_path, meters=meters).meters.physical] == [0.1, 0.1]


def test_percentages_that_were_rounded_sum_to_100_exactly(tmp_path: Path):
    rounded = yaml.safe_dump({"patterns": {"mains": {"monthly_percentages": [8.33] * 12}}})
    percentages = house(tmp_path, patterns=rounded).patterns["mains"]
    assert math.fsum(percentages) == 100.0
    assert percentages == pytest.approx([100 / 12] * 12, rel=1e-9)


def test_a_meter_has_the_pattern_that_it_names_else_the_one_of_its_own_name(tmp_path: Path):
    flat, peak = [100 / 12] * 12, [100.0, *[0.0] * 11]
    own = [0.0, 100.0, *[0.0] * 10]
    named = {"mains": peak, "flat": flat, "new": own}
    patterns = {"patterns": {name: {"monthly_percentages": values} for name, values in named.items()}}
    settings = house(tmp_path, patterns=yaml.safe_dump(patterns))
    assert settings.pattern_of("flat") == tuple(peak)
    assert settings.pattern_of("new") == tuple(own)
    assert settings.pattern_of("old") is None


def test_history_does_not_begin_before_the_start_year(tmp_path: Path):
    config = "workflows: {analytics: {start_year: 2022}}\n"
    assert house(tmp_path, config=config).first_day == date(2022, 1, 1)


def test_history_begins_with_the_first_installation_or_period(tmp_path: Path):
    meters = METERS.replace("start_date: 2020-01-01", "start_date: 2021-05-01")
    dated = meters.replace("2020-01-01", "2021-06-01").replace("pattern: mains", "installation_date: 2022-01-01")
    assert house(tmp_path, meters=dated).first_day == date(2021, 5, 1)


def test_history_begins_on_the_civil_day_of_an_instant(tmp_path: Path):
    meters = "meters: [{meter_id: m, type: physical, output_unit: kWh, installation_date: 2021-05-31T23:30:00Z}]"
    assert house(tmp_path, meters=meters).first_day == date(2021, 6, 1)


def test_a_meter_without_a_date_keeps_its_history_when_a_dated_one_is_added(tmp_path: Path):
    first = "  - {meter_id: old, type: physical, output_unit: kWh}\n"
    added = "  - {meter_id: new, type: physical, output_unit: m³, installation_date: 2024-06-01}\n"
    for folder, meters, begins in (
        ("alone", first, date(2020, 1, 1)),
        ("both", first + added, date(2020, 1, 1)),
        ("dated", added, date(2024, 6, 1)),
    ):
        (tmp_path / folder).mkdir()
        assert house(tmp_path / folder, meters="meters:\n" + meters).first_day == begins


def test_history_begins_with_the_start_year_where_no_date_is_known(tmp_path: Path):
    meters = "meters: [{meter_id: m, type: physical, output_unit: kWh}]"
    assert house(tmp_path, meters=meters).first_day == date(2020, 1, 1)


def test_folders_stand_beside_the_config_unless_the_environment_moves_them(tmp_path: Path):
    folder = write_house(tmp_path)
    beside = load(environ={"METERS_CONFIG_DIR": str(folder)})
    assert (beside.config_dir, beside.data_dir) == (folder, tmp_path / "data")
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "influxdb.env").write_text("INFLUX_ORG=home\n")
    moved = load(folder, {"METERS_DATA_DIR": str(tmp_path / "d"), "METERS_SECRETS_DIR": str(tmp_path / "hidden")})
    assert (moved.data_dir, moved.secrets.influx_org) == (tmp_path / "d", "home")


def test_a_fresh_clone_finds_its_own_config(tmp_path: Path):
    assert load(environ={"METERS_SECRETS_DIR": str(tmp_path)}).config_dir == SHIPPED


def test_a_folder_that_is_not_there_is_named_with_the_variable(tmp_path: Path):
    with pytest.raises(SettingsError) as caught:
        load(environ={"METERS_CONFIG_DIR": str(tmp_path / "nowhere")})
    assert "\n".join(problem_texts(caught.value)) == (
        f"nowhere: no folder {tmp_path / 'nowhere'}. "
        "Create it, or set METERS_CONFIG_DIR to the folder that holds meters.yaml."
    )


def test_paths_lead_from_the_config_folder_or_the_one_above(tmp_path: Path):
    folder = write_house(tmp_path, config="meters_config: flat/house.yaml\n", meters=None)
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "house.yaml").write_text(METERS)
    assert len(load(folder, {}).meters) == 5
    (folder / "flat").mkdir()
    (folder / "flat" / "house.yaml").write_text("meters: [{meter_id: m, type: physical, output_unit: kWh}]")
    (folder / "seasonal_patterns.yaml").write_text("patterns:\n")
    assert len(load(folder, {}).meters) == 1


def test_settings_do_not_change(tmp_path: Path):
    settings = house(tmp_path)
    with pytest.raises(FrozenInstanceError):
        settings.data_dir = tmp_path
    with pytest.raises(TypeError):
        settings.patterns["mains"] = ()
