"""Numbers in English and German notation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.domain.number_notation import (
    AmbiguousNumberError,
    NotANumberError,
    decimal_marks,
    meanings,
    number_from,
)
from workflows_dagster.wording import Formatter

# As a register shows them: up to twelve digits, six of them decimals.
REGISTERS = st.integers(-(10**12), 10**12).map(lambda millionths: millionths / 10**6)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("46.226,4", 46226.4),
        ("46,226.4", 46226.4),
        ("46226,4", 46226.4),
        ("46226.4", 46226.4),
        ("46 226,4", 46226.4),
        ("46\N{NARROW NO-BREAK SPACE}226,432", 46226.432),
        ("46'226.4", 46226.4),
        ("1.234.567", 1234567.0),
        ("1,234,567", 1234567.0),
        ("1.234.567,891", 1234567.891),
        ("1234.567", 1234.567),
        ("1234,567", 1234.567),
        ("0.123", 0.123),
        ("0,123", 0.123),
        (".5", 0.5),
        (",5", 0.5),
        ("12.", 12.0),
        ("-3,5", -3.5),
        ("\N{MINUS SIGN}3,5", -3.5),
        ("+7", 7.0),
        ("1e3", 1000.0),
        ("1,5e3", 1500.0),
        (" 12 ", 12.0),
    ],
)
def test_a_number_of_one_meaning_is_read_in_either_notation(text: str, value: float):
    assert number_from(text) == value
    # The notation of the others has no say where there is one meaning.
    assert number_from(text, ".") == number_from(text, ",") == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "-", ".", ",", "12,", "1.23,4", "1,2,3", "1.234.56", "1.234.567.8", "1.234,567.8", "12 34"),
        *("0x10", "1_000", "4711 kWh", "nan", "inf", "١٢"),
    ],
)
def test_what_is_no_number_is_refused(text: str):
    assert meanings(text) == ()
    with pytest.raises(NotANumberError):
        number_from(text, ",")


@pytest.mark.parametrize("mark", [".", ","])
def test_one_mark_before_exactly_three_digits_has_two_meanings(mark: str):
    other = "," if mark == "." else "."
    text = f"48{mark}700"
    assert [meaning.value for meaning in meanings(text)] == [48700.0, 48.7]
    assert (number_from(text, mark), number_from(text, other)) == (48.7, 48700.0)
    with pytest.raises(AmbiguousNumberError) as caught:
        number_from(text)
    assert (caught.value.whole.value, caught.value.fraction.value) == (48700.0, 48.7)


def test_a_column_shows_its_decimal_marks_by_the_numbers_of_one_meaning():
    assert decimal_marks(["48.700", "12", "x", "1e3"]) == frozenset()
    assert decimal_marks(["48.700", "46226,4"]) == {","}
    assert decimal_marks(["1.234.567"]) == {","}
    assert decimal_marks(["46226,4", "0.5"]) == {".", ","}


@given(value=REGISTERS, language=st.sampled_from(["de", "en"]))
def test_what_is_printed_in_a_language_is_read_back_as_the_same_number(value: float, language):
    formatter = Formatter(language)
    for text in (formatter.number(value, 15), formatter.plain_number(value, 15), formatter.fixed(value, 6)):
        assert number_from(text, formatter.decimal_mark) == value + 0.0
        # Without the language it is that number or refused, never another one.
        assert value in [meaning.value for meaning in meanings(text)]


@given(value=REGISTERS, mark=st.sampled_from([".", ","]))
def test_a_mark_decides_and_never_changes_a_number_of_one_meaning(value: float, mark):
    text = f"{value:,.3f}" if mark == "." else f"{value:,.3f}".translate(str.maketrans(".,", ",."))
    assert number_from(text, mark) == float(f"{value:.3f}")
