"""Where something is mounted, no name is changed: containers mount single files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.maintenance.conftest import NOW
from workflows_dagster.maintenance.backup import make_backup
from workflows_dagster.maintenance.mounts import mount_points, mounted_on_the_way

# As Linux writes it; the blank in the second name is its octal number.
TABLE = """\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
36 22 8:1 /etc/dagster.yaml /home\\040of\\040dagster/dagster.yaml ro,relatime shared:1 - ext4 /dev/sda1 rw
"""

OWN_MOUNTS = ("unshare", "--map-root-user", "--mount", "--")
# In it even root has no more than the rights of the files' owner.
NO_RIGHTS = ("unshare", "--user", "--")

# Mounts a file over each name given, in a namespace of its own, and restores; then finishes what an older version of
# the program, which looked for no mounts, would have left written down.
RESTORING = """\
import subprocess, sys
from datetime import datetime, UTC
from pathlib import Path
from workflows_dagster.maintenance.contents import Places
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.restore import JOURNAL, restore, resume
from workflows_dagster.maintenance.swaps import Swap, begin

backup, folder, *mounted = sys.argv[1:]
folder = Path(folder)
for name in mounted:
    subprocess.run(["mount", "--bind", folder / "mounted.yaml", folder / name], check=True)
places = Places(folder / "config", folder / "data", folder / "data" / "utility_meters.sqlite", folder / "home")
try:
    done = restore(Path(backup), places, datetime(2026, 3, 4, 4, 10, tzinfo=UTC), replace=True)
    print(*(path.relative_to(folder) for path in done.placed), *done.notes, sep="\\n")
except UpkeepError as error:
    print(error)
if (places.home / "staged").exists():
    swap = Swap.of(places.home / "dagster.yaml", places.home / "staged", places.home / "aside")
    begin(places.data / JOURNAL, [swap])
    print(*resume(places).left, resume(places))
"""


@pytest.fixture
def restored(house):
    """Restore the house from a backup, other content mounted over some of its files; gives the lines that are said."""
    if subprocess.run([*OWN_MOUNTS, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespace for mounts on this machine")
    backup = make_backup(house.settings, house.places, house.folder / "backups", NOW).path
    house.days({"2026-02-03": 7.0})
    house.store.close()
    (house.folder / "mounted.yaml").write_text("mounted: true\n")

    def restoring(*mounted: str, namespace: Sequence[str] = OWN_MOUNTS) -> list[str]:
        script = [sys.executable, "-c", RESTORING, str(backup), str(house.folder), *mounted]
        done = subprocess.run([*namespace, *script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return restoring


def test_mount_points_are_read_from_the_systems_list(tmp_path: Path):
    (tmp_path / "mountinfo").write_text(TABLE)
    points = mount_points(tmp_path / "mountinfo")
    assert points == {Path("/"), Path("/home of dagster/dagster.yaml")}
    home = Path("/home of dagster")
    assert mounted_on_the_way(home / "dagster.yaml", home, points) == home / "dagster.yaml"
    assert mounted_on_the_way(home / "history", home, points) is None
    assert mount_points(tmp_path / "no such list") == frozenset()


def test_files_that_are_mounted_stay_and_all_else_is_restored(house, restored):
    """As in a container: dagster.yaml comes from outside, and so may a file of the configuration."""
    said = restored("home/dagster.yaml", "config/meters.yaml")
    beside = "from-backup-20260304T041000Z"
    assert said == [
        f"config/meters.yaml.{beside}",
        "data/utility_meters.sqlite",
        f"home/dagster.yaml.{beside}",
        "home/history",
        f"{house.folder}/config/meters.yaml: it belongs to this machine and stays; that of the backup stands beside it "
        f"as meters.yaml.{beside}.",
        f"{house.folder}/home/dagster.yaml: it belongs to this machine and stays; that of the backup stands beside it "
        f"as dagster.yaml.{beside}.",
    ]
    assert (house.folder / "home" / f"dagster.yaml.{beside}").read_text() == "telemetry: {enabled: false}\n"
    assert not list(house.folder.rglob("restore-under-way.json"))


def test_a_database_that_is_mounted_is_refused_before_anything_is_changed(house, restored):
    before = {path: path.read_bytes() for path in house.places.home.rglob("*") if path.is_file()}
    (said,) = restored("data/utility_meters.sqlite")
    assert said.startswith(f"{house.places.database}: something is mounted there")
    assert said.endswith("Nothing was changed.")
    assert {path: path.read_bytes() for path in house.places.home.rglob("*") if path.is_file()} == before
    assert not list(house.folder.rglob("*before-restore*"))


def test_a_folder_that_cannot_be_moved_is_refused_before_anything_is_changed(house, restored):
    (house.places.home / "history").chmod(0o500)
    assert restored(namespace=NO_RIGHTS) == [
        f"{house.places.home}/history: cannot be restored (Permission denied). Leave that part out with --only, or "
        "make it writable. Nothing was changed."
    ]
    assert not list(house.folder.rglob("*before-restore*"))
    assert not list(house.folder.rglob("restore-under-way.json"))


def test_a_restoration_that_an_older_version_could_not_finish_is_finished(house, restored):
    (house.places.home / "staged").write_text("new: true\n")
    assert restored("home/dagster.yaml")[-1] == f"{house.places.home / 'dagster.yaml'} None"
