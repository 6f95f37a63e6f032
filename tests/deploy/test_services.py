"""The three services' command lines from the compose file, started by hand over one home: page, schedule, backfill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sysconfig
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pandas as pd
import pytest
from dagster import DagsterInstance
from dagster._core.scheduler.instigation import ScheduleInstigatorData

from tests.deploy import compose
from tests.stores.influx_server import free_port
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.ports import CONSUMPTION_DAILY, RawSeries

SERVICES = compose.services()
SCRIPTS = Path(sysconfig.get_path("scripts"))
LONGEST = 90
YESTERDAY = date.today() - timedelta(days=1)
FIRST = YESTERDAY - timedelta(days=29)
METERS = f"""\
    meters:
      - meter_id: strom
        type: physical
        output_unit: kWh
        installation_date: {FIRST}
      - meter_id: strom_haus
        type: master
        output_unit: kWh
        periods:
          - start_date: {FIRST}
            end_date: 9999-12-31
            composition_type: single
            source_meters: [strom]
            source_unit: kWh
    """

if os.name != "posix" or not (SCRIPTS / "dagster-webserver").exists():
    pytest.skip(f"no dagster-webserver in {SCRIPTS}: install the package first", allow_module_level=True)


class Stack:
    """Code server, page and daemon of one small house."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "state"
        self.backfill = ""
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports = {"4000": str(free_port()), "3000": str(free_port())}

    def prepare(self) -> None:
        """Write the house, and put everything where the containers have it mounted."""
        home = self.data / "dagster_home"
        home.mkdir(parents=True)
        shutil.copy(compose.ROOT / "deploy" / "dagster.docker.yaml", home / "dagster.yaml")
        config = self.folder / "config"
        config.mkdir()
        (self.folder / "secrets").mkdir()
        # A schedule that is due each minute.
        text = "timezone: Europe/Berlin\nupkeep: {retention_schedule: '* * * * *'}\n"
        (config / "config.yaml").write_text(text)
        (config / "meters.yaml").write_text(dedent(METERS))
        (config / "seasonal_patterns.yaml").write_text("patterns: {}\n")
        midnights = pd.date_range(FIRST, periods=31, freq="D", tz="Europe/Berlin")
        index = midnights.tz_convert("UTC").as_unit("us")
        store = EmbeddedStore(self.data / "utility_meters.sqlite")
        store.write_readings(RawSeries("kWh", "strom"), pd.Series([10.0 * n for n in range(31)], index))
        store.close()
        # As the image does when it is built.
        made = [str(SCRIPTS / "dagster"), "instance", "info"]
        subprocess.run(made, env=self.environment("code"), cwd=self.data, capture_output=True, check=True)

    def environment(self, name: str) -> dict[str, str]:
        """What the compose file and the image give a service, with this machine's places and ports."""
        given = compose.environment(SERVICES[name])
        given = {key: self._ports.get(value, value) for key, value in given.items()}
        given["METERS_CODE_HOST"] = "127.0.0.1"
        for key in ("DAGSTER_GRPC_HOST", "DAGSTER_WEBSERVER_HOST"):
            if key in given:
                given[key] = "127.0.0.1"
        kept = {key: os.environ[key] for key in ("LANG", "TZ") if key in os.environ}
        return {
            **kept,
            **given,
            "PATH": f"{SCRIPTS}:/usr/bin:/bin",
            "PYTHONPATH": str(compose.ROOT),
            "HOME": str(self.data),
            "TMPDIR": str(self.folder),
            "METERS_CONFIG_DIR": str(self.folder / "config"),
            "METERS_SECRETS_DIR": str(self.folder / "secrets"),
            "METERS_DATA_DIR": str(self.data),
            "DAGSTER_HOME": str(self.data / "dagster_home"),
        }

    def command(self, words: list[str]) -> list[str]:
        image = {"/opt/utility-meters/workspace.yaml": str(compose.ROOT / "deploy" / "workspace.yaml")}
        placed = [image.get(word, self._ports.get(word, word)) for word in words]
        return [word.replace(":3000/", f":{self._ports['3000']}/") for word in placed]

    def start(self, name: str) -> None:
        # A shell that starts this in the background has SIGINT ignored, and Dagster then ignores SIGTERM too.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with (self.folder / f"{name}.log").open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    self.command(SERVICES[name]["command"]),
                    env=self.environment(name),
                    cwd=self.data,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        finally:
            signal.signal(signal.SIGINT, before)

    def healthy(self, name: str) -> bool:
        """Run a service's own health check, as Docker would inside its container."""
        _, *words = SERVICES[name]["healthcheck"]["test"]
        done = subprocess.run(
            self.command(words), env=self.environment(name), cwd=self.data, capture_output=True, timeout=30, check=False
        )
        return done.returncode == 0

    def kill(self, name: str) -> None:
        os.killpg(self._processes[name].pid, signal.SIGKILL)
        self._processes.pop(name).wait(10)

    def stop(self) -> dict[str, int]:
        """Ask all to end, as `docker compose stop` does, and give their exit codes."""
        for process in self._processes.values():
            process.terminate()
        codes = {}
        for name, process in self._processes.items():
            try:
                codes[name] = process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                codes[name] = process.wait(10)
        self._processes.clear()
        return codes

    def ask(self, query: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask the page's GraphQL."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._ports['3000']}/graphql",
            json.dumps({"query": query, "variables": variables or {}}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            content: dict[str, Any] = json.loads(answer.read())
        assert "errors" not in content, content["errors"]
        found: dict[str, Any] = content["data"]
        return found

    def until(self, what: str, condition: Callable[[], bool]) -> None:
        due = time.monotonic() + LONGEST
        while True:
            try:
                if condition():
                    return
            except OSError:
                pass
            if time.monotonic() > due or any(process.poll() is not None for process in self._processes.values()):
                logs = {path.name: path.read_text()[-1500:] for path in self.folder.glob("*.log")}
                pytest.fail(f"not within {LONGEST} s: {what}\n" + "\n".join(f"{n}:\n{t}" for n, t in logs.items()))
            time.sleep(0.25)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"))
    stack.prepare()
    try:
        stack.start("code")
        stack.start("webserver")
        stack.until("the page shows the code location", lambda: loaded(stack))
        stack.backfill = requested_backfill(stack)
        leave_schedule_behind(stack)
        # Last, because a backfill that is there when it starts is taken up at once, else within half a minute.
        stack.start("daemon")
        yield stack
    finally:
        stack.stop()


LOCATION = """{ workspaceOrError { ... on Workspace { locationEntries {
    name locationOrLoadError { __typename } } } } }"""
TICKS = """{ scheduleOrError(scheduleSelector: {repositoryName: "__repository__",
    repositoryLocationName: "utility_meters", scheduleName: "nightly_upkeep"}) {
    ... on Schedule { scheduleState { status ticks { status runIds } } } } }"""
LAUNCH = """mutation ($backfill: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $backfill) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
BACKFILLED = """query ($id: String!) { partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { runs { status } } } }"""
RESET = """mutation { resetSchedule(scheduleSelector: {repositoryName: "__repository__",
    repositoryLocationName: "utility_meters", scheduleName: "nightly_upkeep"}) { __typename } }"""
RUN = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"


def loaded(stack: Stack) -> bool:
    entries = stack.ask(LOCATION)["workspaceOrError"]["locationEntries"]
    return [(e["name"], e["locationOrLoadError"]["__typename"]) for e in entries] == [
        ("utility_meters", "RepositoryLocation")
    ]


def requested_backfill(stack: Stack) -> str:
    days = [str(FIRST + timedelta(days=n)) for n in range(30)]
    chosen = [{"path": ["strom"]}, {"path": ["strom_haus"]}]
    launched = stack.ask(LAUNCH, {"backfill": {"assetSelection": chosen, "partitionNames": days, "tags": []}})
    return str(launched["launchPartitionBackfill"]["backfillId"])


def leave_schedule_behind(stack: Stack) -> None:
    """Have the schedule known since more than a minute ago, as after a restart: its tick is due now, not in a while."""
    assert stack.ask(RESET)["resetSchedule"]["__typename"] == "ScheduleStateResult"
    with pytest.MonkeyPatch.context() as environment:
        for name, value in stack.environment("daemon").items():
            if name.startswith("DAGSTER_"):
                environment.setenv(name, value)
        with DagsterInstance.get() as instance:
            (state,) = [state for state in instance.all_instigator_state() if state.name == "nightly_upkeep"]
            known = ScheduleInstigatorData("* * * * *", time.time() - 60)
            instance.update_instigator_state(state.with_data(known))


def test_the_page_answers_and_shows_the_graph(stack: Stack) -> None:
    names = {node["assetKey"]["path"][-1] for node in stack.ask("{ assetNodes { assetKey { path } } }")["assetNodes"]}
    assert {"strom", "strom_haus", "monthly_consumption"} <= names


@pytest.mark.parametrize("name", ["code", "webserver", "daemon"])
def test_a_service_that_works_is_healthy_by_its_own_check(stack: Stack, name: str) -> None:
    stack.until(f"{name} is healthy", lambda: stack.healthy(name))


def test_a_backfill_from_the_page_is_run_by_the_daemon_beside_the_code(stack: Stack) -> None:
    def done() -> bool:
        # Its runs; that it is done itself the daemon only writes down half a minute later.
        found = stack.ask(BACKFILLED, {"id": stack.backfill})["partitionBackfillOrError"]["runs"]
        assert "FAILURE" not in [run["status"] for run in found]
        return [run["status"] for run in found] == ["SUCCESS"]

    stack.until("the backfill is done", done)
    store = EmbeddedStore(stack.data / "utility_meters.sqlite")
    kept = store.read(CONSUMPTION_DAILY, "strom_haus")
    store.close()
    assert len(kept) == 30
    assert kept["consumption"].tolist() == pytest.approx([10.0] * 30)


def test_a_schedule_ticks_and_its_run_succeeds(stack: Stack) -> None:
    def ran() -> bool:
        state = stack.ask(TICKS)["scheduleOrError"]["scheduleState"]
        assert state["status"] == "RUNNING"
        runs = [run for tick in state["ticks"] if tick["status"] == "SUCCESS" for run in tick["runIds"]]
        statuses = [stack.ask(RUN, {"id": run})["runOrError"]["status"] for run in runs]
        assert "FAILURE" not in statuses
        return "SUCCESS" in statuses

    stack.until("a run of the schedule has succeeded", ran)


def test_a_killed_code_server_is_unhealthy_and_back_on_the_page_when_it_is_started_again(stack: Stack) -> None:
    stack.kill("code")
    assert not stack.healthy("code")
    stack.start("code")
    stack.until("the code server is healthy", lambda: stack.healthy("code"))
    stack.until("the page shows the code location again", lambda: loaded(stack))


def test_all_end_when_they_are_asked_to(stack: Stack) -> None:
    assert stack.stop() == {"code": 0, "webserver": 0, "daemon": 0}
