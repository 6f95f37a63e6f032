"""The compose file and its overrides: what they promise to a NAS and its owner."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy import compose
from tests.deploy.compose import EDIT_CONFIG, MAIN, ROOT, RUN_LAUNCHER, SECRETS
from workflows_dagster.services.dagster_page import PAGE_HOST
from workflows_dagster.settings import secrets

DOCKER_GROUP = {"DOCKER_GID": "998"}
OURS = ("code", "webserver", "daemon", "house")
DEFAULT = compose.services(MAIN)
ALL = compose.services(MAIN, RUN_LAUNCHER, SECRETS, environ=DOCKER_GROUP)
every_service = pytest.mark.parametrize("name", ALL)
each_of_ours = pytest.mark.parametrize("name", OURS)


def composer() -> list[str] | None:
    """Find Docker Compose; it needs no engine to read files."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if not shutil.which("docker"):
        return None
    asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    return ["docker", "compose"] if asked.returncode == 0 else None


@pytest.mark.parametrize(
    "files",
    [[], [RUN_LAUNCHER], [SECRETS], [RUN_LAUNCHER, SECRETS], [EDIT_CONFIG]],
    ids=["default", "run launcher", "secrets", "both", "edit config"],
)
def test_docker_compose_itself_accepts_the_files_and_reads_them_as_these_tests_do(files: list[Path]) -> None:
    command = composer()
    if command is None:
        pytest.skip("no Docker Compose: put docker-compose on the PATH, or the plugin where docker finds it")
    chosen = [option for file in (MAIN, *files) for option in ("-f", str(file))]
    printed = subprocess.run(
        [*command, *chosen, "--profile", "*", "config"],
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **DOCKER_GROUP},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert printed.returncode == 0, printed.stderr
    theirs = yaml.safe_load(printed.stdout)["services"]
    read = compose.services(MAIN, *files, environ=DOCKER_GROUP)
    assert set(theirs) == set(read)
    for name, service in read.items():
        assert compose.environment(service) == (theirs[name].get("environment") or {})
        assert theirs[name].get("command") == service.get("command")
        assert {mount["target"] for mount in theirs[name].get("volumes", [])} == set(compose.mounts(service))
        assert int(theirs[name]["mem_limit"]) == compose.megabytes(service["mem_limit"]) * 1e6


def test_by_default_there_are_code_both_pages_and_daemon_and_nothing_else() -> None:
    assert {name for name, service in DEFAULT.items() if "profiles" not in service} == set(OURS)
    assert {name: service["profiles"] for name, service in DEFAULT.items() if "profiles" in service} == {
        "influxdb": ["influxdb"],
        "grafana": ["grafana"],
        "proxy": ["proxy"],
    }


def test_dockers_socket_is_nowhere_but_in_the_override_and_there_only_at_the_proxy() -> None:
    assert "docker.sock" not in MAIN.read_text()
    assert "docker.sock" not in SECRETS.read_text()
    holders = [name for name, service in ALL.items() if any("docker.sock" in v for v in service.get("volumes", []))]
    assert holders == ["docker-socket-proxy"]


@every_service
def test_a_service_comes_back_after_a_crash_and_a_reboot(name: str) -> None:
    assert ALL[name]["restart"] == "unless-stopped"


@every_service
def test_logs_cannot_fill_the_disk(name: str) -> None:
    assert ALL[name]["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}}


@every_service
def test_a_service_has_no_right_that_it_does_not_need(name: str) -> None:
    service = ALL[name]
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not {"privileged", "devices", "pid", "ipc", "network_mode", "userns_mode"} & set(service)
    assert set(service.get("cap_add", [])) <= {
        "influxdb": {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"},
        "proxy": {"NET_BIND_SERVICE"},
    }.get(name, set())


@every_service
def test_a_service_is_watched_by_a_command_of_its_own(name: str) -> None:
    check = ALL[name]["healthcheck"]
    assert check["test"][0] == "CMD"
    assert seconds(check["timeout"]) < seconds(check["interval"])
    assert 2 <= check["retries"] <= 5


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("code", "grpc-health-check --port 4000"),
        ("webserver", "/server_info"),
        ("daemon", "dagster-daemon liveness-check"),
        ("house", "http://127.0.0.1:8006/health"),
        ("influxdb", "influx ping"),
        ("grafana", "/api/health"),
        ("proxy", "http://127.0.0.1:2020/"),
    ],
)
def test_the_check_asks_what_the_service_is_there_for(name: str, asked: str) -> None:
    assert asked in " ".join(ALL[name]["healthcheck"]["test"])


def test_the_daemons_sign_of_life_must_be_fresh_not_half_an_hour_old_as_it_may_be_by_default() -> None:
    assert "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE=300" in DEFAULT["daemon"]["healthcheck"]["test"]
    # Only for the check: the daemon itself would end when one of its parts is slow.
    assert "DAGSTER_DAEMON_HEARTBEAT_TOLERANCE" not in compose.environment(DEFAULT["daemon"])


def test_the_limits_hold_the_whole_stack_below_1450_mb_even_during_a_backfill() -> None:
    assert all(service["pids_limit"] <= 300 for service in ALL.values() if "mem_limit" in service)
    assert sum(compose.megabytes(DEFAULT[name]["mem_limit"]) for name in OURS) <= 1450


@each_of_ours
def test_ours_run_without_root_on_a_root_folder_that_nobody_writes(name: str) -> None:
    service = DEFAULT[name]
    uid, gid = service["user"].split(":")
    assert int(uid) > 0
    assert int(gid) > 0
    assert service["build"]["args"] == {"UID": uid, "GID": gid}
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    # Somebody must take leave of the processes of the runs.
    assert service["init"] is True


@every_service
def test_an_image_is_pinned_to_a_version(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+(-[\w.]+)?", ALL[name]["image"]), ALL[name]["image"]


def test_influxdb_is_the_version_that_the_tests_run_against() -> None:
    assert DEFAULT["influxdb"]["image"].startswith("influxdb:2.7.")


@pytest.mark.parametrize("name", [name for name, service in ALL.items() if "ports" in service])
def test_a_port_is_on_this_machine_only_until_the_owner_says_otherwise(name: str) -> None:
    prefix = {"webserver": "PAGE"}.get(name, name.upper())
    for port in ALL[name]["ports"]:
        assert port.startswith("127.0.0.1:")
    opened = compose.services(MAIN, environ={f"METERS_{prefix}_HOST": "0.0.0.0", f"METERS_{prefix}_PORT": "8888"})
    assert opened[name]["ports"][0].startswith("0.0.0.0:8888:")


def test_the_page_is_on_port_3000() -> None:
    assert DEFAULT["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
    assert compose.environment(DEFAULT["webserver"])["DAGSTER_WEBSERVER_PORT"] == "3000"


def test_the_house_page_is_on_port_8006_and_asks_for_its_token_whatever_config_yaml_says() -> None:
    assert DEFAULT["house"]["ports"] == ["127.0.0.1:8006:8006"]
    # Beyond loopback: without a token it does not start.
    assert DEFAULT["house"]["command"][3:] == ["house", "--host", "0.0.0.0", "--port", "8006"]
    assert "depends_on" not in DEFAULT["house"]


def test_the_override_for_editing_opens_the_configuration_to_the_house_page_alone() -> None:
    opened = compose.services(MAIN, EDIT_CONFIG)
    place = "/etc/utility-meters/config"
    modes = {name: compose.mounts(opened[name])[place] for name in OURS}
    assert modes.pop("house") == ("./config", "rw")
    assert set(modes.values()) == {("./config", "ro")}


def test_the_page_is_told_at_which_address_browsers_reach_it() -> None:
    given = compose.services(environ={"METERS_PAGE_HOST": "192.168.1.7"})["webserver"]
    assert given["ports"] == ["192.168.1.7:3000:3000"]
    assert compose.environment(given)[PAGE_HOST] == "192.168.1.7"


@each_of_ours
def test_data_and_home_are_on_a_named_volume_and_the_rest_cannot_be_written(name: str) -> None:
    mounts = compose.mounts(DEFAULT[name])
    assert mounts.pop("/var/lib/utility-meters") == ("state", "rw")
    assert mounts.pop("/var/lib/utility-meters/backups") == ("backups", "rw")
    assert {"state", "backups"} <= set(compose.load(MAIN)["volumes"])
    assert {mode for _, mode in mounts.values()} == {"ro"}


@every_service
def test_what_is_mounted_from_the_clone_is_in_the_clone(name: str) -> None:
    for source, _ in compose.mounts(ALL[name]).values():
        assert not source.startswith("./") or (ROOT / source).exists(), source


@each_of_ours
def test_one_setting_names_the_instance_file_of_the_home(name: str) -> None:
    place = "/var/lib/utility-meters/dagster_home/dagster.yaml"
    assert compose.mounts(DEFAULT[name])[place] == ("./deploy/dagster.docker.yaml", "ro")
    other = compose.services(MAIN, environ={"METERS_INSTANCE_FILE": "./deploy/dagster.postgres.yaml"})
    assert compose.mounts(other[name])[place] == ("./deploy/dagster.postgres.yaml", "ro")


def test_no_postgresql_is_needed() -> None:
    assert not [name for name, service in ALL.items() if "postgres" in service["image"]]


@every_service
def test_no_secret_stands_in_an_environment(name: str) -> None:
    for key, value in compose.environment(ALL[name]).items():
        if re.search(r"TOKEN|PASSWORD|SECRET|HASH|KEY", key):
            assert value == "" or (key.endswith("_FILE") and value.startswith("/run/secrets/")), key


@each_of_ours
def test_every_secret_that_the_program_knows_has_its_empty_place_in_the_environment(name: str) -> None:
    empty = {key for key, value in compose.environment(DEFAULT[name]).items() if value == ""}
    assert empty == {*secrets.NAMES, *(f"{secret}_FILE" for secret in secrets.NAMES)}


@every_service
def test_every_secret_of_a_service_is_a_file_in_the_folder_that_git_ignores(name: str) -> None:
    named = compose.load(MAIN, SECRETS)["secrets"]
    for secret in ALL[name].get("secrets", []):
        assert named[secret] == {"file": f"./secrets/{secret}"}


@each_of_ours
def test_secrets_may_also_come_as_an_env_file(name: str) -> None:
    given = compose.services(MAIN, environ={"METERS_ENV_FILE": "secrets/influxdb.env"})
    assert given[name]["env_file"] == ["deploy/docker.env", "secrets/influxdb.env"]


@each_of_ours
def test_docker_secrets_are_named_to_the_program_as_files(name: str) -> None:
    service = compose.services(MAIN, SECRETS)[name]
    assert service["secrets"] == ["influx_token", "tibber_api_token"]
    assert compose.environment(service)["INFLUX_TOKEN_FILE"] == "/run/secrets/influx_token"
    assert compose.environment(service)["TIBBER_API_TOKEN_FILE"] == "/run/secrets/tibber_api_token"


def test_both_buckets_are_made_at_the_first_start_the_second_with_long_shards() -> None:
    given = compose.environment(DEFAULT["influxdb"])
    assert given["DOCKER_INFLUXDB_INIT_BUCKET"] == "lampfi"
    assert given["METERS_BUCKET_PROCESSED"] == "lampfi_processed"
    source, _ = compose.mounts(DEFAULT["influxdb"])["/docker-entrypoint-initdb.d"]
    (script,) = (ROOT / source).iterdir()
    # The image runs what ends in sh and may be executed.
    assert script.name.endswith("sh")
    assert os.access(script, os.X_OK)
    subprocess.run(["sh", "-n", str(script)], check=True)
    assert "--shard-group-duration 364d" in script.read_text()
    assert "--retention 0" in script.read_text()


def test_the_password_of_the_page_has_no_default() -> None:
    text = (ROOT / "deploy" / "Caddyfile").read_text()
    assert compose.environment(DEFAULT["proxy"])["METERS_PROXY_HASH"] == ""
    assert "{$METERS_PROXY_USER} {$METERS_PROXY_HASH}" in text
    assert "skip_install_trust" in text


@pytest.mark.parametrize("override", [RUN_LAUNCHER, SECRETS, EDIT_CONFIG], ids=lambda path: path.stem)
def test_an_override_only_touches_services_that_exist(override: Path) -> None:
    added = set(compose.services(override, environ=DOCKER_GROUP)) - set(DEFAULT)
    assert added <= {"docker-socket-proxy"}


def instance_file(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / name).read_text(encoding="utf-8"))
    return content


@pytest.mark.parametrize(
    ("name", "added"),
    [
        ("dagster.docker.yaml", {"run_launcher"}),
        ("dagster.docker-runs.yaml", {"run_launcher"}),
        ("dagster.postgres.yaml", {"run_storage", "schedule_storage"}),
    ],
)
def test_an_instance_file_is_the_usual_one_but_for_what_it_is_made_for(name: str, added: set[str]) -> None:
    usual, other = instance_file("dagster.yaml"), instance_file(name)
    assert set(other) - set(usual) == added
    differing = [key for key in usual if other.get(key) != usual[key]]
    assert differing == (["event_log_storage"] if "run_storage" in added else []), (
        f"deploy/{name} differs from deploy/dagster.yaml in {differing}. Copy them over."
    )


def test_by_default_runs_are_launched_beside_the_code() -> None:
    assert instance_file("dagster.docker.yaml")["run_launcher"] == {"module": "dagster", "class": "DefaultRunLauncher"}


def seconds(text: str) -> int:
    assert re.fullmatch(r"\d+s", text)
    return int(text[:-1])
