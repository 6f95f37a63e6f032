from __future__ import annotations

import pytest

from workflows_dagster.stores.influx import flux
from workflows_dagster.stores.ports import RawSeries


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("m³", '"m³"'),
        ('a "quote"', '"a \\"quote\\""'),
        ("back\\slash", '"back\\\\slash"'),
        ('\\"', '"\\\\\\""'),
        ("${r._value}", '"\\${r._value}"'),
        ("$ {", '"$ {"'),
        ("\\${x}", '"\\\\\\${x}"'),
        ("tab\tline\nreturn\r", '"tab\\tline\\nreturn\\r"'),
        ('") |> drop()', '"\\") |> drop()"'),
    ],
)
def test_a_text_becomes_a_literal_that_means_nothing_else(text: str, literal: str) -> None:
    assert flux.string(text) == literal


def test_instants_are_written_to_the_nanosecond_and_stay_within_what_the_server_knows() -> None:
    assert flux.instant(0) == "1970-01-01T00:00:00.000000000Z"
    assert flux.instant(-1, 999) == "1969-12-31T23:59:59.999999999Z"
    assert flux.instant(1_709_272_800_000_001) == "2024-03-01T06:00:00.000001000Z"
    assert flux.instant(-(2**63)) == flux.instant(flux.EARLIEST) == "1677-09-21T00:12:43.145225000Z"
    assert flux.instant(2**63) == flux.instant(flux.LATEST) == "2262-04-11T23:47:16.854775000Z"


def test_the_condition_of_a_series_names_the_domain_only_where_there_is_one() -> None:
    plain = 'r._measurement == "m³" and r.entity_id == "gas" and r._field == "value"'
    assert flux.of_series(RawSeries("m³", "gas")) == plain
    assert flux.of_series(RawSeries("m³", "gas", domain="sensor")) == plain + ' and r.domain == "sensor"'


def test_the_condition_around_several_series_is_one_expression_for_the_entities_that_mean_nothing_in_one() -> None:
    series = [
        RawSeries("m³", "gas"),
        RawSeries("kWh", "eg_strom_1LOG"),
        RawSeries("kWh", "a.b|c/d"),
        RawSeries("kWh", ""),
    ]
    assert flux.around(series) == (
        '(r._measurement == "kWh" or r._measurement == "m³") and (r._field == "value")'
        ' and (r.entity_id =~ /^(eg_strom_1LOG|gas)$/ or r.entity_id == "" or r.entity_id == "a.b|c/d")'
    )
    assert flux.around([RawSeries("kWh", "flat\n")]).endswith('and (r.entity_id == "flat\\n")')


def test_a_predicate_quotes_its_values_and_leaves_open_what_is_none() -> None:
    assert (
        flux.predicate(_measurement='a "b"', meter_id="c\\d", unit=None)
        == '_measurement="a \\"b\\"" AND meter_id="c\\\\d"'
    )


def test_a_predicate_on_a_field_is_refused_because_servers_ignore_it() -> None:
    with pytest.raises(ValueError, match="cannot delete by _field"):
        flux.predicate(_measurement="m", _field="value")


def test_a_predicate_with_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        flux.predicate(meter_id="a\nb")
