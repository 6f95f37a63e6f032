from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings.houses import write_house
from workflows_dagster.settings.load import load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.settings.secrets import Secrets, load_secrets
from workflows_dagster.wording.problems import problem_texts

TOKEN = "aB3${HOME}$x==_-token"


def revealed(secrets: Secrets) -> tuple[str | None, str | None, str | None]:
    influx, tibber = secrets.influx_token, secrets.tibber_api_token
    return (
        influx.get_secret_value() if influx else None,
        secrets.influx_org,
        tibber.get_secret_value() if tibber else None,
    )


def refused(folder: Path, environ: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load_secrets(folder, environ)
    return "\n".join(problem_texts(caught.value))


def test_without_a_folder_there_are_no_secrets(tmp_path: Path):
    assert revealed(load_secrets(tmp_path / "secrets", {})) == (None, None, None)


def test_env_files_are_read_as_they_stand_and_examples_are_not(tmp_path: Path):
    (tmp_path / "influxdb.env").write_text(f"# mine\nINFLUX_TOKEN={TOKEN}\nexport INFLUX_ORG='Haus Müller'\n")
    (tmp_path / "tibber.env.example").write_text("TIBBER_API_TOKEN=example\n")
    assert revealed(load_secrets(tmp_path, {"x": "not this"})) == (TOKEN, "Haus Müller", None)


def test_the_environment_wins_over_the_files(tmp_path: Path):
    (tmp_path / "influxdb.env").write_text("INFLUX_TOKEN=old\nINFLUX_ORG=home\n")
    assert revealed(load_secrets(tmp_path, {"INFLUX_TOKEN": "new", "INFLUX_ORG": ""})) == ("new", "home", None)


def test_a_secret_may_stand_in_a_file_of_its_own(tmp_path: Path):
    (tmp_path / "token").write_text("from-docker\n")
    (tmp_path / "tibber.env").write_text("TIBBER_API_TOKEN_FILE=token\nINFLUX_TOKEN=old\n")
    secrets = load_secrets(tmp_path, {"INFLUX_TOKEN_FILE": str(tmp_path / "token")})
    assert revealed(secrets) == ("from-docker", None, "from-docker")


def test_a_value_wins_over_the_file_of_the_same_name(tmp_path: Path):
    environ = {"INFLUX_TOKEN": "direct", "INFLUX_TOKEN_FILE": str(tmp_path / "nowhere")}
    assert revealed(load_secrets(tmp_path, environ))[0] == "direct"


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path):
    path = tmp_path / "nowhere"
    assert refused(tmp_path, {"INFLUX_TOKEN_FILE": str(path)}) == (
        f"environment: INFLUX_TOKEN_FILE: no file '{path}'. Correct the path, or remove the key."
    )


def test_a_secret_file_that_is_empty_is_named(tmp_path: Path):
    (tmp_path / "token").write_text("\n")
    assert "TIBBER_API_TOKEN_FILE" in refused(tmp_path, {"TIBBER_API_TOKEN_FILE": str(tmp_path / "token")})


@pytest.mark.parametrize("broken", ["two words", "two\nlines", "umlaut-ü"])
def test_a_value_that_is_no_token_is_refused_and_not_shown(tmp_path: Path, broken: str):
    text = refused(tmp_path, {"INFLUX_TOKEN": broken})
    assert text.startswith(f"environment: INFLUX_TOKEN: the value ({len(broken)} characters) holds a blank")
    assert broken not in text


def test_two_files_that_disagree_are_both_named(tmp_path: Path):
    (tmp_path / "a.env").write_text("INFLUX_TOKEN=one\n")
    (tmp_path / "b.env").write_text("INFLUX_TOKEN=two\n")
    assert refused(tmp_path, {}) == ("b.env: INFLUX_TOKEN: a.env and b.env give different values. Keep one of them.")
    assert revealed(load_secrets(tmp_path, {"INFLUX_TOKEN": "three"}))[0] == "three"


def test_a_file_of_another_encoding_is_named(tmp_path: Path):
    (tmp_path / "influxdb.env").write_bytes(b"INFLUX_ORG=M\xfcller\n")
    assert refused(tmp_path, {}) == "influxdb.env: not UTF-8. Save the file with the encoding UTF-8."


def test_no_secret_shows_when_settings_are_printed(tmp_path: Path):
    environ = {"INFLUX_TOKEN": "t0p-s3cr3t", "TIBBER_API_TOKEN": "t0p-s3cr3t", "INFLUX_ORG": "home"}
    settings = load(write_house(tmp_path, config="tibber: {meter_id: total}\n"), environ)
    shown = f"{settings!r} {settings} {settings.secrets!r} {settings.secrets} {settings.secrets.model_dump()}"
    assert "s3cr3t" not in shown
    assert "s3cr3t" not in settings.secrets.model_dump_json()
    assert revealed(settings.secrets)[0] == "t0p-s3cr3t"
