"""Plants secrets in all possible places, and then searches all outputs for them."""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.parse import quote, quote_plus

import dagster as dg
import influxdb_client
import pytest
import requests
from click.testing import CliRunner
from dagster import DagsterInstance
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster_graphql.schema import create_schema
from gql import Client, gql
from gql.transport.requests import RequestsHTTPTransport
from graphql import graphql_sync
from influxdb_client.rest import ApiException

from tests.clients.hostile_files import HEADER, xlsx
from tests.stores.influx_server import free_port
from workflows_dagster.cli import main
from workflows_dagster.clients.tibber.client import TibberClient
from workflows_dagster.clients.tibber.service import TibberError
from workflows_dagster.domain.days import DayRange
from workflows_dagster.logs.configure import configure_service, unconfigure
from workflows_dagster.logs.from_settings import load_log_config, log_config
from workflows_dagster.pipeline.assets.meters import TIBBER_KEY
from workflows_dagster.pipeline.backfill import dagster_instance
from workflows_dagster.pipeline.graph import build_definitions
from workflows_dagster.pipeline.jobs import TIBBER_JOB
from workflows_dagster.pipeline.partitions import range_tags
from workflows_dagster.pipeline.storage.run_log import RunLogger, mask_errors
from workflows_dagster.settings.load import load

ROOT = Path(__file__).parents[2]
# Characters that an address, JSON, a shell or HTML spell in another way.
INFLUX = 'influx+Plant3d/"quoted"\'&<%20>\\==x'
TIBBER = "tibber-Plant3d?&#+/=%41{}$HOME"
ALERTS = "mailto://house:alert-Plant3d!word@127.0.0.1:9?to=owner@example.org"
DATABASE = "database-Plant3d@:/word"
SECRETS = {"influx": INFLUX, "tibber": TIBBER, "alerts": ALERTS, "password": "alert-Plant3d!word", "database": DATABASE}

# Fewer characters of a secret would also stand in harmless words.
PART = 10

METERS = """\
    meters:
      - {meter_id: haupt_strom, type: physical, output_unit: kWh, installation_date: 2024-01-01}
    """
CONFIG = """\
    timezone: Europe/Berlin
    storage: {{backend: influxdb}}
    influxdb: {{url: "{url}", retry_attempts: 0}}
    tibber: {{url: "{url}/tibber"}}
    logging: {{level: DEBUG, format: json, file: log/meters.log}}
    """


def spellings(secret: str) -> set[bytes]:
    """Every way in which a library may write a secret."""
    texts = {
        secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret))[3:-3], base64.b64encode(secret.encode()).decode(),
    }  # fmt: skip
    return {text.encode() for text in texts}


class Echo:
    """A server that answers everything with an error which quotes what it was sent, as a careless one may."""

    def __init__(self) -> None:
        # What comes before the token in an answer: so a cut may fall anywhere in it.
        self.before = ""
        echo = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                sent = self.headers.get("Authorization", "")
                token = sent.partition(" ")[2]
                encoded = base64.b64encode(token.encode()).decode()
                words = f"{echo.before}{sent} | {token} | {quote(token, safe='')} | {encoded}"
                # A GraphQL answer is a good one for HTTP, with the error inside.
                status = 200 if self.path == "/tibber" else 500
                answer = {"code": "x", "message": words, "errors": [{"message": words}]}
                body = json.dumps(answer).encode()
                self.send_response(status, "quoting")
                self.send_header("Content-Type", "application/json")
                self.send_header("X-Quoted", quote(token, safe=""))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


@dataclass
class House:
    """A house with a secret in each place that takes one."""

    folder: Path
    environ: dict[str, str]
    shown: list[str] = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def leaks(self) -> list[str]:
        """Where a secret stands, among all files of the house's state and all that was shown."""
        places = {
            str(path.relative_to(self.folder)): path.read_bytes() for path in self.state.rglob("*") if path.is_file()
        }
        places |= {f"shown {number}": text.encode() for number, text in enumerate(self.shown)}
        return [
            f"{name} secret in {place}, spelt {spelling.decode()}"
            for name, secret in SECRETS.items()
            for spelling in spellings(secret)
            for place, content in places.items()
            if spelling in content
        ]

    def halves(self) -> list[str]:
        """Where a part of a secret stands, as a cut leaves it: its first or last characters, however spelt."""
        text = "\n".join(self.shown) + "".join(
            path.read_text(errors="replace") for path in self.state.rglob("*.log") if path.is_file()
        )
        parts = {
            part
            for name in ("influx", "tibber", "database")
            for spelling in spellings(SECRETS[name])
            for part in (spelling.decode()[:PART], spelling.decode()[-PART:])
        }
        return [part for part in parts if part in text]


@pytest.fixture
def house(tmp_path: Path, echo: Echo, monkeypatch: pytest.MonkeyPatch) -> House:
    config, secrets = tmp_path / "config", tmp_path / "secrets"
    config.mkdir()
    secrets.mkdir()
    (config / "config.yaml").write_text(dedent(CONFIG.format(url=echo.url)))
    (config / "meters.yaml").write_text(dedent(METERS))
    (config / "seasonal_patterns.yaml").write_text("patterns: {}\n")
    (secrets / "influx_token").write_text(INFLUX + "\n")
    (secrets / "influxdb.env").write_text("INFLUX_TOKEN_FILE=influx_token\nINFLUX_ORG=home\n")
    (secrets / "alerts.env").write_text(f"APPRISE_URLS={ALERTS}\n")
    environ = {
        "METERS_CONFIG_DIR": str(config),
        "METERS_SECRETS_DIR": str(secrets),
        "METERS_DATA_DIR": str(tmp_path / "state"),
        "DAGSTER_HOME": str(tmp_path / "state" / "dagster_home"),
        "TIBBER_API_TOKEN": TIBBER,
        "DAGSTER_PG_PASSWORD": DATABASE,
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    # The graph puts it there for Dagster's resources; it goes when the test ends.
    monkeypatch.setenv("INFLUX_TOKEN", "")
    monkeypatch.setenv("INFLUX_ORG", "")
    monkeypatch.delenv("INFLUX_TOKEN")
    monkeypatch.delenv("INFLUX_ORG")
    return House(tmp_path, environ)


@contextmanager
def logged(house: House) -> Iterator[None]:
    """Log as a run does."""
    console = io.StringIO()
    # As the graph does when it is loaded.
    mask_errors()
    configure_service(load_log_config(house.environ), "run", console, RunLogger)
    yield
    unconfigure()
    house.shown.append(console.getvalue())


@dg.op
def careless(context) -> None:  # type: ignore[no-untyped-def]
    """Does what no code of ours does: it logs secrets, and lets errors of libraries through that quote them."""
    url = load().site.influxdb.url
    library = logging.getLogger("urllib3.connectionpool")
    context.log.warning(f"asking with {INFLUX}")
    library.error("asking with %s and %s", {"token": INFLUX}, quote(TIBBER, safe=""))
    print("printed", DATABASE)
    try:
        requests.get(f"http://house:{quote(DATABASE, safe='')}@127.0.0.1:9/?token={quote(INFLUX, safe='')}", timeout=5)
    except requests.RequestException:
        context.log.exception(f"cannot reach {ALERTS}")
        library.exception("cannot reach it")
    transport = RequestsHTTPTransport(f"{url}/tibber", headers={"Authorization": f"Bearer {TIBBER}"})
    try:
        Client(transport=transport).execute(gql("{ x }"))
    except Exception as error:
        try:
            client: Any = influxdb_client.InfluxDBClient(url=url, token=INFLUX, org="home")
            client.query_api().query("x")
        except ApiException as worse:
            worse.add_note(f"sent with {INFLUX}")
            raise worse from error
    raise AssertionError("neither of the libraries failed")


@dg.job(executor_def=dg.in_process_executor)
def careless_job() -> None:
    careless()


def fail_in_all_ways(instance: DagsterInstance) -> None:
    """Run what must fail: days without their server, Tibber with a quoted token, and code that minds nothing."""
    definitions = build_definitions(load())
    days = definitions.resolve_job_def("days").get_subset(
        asset_selection=frozenset([dg.AssetKey("haupt_strom")]), asset_check_selection=frozenset()
    )
    tags = range_tags(DayRange(date(2024, 1, 1), date(2024, 1, 31)))
    assert not days.execute_in_process(instance=instance, tags=tags, raise_on_error=False).success
    tibber = definitions.resolve_job_def(TIBBER_JOB).get_subset(asset_selection=frozenset([TIBBER_KEY]))
    assert not tibber.execute_in_process(instance=instance, raise_on_error=False).success
    assert not careless_job.execute_in_process(instance=instance, raise_on_error=False).success


QUESTIONS = (
    """{ runsOrError { ... on Runs { results { runId status runConfigYaml tags { key value }
        eventConnection(limit: 500) { events { __typename ... on MessageEvent { message level stepKey }
            ... on ErrorEvent { error { className message stack errorChain { error { message stack } } } }
            ... on RunFailureEvent { error { message stack errorChain { error { message stack } } } } } } } } } }""",
    """{ workspaceOrError { ... on Workspace { locationEntries { name displayMetadata { key value }
        locationOrLoadError { __typename ... on PythonError { message stack } ... on RepositoryLocation { repositories {
            name
            allTopLevelResourceDetails { name description configFields { name description configTypeKey }
                configuredValues { key value type } }
            sensors { name description } schedules { name description }
            assetNodes { assetKey { path } description metadataEntries { label description } } } } } } } } }""",
    "{ instance { info runLauncher { name } } version }",
)
DRY_RUN = """mutation ($sensor: SensorSelector!) { sensorDryRun(selectorData: $sensor, cursor: null) { __typename
    ... on PythonError { message stack } ... on DryRunInstigationTick { evaluationResult {
        skipReason error { message stack errorChain { error { message stack } } } } } } }"""


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def code_server(house: House) -> Iterator[GrpcServerTarget]:
    """Serve the graph from a process of its own, by the command line of the services."""
    port = free_port()
    command = [sys.executable, "-m", "workflows_dagster.service", "dagster", "api", "grpc"]
    command += [
        "--module-name",
        "workflows_dagster.definitions",
        "--location-name",
        "utility_meters",
        "--port",
        str(port),
    ]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    server = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        until = time.monotonic() + 60
        while not answers(port) and server.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        yield GrpcServerTarget("localhost", port, None, "utility_meters")
    finally:
        server.terminate()
        try:
            house.shown.append(server.communicate(timeout=20)[0])
        except subprocess.TimeoutExpired:
            server.kill()
            house.shown.append(server.communicate()[0])


def ask_the_page(instance: DagsterInstance, target: GrpcServerTarget) -> list[str]:
    """Ask what the page asks."""
    schema = create_schema().graphql_schema
    sensor = {
        "sensorName": "new_readings",
        "repositoryName": "__repository__",
        "repositoryLocationName": "utility_meters",
    }
    given: list[str] = []
    with WorkspaceProcessContext(instance, target) as process:
        for question in (*QUESTIONS, DRY_RUN):
            context = process.create_request_context()
            result = graphql_sync(schema, question, variable_values={"sensor": sensor}, context_value=context)
            assert not result.errors, result.errors
            given.append(json.dumps(result.data))
    return given


def test_no_secret_is_in_any_log_or_event_or_answer(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    with dagster_instance(house.state / "dagster_home") as instance:
        with logged(house):
            fail_in_all_ways(instance)
        with code_server(house) as target:
            runs, graph, home, tick = ask_the_page(instance, target)
    console, server = house.shown
    house.shown += [runs, graph, home, tick, *capfd.readouterr()]
    # The failures are all there to be looked through.
    assert "careless" in runs
    assert "home_id" in graph
    assert "BatchingSqliteEventLogStorage" in home
    assert "answered 500" in tick
    for text in (console, runs, tick):
        assert "***" in text
    lines = [json.loads(line) for line in (house.state / "log" / "meters.log").read_text().splitlines()]
    assert {line["process"] for line in lines} == {"run", "code"}
    assert [json.loads(line) for line in server.splitlines()] == [line for line in lines if line["process"] == "code"]
    assert house.leaks() == []


def test_no_secret_is_in_the_text_form_either(house: House, capfd: pytest.CaptureFixture[str]) -> None:
    config = house.folder / "config" / "config.yaml"
    config.write_text(config.read_text().replace("json", "text"))
    with dagster_instance(house.state / "dagster_home") as instance, logged(house):
        assert not careless_job.execute_in_process(instance=instance, raise_on_error=False).success
    assert "ERROR run [run " in house.shown[0]
    house.shown += capfd.readouterr()
    assert house.leaks() == []


def test_no_secret_is_in_what_a_command_says(house: House) -> None:
    for words in (
        ["check"],
        ["check", "--connect"],
        ["backfill", "--from", "2024-01-01", "--to", "2024-01-31"],
        ["show", "haupt_strom"],
    ):
        result = CliRunner().invoke(main, words)
        house.shown.append(result.output + result.stderr + repr(result.exception))
    assert any("InfluxDB" in text for text in house.shown)
    assert house.leaks() == []


def test_a_login_in_an_address_is_refused_without_being_quoted(house: House, echo: Echo) -> None:
    config = house.folder / "config" / "config.yaml"
    login = quote(INFLUX, safe="")
    config.write_text(config.read_text().replace(echo.url, echo.url.replace("http://", f"http://house:{login}@")))
    house.shown.append(CliRunner().invoke(main, ["check"]).output)
    house.shown.append(repr(load_log_config(house.environ)))
    assert "the address holds a login" in house.shown[0]
    assert house.leaks() == []


def test_what_the_settings_show_of_themselves_holds_no_secret(house: House) -> None:
    settings = load(environ=house.environ)
    house.shown += [
        repr(settings),
        str(settings),
        repr(log_config(settings, house.environ)),
        settings.secrets.model_dump_json(),
    ]
    assert house.leaks() == []


CANARIES = (
    *((name, "plain") for name in SECRETS),
    *((name, "in an address") for name in SECRETS),
    *((name, "base64") for name in SECRETS),
    *((name, "cut by a server's answer") for name in ("influx", "tibber")),
    ("all", "arguments of processes"),
    ("all", "environment of child processes"),
    ("all", "a backup"),
)


def test_there_are_twenty_canaries() -> None:
    assert len(CANARIES) == 20


@pytest.mark.parametrize("spelt", ["plain", "in an address", "base64"])
def test_no_half_of_a_secret_is_left_by_a_cut(house: House, echo: Echo, spelt: str) -> None:
    """The server's words are cut to some 300 characters; the cut falls into each spelling of the token."""
    token_at = {"plain": 0, "in an address": len(f"Token {INFLUX} | {INFLUX} | "), "base64": 170}[spelt]
    try:
        for inside in range(2, 40, 12):
            echo.before = "x" * max(300 - token_at - inside, 0)
            result = CliRunner().invoke(main, ["show", "haupt_strom"])
            house.shown.append(result.output + result.stderr)
            client = TibberClient(f"{echo.url}/tibber", TIBBER, None, attempts=1)
            with pytest.raises(TibberError) as caught:
                client.hours(None)
            house.shown.append(str(caught.value))
    finally:
        echo.before = ""
    assert any("xxx" in text for text in house.shown)
    assert house.halves() == []
    assert house.leaks() == []


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def test_no_secret_is_among_the_arguments_of_a_process_or_in_the_environment_of_a_child(house: House) -> None:
    """Two tokens come from the environment of the command itself; those that it starts get none of them."""
    (house.folder / "readings.xlsx").write_bytes(xlsx(HEADER + "<row><c><v>1</v></c></row>" * 5_000))
    commands = (["notify", "--test"], ["import", str(house.folder / "readings.xlsx"), "--meter", "haupt_strom"])
    seen: set[int] = set()
    arguments: dict[str, bytes] = {}
    environments: dict[str, bytes] = {}
    for words in commands:
        run = "from workflows_dagster.cli import main; main()"
        process = subprocess.Popen(
            [sys.executable, "-c", run, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        while process.poll() is None:
            for pid in [process.pid, *descendants(process.pid)]:
                try:
                    arguments[f"{words[0]} {pid}"] = Path(f"/proc/{pid}/cmdline").read_bytes()
                    if pid != process.pid:
                        seen.add(pid)
                        content = Path(f"/proc/{pid}/environ").read_bytes()
                        # Between fork and exec it is still the parent's; and the standard library asks `file` what
                        # kind of program Python is.
                        given = arguments[f"{words[0]} {pid}"]
                        if given != arguments[f"{words[0]} {process.pid}"] and b"python" in given.split(b"\0")[0]:
                            environments[f"{words[0]} {pid}"] = content
                except OSError:
                    continue
            time.sleep(0.002)
        house.shown.append(process.communicate()[0])
    assert len(seen) >= 2
    assert environments
    for place, content in (*arguments.items(), *environments.items()):
        found = [name for name, secret in SECRETS.items() for each in spellings(secret) if each in content]
        assert not found, (place, arguments[place])
    assert house.leaks() == []


def test_no_secret_is_in_a_backup(house: House) -> None:
    with dagster_instance(house.state / "dagster_home") as instance, logged(house):
        assert not careless_job.execute_in_process(instance=instance, raise_on_error=False).success
    result = CliRunner().invoke(main, ["backup"])
    house.shown.append(result.output)
    (made,) = house.state.rglob("meters-backup-*.tar.gz")
    with tarfile.open(made) as tar:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            (house.state / f"unpacked-{member.name.replace('/', '-')}").write_bytes(content.read())
    assert len(list(house.state.glob("unpacked-*"))) >= 4
    assert house.leaks() == []
