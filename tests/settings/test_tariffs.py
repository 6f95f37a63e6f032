from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.settings.broken import ODD, lines, places, replaced
from tests.settings.houses import METERS, SHIPPED, complaints, house, write_house
from workflows_dagster.domain.costs import Price
from workflows_dagster.domain.time_prices import TimePrice
from workflows_dagster.settings.load import load

GAS_METERS = """\
meters:
  - {meter_id: gas, type: physical, output_unit: m³, utility: gas}
  - {meter_id: boiler, type: physical, output_unit: kWh, utility: gas}
  - {meter_id: tap, type: physical, output_unit: m³, utility: water}
"""
GAS_FACTORS = "gas_conversion: {energy_content: 11, z_factor: 0.9}\n"


TIMES = "unit_price: 0.3, times: [{when: {to: '06:00'}, unit_price: 0.2}]"


def price(text: str = "unit_price: 0.3") -> str:
    """One dated price."""
    return f"{{valid_from: 2024-01-01, {text}}}"


def tariff(text: str = "utility: electricity", *prices: str) -> str:
    """A file of one tariff."""
    return f"tariffs:\n  - {{{text}, prices: [{', '.join(prices or (price(),))}]}}\n"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory):
    return load(SHIPPED, {"METERS_SECRETS_DIR": str(tmp_path_factory.mktemp("secrets"))})


def test_every_shipped_meter_but_the_solar_storage_has_its_price_on_every_day_of_its_life(shipped):
    for meter in shipped.meters:
        found = shipped.tariffs.of_meter(meter)
        if meter.meter_id == "solarspeicher":
            assert found is None
            continue
        begun = meter.installation_date if meter.type == "physical" else date(2022, 1, 1)
        assert found.dated(meter)[0].valid_from <= begun
        assert found.dated(meter)[-1].valid_from == date(2026, 1, 1)


def test_the_shipped_standing_charges_are_owed_once_a_utility(shipped):
    bearers = [
        meter.meter_id
        for meter in shipped.meters
        if (found := shipped.tariffs.of_meter(meter)) and any(p.standing_charge for p in found.dated(meter))
    ]
    assert bearers == ["strom_total", "gas_total", "haupt_wasser"]


def test_without_a_file_nothing_has_a_tariff(tmp_path: Path):
    settings = house(tmp_path)
    assert settings.tariffs.currency == "EUR"
    assert [settings.tariffs.of_meter(meter) for meter in settings.meters] == [None] * 5
    # The shipped config.yaml names the file all the same.
    (tmp_path / "other").mkdir()
    assert house(tmp_path / "other", config="tariffs_config: tariffs.yaml\n").tariffs.tariffs == ()


def test_a_file_that_is_named_otherwise_must_be_there(tmp_path: Path):
    assert complaints(tmp_path, config="tariffs_config: prices.yaml\n") == [
        f"prices.yaml: no such file in {tmp_path / 'config'}. "
        "Copy the one that comes with the system, or remove tariffs_config."
    ]


def test_a_file_without_tariffs_yet_is_whole(tmp_path: Path):
    assert house(tmp_path, tariffs="currency: CHF\ntariffs:\n").tariffs.currency == "CHF"


def test_a_meters_own_tariff_goes_before_its_utilitys(tmp_path: Path):
    written = f"""\
tariffs:
  - {{utility: electricity, prices: [{price()}]}}
  - {{meter: flat, prices: [{price("unit_price: 0.2")}]}}
"""
    settings = house(tmp_path, tariffs=written)
    found = {m.meter_id: settings.tariffs.of_meter(m).prices[0].unit_price for m in settings.meters}
    assert found == {"old": 0.3, "new": 0.3, "flat": 0.2, "total": 0.3, "rest": 0.3}


def test_a_master_takes_the_tariff_of_the_utility_that_it_has_from_its_sources(tmp_path: Path):
    meters = """\
meters:
  - {meter_id: heater, type: physical, output_unit: kWh, utility: heat}
  - meter_id: total
    type: master
    output_unit: kWh
    periods: [{start_date: 2020-01-01, composition_type: single, source_meters: [heater]}]
"""
    settings = house(tmp_path, meters=meters, tariffs=tariff("utility: heat, billed_meter: total"))
    assert settings.tariffs.of_meter(settings.meters["total"]) is not None


def test_prices_in_any_order_hold_from_their_days_on_and_net_ones_get_their_tax(tmp_path: Path):
    net = "{unit_price: 0.25, vat_percent: 20, prices_include_vat: false"
    later = f"{net}, valid_from: 2025-01-01, per: MWh, standing_charge: 10, standing_charge_per: month}}"
    earlier = "{unit_price: 0.3, valid_from: 2024-01-01, vat_percent: 19, prices_include_vat: true}"
    settings = house(tmp_path, tariffs=tariff("meter: flat", later, earlier))
    meter = settings.meters["flat"]
    assert settings.tariffs.of_meter(meter).dated(meter) == (
        Price(date(2024, 1, 1), 0.3, "kWh", 0.0, "year"),
        Price(date(2025, 1, 1), pytest.approx(0.3), "MWh", 12.0, "month"),
    )


def test_only_the_billed_meter_bears_the_standing_charge(tmp_path: Path):
    charged = price("unit_price: 0.3, standing_charge: 120, standing_charge_per: year")
    settings = house(tmp_path, tariffs=tariff("utility: electricity, billed_meter: total", charged))
    borne = {m.meter_id: settings.tariffs.of_meter(m).dated(m)[0].standing_charge for m in settings.meters}
    assert borne == {"old": 0, "new": 0, "flat": 0, "total": 120, "rest": 0}


def test_feed_in_turns_the_unit_price_but_not_the_standing_charge(tmp_path: Path):
    charged = price("unit_price: 0.08, standing_charge: 12, standing_charge_per: year")
    settings = house(tmp_path, tariffs=tariff("meter: flat, feed_in: true", charged))
    meter = settings.meters["flat"]
    assert settings.tariffs.of_meter(meter).dated(meter) == (Price(date(2024, 1, 1), -0.08, "kWh", 12.0, "year"),)


def test_hourly_prices_need_no_dated_ones(tmp_path: Path):
    settings = house(tmp_path, tariffs="tariffs: [{utility: electricity, hourly_prices: tibber}]\n")
    assert settings.tariffs.tariffs[0].hourly_prices == "tibber"


def test_gas_may_be_priced_in_either_quantity_where_the_factors_are_given(tmp_path: Path):
    gas = tariff("utility: gas", price("unit_price: 0.1, per: kWh"), "{valid_from: 2025-01-01, unit_price: 1, per: m3}")
    assert house(tmp_path, config=GAS_FACTORS, meters=GAS_METERS, tariffs=gas).tariffs.tariffs[0].prices[1].per == "m³"


TWICE = f"""\
tariffs:
  - {{utility: electricity, prices: [{price()}]}}
  - {{utility: electricity, prices: [{price("unit_price: 0.2")}]}}
"""
OWN = f"""\
tariffs:
  - {{utility: electricity, billed_meter: total, prices: [{price()}]}}
  - {{meter: total, prices: [{price()}]}}
"""
BROKEN = {
    "not a currency": (
        "currency: €\n",
        "currency: '€' is not a currency's code. Write its three letters, such as EUR.",
    ),
    "unknown key of the file": ("tarifs: []\n", "tarifs: unknown key. Did you mean 'tariffs'?"),
    "unknown key of a tariff": (
        tariff("utility: electricity, bill_meter: total"),
        "tariffs[0].bill_meter: unknown key. Did you mean 'billed_meter'?",
    ),
    "unknown key of a price": (
        tariff("utility: electricity", price("unit_prize: 0.3, unit_price: 0.3")),
        "tariffs[0].prices[0].unit_prize: unknown key. Did you mean 'unit_price'?",
    ),
    "a list missing": (
        "tariffs: {utility: electricity}\n",
        "tariffs: a mapping is not a list. Write a list, such as [a, b].",
    ),
    "unknown utility": (
        tariff("utility: electricty"),
        "tariffs[0].utility: 'electricty' is not electricity, gas, water, heat or solar. Did you mean 'electricity'?",
    ),
    "a utility that no meter has": (
        tariff("utility: solar"),
        "tariffs[0].utility: it prices no meter: none without a tariff of its own counts solar. "
        "Remove the tariff, or give a meter this utility in meters.yaml.",
    ),
    "unknown meter": (tariff("meter: flta"), "tariffs[0].meter: no meter 'flta'. Did you mean 'flat'?"),
    "nobody's": (
        tariff("feed_in: false"),
        "tariffs[0]: it names neither a utility nor a meter. Write utility: or meter: and its name.",
    ),
    "both": (
        tariff("utility: electricity, meter: flat"),
        "tariffs[0]: it names both a utility and a meter. Keep one of them; a meter's own tariff goes before its "
        "utility's.",
    ),
    "a tariff twice": (
        TWICE,
        "tariffs[1].utility: 'electricity' has a tariff in tariffs[0] too. "
        "Put all its prices into one list, each with its valid_from.",
    ),
    "no prices": (
        "tariffs: [{utility: electricity}]\n",
        "tariffs[0].prices: the key is missing. Give each price with its valid_from and unit_price.",
    ),
    "an empty list of prices": (
        "tariffs: [{utility: electricity, prices: []}]\n",
        "tariffs[0].prices: the list is empty. Give each price with its valid_from and unit_price.",
    ),
    "no first day": (
        tariff("utility: electricity", "{unit_price: 0.3}"),
        "tariffs[0].prices[0].valid_from: the key is missing. Add it.",
    ),
    "a day twice": (
        tariff("utility: electricity", price(), price("unit_price: 0.2")),
        "tariffs[0].prices[1].valid_from: 2024-01-01 stands before another price too. "
        "Give each price its own first day.",
    ),
    "no such day": (
        tariff("utility: electricity", "{valid_from: 2023-02-29, unit_price: 0.3}"),
        "tariffs[0].prices[0].valid_from: '2023-02-29' is not a date. Write it as 2024-11-26.",
    ),
    "no figure": (
        tariff("utility: electricity", price("per: kWh")),
        "tariffs[0].prices[0].unit_price: the key is missing. Add it, or hourly_prices above.",
    ),
    "a decimal comma": (
        tariff("utility: electricity", price("unit_price: '0,30'")),
        "tariffs[0].prices[0].unit_price: 0,30 has a decimal comma. Write 0.30.",
    ),
    "a unit of another quantity": (
        tariff("utility: electricity", price("unit_price: 4, per: m³")),
        "tariffs[0].prices[0].per: a price per m³ is none for 'old', which counts in kWh. "
        "Write per: kWh, or give 'old' a tariff of its own.",
    ),
    "an unknown unit": (
        tariff("utility: electricity", price("unit_price: 4, per: kwh")),
        "tariffs[0].prices[0].per: unknown unit 'kwh'. Did you mean 'kWh'?",
    ),
    "a charge for no time": (
        tariff("meter: flat", price("unit_price: 0.3, standing_charge: 120")),
        "tariffs[0].prices[0].standing_charge_per: the key is missing, and a standing_charge of 120.0 may be for any "
        "time. Write year, month or day.",
    ),
    "a charge for a strange time": (
        tariff("meter: flat", price("unit_price: 0.3, standing_charge: 120, standing_charge_per: years")),
        "tariffs[0].prices[0].standing_charge_per: 'years' is not year, month or day. Did you mean 'year'?",
    ),
    "a time and no charge": (
        tariff("meter: flat", price("unit_price: 0.3, standing_charge_per: year")),
        "tariffs[0].prices[0].standing_charge_per: there is no standing_charge. Add it, or remove the key.",
    ),
    "a charge that nobody bears": (
        tariff("utility: electricity", price("unit_price: 0.3, standing_charge: 120, standing_charge_per: year")),
        "tariffs[0].prices[0].standing_charge: no billed_meter says at which meter of the utility it is owed. "
        "Add billed_meter to tariffs[0], such as the meter on the bill.",
    ),
    "an unknown bearer": (
        tariff("utility: electricity, billed_meter: totl"),
        "tariffs[0].billed_meter: no meter 'totl'. Did you mean 'total'?",
    ),
    "a bearer with a tariff of its own": (
        OWN,
        "tariffs[0].billed_meter: 'total' has a tariff of its own, which this one does not reach. "
        "Put the standing charge there, or name another meter.",
    ),
    "a bearer of one meter's tariff": (
        tariff("meter: flat, billed_meter: flat"),
        "tariffs[0].billed_meter: this tariff is one meter's, which bears its own standing charge. Remove the key.",
    ),
    "net without the tax": (
        tariff("meter: flat", price("unit_price: 0.3, prices_include_vat: false")),
        "tariffs[0].prices[0].prices_include_vat: false, and there is no vat_percent to add. "
        "Add vat_percent, such as 19.",
    ),
    "tax that may be in or not": (
        tariff("meter: flat", price("unit_price: 0.3, vat_percent: 19")),
        "tariffs[0].prices[0].prices_include_vat: the key is missing, and a vat_percent of 19.0 may be in the prices "
        "or not. Write true where the prices are what you pay, false where they are net.",
    ),
    "too much tax": (
        tariff("meter: flat", price("unit_price: 0.3, vat_percent: 119, prices_include_vat: true")),
        "tariffs[0].prices[0].vat_percent: 119 is above 100. Write a number no higher than 100.",
    ),
    "hours of somebody else": (
        "tariffs: [{meter: flat, hourly_prices: awattar}]\n",
        "tariffs[0].hourly_prices: 'awattar' is not tibber. Write tibber.",
    ),
    "a key twice": (
        "currency: EUR\ncurrency: CHF\n",
        "currency: the key stands twice, on lines 1 and 2. Keep one of them.",
    ),
}


@pytest.mark.parametrize(("written", "line"), BROKEN.values(), ids=BROKEN.keys())
def test_a_mistake_in_the_tariffs_is_said_in_one_line(tmp_path: Path, written: str, line: str):
    assert complaints(tmp_path, tariffs=written) == [f"tariffs.yaml: {line}"]


BROKEN_GAS = {
    "factors missing": (
        tariff("meter: gas", price("unit_price: 0.1, per: kWh")),
        "tariffs[0].prices[0].per: 'gas' counts in m³, and without gas_conversion in config.yaml no kWh comes of it. "
        "Give energy_content and z_factor there, from your gas bill.",
    ),
    "energy of water": (
        tariff("utility: water", price("unit_price: 0.1, per: kWh")),
        "tariffs[0].prices[0].per: a price per kWh is none for 'tap', which counts in m³. "
        "Write per: m³, or give 'tap' a tariff of its own.",
    ),
    "a price without a unit for two of them": (
        tariff("utility: gas"),
        "tariffs[0].prices[0].per: the key is missing, and the meters of gas count in m³ and kWh. "
        "Write the unit of the bill, such as per: m³.",
    ),
    "hours of a volume": (
        "tariffs: [{utility: gas, hourly_prices: tibber}]\n",
        "tariffs[0].hourly_prices: the hour's prices are per kWh, but 'gas' counts in m³. "
        "Give a unit_price instead, or price that meter by itself.",
    ),
    "a bearer of another utility": (
        tariff("utility: water, billed_meter: boiler"),
        "tariffs[0].billed_meter: 'boiler' counts gas, not water. Name a meter of this utility.",
    ),
}


@pytest.mark.parametrize(("written", "line"), BROKEN_GAS.values(), ids=BROKEN_GAS.keys())
def test_a_mistake_about_gas_and_water_is_said_in_one_line(tmp_path: Path, written: str, line: str):
    assert complaints(tmp_path, meters=GAS_METERS, tariffs=written) == [f"tariffs.yaml: {line}"]


def test_mistakes_of_the_tariffs_are_said_with_those_of_all_other_files(tmp_path: Path):
    meters = METERS.replace("pattern: mains", "resolution: -1")
    written = tariff("utility: electricity, billed_meter: totl", price("unit_price: 1, per: m³"), price("per: kWh"))
    found = complaints(tmp_path, config="timezone: Mars\n", meters=meters, tariffs="currency: euro\n" + written)
    assert [": ".join(line.split(": ")[:2]) for line in found] == [
        "config.yaml: timezone",
        "meters.yaml: flat.resolution",
        "tariffs.yaml: currency",
        "tariffs.yaml: tariffs[0].prices[1].unit_price",
        "tariffs.yaml: tariffs[0].prices[1].valid_from",
        "tariffs.yaml: tariffs[0].billed_meter",
        "tariffs.yaml: tariffs[0].prices[0].per",
    ]


def test_of_meters_that_cannot_be_read_the_tariffs_say_nothing(tmp_path: Path):
    found = complaints(tmp_path, meters="meters: []\n", tariffs=tariff("meter: flat"))
    assert [line.split(":")[0] for line in found] == ["meters.yaml"]


def test_no_value_in_any_place_of_the_tariffs_ends_in_a_traceback(tmp_path: Path):
    whole = f"""\
currency: EUR
tariffs:
  - utility: gas
    billed_meter: gas
    feed_in: false
    prices:
      - {{valid_from: 2024-01-01, unit_price: 0.1, per: kWh, standing_charge: 10, standing_charge_per: month,
         vat_percent: 19, prices_include_vat: false}}
  - {{meter: tap, description: Tap, prices: [{price()}]}}
"""
    folder = write_house(tmp_path, config=GAS_FACTORS, meters=GAS_METERS, tariffs=whole)
    assert load(folder, {})
    content = yaml.safe_load(whole)
    for number, path in enumerate(places(content)):
        for odd in ODD[number % 3 :: 3]:
            (folder / "tariffs.yaml").write_text(yaml.safe_dump(replaced(content, path, odd)), encoding="utf-8")
            assert all(line.endswith((".", "?", ").")) for line in lines(folder))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("unit_price: 0.25, up_to: 400", "a price that depends on how much was used before"),
        ("unit_price: 0.25, hours: '22:00-06:00'", "Put them into a list below it: times: [{when: {from: '22:00'"),
        ("unit_price: 0.25, when: {from: 22, to: 6}", "times stand beside a price"),
        (
            "unit_price: 0.25, times: [{when: {from: '25:00'}, unit_price: 1}]",
            "times[0].when.from: '25:00' is not a time",
        ),
        (
            "unit_price: 0.25, times: [{when: {from: 22}, unit_price: 1}]",
            "22 is not a time of day. Write one in quotes",
        ),
        ("unit_price: 0.25, times: [{when: {weekdays: mo-do}, unit_price: 1}]", "'mo-do' is not a weekday. Write mon,"),
        ("unit_price: 0.25, times: [{when: {weekdays: mon-sun}, unit_price: 1}]", "it names every minute of the week"),
        ("unit_price: 0.25, times: [{when: {from: '20:00'}}]", "times[0].unit_price: the key is missing"),
        (
            "unit_price: 0.25, times: [{when: {from: '22:00', to: '6:00'}, unit_price: 1},"
            " {when: {weekdays: [mon], to: '01:00'}, unit_price: 2}]",
            "entries 1 and 2 hold at the same time",
        ),
    ],
)
def test_prices_that_cannot_be_written_are_named_as_what_they_are(tmp_path: Path, written: str, said: str):
    assert any(said in line for line in complaints(tmp_path, tariffs=tariff("utility: electricity", price(written))))


def test_times_are_read_with_and_without_quotes_and_with_tax(tmp_path: Path):
    net = "unit_price: 0.25, vat_percent: 20, prices_include_vat: false, "
    times = "times: [{when: {weekdays: [sat, sun-mon], from: 22:00, to: '06:00'}, unit_price: 0.1}]"
    settings = load(write_house(tmp_path, tariffs=tariff("utility: electricity", price(net + times))), {})
    meter = next(meter for meter in settings.meters if meter.utility == "electricity")
    (found,) = settings.tariffs.of_meter(meter).dated(meter)
    assert found.times == (TimePrice((0, 5, 6), 22 * 60, 6 * 60, pytest.approx(0.12)),)


def test_times_do_not_go_with_hourly_prices(tmp_path: Path):
    written = tariff("utility: electricity, hourly_prices: tibber", price(TIMES))
    assert any("the tariff has hourly_prices" in line for line in complaints(tmp_path, tariffs=written))
