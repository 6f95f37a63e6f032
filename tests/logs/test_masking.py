"""Secrets in every spelling that a library may give them."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.settings.mask import Mask

TOKEN = "aB3/+xY==%20$&\"'\\<q>9"


@pytest.mark.parametrize(
    "spelt",
    [
        TOKEN,
        quote(TOKEN, safe=""),
        quote(TOKEN),
        quote_plus(TOKEN),
        json.dumps(TOKEN),
        json.dumps({"message": f"bad {TOKEN}"}),
        repr(TOKEN),
        repr({"headers": TOKEN}),
        json.dumps({"body": json.dumps({"token": TOKEN})}),
    ],
)
def test_a_known_secret_is_found_in_each_spelling(spelt: str) -> None:
    clean = Mask([TOKEN])(f"the server said: {spelt}.")
    assert "***" in clean
    assert "aB3" not in clean
    assert "q>9" not in clean.replace("&gt;", ">")


@pytest.mark.parametrize("login", ["", "u:", "me:", "user:", "owner@example.org:"])
@pytest.mark.parametrize("after", ["", "\n", "more"])
def test_a_known_secret_is_found_inside_of_base64_wherever_it_begins(login: str, after: str) -> None:
    secret = "long-enough-secret-1234"
    encoded = base64.b64encode(f"{login}{secret}{after}".encode()).decode()
    clean = Mask([secret])(f"sent {encoded}")
    assert "***" in clean
    # What is left at both ends holds some bits of the first and the last character.
    assert len(clean) - len("sent ") <= len(base64.b64encode((login + after).encode())) + 8


def test_a_token_is_found_without_the_signs_that_fill_it_up() -> None:
    assert Mask(["abcDEF123xyz=="])("sent abcDEF123xyz, then abcDEF123xyz%253D") == "sent ***, then ***%253D"


@pytest.mark.parametrize("address", ["ntfy://heating", "ntfys://ntfy.example.org/heating"])
def test_the_topic_of_ntfy_is_a_secret_even_if_it_is_a_word(address: str) -> None:
    clean = Mask([address])("POST /heating at ntfy.example.org failed")
    assert clean == "POST /*** at ntfy.example.org failed"


@given(
    before=st.text(max_size=20),
    secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=40),
    after=st.text(max_size=20),
)
def test_a_known_secret_never_survives(before: str, secret: str, after: str) -> None:
    assert secret.strip("*") == "" or secret not in Mask([secret])(before + secret + after)


def test_the_longer_of_two_secrets_leaves_no_tail() -> None:
    assert Mask(["abcdef", "abcdef-and-more"])("x abcdef-and-more y") == "x *** y"


def test_a_secret_of_five_characters_is_not_looked_for() -> None:
    assert Mask(["meter"])("meter") == "meter"


def test_an_address_that_is_a_secret_hides_its_parts_but_no_host() -> None:
    mask = Mask(["mailto://house:geheim1@mail.example.org", "tgram://123456789:AbCdEfGh-1234/998877"])
    text = mask("login with geheim1 at mail.example.org failed; POST /bot123456789:AbCdEfGh-1234/send")
    assert text == "login with *** at mail.example.org failed; POST /bot***:***/send"


def test_masking_twice_is_masking_once() -> None:
    mask = Mask([TOKEN])
    once = mask(f"token={TOKEN} http://u:{TOKEN}@h Authorization: Token {quote(TOKEN)}")
    assert mask(once) == once
    assert "aB3" not in once


def test_prose_beside_a_secret_stays_as_it_is() -> None:
    prose = "Tibber: the token is refused (401). http://localhost:8086/api/v2/query?org=home token=unknown"
    assert Mask([TOKEN])(prose) == prose
