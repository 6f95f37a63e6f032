"""`meters report`: a file, a path, a paragraph; and one sentence for what is wrong."""

from __future__ import annotations

import subprocess
import sys
from datetime import date

import pandas as pd
import pytest

from tests.reports.stored import store_days
from workflows_dagster.domain import months
from workflows_dagster.settings.load import load
from workflows_dagster.stores.embedded import EmbeddedStore

HOUSE = """\
    meters:
      - {meter_id: strom, type: physical, output_unit: kWh, installation_date: 2025-01-01, description: The flat}
"""


def this_month() -> date:
    return months.month_of(pd.Timestamp.now("Europe/Berlin").date())


@pytest.fixture
def counted(house):
    """A flat whose days are stored of March 2025 and of the month before this one."""
    house.meters(HOUSE)
    house.configure(workflows={"analytics": {"start_year": 2025}})
    store = EmbeddedStore(house.database)
    settings = load()
    store_days(settings, store, "strom", date(2025, 3, 1), [2.0] * 31)
    last = months.shifted(this_month(), -1)
    store_days(settings, store, "strom", last, [3.0] * months.last_day(last).day)
    store.close()
    return house


def test_a_month_becomes_a_page_under_the_data_folder(counted):
    said = counted.run("report", "2025-03")
    assert said.exit_code == 0, said.output
    path = counted.folder / "data" / "reports" / "2025-03.html"
    assert said.stdout.splitlines()[0] == str(path)
    assert "In March 2025 the house used 62.0\N{NARROW NO-BREAK SPACE}kWh of electricity." in said.stdout
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_without_a_month_it_is_the_last_one_that_is_over(counted):
    last = months.shifted(this_month(), -1)
    said = counted.run("report")
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines()[0].endswith(f"{last:%Y-%m}.html")


def test_markdown_has_a_file_of_its_own(counted):
    said = counted.run("report", "2025-03", "--format", "markdown")
    assert said.exit_code == 0
    text = (counted.folder / "data" / "reports" / "2025-03.md").read_text(encoding="utf-8")
    assert text.startswith("# The house in March 2025")


def test_a_dash_writes_the_report_and_nothing_else_to_the_standard_output(counted):
    said = counted.run("report", "2025-03", "--out", "-")
    assert said.stdout.startswith("<!doctype html>")
    assert said.stdout.endswith("</html>\n")
    assert not (counted.folder / "data" / "reports").exists()


def test_a_path_says_where_to(counted):
    path = counted.folder / "for mother" / "march.html"
    said = counted.run("report", "2025-03", "--out", str(path))
    assert said.stdout.splitlines()[0] == str(path)
    assert path.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (
            ["2025-04"],
            1,
            "2025-04: no days are stored of this month. "
            "Run `meters backfill --from 2025-04-01 --to 2025-04-30`, or name another month.",
        ),
        (["2024-04"], 1, "The house's days begin on 2025-01-01: name a later month."),
        (["2199-01"], 2, "2199-01: this month has not begun. Name one up to 20"),
        (["march"], 2, "'march' is no month. Write it as 2025-03."),
        (["2025-13"], 2, "'2025-13' is no month."),
        (["2025-03-01"], 2, "'2025-03-01' is no month."),
        (["2025-03", "--format", "pdf"], 2, "'pdf' is not one of"),
        (["2025-03", "--out", "/dev/null/page.html"], 1, "cannot be written: /dev/null is no folder."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_wrong_is_one_sentence_and_an_exit_code(counted, arguments, code, sentence):
    said = counted.run("report", *arguments)
    assert said.exit_code == code
    assert sentence in said.output
    assert "Traceback" not in said.output


def test_the_front_door_opens_without_loading_what_draws():
    script = "import sys, workflows_dagster.cli; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
