"""Runs in containers of their own: Dagster's DockerRunLauncher with our settings, before a stand-in for the engine."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster_docker import DockerRunLauncher

from tests.deploy import compose
from tests.deploy.compose import MAIN, ROOT, RUN_LAUNCHER, SECRETS
from tests.deploy.docker_engine import CONTAINER, Engine, EngineServer
from workflows_dagster.settings import secrets

INSTANCE_FILE = ROOT / "deploy" / "dagster.docker-runs.yaml"
SERVICES = compose.services(MAIN, RUN_LAUNCHER, environ={"DOCKER_GID": "998"})
PROXY = SERVICES["docker-socket-proxy"]
TOKEN = "a-token-that-nobody-may-read"


@dg.job
def nothing() -> None:
    """A run to launch."""


@pytest.fixture
def engine() -> Iterator[Engine]:
    server = EngineServer()
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("DOCKER_HOST", server.url)
        yield server.engine
    server.close()


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DagsterInstance]:
    """The home of the override, in the environment that it gives the daemon."""
    for name, value in compose.environment(SERVICES["daemon"]).items():
        if name != "DOCKER_HOST":
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("INFLUX_TOKEN", TOKEN)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "2000")
    shutil.copy(INSTANCE_FILE, tmp_path / "dagster.yaml")
    with DagsterInstance.get() as instance:
        yield instance


def launched(instance: DagsterInstance) -> dg.DagsterRun:
    run = instance.create_run_for_job(nothing, job_code_origin=dg.reconstructable(nothing).get_python_origin())
    instance.run_launcher.launch_run(LaunchRunContext(dagster_run=run, workspace=None))
    kept = instance.get_run_by_id(run.run_id)
    assert kept is not None
    return kept


def proxied(method: str, path: str) -> bool:
    """Tell whether the socket proxy lets a request through, by its own rules: the whole path must fit."""
    rules = [rule.removeprefix(f"-allow{method}=") for rule in PROXY["command"] if rule.startswith(f"-allow{method}=")]
    return any(re.fullmatch(rule, path) for rule in rules)


def test_the_instance_file_needs_no_engine_to_be_read(instance: DagsterInstance) -> None:
    assert isinstance(instance.run_launcher, DockerRunLauncher)
    assert instance.run_monitoring_enabled


def test_a_run_is_a_container_of_our_image_with_the_volumes_of_the_code(
    instance: DagsterInstance, engine: Engine
) -> None:
    run = launched(instance)
    host = engine.made["HostConfig"]
    assert engine.made["Image"] == SERVICES["code"]["image"]
    assert engine.made["Cmd"][:3] == ["dagster", "api", "execute_run"]
    assert host["VolumesFrom"] == [SERVICES["code"]["container_name"]]
    assert host["NetworkMode"] == compose.load(MAIN)["networks"]["default"]["name"]
    assert engine.made["Labels"]["dagster/run_id"] == run.run_id
    assert engine.status == "running"


def test_the_container_is_removed_by_itself_and_held_as_short_as_the_others(
    instance: DagsterInstance, engine: Engine
) -> None:
    launched(instance)
    host = engine.made["HostConfig"]
    assert host["AutoRemove"] is True
    assert host["ReadonlyRootfs"] is True
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    assert host["PidsLimit"] == SERVICES["code"]["pids_limit"]
    assert host["Memory"] / 1e6 == compose.megabytes(SERVICES["code"]["mem_limit"])
    assert not host.get("Privileged")
    assert not host.get("Binds")


def test_secrets_of_the_environment_are_handed_on_and_stand_in_no_event(
    instance: DagsterInstance, engine: Engine
) -> None:
    run = launched(instance)
    assert f"INFLUX_TOKEN={TOKEN}" in engine.made["Env"]
    events = [str(record.event_log_entry) for record in instance.get_records_for_run(run.run_id).records]
    assert events
    assert not [text for text in [*events, str(run.tags)] if TOKEN in text]


def test_every_secret_is_handed_on_and_has_a_place_in_the_services() -> None:
    named = yaml.safe_load(INSTANCE_FILE.read_text())["run_launcher"]["config"]["env_vars"]
    assert set(named) == {*secrets.NAMES, *(f"{secret}_FILE" for secret in secrets.NAMES)}
    for files in ([MAIN, RUN_LAUNCHER], [MAIN, SECRETS, RUN_LAUNCHER]):
        for name in ("webserver", "daemon"):
            given = compose.environment(compose.services(*files, environ={"DOCKER_GID": "998"})[name])
            assert set(named) <= set(given)


def test_a_container_that_is_gone_fails_its_run(instance: DagsterInstance, engine: Engine) -> None:
    run = launched(instance)
    assert instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.RUNNING
    engine.there = False
    assert instance.run_launcher.check_run_worker_health(run).status == WorkerStatus.NOT_FOUND


def test_a_run_is_stopped_from_the_page(instance: DagsterInstance, engine: Engine) -> None:
    run = launched(instance)
    assert instance.run_launcher.terminate(run.run_id)
    assert engine.status == "exited"


def test_the_proxy_lets_through_what_the_launcher_asks_for(instance: DagsterInstance, engine: Engine) -> None:
    run = launched(instance)
    instance.run_launcher.check_run_worker_health(run)
    instance.run_launcher.terminate(run.run_id)
    assert {path.rsplit("/", 1)[-1] for _, path in engine.asked} == {"version", "create", "json", "start", "stop"}
    assert [asked for asked in engine.asked if not proxied(*asked)] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1.43/containers/json"),
        ("GET", f"/v1.43/containers/{CONTAINER}/logs"),
        ("GET", "/v1.43/images/json"),
        ("POST", f"/v1.43/containers/{CONTAINER}/exec"),
        ("POST", f"/v1.43/containers/{CONTAINER}/kill"),
        ("POST", "/v1.43/images/create"),
        ("POST", "/v1.43/build"),
        ("POST", "/v1.43/containers/create/../../build"),
        ("DELETE", f"/v1.43/containers/{CONTAINER}"),
    ],
)
def test_the_proxy_refuses_what_it_does_not_need(method: str, path: str) -> None:
    assert not proxied(method, path)


def test_the_proxy_refuses_to_mount_folders_of_the_machine() -> None:
    assert "-allowbindmountfrom=/nonexistent" in PROXY["command"]


def test_only_page_and_daemon_reach_the_proxy_and_through_no_other_network() -> None:
    assert PROXY["networks"] == ["docker-socket"]
    reaching = {name for name, service in SERVICES.items() if "docker-socket" in service.get("networks", [])}
    assert reaching == {"webserver", "daemon", "docker-socket-proxy"}
    assert compose.load(MAIN, RUN_LAUNCHER, environ={"DOCKER_GID": "998"})["networks"]["docker-socket"] == {
        "internal": True
    }
    assert "-allowfrom=webserver,daemon" in PROXY["command"]
    assert {compose.environment(SERVICES[name])["DOCKER_HOST"] for name in ("webserver", "daemon")} == {
        "tcp://docker-socket-proxy:2375"
    }


def test_the_proxy_does_not_run_as_root_and_its_group_must_be_said() -> None:
    assert PROXY["user"] == "65534:998"
    with pytest.raises(KeyError, match="DOCKER_GID"):
        compose.services(MAIN, RUN_LAUNCHER)
