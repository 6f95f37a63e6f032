"""Which requests Dagster's page answers: as config.yaml says, and the strictest rules where it cannot be used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from workflows_dagster.services.dagster_page import PageRules, load_in_another_process, page_rules


def rules(folder: Path, config: str | bytes) -> PageRules:
    (folder / "config.yaml").write_bytes(config if isinstance(config, bytes) else config.encode())
    return page_rules({"METERS_CONFIG_DIR": str(folder)})


def test_hosts_and_language_come_from_config_yaml_whatever_is_wrong_in_the_rest_of_it(tmp_path: Path) -> None:
    found = rules(tmp_path, "language: de\nunknown: key\ndagster_page: {hosts: [NAS.local]}\n")
    assert (found.hosts, found.problem) == (("nas.local",), None)
    assert found.sentences["query_by_get"] == "GraphQL wird nur mit POST beantwortet."


@pytest.mark.parametrize("page", ["{hosts: [nas.local, '*']}", "[nas.local]", "{host: nas.local}"])
def test_no_host_of_a_section_with_a_mistake_is_taken(tmp_path: Path, page: str) -> None:
    found = rules(tmp_path, f"dagster_page: {page}\n")
    assert found.hosts == ()
    assert found.problem == "config.yaml: dagster_page cannot be used; see `meters check`"
    assert "{host}" in found.sentences["unknown_host"]


@pytest.mark.parametrize("config", [b"", b"dagster_page:\n", b"\xff", b"a: [", b"- a\n"])
def test_a_file_without_the_section_gives_no_further_host(tmp_path: Path, config: bytes) -> None:
    assert rules(tmp_path, config).hosts == ()


def test_another_process_hands_them_over_with_the_address_that_the_page_is_published_at(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("language: de\ndagster_page: {hosts: [nas.local]}\n")
    environ = {"METERS_CONFIG_DIR": str(tmp_path)}
    expected = page_rules(environ)
    assert load_in_another_process(environ) == expected
    published = load_in_another_process({**environ, "METERS_PAGE_HOST": "192.168.1.7"})
    assert published.hosts == ("nas.local", "192.168.1.7")


def test_the_page_loads_no_settings_to_read_them() -> None:
    code = (
        "import sys, workflows_dagster.pipeline.storage.page_guard, workflows_dagster.services.dagster_page\n"
        "print(sorted({'pandas', 'workflows_dagster.settings.load', 'workflows_dagster.wording'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
