"""A configuration file that expands, nests or waits without end is refused at once."""

from __future__ import annotations

import os
import time
from pathlib import Path
from textwrap import dedent

import pytest

from tests.settings.houses import complaints

BOMBS = {
    "aliases of aliases in a description": "a: &a [x, x, x, x, x, x, x, x]\n"
    + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 8)}]\n" for n in range(12))
    + "meters:\n  - {meter_id: m, type: physical, output_unit: kWh, description: *m}\n",
    "merged mappings of merged mappings": "a: &a {x: 1, y: 2}\n"
    + "".join(f"{chr(98 + n)}: &{chr(98 + n)} {{<<: [*{chr(97 + n)}, *{chr(97 + n)}]}}\n" for n in range(22)),
}


@pytest.mark.parametrize("written", BOMBS.values(), ids=BOMBS.keys())
def test_aliases_that_expand_without_end_are_refused_at_once(tmp_path: Path, written: str):
    began = time.process_time()
    found = complaints(tmp_path, meters=written)
    assert found == [
        "meters.yaml: the file holds more than 50000 values, each repetition (*alias) counted. "
        "Write fewer, or without repetitions."
    ]
    assert time.process_time() - began < 2


def test_a_few_aliases_are_fine(tmp_path: Path):
    written = """
        meters:
          - &flat {meter_id: a, type: physical, output_unit: kWh}
          - {<<: *flat, meter_id: b}
        """
    assert complaints(tmp_path, meters=dedent(written), config="timezone: UTC\n", patterns="patterns: {}\n") == []


def test_a_file_of_more_than_a_megabyte_is_refused(tmp_path: Path):
    assert complaints(tmp_path, meters="# " + "x" * 1_000_000) == [
        "meters.yaml: the file has more than 1 MB. Name a configuration file."
    ]


def test_a_file_that_nests_deeply_is_refused(tmp_path: Path):
    assert complaints(tmp_path, meters="[" * 20_000) == [
        "meters.yaml: the lists and mappings are nested too deeply. Write them flatter."
    ]


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.yaml")
    found = complaints(tmp_path, config=f"meters_config: {tmp_path / 'pipe.yaml'}\n")
    assert found == [
        f"pipe.yaml: {tmp_path / 'pipe.yaml'} cannot be read: not an ordinary file. Put a readable file there."
    ]


@pytest.mark.parametrize("key", ["entity_id", "measurement", "field", "domain"])
def test_no_name_of_a_source_breaks_a_line(tmp_path: Path, key: str):
    written = f"""
        meters:
          - {{meter_id: a, type: physical, output_unit: kWh, source: {{{key}: "value\\nx,y=1 z"}}}}
        """
    assert complaints(tmp_path, meters=dedent(written), config="timezone: UTC\n", patterns="patterns: {}\n") == [
        f"meters.yaml: a.source.{key}: 'value\\nx,y=1 z' holds a line break or a control character. "
        "Write it on one line, without it."
    ]
