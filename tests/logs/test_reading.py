"""What the settings say about logging, read here and in a process of its own."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from workflows_dagster.logs.plan import LogPlan, decode, plan_read_elsewhere
from workflows_dagster.logs.reading import plan_of_house

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


def test_the_plan_holds_what_config_yaml_says_and_every_secret(tmp_path: Path) -> None:
    plan = plan_of_house(house(tmp_path))
    assert (plan.level, plan.form, plan.max_bytes, plan.backup_count) == ("WARNING", "json", 1000, 2)
    assert plan.file == tmp_path / "state" / "log" / "meters.log"
    assert set(plan.secrets) == SECRETS
    assert plan.problem is None


def test_a_file_with_a_whole_path_stands_there(tmp_path: Path) -> None:
    plan = plan_of_house(house(tmp_path, "logging: {file: /var/log/meters.log}"))
    assert plan.file == Path("/var/log/meters.log")


def test_a_plan_shows_none_of_its_secrets() -> None:
    assert "influx" not in repr(LogPlan(secrets=("influx-token-1",)))


def test_broken_settings_leave_what_config_yaml_says_about_logging(tmp_path: Path) -> None:
    environ = house(tmp_path)
    (tmp_path / "config" / "meters.yaml").write_text("meters: [{meter_id: x, type: physica}]\n")
    plan = plan_of_house(environ)
    assert (plan.level, plan.form, plan.file) == ("WARNING", "json", tmp_path / "state" / "log" / "meters.log")
    assert plan.problem is not None
    assert plan.problem.startswith("meters.yaml: ")


@pytest.mark.parametrize("config", ["logging: {level: LOUD}", "logging: [", "- 1"])
def test_a_config_yaml_that_cannot_be_read_leaves_the_usual(tmp_path: Path, config: str) -> None:
    plan = plan_of_house(house(tmp_path, config))
    assert (plan.level, plan.form, plan.file) == ("INFO", "text", None)
    assert plan.problem is not None


def test_another_process_reads_the_same(tmp_path: Path) -> None:
    environ = house(tmp_path)
    plan = plan_read_elsewhere({**environ, "PYTHONPATH": str(Path(__file__).parents[2])})
    assert plan == plan_of_house(environ)


def test_when_the_other_process_fails_there_is_a_plan_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "pandas.py").write_text("raise ImportError('broken installation')")
    environ = {**house(tmp_path), "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"}
    plan = plan_read_elsewhere(environ)
    assert (plan.level, plan.form, plan.file) == ("INFO", "text", None)
    assert plan.problem == "the settings cannot be read (CalledProcessError); see `meters check`"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"level": "INFO"}', "Traceback"])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no log plan|Expecting value"):
        decode(text)
