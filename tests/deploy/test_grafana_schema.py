"""Dashboards and rules decoded strictly by Grafana's published schema, in Go, where Go and its module are there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
SCHEMA = Path(__file__).with_name("grafana_schema")
FETCH = f"cd {SCHEMA.relative_to(SCHEMA.parents[2])} && go mod download"
# Building it takes half a minute, once: Go keeps what it built.
LONGEST = 240

Decode = Callable[..., list[str]]


@pytest.fixture(scope="module")
def decode(tmp_path_factory: pytest.TempPathFactory) -> Decode:
    """Give what decodes a file and gives its errors."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        pytest.skip("no Go on the PATH: with it, dashboards and rules are decoded by Grafana's schema")
    folder = tmp_path_factory.mktemp("schema")
    program = folder / "decode"
    # Without a network: the module is there, or it is not.
    environment = {**os.environ, "GOFLAGS": "-mod=readonly", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    made = subprocess.run(
        [go, "build", "-o", program, "."], cwd=SCHEMA, env=environment, capture_output=True, text=True, timeout=LONGEST
    )
    if made.returncode:
        pytest.skip(f"Grafana's schema is not there as a Go module: `{FETCH}`")

    def errors(name: str, content: object) -> list[str]:
        path = folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        done = subprocess.run([program, path], capture_output=True, text=True, timeout=60)
        lines = done.stdout.replace(f"{path}: ", "").splitlines()
        assert done.returncode == (1 if lines else 0), done.stderr
        return lines

    return errors


def boards() -> dict[str, Any]:
    paths = sorted((GRAFANA / "dashboards").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def rule_group() -> dict[str, Any]:
    """Give the provisioned rules as Grafana's API names their parts."""
    path = GRAFANA / "provisioning" / "alerting" / "utility-meters.yaml"
    (group,) = yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    named = {"folderUID": group["folder"], "ruleGroup": group["name"], "orgID": group["orgId"]}
    rules = [{**rule, **named} for rule in group["rules"]]
    seconds = 60 * int(group["interval"].removesuffix("m"))
    return {"title": group["name"], "folderUid": group["folder"], "interval": seconds, "rules": rules}


def test_every_dashboard_is_one_by_grafanas_schema(decode: Decode) -> None:
    assert {name: decode(f"{name}.dashboard.json", board) for name, board in boards().items()} == {
        name: [] for name in boards()
    }


def test_the_rules_are_rules_by_grafanas_schema(decode: Decode) -> None:
    assert decode("utility-meters.rules.json", rule_group()) == []


def test_a_typo_in_an_option_is_caught(decode: Decode) -> None:
    board = boards()["utility-meters-overview"]
    options = board["panels"][1]["options"]
    options["graphMod"] = options.pop("graphMode")
    found = decode("typo.dashboard.json", board)
    assert any("graphMod" in line for line in found)
    assert any("graphMode" in line and "missing" in line for line in found)


def test_a_rule_without_condition_is_caught(decode: Decode) -> None:
    group = rule_group()
    del group["rules"][0]["condition"]
    assert any("condition" in line for line in decode("fault.rules.json", group))
