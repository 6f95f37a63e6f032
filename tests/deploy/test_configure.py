"""`make configure`: what is answered is written whole, checked first, and no token is shown."""

from __future__ import annotations

import importlib.util
import os
import pty
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from dotenv import dotenv_values

from tests.deploy.installation import ROOT, Machine, small_source

NEEDED = ("bash", "flock", "getent", "make", "setpriv", "tar")
MISSING = [name for name in NEEDED if not shutil.which(name)]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not on this machine: {', '.join(MISSING)}")

TOKEN = "planted-token'$(id)\\0815=="
INFLUX = {
    "METERS_BACKEND": "influxdb",
    "INFLUX_URL": "http://influx.lan:8086",
    "INFLUX_ORG": "Haus am See, 2. Stock",
    "INFLUX_TOKEN": TOKEN,
    "METERS_TIMEZONE": "Europe/Vienna",
    "METERS_PAGE_HOST": "0.0.0.0",
}


def configure_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("configure", ROOT / "deploy/install/configure.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["configure"] = module
    spec.loader.exec_module(module)
    return module


configure = configure_module()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Machine, Path]:
    """A machine with the small program and the shipped config.yaml, installed once and kept."""
    source = small_source(tmp_path_factory.mktemp("sources") / "source", "1.0")
    (source / "config/config.yaml").write_bytes((ROOT / "config/config.yaml").read_bytes())
    here = Machine(tmp_path_factory.mktemp("machine"))
    assert here.run("install", source).code == 0
    here.lend_packages()
    here.keep()
    return here, source


@pytest.fixture
def installed(installation: tuple[Machine, Path]) -> tuple[Machine, Path]:
    installation[0].as_kept()
    return installation


def mode(path: Path) -> str:
    return oct(stat.S_IMODE(path.stat().st_mode))


def test_the_answers_are_written_and_the_comments_stay(installed: tuple[Machine, Path]) -> None:
    here, source = installed
    before = (here.config / "config.yaml").read_text()

    outcome = here.run("configure", source, **INFLUX)

    assert outcome.code == 0, outcome.said
    after = (here.config / "config.yaml").read_text()
    written = yaml.safe_load(after)
    assert (written["timezone"], written["storage"]["backend"]) == ("Europe/Vienna", "influxdb")
    assert written["influxdb"]["url"] == "http://influx.lan:8086"
    changed = [(old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert len(changed) == 3
    secret = here.config / "secrets/influxdb.env"
    assert dotenv_values(secret, interpolate=False) == {"INFLUX_ORG": INFLUX["INFLUX_ORG"], "INFLUX_TOKEN": TOKEN}
    assert (mode(secret), mode(here.config / "config.yaml")) == ("0o600", "0o640")
    assert "\nMETERS_PAGE_HOST=0.0.0.0\n" in (here.config / "service.env").read_text()


def test_no_token_is_said_or_left_anywhere_but_in_its_file(installed: tuple[Machine, Path]) -> None:
    here, source = installed
    outcome = here.run("configure", source, **{**INFLUX, "INFLUX_TOKEN": "planted-0815"})

    assert "planted" not in outcome.said
    files = [path for path in here.prefix.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path.name for path in files if b"planted-0815" in path.read_bytes()] == ["influxdb.env"]


def test_the_token_may_stand_in_a_file(installed: tuple[Machine, Path], tmp_path: Path) -> None:
    here, source = installed
    (tmp_path / "token").write_text("from-a-file\n")
    assert here.run("configure", source, INFLUX_TOKEN_FILE=str(tmp_path / "token")).code == 0
    assert dotenv_values(here.config / "secrets/influxdb.env")["INFLUX_TOKEN"] == "from-a-file"


def test_the_same_answers_again_change_nothing(installed: tuple[Machine, Path]) -> None:
    here, source = installed
    here.run("configure", source, **INFLUX)
    before = {path: found for path, found in here.look().items() if Path(path).name != "utility-meters"}

    outcome = here.run("configure", source, **INFLUX)

    assert outcome.said == "Nothing changed.\n"
    assert {path: found for path, found in here.look().items() if Path(path).name != "utility-meters"} == before


def test_what_meters_check_refuses_is_not_written(installed: tuple[Machine, Path]) -> None:
    here, source = installed
    (here.config / "config.yaml").write_text("timezone: Europe/Berlin\nnonsense: 1\n")

    outcome = here.run("configure", source, METERS_TIMEZONE="Europe/Vienna", INFLUX_TOKEN="planted-0815")

    assert outcome.code == 2
    assert "config.yaml: it is not good. Mend it." in outcome.said
    assert "Europe/Berlin" in (here.config / "config.yaml").read_text()
    assert not (here.config / "secrets/influxdb.env").exists()
    assert not list(here.config.glob(".configure.*"))


def test_secrets_that_are_a_link_are_left_to_the_owner(installed: tuple[Machine, Path], tmp_path: Path) -> None:
    """The folder is the service's: root following a link there would show or overwrite any file of the machine."""
    here, source = installed
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("INFLUX_TOKEN=old\n")
    elsewhere.chmod(0o640)
    (here.config / "secrets/influxdb.env").symlink_to(elsewhere)
    (here.config / "secrets/other").symlink_to(elsewhere)

    outcome = here.run("configure", source, INFLUX_TOKEN="planted-0815")

    assert outcome.code == 2
    assert f"secrets/influxdb.env: it is a link to {elsewhere}." in outcome.said
    assert here.run("configure", source, METERS_TIMEZONE="Europe/Vienna").code == 0
    assert (elsewhere.read_text(), mode(elsewhere)) == ("INFLUX_TOKEN=old\n", "0o640")


def test_at_a_terminal_it_asks_and_the_token_is_not_shown(installed: tuple[Machine, Path]) -> None:
    here, source = installed
    answers = ["", "influxdb", "http://influx.lan:8086", "house", "planted-0815", "", "", "planted-token-of-16"]
    keyboard, terminal = pty.openpty()
    script = source / "deploy/install/configure.sh"
    with subprocess.Popen(
        [script], env=here.environment(), stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    ) as running:  # fmt: skip
        os.close(terminal)
        shown = b""
        for answer in answers:
            while not shown.endswith(b"]: "):
                shown += os.read(keyboard, 1000)
            os.write(keyboard, answer.encode() + b"\n")
            shown += os.read(keyboard, 1)
        while True:
            try:
                part = os.read(keyboard, 1000)
            except OSError:
                break
            shown += part
    os.close(keyboard)

    assert running.returncode == 0, shown.decode()
    assert b"influx.lan" in shown
    assert b"planted" not in shown
    assert dotenv_values(here.config / "secrets/influxdb.env") == {
        "INFLUX_ORG": "house",
        "INFLUX_TOKEN": "planted-0815",
    }
    assert dotenv_values(here.config / "secrets/house.env") == {"HOUSE_TOKEN": "planted-token-of-16"}
    assert yaml.safe_load((here.config / "config.yaml").read_text())["timezone"] == "Europe/Berlin"


def test_a_house_page_for_the_network_gets_a_token_once(installed: tuple[Machine, Path]) -> None:
    here, source = installed
    secret = here.config / "secrets/house.env"
    assert here.run("configure", source, METERS_HOUSE_HOST="127.0.0.1").code == 0
    assert not secret.exists()
    made = here.run("configure", source, METERS_HOUSE_HOST="0.0.0.0")
    assert made.code == 0, made.said
    token = dotenv_values(secret)["HOUSE_TOKEN"]
    assert token is not None
    assert len(token) == 32
    assert token not in made.said
    assert mode(secret) == "0o600"
    assert here.run("configure", source, METERS_HOUSE_HOST="192.168.1.5").code == 0
    assert dotenv_values(secret)["HOUSE_TOKEN"] == token


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"METERS_BACKEND": "mysql"}, "METERS_BACKEND: 'mysql' is no backend. Use one of: embedded, influxdb."),
        ({"METERS_TIMEZONE": "Mars/Base"}, "METERS_TIMEZONE: no time zone 'Mars/Base'."),
        ({"METERS_PAGE_PORT": "70000"}, "METERS_PAGE_PORT: '70000' is no port."),
        ({"METERS_PAGE_HOST": "a b"}, "METERS_PAGE_HOST: 'a b' is no address."),
        ({"METERS_HOUSE_PORT": "x"}, "METERS_HOUSE_PORT: 'x' is no port."),
        ({"HOUSE_TOKEN_FILE": "/no/such"}, "HOUSE_TOKEN_FILE: /no/such cannot be read (FileNotFoundError)."),
        ({"INFLUX_URL": "http://me:secret@host"}, "INFLUX_URL: not an address"),
        ({"INFLUX_TOKEN_FILE": "/no/such"}, "INFLUX_TOKEN_FILE: /no/such cannot be read (FileNotFoundError)."),
    ],
)
def test_an_answer_that_cannot_be_used_is_named(answer: dict[str, str], said: str) -> None:
    with pytest.raises(configure.AnswerError) as refused:
        configure.sorted_answers(answer)
    assert str(refused.value).startswith(said)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "storage:\n  backend: embedded\n",
        "storage: # where\n    # here\n    backend: embedded   # ours\nother: 1\n",
        "storage:\n\ninfluxdb: {}\n",
        "influxdb:\n  backend: not this one\nstorage:\n  x: 1\n",
    ],
    ids=["empty", "plain", "comments", "no such key", "same key elsewhere"],
)
def test_a_value_is_set_wherever_it_stands(text: str) -> None:
    wanted = yaml.safe_load(text) or {}
    wanted["storage"] = {**(wanted.get("storage") or {}), "backend": "influxdb"}
    after = configure.with_values(text, {("storage", "backend"): "influxdb"})
    assert yaml.safe_load(after) == wanted
    assert all(line.split("#")[1] in after for line in text.splitlines() if "#" in line)


def test_a_file_that_cannot_be_edited_is_left_to_its_owner() -> None:
    with pytest.raises(configure.AnswerError, match=r"Set storage\.backend by hand"):
        configure.with_values("storage: {backend: embedded}\n", {("storage", "backend"): "influxdb"})


@pytest.mark.parametrize("name", ["INFLUX_TOKEN", "HOUSE_TOKEN"])
def test_a_token_on_makes_command_line_is_refused(name: str) -> None:
    found = subprocess.run(
        ["make", "configure", f"{name}=planted-0815"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 2
    assert "a command line can be read by every user" in found.stderr
    assert "planted" not in found.stdout + found.stderr
