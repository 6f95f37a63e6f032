"""Secrets in every spelling that a library may give them."""

from __future__ import annotations

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows_dagster.logs.masking import Mask

TOKEN = "aB3/+xY==%20$&\"'\\<q>9"


@pytest.mark.parametrize(
    "spelt",
    [
        TOKEN,
        quote(TOKEN, safe=""),
        quote(TOKEN, safe="").replace("%2F", "%2f").replace("%3D", "%3d"),
        quote(TOKEN),
        quote_plus(TOKEN),
        json.dumps(TOKEN),
        json.dumps({"message": f"bad {TOKEN}"}),
        repr(TOKEN),
        repr({"headers": TOKEN}),
        html.escape(TOKEN),
        quote(quote(TOKEN, safe=""), safe=""),
        json.dumps({"body": json.dumps({"token": TOKEN})}),
        repr(TOKEN.encode()),
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
    assert Mask(["abcDEF123xyz=="])("sent abcDEF123xyz, then abcDEF123xyz%253D%253D") == "sent ***, then ***"


def test_a_login_with_an_umlaut_is_found_as_requests_writes_it() -> None:
    encoded = base64.b64encode("me:Tür-und-Tor".encode("latin-1")).decode()
    clean = Mask(["Tür-und-Tor"])(f"sent {encoded}")
    assert encoded[6:-4] not in clean
    assert Mask(["Tür-und-Tor"])(f"sent {'Tür-und-Tor'.encode()!r}") == "sent b'***'"


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
    assert text == "login with *** at mail.example.org failed; POST /bot123456789:***/send"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Token abc", "Authorization: Token ***"),
        ("{'Authorization': 'Bearer abc', 'Accept': '*'}", "{'Authorization': 'Bearer ***', 'Accept': '*'}"),
        ("authorization=Basic dTpw", "authorization=Basic ***"),
        ("sent Bearer 0123456789abcdef again", "sent Bearer *** again"),
        ("http://me:pw@host:8086/x", "http://***@host:8086/x"),
        ("postgresql+psycopg2://meters:p%40ss@db/x", "postgresql+psycopg2://***@db/x"),
        ("GET /write?u=me&p=pw&db=x", "GET /write?u=me&p=***&db=x"),
        ("/hook?token=abc#top", "/hook?token=***#top"),
        ("INFLUX_TOKEN=abc next", "INFLUX_TOKEN=*** next"),
        ("InfluxDBClient(token='abc', org='home')", "InfluxDBClient(token='***', org='home')"),
        ('{"token": "a\\"b", "org": "home"}', '{"token": "***", "org": "home"}'),
        ("jwt eyJhbGciOiJI.eyJzdWIiOiIx.c2ln!", "jwt ***!"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nrest", "***\nrest"),
    ],
)
def test_what_looks_like_a_credential_is_hidden_unknown_as_it_is(text: str, clean: str) -> None:
    assert Mask()(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "Tibber: the token is refused (401). Make a new one at developer.tibber.com.",
        "secrets.env: INFLUX_TOKEN: the value (12 characters) holds a blank.",
        "the token configuration-of-influxdb may not write",
        "http://localhost:8086/api/v2/query?org=home&bucket=lampfi",
        "owner@example.org wrote 'token' into \"secrets/influxdb.env\"",
        "haupt_strom 2024-03-31: 12.5 kWh",
        "write 'token' and 'password' into it",
        "asset key=haupt_strom partition=2024-01-01",
    ],
)
def test_prose_about_secrets_stays_as_it_is(text: str) -> None:
    assert Mask()(text) == text


def test_masking_twice_is_masking_once() -> None:
    mask = Mask([TOKEN])
    once = mask(f"token={TOKEN} http://u:{TOKEN}@h Authorization: Token {TOKEN}")
    assert mask(once) == once
    assert "aB3" not in once
