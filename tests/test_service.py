"""The program that runs the services: what it refuses, and what it loads before it knows which one is meant."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workflows_dagster.service import main


@pytest.mark.parametrize(
    ("arguments", "said"), [(["dagster-deamon"], "no service 'dagster-deamon'"), ([], "no service is named")]
)
def test_a_service_that_there_is_not_is_refused_with_the_names_that_there_are(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert f"{said}. Name house or dagster-webserver or dagster-daemon or dagster" in capsys.readouterr().err


def test_no_module_of_dagster_is_loaded_before_one_of_its_programs_is_asked_for() -> None:
    code = (
        "import sys; from workflows_dagster.service import main\n"
        "main(['hause'])\n"
        "print(sorted(name for name in sys.modules if name.partition('.')[0].startswith('dagster')"
        " or name.startswith('workflows_dagster.pipeline')))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_service_links_what_a_killed_restore_has_moved_out_of_dagsters_home(tmp_path: Path) -> None:
    (tmp_path / "data/state/current/home/history").mkdir(parents=True)
    home = tmp_path / "data/dagster_home"
    home.mkdir()
    (home / ".history.link").symlink_to("../state/current/home/history")
    command = [sys.executable, "-m", "workflows_dagster.service", "dagster", "--version"]
    subprocess.run(command, env={**os.environ, "DAGSTER_HOME": str(home)}, capture_output=True, check=True)
    assert [path.name for path in home.iterdir()] == ["history"]
    assert (home / "history").resolve() == (tmp_path / "data/state/current/home/history").resolve()
