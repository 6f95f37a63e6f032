"""What the owner writes: addresses in the secrets, times in config.yaml."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
import yaml

from tests.alerts.receiver import SECRET
from tests.houses import CONFIG
from workflows_dagster.settings.alert_rules import AlertSettings
from workflows_dagster.settings.load import load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.settings.secrets import load_secrets
from workflows_dagster.wording.problems import problem_texts


def addresses(folder: Path, value: str) -> list[str]:
    found = load_secrets(folder, {"APPRISE_URLS": value}).apprise_urls
    assert SECRET not in repr(found)
    return [address.get_secret_value() for address in found]


@pytest.mark.parametrize("between", [" ", ",", ", ", " , ", "\n", ",\n  ", "\r\n"], ids=repr)
def test_addresses_stand_apart_by_blanks_commas_or_lines(tmp_path: Path, between: str):
    assert addresses(tmp_path, f"\n ntfy://a{between}json://u:{SECRET}@b/c,\n") == [
        "ntfy://a",
        f"json://u:{SECRET}@b/c",
    ]


def test_a_comma_within_an_address_is_its_own(tmp_path: Path):
    value = "mailto://u:p@x.de?to=a@x.de,b@x.de,tgram://1:t/2"
    assert addresses(tmp_path, value) == ["mailto://u:p@x.de?to=a@x.de,b@x.de", "tgram://1:t/2"]


def test_without_addresses_there_are_none(tmp_path: Path):
    assert addresses(tmp_path, " \n") == []


def test_a_file_may_hold_them_a_line_each(tmp_path: Path):
    (tmp_path / "urls").write_text("ntfy://a\n\njson://b\n")
    (tmp_path / "alerts.env").write_text("APPRISE_URLS_FILE=urls\n")
    assert [one.get_secret_value() for one in load_secrets(tmp_path, {}).apprise_urls] == ["ntfy://a", "json://b"]


def test_the_example_is_a_file_of_this_kind(tmp_path: Path):
    text = (CONFIG.parent / "secrets" / "alerts.env.example").read_text(encoding="utf-8")
    (tmp_path / "alerts.env").write_text(text.replace("APPRISE_URLS=", "APPRISE_URLS='ntfy://a\njson://b'"))
    assert len(load_secrets(tmp_path, {}).apprise_urls) == 2


def test_what_is_no_address_is_named_by_its_position_only(tmp_path: Path):
    with pytest.raises(SettingsError) as caught:
        load_secrets(tmp_path, {"APPRISE_URLS": f"ntfy://a {SECRET}"})
    assert problem_texts(caught.value) == [
        "environment: APPRISE_URLS[1]: what stands there (12 characters) is no address such as ntfy://topic. "
        "Separate addresses by blanks or lines, and write a blank within one as %20."
    ]


def test_the_shipped_file_says_what_holds_without_it():
    shipped = yaml.safe_load((CONFIG / "config.yaml").read_text(encoding="utf-8"))
    assert AlertSettings.model_validate(shipped["alerts"]) == AlertSettings()


@pytest.mark.parametrize(
    ("written", "clock", "is_quiet"),
    [
        ("22:00-07:00", "22:00", True),
        ("22:00-07:00", "06:59", True),
        ("22:00-07:00", "07:00", False),
        ("22:00-07:00", "21:59", False),
        ("9:30 - 12:00", "11:59", True),
        ("9:30 - 12:00", "00:00", False),
        ("22:00-00:00", "23:59", True),
        ("22:00-00:00", "00:00", False),
    ],
)
def test_quiet_hours_may_reach_over_midnight(written: str, clock: str, is_quiet: bool):
    quiet = AlertSettings.model_validate({"quiet_hours": written}).quiet_hours
    assert quiet.cover(datetime.fromisoformat(f"2026-06-01 {clock}")) is is_quiet


@pytest.mark.parametrize(
    ("written", "fact"),
    [
        ("quiet_hours: 22-7", "alerts.quiet_hours: '22-7' is no span of hours"),
        ("quiet_hours: 22:00", "alerts.quiet_hours: "),
        ("quiet_hours: '24:00-07:00'", "alerts.quiet_hours: '24:00-07:00' is no span of hours"),
        ("quiet_hours: '07:00-07:00'", "alerts.quiet_hours: '07:00-07:00' begins when it ends"),
        ("min_hours_between: -1", "alerts.min_hours_between: "),
        ("repeat_after_hours: 0", "alerts.repeat_after_hours: "),
        ("disk_free_mb: yes", "alerts.disk_free_mb: "),
        ("quiet: 3", "alerts.quiet: "),
    ],
)
def test_wishes_that_cannot_be_met_are_refused(small_house, written: str, fact: str):
    with pytest.raises(SettingsError) as caught:
        small_house("meters: []", config=f"alerts: {{{written}}}")
    assert f"config.yaml: {fact}" in "\n".join(problem_texts(caught.value))


def test_no_quiet_hours_are_a_wish_too(small_house):
    house = small_house(
        "meters: [{meter_id: a, type: physical, output_unit: kWh}]",
        config="alerts: {quiet_hours: null, min_hours_between: 0}",
    )
    assert house.settings.site.alerts.quiet_hours is None


def test_no_page_shows_an_address(tmp_path: Path):
    settings = load(CONFIG, {"METERS_DATA_DIR": str(tmp_path), "APPRISE_URLS": f"json://{SECRET}/"})
    assert len(settings.secrets.apprise_urls) == 1
    assert SECRET not in repr(settings) + settings.secrets.model_dump_json()
