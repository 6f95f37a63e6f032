"""The tutorial, typed in from its page: every file as it stands there, every command in order."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from workflows_dagster.cli import main
from workflows_dagster.settings.load import load

PAGE = Path(__file__).parents[1] / "docs" / "tutorial" / "your-own-house.md"
_BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_tutorial_leads_to_the_first_report(tmp_path, monkeypatch):
    (tmp_path / "secrets").mkdir()
    for name in ("METERS_DATA_DIR", "METERS_SECRETS_DIR", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("METERS_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    ran = []
    for language, file, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if file:
            (tmp_path / file).write_text(text, encoding="utf-8")
        if language != "console":
            continue
        said = ""
        for line in text.splitlines():
            if line.startswith("$ meters "):
                result = CliRunner().invoke(main, line.split()[2:])
                assert result.exit_code == 0, (line, result.output, result.exception)
                ran.append(line.split()[2])
                said = result.stdout
            elif "…" not in line:
                # How wide a table's columns are is none of the tutorial's business.
                assert line.split() in [printed.split() for printed in said.splitlines()], line
    assert ran == ["init", "check", "import", "backfill", "show", "explain", "report"]
    assert (tmp_path / "data" / "reports" / "2024-10.html").exists()


def test_the_small_house_among_the_examples_can_be_loaded():
    settings = load(PAGE.parents[2] / "config" / "examples", {})
    assert len(settings.meters) == 6
    assert all(meter.reading_interval_days for meter in settings.meters.physical)
    assert {tariff.utility for tariff in settings.tariffs.tariffs} == {"electricity", "gas", "water"}
