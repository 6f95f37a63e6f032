"""Disks that are nearly full."""

from __future__ import annotations

from pathlib import Path

from workflows_dagster.alerts.of_disk import free_space, full_disks


def with_free(megabytes: float):
    return lambda path: int(megabytes * 1e6)


def test_a_disk_with_less_than_the_limit_is_a_cause_once_for_all_that_is_on_it(tmp_path: Path):
    folders = {"the data": tmp_path, "Dagster's home": tmp_path / "not" / "there" / "yet"}
    (cause,) = full_disks(folders, 1000, with_free(999.4))
    assert cause.key == "disk:the data"
    assert cause.sentence.startswith(
        f"The disk that holds the data and Dagster's home ({tmp_path}) has 999 MB left, less than 1000 MB."
    )


def test_enough_space_is_no_cause(tmp_path: Path):
    assert list(full_disks({"the data": tmp_path}, 1000, with_free(1000))) == []


def test_the_free_space_of_this_disk_can_be_asked(tmp_path: Path):
    assert free_space(tmp_path) > 0
    (cause,) = full_disks({"the data": tmp_path}, 10**9)
    assert cause.lasts
