"""Which meters are a utility's main meters, and the order of the others."""

from __future__ import annotations

from workflows_dagster.reports.layout import fed_into_grid, layout


def drawn(meters, utility):
    return [(place.meter.meter_id, place.role, place.depth) for place in layout(meters)[utility]]


def test_the_shipped_house_is_told_by_its_masters_its_bases_and_its_heat_meters(shipped):
    main = {
        utility: [place.meter.meter_id for place in places if place.role == "main"]
        for utility, places in layout(shipped.meters).items()
    }
    assert main == {
        "electricity": ["strom_total"],
        "gas": ["gas_total"],
        "water": ["haupt_wasser"],
        "heat": ["eg_nord_heat", "eg_sud_heat", "og1_heat", "og2_heat", "buro_heat"],
        "solar": ["solarspeicher"],
    }


def test_what_is_left_stands_before_what_was_taken_away_and_devices_stand_nowhere(shipped):
    assert drawn(shipped.meters, "electricity") == [
        ("strom_total", "main", 0),
        ("strom_allgemein", "rest", 1),
        ("eg_strom", "part", 1),
        ("og1_strom", "part", 1),
        ("og2_strom", "part", 1),
    ]
    devices = layout(shipped.meters)["electricity"][0].devices
    assert [device.meter_id for device in devices] == [
        "strom_1LOG0007013695_NT",
        "strom_1LOG0007013695_HT",
        "haupt_strom",
    ]


def test_a_meter_that_is_part_of_nothing_stands_after_the_main_meter_and_its_parts(shipped):
    assert drawn(shipped.meters, "gas")[-3:] == [
        ("gastherme_gesamt", "part", 1),
        ("gastherme_heizen", "part", 0),
        ("gastherme_warmwasser", "part", 0),
    ]


def test_every_meter_of_the_house_has_one_place_or_stands_behind_a_master(shipped):
    places = [place for utility in layout(shipped.meters).values() for place in utility]
    placed = [place.meter.meter_id for place in places]
    behind = [device.meter_id for place in places for device in place.devices]
    assert sorted(placed + behind) == sorted(meter.meter_id for meter in shipped.meters)


MASTER_AND_OTHERS = """\
    meters:
      - {meter_id: loft_strom, type: physical, output_unit: kWh}
      - {meter_id: old, type: physical, output_unit: kWh, utility: electricity}
      - {meter_id: new, type: physical, output_unit: kWh, utility: electricity}
      - meter_id: whole
        type: master
        output_unit: kWh
        periods:
          - {start_date: 2020-01-01, end_date: 2024-12-31, composition_type: single, source_meters: [old]}
          - {start_date: 2025-01-01, composition_type: single, source_meters: [new]}
"""


def test_a_master_is_main_even_without_parts_and_a_meter_beside_it_is_not(small_house):
    house = small_house(MASTER_AND_OTHERS)
    assert drawn(house.settings.meters, "electricity") == [("whole", "main", 0), ("loft_strom", "part", 0)]


def test_what_is_subtracted_from_a_device_is_a_part_of_its_master(small_house):
    rest = """\
      - meter_id: rest
        type: virtual
        output_unit: kWh
        calculation_type: subtraction
        base_meter: new
        subtract_meters: [loft_strom]
"""
    house = small_house(MASTER_AND_OTHERS + rest)
    assert drawn(house.settings.meters, "electricity") == [
        ("whole", "main", 0),
        ("rest", "rest", 1),
        ("loft_strom", "part", 1),
    ]


def test_parts_of_parts_stand_deeper(small_house):
    house = small_house(
        """\
        meters:
          - {meter_id: a_strom, type: physical, output_unit: kWh}
          - {meter_id: b_strom, type: physical, output_unit: kWh}
          - {meter_id: c_strom, type: physical, output_unit: kWh}
          - {meter_id: rest_a, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: a_strom,
             subtract_meters: [b_strom]}
          - {meter_id: rest_b, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: b_strom,
             subtract_meters: [c_strom]}
        """
    )
    assert drawn(house.settings.meters, "electricity") == [
        ("a_strom", "main", 0),
        ("rest_a", "rest", 1),
        ("b_strom", "part", 1),
        ("rest_b", "rest", 2),
        ("c_strom", "part", 2),
    ]


def test_two_meters_taken_from_one_another_are_not_parts_of_one_another(small_house):
    house = small_house(
        """\
        meters:
          - {meter_id: a_strom, type: physical, output_unit: kWh}
          - {meter_id: b_strom, type: physical, output_unit: kWh}
          - {meter_id: more, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: a_strom,
             subtract_meters: [b_strom]}
          - {meter_id: less, type: virtual, output_unit: kWh, calculation_type: subtraction, base_meter: b_strom,
             subtract_meters: [a_strom]}
        """
    )
    places = drawn(house.settings.meters, "electricity")
    assert places[0] == ("a_strom", "main", 0)
    assert sorted(place[0] for place in places) == ["a_strom", "b_strom", "less", "more"]


SOLAR_HOUSE = """\
    meters:
      - {meter_id: haus_strom, type: physical, output_unit: kWh, description: House}
      - {meter_id: wallbox, type: physical, output_unit: kWh, utility: electricity}
      - {meter_id: fed, type: physical, output_unit: kWh, utility: electricity}
      - meter_id: fed_total
        type: master
        output_unit: kWh
        utility: electricity
        periods: [{start_date: 2024-01-01, composition_type: single, source_meters: [fed]}]
"""


def test_what_is_fed_into_the_grid_is_no_main_meter_not_even_as_a_master(small_house, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "tariffs.yaml").write_text(
        "tariffs: [{meter: fed, feed_in: true, prices: [{valid_from: 2024-01-01, unit_price: 0.08}]}]"
    )
    house = small_house(SOLAR_HOUSE)
    fed_in = fed_into_grid(house.settings)
    assert fed_in == {"fed", "fed_total"}
    places = layout(house.settings.meters, fed_in)["electricity"]
    assert [(place.meter.meter_id, place.role, place.depth, place.fed_in) for place in places] == [
        ("haus_strom", "main", 0, False),
        ("wallbox", "main", 0, False),
        ("fed_total", "part", 0, True),
    ]
