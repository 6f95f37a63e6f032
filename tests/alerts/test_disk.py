"""Disks that are nearly full."""

from __future__ import annotations

from pathlib import Path

from workflows_dagster.alerts.disk import free_space, full_disks


def with_free(megabytes: float):
    return lambda path: int(megabytes * 1e6)


def test_a_disk_with_less_than_the_limit_is_a_cause_once_for_all_that_is_on_it(tmp_path: Path):
    folders = {"data": tmp_path, "dagster_home": tmp_path / "not" / "there" / "yet"}
    (cause,) = full_disks(folders, 1000, with_free(999.4))
    assert (cause.key, cause.code) == ("disk:data", "disk_full")
    kept = ["data", "dagster_home"]
    assert cause.figures == {"kept": kept, "path": str(tmp_path), "free_mb": 999, "least_mb": 1000}


def test_enough_space_is_no_cause(tmp_path: Path):
    assert list(full_disks({"data": tmp_path}, 1000, with_free(1000))) == []


def test_the_free_space_of_this_disk_can_be_asked(tmp_path: Path):
    assert free_space(tmp_path) > 0
    (cause,) = full_disks({"data": tmp_path}, 10**9)
    assert cause.lasts
