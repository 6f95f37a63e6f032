"""A changed or damaged backup is refused before anything is written."""

from __future__ import annotations

import json
import os
import resource
import tarfile
from pathlib import Path

import pytest

from tests.maintenance.kept_house import NOW, rewritten
from workflows_dagster.maintenance.archive import DATA, PARTS, unpack
from workflows_dagster.maintenance.backup import make_backup
from workflows_dagster.maintenance.problems import UpkeepError


@pytest.fixture
def backup(house) -> Path:
    return make_backup(house.settings, house.places, house.folder / "backups", NOW).path


def test_what_was_written_is_read(backup: Path, tmp_path: Path):
    manifest = unpack(backup, dict.fromkeys(PARTS, tmp_path / "out"))
    assert sorted(manifest.files) == sorted(
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    )


@pytest.mark.parametrize("kept", [0, 20, 0.3, 0.7, -9])
def test_a_backup_that_is_cut_off_is_refused(backup: Path, kept: float):
    content = backup.read_bytes()
    backup.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(UpkeepError, match="Take another backup"):
        unpack(backup, {})


def test_a_byte_that_has_changed_is_found_and_the_file_named(backup: Path):
    def one_byte(name: str, content: bytes) -> tuple[str, bytes]:
        return name, content[:-1] + b"#" if name == "config/meters.yaml" else content

    with pytest.raises(UpkeepError, match=r"'config/meters\.yaml' is not what the manifest says"):
        unpack(rewritten(backup, one_byte), {})


def test_a_file_that_is_missing_or_too_many_is_found(backup: Path):
    missing = rewritten(backup, lambda name, content: (name, None if name == "home/dagster.yaml" else content))
    with pytest.raises(UpkeepError, match=r"'home/dagster\.yaml' is not what"):
        unpack(missing, {})
    other = rewritten(backup, lambda name, content: (name.replace("home/dagster", "home/workspace"), content))
    with pytest.raises(UpkeepError, match=r"'home/dagster\.yaml' is not what"):
        unpack(other, {})


def test_a_newer_format_is_refused_with_what_to_do(backup: Path):
    def newer(name: str, content: bytes) -> tuple[str, bytes]:
        if name != "manifest.json":
            return name, content
        return name, json.dumps({**json.loads(content), "format": 2, "program": "9.1.0"}).encode()

    with pytest.raises(UpkeepError, match=r"version 9\.1\.0 in format 2.* up to 1\. Update the program"):
        unpack(rewritten(backup, newer), {})


def test_a_file_that_is_in_it_twice_is_refused(backup: Path):
    twice = rewritten(backup, lambda name, content: (name.replace("seasonal_patterns", "meters"), content))
    with pytest.raises(UpkeepError, match=r"it holds 'config/meters\.yaml' twice"):
        unpack(twice, {})


def test_a_folder_that_cannot_be_written_is_not_blamed_on_the_backup(backup: Path, tmp_path: Path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UpkeepError, match=r"out/home/dagster\.yaml: cannot be written \(Not a directory\)"):
        unpack(backup, dict.fromkeys(PARTS, tmp_path / "out"))


def test_a_file_that_ends_where_the_room_ends_is_not_blamed_on_the_backup(backup: Path, tmp_path: Path):
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        try:
            unpack(backup, {DATA: tmp_path / "out"})
        except UpkeepError as error:
            os._exit(0 if f"{tmp_path}/out/data/utility_meters.sqlite: cannot be written" in str(error) else 1)
        finally:
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0
    assert (tmp_path / "out" / "data" / "utility_meters.sqlite").stat().st_size == 5000


def test_another_archive_is_none_of_ours(tmp_path: Path):
    with tarfile.open(tmp_path / "other.tar.gz", "w:gz"):
        pass
    with pytest.raises(UpkeepError, match="ends before its manifest"):
        unpack(tmp_path / "other.tar.gz", {})
    (tmp_path / "text").write_text("not at all")
    with pytest.raises(UpkeepError, match="cannot be read as a backup"):
        unpack(tmp_path / "text", {})
