"""A backup made by somebody else writes nothing outside of its folder, and is refused in one sentence."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.maintenance.kept_house import NOW
from workflows_dagster.maintenance.archive import is_known, unpack
from workflows_dagster.maintenance.backup import make_backup
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.restore import restore, restore_into

LATER = NOW + timedelta(days=3)
Members = list[tuple[tarfile.TarInfo, bytes]]


@pytest.fixture
def backup(house) -> Path:
    path = make_backup(house.settings, house.places, house.folder / "backups", NOW).path
    house.store.close()
    return path


def regular(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(name)
    header.size = len(content)
    return header, content


def special(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    header = tarfile.TarInfo(name)
    header.type, header.linkname = kind, link
    return header, b""


def crafted(backup: Path, change: Callable[[Members, dict], Members | None]) -> Path:
    """The backup with other members, under a manifest that fits them, as its maker would write it."""
    with tarfile.open(backup) as tar:
        members = [regular(header.name, tar.extractfile(header).read()) for header in tar]
    manifest = json.loads(members.pop()[1])
    members = change(members, manifest) or members
    manifest["files"] = {
        **{
            header.name: {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
            for header, content in members
        },
        **manifest.get("claimed", {}),
    }
    path = backup.with_name("crafted.tar.gz")
    with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for header, content in [*members, regular("manifest.json", json.dumps(manifest, ensure_ascii=True).encode())]:
            tar.addfile(header, io.BytesIO(content))
    return path


# A restore takes a lock, in a folder of its own; and brings the databases' logs into them.
IGNORED = ("data/state", "data/state/.lock", "data/state/generations")


def world(folder: Path) -> dict[str, str]:
    """Digests of everything there is, and where links lead."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if name not in IGNORED and not name.endswith(("-wal", "-shm")):
            is_file = path.is_file() and not path.is_symlink()
            found[name] = (
                hashlib.sha256(path.read_bytes()).hexdigest() if is_file else str(path.is_symlink() and path.readlink())
            )
    return found


def of_manifest(**claims: object) -> Callable[[Members, dict], None]:
    return lambda _, manifest: manifest.update(claims)


ESCAPES = [
    "config//etc/cron.d/x",
    "config/../../outside.yaml",
    "../outside.yaml",
    "/etc/outside.yaml",
    "config/./meters.yaml",
    "config/a/../b.yaml",
    "config/.hidden.yaml",
    "config/.git/hooks.yaml",
    "config/x\ny.yaml",
    "config/\x1b[2J.yaml",
    "config/not utf-8 \udcff.yaml",
    "config/script.sh",
    "config/" + "a/" * 9 + "deep.yaml",
    "config/" + "a" * 300 + ".yaml",
    "config/..\\x.yaml",
    "data/x.sqlite",
    "data//utility_meters.sqlite",
    "data/utility_meters.sqlite-wal",
    "home/history/runs/../../dagster.yaml",
    "home/history/runs/x.db",
    "home/storage/code.py",
    "home/other.yaml",
    "lonely",
    "manifest.json/x",
]


@pytest.mark.parametrize("name", ESCAPES, ids=ascii)
def test_a_name_outside_of_the_layout_is_refused_before_anything_is_written(house, backup, name: str):
    hostile = crafted(backup, lambda members, _: [*members[:-1], regular(name, b"* * * * * root id"), members[-1]])
    before = world(house.folder)
    with pytest.raises(UpkeepError, match=r"which no backup does\. Take another backup\.$") as refused:
        restore(hostile, house.places, LATER, replace=True)
    assert str(refused.value).isprintable()
    assert world(house.folder) == before
    assert not is_known(name)


def test_nothing_outside_is_written_whoever_restores(house, backup, tmp_path_factory):
    """Names that lead to one folder by all ways, in one place after the other; root may write everywhere."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "kept").write_text("as it was")
    up = "../" * 30
    names = [
        f"config/{outside}/x.yaml",
        f"config/{up}{str(outside)[1:]}/x.yaml",
        f"{outside}/x.yaml",
        f"{up}{str(outside)[1:]}/x.yaml",
        f"data/{outside}/utility_meters.sqlite",
        f"home/{outside}/history/runs.db",
        f"home/history/runs/{up}{str(outside)[1:]}/index.db",
        f"config/{outside}/kept",
    ]
    before = world(outside), world(house.folder)
    for name in names:
        for place in (0, 1, -1):

            def with_name(members: Members, _: dict, name: str = name, place: int = place) -> Members:
                return [*members[:place], regular(name, b"* * * * * root id"), *members[place:]]

            hostile = crafted(backup, with_name)
            for act in (
                lambda hostile=hostile: restore(hostile, house.places, LATER, replace=True),
                lambda hostile=hostile: restore_into(house.folder / "look", hostile, ["config", "data", "home"]),
            ):
                with pytest.raises(UpkeepError, match=r"which no backup does"):
                    act()
            hostile.unlink()
            shutil.rmtree(house.folder / "look", ignore_errors=True)
            assert (world(outside), world(house.folder)) == before


@pytest.mark.parametrize(
    "version", ["1.13rc1", "1.13", "1!1.13.0", "1.13.27.post1+local", "1.13.0.dev0", "v1.13", "١.٢"]
)
def test_an_odd_version_of_dagster_is_taken_or_refused_in_a_sentence(house, backup, version: str):
    hostile = crafted(backup, of_manifest(dagster=version))
    before = world(house.folder)
    said = ""
    try:
        restore(hostile, house.places, LATER, replace=True)
    except UpkeepError as error:
        said = str(error)
    assert said.isprintable()
    assert (world(house.folder) == before) == bool(said)


@pytest.mark.parametrize(
    "member",
    [
        special("config/meters.yaml", tarfile.SYMTYPE, "/etc/passwd"),
        special("config/meters.yaml", tarfile.LNKTYPE, "data/utility_meters.sqlite"),
        special("config/a.yaml", tarfile.DIRTYPE),
        special("home/history/runs/index.db", tarfile.FIFOTYPE),
        special("home/history/runs/index.db", tarfile.CHRTYPE),
        special("data/utility_meters.sqlite", tarfile.BLKTYPE),
    ],
    ids=["link", "hard link", "folder", "pipe", "device", "block device"],
)
def test_what_is_no_ordinary_file_is_refused(house, backup, member):
    hostile = crafted(backup, lambda members, _: [member, *(one for one in members if one[0].name != member[0].name)])
    before = world(house.folder)
    with pytest.raises(UpkeepError, match="Take another backup"):
        restore(hostile, house.places, LATER, replace=True)
    assert world(house.folder) == before


def test_a_name_that_is_there_twice_is_refused(house, backup):
    hostile = crafted(backup, lambda members, _: [*members, regular("data/utility_meters.sqlite", b"the intruder")])
    before = world(house.folder)
    with pytest.raises(UpkeepError, match=r"holds 'data/utility_meters\.sqlite' twice"):
        restore(hostile, house.places, LATER, replace=True)
    assert world(house.folder) == before


def test_a_link_that_waits_where_something_is_unpacked_is_not_followed(backup, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "out" / "config").symlink_to(tmp_path / "outside")
    with pytest.raises(UpkeepError, match="would come to lie outside of"):
        unpack(backup, {"config": tmp_path / "out"})
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (of_manifest(dagster="newest"), r"names a version 'newest', which is none"),
        (of_manifest(dagster=""), r"names a version '', which is none"),
        (of_manifest(dagster="9" * 5000), r"Dagster|version|manifest"),
        (of_manifest(dagster=1.13), "its manifest cannot be read"),
        (of_manifest(format="no number"), "its manifest cannot be read"),
        (of_manifest(format=99, program="9\x1b[2J"), "its manifest cannot be read"),
        (of_manifest(sums="none"), "its manifest cannot be read"),
        (of_manifest(notes=["\x1b]0;title\x07"]), "its manifest cannot be read"),
        (of_manifest(made="x" * 1_000_000), "its manifest cannot be read"),
        (
            of_manifest(
                claimed={
                    "data/utility_meters.sqlite": {"sha256": "", "bytes": 1, "schema_versions": {"user_version": "x"}}
                }
            ),
            "is not what the manifest says",
        ),
        (of_manifest(claimed={"config/../../x": {"sha256": "", "bytes": 1}}), r"'config/\.\./\.\./x' is not what"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused_in_a_sentence(house, backup, change, said: str):
    hostile = crafted(backup, change)
    before = world(house.folder)
    with pytest.raises(UpkeepError, match=said) as refused:
        restore(hostile, house.places, LATER, replace=True)
    assert str(refused.value).isprintable()
    assert world(house.folder) == before


@pytest.mark.parametrize(
    "text",
    [b"[" * 200_000, b'{"sums": ' * 100_000, b"\xff\xfe", b"", b"null", b"{}", b" " * (65 << 20)],
    ids=["deep list", "deep object", "no UTF-8", "empty", "null", "nothing in it", "65 MB"],
)
def test_a_manifest_that_is_no_manifest_is_refused_in_a_sentence(backup, text: bytes):
    path = backup.with_name("crafted.tar.gz")
    with tarfile.open(path, "w:gz") as tar:
        header, content = regular("manifest.json", text)
        tar.addfile(header, io.BytesIO(content))
    with pytest.raises(UpkeepError, match=r"its manifest (cannot be read|has more than)"):
        unpack(path)


def test_a_name_of_a_gigabyte_is_not_kept_in_memory(backup):
    """The header says how long it is; a thousandth of it is enough in a gzipped file."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    path = backup.with_name("crafted.tar.gz")
    with tarfile.open(path, "w:gz") as tar:
        tar.fileobj.write(header.tobuf(tarfile.GNU_FORMAT))
    with pytest.raises(UpkeepError, match="a header of 1073741824 bytes"):
        unpack(path)


def test_restored_configuration_plants_no_code(house, backup):
    """Dagster imports the classes that its instance file names."""

    def with_launcher(members: Members, _: dict) -> Members:
        planted = b"run_launcher: {module: planted, class: Code}\n"
        others = [one for one in members if one[0].name != "home/dagster.yaml"]
        return [
            *others,
            regular("home/dagster.yaml", planted),
            regular("home/workspace.yaml", b"load_from: [python_file: x]\n"),
        ]

    own = (house.places.home / "dagster.yaml").read_bytes()
    restore(crafted(backup, with_launcher), house.places, LATER, replace=True)
    assert (house.places.home / "dagster.yaml").read_bytes() == own
    assert sorted(path.name for path in house.places.home.iterdir()) == ["dagster.yaml", "history", "schedules"]
    shutil.rmtree(house.places.data / "state")


def test_a_damaged_database_in_a_backup_is_refused_before_the_switch(house, backup):
    def damage(members: Members, _: dict) -> Members:
        return [
            regular(header.name, content[:4096] + b"\xff" * 9000 if header.name.startswith("data/") else content)
            for header, content in members
        ]

    hostile = crafted(backup, damage)
    before = world(house.folder)
    with pytest.raises(UpkeepError, match=r"utility_meters\.sqlite in it is damaged"):
        restore(hostile, house.places, LATER, replace=True)
    assert world(house.folder) == before
    with closing(sqlite3.connect(house.places.database)) as store:
        assert store.execute("SELECT count(*) FROM readings").fetchone() == (2,)
