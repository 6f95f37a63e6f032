"""The image: what it is made from, what is left out, and who it runs as."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from tests.deploy import compose

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


@dataclass
class Stage:
    """One `FROM` and what follows it."""

    image: str
    steps: list[tuple[str, str]]

    def of(self, instruction: str) -> list[str]:
        return [text for name, text in self.steps if name == instruction]

    @property
    def environment(self) -> dict[str, str]:
        return dict(re.findall(r"(\w+)=(\"[^\"]*\"|\S+)", " ".join(self.of("ENV"))))


def stages() -> list[Stage]:
    lines = [line for line in TEXT.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    found: list[Stage] = []
    for line in joined.splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            found.append(Stage(rest, []))
        elif found:
            found[-1].steps.append((instruction, rest.strip()))
    return found


BUILD, FINAL = stages()


def test_two_stages_stand_on_one_python_that_is_pinned_to_a_tag() -> None:
    assert (BUILD.image, FINAL.image) == ("${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}")
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.11\.\d+-slim-[a-z]+$", TEXT, re.M)


def test_the_versions_are_those_of_constraints_txt() -> None:
    installs = [part for step in BUILD.of("RUN") for part in step.split("&&") if "pip install" in part]
    ours = [part for part in installs if "." in part.split()]
    assert [part for part in installs if "'.[postgres]'" in part and "--constraint constraints.txt" in part]
    assert ours
    assert all("--no-deps" in part for part in ours)
    tools = [part for part in installs if part not in ours and "'.[postgres]'" not in part]
    assert all(re.search(r"'[\w-]+==[\d.]+'", part) for part in tools)


def test_the_libraries_are_installed_before_our_code_is_looked_at() -> None:
    copied = [text for _, text in BUILD.steps].index("workflows_dagster ./workflows_dagster")
    assert "--constraint" in " ".join(text for _, text in BUILD.steps[:copied])


def test_no_index_of_packages_is_named() -> None:
    assert not re.search(r"index-url|extra-index|find-links|https?://", TEXT)


def test_no_build_tool_is_left_inside() -> None:
    assert not re.search(r"apt-get|gcc|build-essential", TEXT)
    assert "uninstall --yes setuptools pip" in BUILD.of("RUN")[-1]
    assert "pip uninstall --yes --root-user-action ignore setuptools wheel pip" in FINAL.of("RUN")[0]
    assert not any("pip install" in step for step in FINAL.of("RUN"))


def test_only_the_environment_of_the_build_is_taken_over_from_it() -> None:
    taken = [text.split() for text in FINAL.of("COPY") if "--from" in text]
    assert taken == [["--from=build", "/opt/utility-meters/venv", "/opt/utility-meters/venv"]]


def test_it_runs_as_an_ordinary_account_and_refuses_to_be_built_for_root() -> None:
    assert FINAL.of("USER") == ["${UID}:${GID}"]
    assert FINAL.of("ARG") == ["UID=1000", "GID=1000"]
    assert 'if [ "${UID}" -eq 0 ]' in FINAL.of("RUN")[0]


def test_neither_code_nor_settings_in_the_image_belong_to_the_account_that_runs_it() -> None:
    owned = [text for text in FINAL.of("COPY") if "--chown" in text]
    assert [text.split()[-1] for text in owned] == ["/var/lib/utility-meters/dagster_home/dagster.yaml"]


def test_it_looks_for_settings_secrets_and_data_where_the_compose_file_puts_them() -> None:
    places = compose.mounts(compose.services()["code"])
    for name in ("METERS_CONFIG_DIR", "METERS_SECRETS_DIR", "METERS_DATA_DIR"):
        assert FINAL.environment[name] in places
    assert f"{FINAL.environment['DAGSTER_HOME']}/dagster.yaml" in places
    assert FINAL.environment["DAGSTER_HOME"].startswith(FINAL.environment["METERS_DATA_DIR"] + "/")


def test_the_workspace_stands_where_page_and_daemon_look_for_it() -> None:
    (copied,) = [text.split() for text in FINAL.of("COPY") if "workspace.yaml" in text]
    for name in ("webserver", "daemon"):
        assert copied[-1] in compose.services()[name]["command"]


def test_the_workspace_asks_for_what_the_compose_file_gives() -> None:
    (location,) = yaml.safe_load((ROOT / "deploy" / "workspace.yaml").read_text())["load_from"]
    server = location["grpc_server"]
    assert server["location_name"] in compose.services()["code"]["command"]
    for name in ("webserver", "daemon"):
        given = compose.environment(compose.services()[name])
        assert given[server["host"]["env"]] == "code"
        assert given[server["port"]["env"]] == compose.environment(compose.services()["code"])["DAGSTER_GRPC_PORT"]


def test_a_fresh_volume_finds_the_homes_databases_made_by_the_account_that_uses_them() -> None:
    assert [name for name, _ in FINAL.steps[-4:]] == ["USER", "WORKDIR", "RUN", "CMD"]
    assert FINAL.of("RUN")[-1].startswith("dagster instance info")


def test_no_secret_is_built_in() -> None:
    assert not re.search(r"TOKEN|PASSWORD|SECRET=|INFLUX_|TIBBER_", TEXT)


def test_the_extra_that_is_installed_exists() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert {re.split(r"[<>=\[]", one)[0] for one in extras["postgres"]} <= pinned


def let_in(path: str) -> bool:
    """Tell whether .dockerignore lets a file into the build: the last line that fits decides."""
    decision = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern, keep = line.removeprefix("!").rstrip("/"), line.startswith("!")
        parts = Path(path).parts
        starts = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        names = [*starts, *parts] if pattern.startswith("**/") else starts
        if any(fnmatch(name, pattern.removeprefix("**/")) for name in names):
            decision = keep
    return decision


@pytest.mark.parametrize(
    "path",
    [
        "secrets/influxdb.env",
        "secrets/influx_token",
        ".env",
        ".git/config",
        "data/utility_meters.sqlite",
        "config/meters.yaml",
        ".venv/bin/python",
        "tests/conftest.py",
        "workflows_dagster/__pycache__/definitions.cpython-311.pyc",
    ],
)
def test_what_is_nobodys_business_does_not_even_get_into_the_build(path: str) -> None:
    assert not let_in(path)


def test_what_is_copied_from_the_clone_is_there_and_let_in() -> None:
    for stage in (BUILD, FINAL):
        for text in stage.of("COPY"):
            *sources, _ = [part for part in text.split() if not part.startswith("--")]
            if "--from" not in text:
                for source in sources:
                    assert (ROOT / source).exists()
                    assert let_in(source if (ROOT / source).is_file() else f"{source}/definitions.py")
