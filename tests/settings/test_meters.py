from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from workflows_dagster.settings.meters import Conversion, MasterMeter, MeterBook, Period, PhysicalMeter, VirtualMeter


def physical(meter_id: str, unit: str = "kWh", **keys: object) -> PhysicalMeter:
    return PhysicalMeter.model_validate({"meter_id": meter_id, "output_unit": unit, **keys})


def virtual(meter_id: str, base: str, *subtracted: str, unit: str = "kWh", **keys: object) -> VirtualMeter:
    return VirtualMeter.model_validate(
        {"meter_id": meter_id, "output_unit": unit, "base_meter": base, "subtract_meters": subtracted, **keys}
    )


def master(meter_id: str, *sources: str, unit: str = "kWh", **keys: object) -> MasterMeter:
    period = {"start_date": "2020-01-01", "composition_type": "sum", "source_meters": sources}
    return MasterMeter.model_validate({"meter_id": meter_id, "output_unit": unit, "periods": [period], **keys})


# Written so that what is made from others stands first.
BOOK = MeterBook(
    [
        virtual("rest", "total", "flat"),
        master("total", "old", "new"),
        physical("old"),
        physical("new"),
        physical("flat"),
        physical("water", "m³"),
    ]
)


def test_the_book_gives_meters_by_id_and_in_file_order():
    assert [meter.meter_id for meter in BOOK] == ["rest", "total", "old", "new", "flat", "water"]
    assert BOOK["flat"].meter_id == "flat"
    assert "flat" in BOOK
    assert "attic" not in BOOK
    assert len(BOOK) == 6
    with pytest.raises(KeyError):
        BOOK["attic"]


def test_the_book_parts_the_meters_by_type():
    assert [meter.meter_id for meter in BOOK.physical] == ["old", "new", "flat", "water"]
    assert [meter.meter_id for meter in BOOK.masters] == ["total"]
    assert [meter.meter_id for meter in BOOK.virtuals] == ["rest"]


def test_each_meter_comes_after_those_that_it_is_made_from():
    assert [meter.meter_id for meter in BOOK.in_order()] == ["old", "new", "total", "flat", "rest", "water"]


def test_meters_that_do_not_depend_on_one_another_stay_in_file_order():
    book = MeterBook([physical(name) for name in "zyxabc"])
    assert [meter.meter_id for meter in book.in_order()] == list("zyxabc")


def test_downstream_is_all_that_a_change_reaches_with_the_meter_itself():
    assert BOOK.downstream_of(["new"]) == ("new", "total", "rest")
    assert BOOK.downstream_of(["flat", "water"]) == ("flat", "rest", "water")
    assert BOOK.downstream_of([]) == ()
    with pytest.raises(KeyError):
        BOOK.downstream_of(["attic"])


def test_a_source_of_two_periods_is_upstream_once():
    period = {"composition_type": "sum", "source_meters": ["a", "b"]}
    later = {"start_date": "2021-01-01", "composition_type": "sum", "source_meters": ["b", "c"]}
    meter = MasterMeter.model_validate(
        {
            "meter_id": "m",
            "output_unit": "kWh",
            "periods": [later, {"start_date": "2020-01-01", "end_date": "2020-12-31", **period}],
        }
    )
    assert meter.upstream == ("a", "b", "c")
    assert [p.start_date for p in meter.periods] == [date(2020, 1, 1), date(2021, 1, 1)]


@pytest.mark.parametrize(
    ("unit", "name", "utility"),
    [
        ("kWh", "og1_strom", "electricity"),
        ("Wh", "plug", "electricity"),
        ("kWh", "gastherme_gesamt", "gas"),
        ("kWh", "solarspeicher", "solar"),
        ("kWh", "wärme", "heat"),
        ("MWh", "eg_nord_heat", "heat"),
        ("GJ", "cellar", "heat"),
        ("m³", "gas_zahler", "gas"),
        ("l", "eg_kalfire", "gas"),
        ("m³", "therme", "gas"),
        ("m³", "haupt_wasser", "water"),
    ],
)
def test_the_utility_is_told_by_unit_and_name(unit: str, name: str, utility: str):
    assert physical("m", unit, description=name).utility == utility
    if name.isascii():
        assert physical(name, unit).utility == utility


def test_a_utility_that_is_given_stands():
    assert physical("og1_strom", utility="solar").utility == "solar"


def test_a_derived_meter_belongs_where_its_first_source_does_unless_it_says_otherwise():
    book = MeterBook(
        [
            virtual("left", "sum", "small", unit="m³"),
            master("sum", "big", unit="m³"),
            physical("big", "m³", utility="gas"),
            physical("small", "m³"),
            virtual("own", "sum", "small", unit="m³", utility="heat"),
        ]
    )
    assert [meter.utility for meter in book] == ["gas", "gas", "gas", "water", "heat"]


def test_resolution_is_fine_unless_the_unit_is_small():
    assert physical("m", "kWh").resolution == 0.001
    assert physical("m", "m³").resolution == 0.001
    assert physical("m", "Wh").resolution == 1.0
    assert physical("m", "l").resolution == 1.0
    assert physical("m", "Wh", resolution=10).resolution == 10.0


def test_units_are_spelled_one_way():
    assert physical("m", "m3").output_unit == "m³"
    assert Conversion.model_validate({"from_unit": "kWh", "to_unit": "m3"}).to_unit == "m³"


def test_raw_readings_are_found_under_the_meters_own_name_unless_it_says_otherwise():
    plain = physical("boiler", "m3")
    assert (plain.raw_measurement, plain.raw_entity_id, plain.raw_field) == ("m³", "boiler", "value")
    tibber = physical("boiler", source={"kind": "interval", "entity_id": "home", "measurement": "energy"})
    assert (tibber.raw_measurement, tibber.raw_entity_id, tibber.raw_field) == ("energy", "home", "consumption")
    assert physical("boiler", source={"kind": "interval", "field": "cost"}).raw_field == "cost"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2024-11-26", date(2024, 11, 26)),
        (date(2024, 11, 26), date(2024, 11, 26)),
        (datetime(2024, 11, 26), date(2024, 11, 26)),
        ("2024-11-26T00:00:00Z", date(2024, 11, 26)),
        ("2024-11-26 10:30", datetime(2024, 11, 26, 10, 30)),
        ("2024-11-26T10:30:00Z", datetime(2024, 11, 26, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_midnight_is_a_civil_day_and_any_other_time_an_instant(written: object, meant: date):
    found = physical("m", installation_date=written).installation_date
    assert found == meant
    assert type(found) is type(meant)


def test_the_year_9999_means_that_a_period_lasts():
    keys = {"start_date": "2024-11-27", "composition_type": "single", "source_meters": ["m"]}
    for written in (None, "9999-12-31", date(9999, 12, 31), datetime(9999, 12, 31, 23, 59, 59)):
        assert Period.model_validate({**keys, "end_date": written}).end_date is None
    assert Period.model_validate({**keys, "end_date": "2024-11-27"}).end_date == date(2024, 11, 27)


def test_a_meter_does_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        physical("m").resolution = 1.0
    assert len({physical("m"), physical("m"), physical("n")}) == 2
