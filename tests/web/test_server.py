"""The process as it is started."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.web.conftest import TOKEN, write_configuration
from workflows_dagster.settings.load import load
from workflows_dagster.web.server import why_not


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "nas.local"])
def test_beyond_this_machine_it_needs_a_token(tmp_path, host):
    without = load(environ=write_configuration(tmp_path / "a", token=""))
    assert "openssl rand -hex 16" in (why_not(without, host) or "")
    assert why_not(without, "127.0.0.1") is None
    assert why_not(load(environ=write_configuration(tmp_path / "b", token=TOKEN)), host) is None


def run(arguments: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "workflows_dagster.service", "house", *arguments]
    return subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, timeout=60, check=False)


def test_a_page_for_all_without_token_does_not_start(tmp_path):
    ended = run(["--host", "0.0.0.0"], write_configuration(tmp_path, token=""))
    assert ended.returncode == 2
    assert "house.host" in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr


def test_the_process_loads_no_dagster(tmp_path):
    code = "import sys, workflows_dagster.web.server; print([m for m in sys.modules if m.split('.')[0] == 'dagster'])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "[]"
