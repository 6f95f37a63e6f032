"""What the settings say about logging, read here and in a process of its own."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from workflows_dagster.logs.config import LogConfig, decode, load_in_another_process
from workflows_dagster.logs.from_settings import load_log_config

HOUSE = """\
    timezone: Europe/Berlin
    logging: {level: warning, format: json, file: log/meters.log, max_bytes: 1000, backup_count: 2}
    """


def house(folder: Path, config: str = HOUSE) -> dict[str, str]:
    (folder / "config").mkdir()
    (folder / "secrets").mkdir()
    (folder / "config" / "config.yaml").write_text(dedent(config))
    (folder / "config" / "meters.yaml").write_text(
        "meters: [{meter_id: haupt_strom, type: physical, output_unit: kWh}]\n"
    )
    (folder / "config" / "seasonal_patterns.yaml").write_text("patterns: {}\n")
    (folder / "secrets" / "influxdb.env").write_text("INFLUX_TOKEN=influx-token-1\nINFLUX_ORG=home\n")
    (folder / "secrets" / "alerts.env").write_text("APPRISE_URLS=ntfy://topic-one,mailto://me:geheim@example.org\n")
    (folder / "tibber").write_text("tibber-token-1\n")
    return {
        "METERS_CONFIG_DIR": str(folder / "config"),
        "METERS_DATA_DIR": str(folder / "state"),
        "METERS_SECRETS_DIR": str(folder / "secrets"),
        "TIBBER_API_TOKEN_FILE": str(folder / "tibber"),
        "DAGSTER_PG_PASSWORD": "database-password",
    }


SECRETS = {
    "influx-token-1",
    "ntfy://topic-one",
    "mailto://me:geheim@example.org",
    "tibber-token-1",
    "database-password",
}


def test_the_configuration_holds_what_config_yaml_says_and_every_secret(tmp_path: Path) -> None:
    config = load_log_config(house(tmp_path))
    assert (config.level, config.form, config.max_bytes, config.backup_count) == ("WARNING", "json", 1000, 2)
    assert config.file == tmp_path / "state" / "log" / "meters.log"
    assert set(config.secrets) == SECRETS
    assert config.problem is None


def test_a_file_with_a_whole_path_stands_there(tmp_path: Path) -> None:
    config = load_log_config(house(tmp_path, "logging: {file: /var/log/meters.log}"))
    assert config.file == Path("/var/log/meters.log")


def test_a_configuration_shows_none_of_its_secrets() -> None:
    assert "influx" not in repr(LogConfig(secrets=("influx-token-1",)))


def test_broken_settings_leave_what_config_yaml_says_about_logging(tmp_path: Path) -> None:
    environ = house(tmp_path)
    (tmp_path / "config" / "meters.yaml").write_text("meters: [{meter_id: x, type: physica}]\n")
    config = load_log_config(environ)
    assert (config.level, config.form, config.file) == ("WARNING", "json", tmp_path / "state" / "log" / "meters.log")
    assert config.problem is not None
    assert config.problem.startswith("meters.yaml: ")
    assert set(config.secrets) == SECRETS


@pytest.mark.parametrize("config", ["logging: {level: LOUD}", "logging: [", "- 1"])
def test_a_config_yaml_that_cannot_be_read_leaves_the_usual(tmp_path: Path, config: str) -> None:
    config = load_log_config(house(tmp_path, config))
    assert (config.level, config.form, config.file) == ("INFO", "text", None)
    assert config.problem is not None


def test_another_process_reads_the_same(tmp_path: Path) -> None:
    environ = house(tmp_path)
    config = load_in_another_process({**environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    assert config == load_log_config(environ)


def test_when_the_other_process_fails_there_is_a_configuration_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "pandas.py").write_text("raise ImportError('broken installation')")
    environ = {**house(tmp_path), "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"}
    config = load_in_another_process(environ)
    assert (config.level, config.form, config.file) == ("INFO", "text", None)
    assert config.problem == "the settings cannot be read (CalledProcessError); see `meters check`"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"level": "INFO"}', "Traceback"])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no log configuration|Expecting value"):
        decode(text)
