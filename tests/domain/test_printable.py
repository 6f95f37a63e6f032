"""What steers a terminal is shown as its escape."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.domain.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb\nc", "a\\rb\\nc"),
        ("\x9b2J", "\\x9b2J"),
        ("gnp.\u202etxt", "gnp.\\u202etxt"),
        ("not UTF-8: \udcff", "not UTF-8: \\udcff"),
        ("1\u202f234\xa0kWh, größer, 🏠, 👨\u200d👩", "1\u202f234\xa0kWh, größer, 🏠, 👨\u200d👩"),
    ],
)
def test_control_characters_are_escaped_and_letters_are_not(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_nothing_but_what_is_kept_steers_a_terminal(text: str) -> None:
    shown = printable(text, "\n")
    assert not any(ord(c) < 32 and c != "\n" for c in shown)
    assert not any(0x7F <= ord(c) < 0xA0 for c in shown)
    shown.encode()
    assert printable(shown, "\n") == shown
