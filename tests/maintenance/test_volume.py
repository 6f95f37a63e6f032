"""A restore in a container: data and home on one volume, dagster.yaml and configuration mounted read-only into it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.maintenance.kept_house import BACKED_UP, NOW, events, sums
from workflows_dagster.maintenance.backup import make_backup

OWN_MOUNTS = ("unshare", "--map-root-user", "--mount", "--")

RESTORING = """\
import subprocess, sys
from datetime import datetime, UTC
from pathlib import Path
from workflows_dagster.maintenance.contents import Places
from workflows_dagster.maintenance.problems import UpkeepError
from workflows_dagster.maintenance.restore import restore

backup, folder, *mounted = sys.argv[1:]
folder = Path(folder)
for name in mounted:
    source = folder / "mounted" / name
    subprocess.run(["mount", "--bind", source, folder / name], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", folder / name], check=True)
places = Places(folder / "config", folder / "data", folder / "data" / "utility_meters.sqlite", folder / "home")
try:
    done = restore(Path(backup), places, datetime(2026, 3, 4, 4, 10, tzinfo=UTC), replace=True)
    print(*(path.relative_to(folder) for path in done.placed), sep="\\n")
except UpkeepError as error:
    print(error)
"""


@pytest.fixture
def restored(house):
    """Restore the house with other content mounted over some of its names; gives the lines that are said."""
    if subprocess.run([*OWN_MOUNTS, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no namespace for mounts on this machine")
    backup = make_backup(house.settings, house.places, house.folder / "backups", NOW).path
    house.days({"2026-02-03": 7.0})
    house.store.close()
    mounted = house.folder / "mounted"
    (mounted / "home" / "history").mkdir(parents=True)
    (mounted / "home" / "history" / "some.db").touch()
    (mounted / "home" / "dagster.yaml").write_text("mounted: true\n")
    (mounted / "config").mkdir()
    (mounted / "config" / "meters.yaml").write_text("meters: []\n")

    def restoring(*names: str) -> list[str]:
        script = [sys.executable, "-c", RESTORING, str(backup), str(house.folder), *names]
        done = subprocess.run([*OWN_MOUNTS, *script], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return restoring


def test_a_mounted_dagster_yaml_and_configuration_are_in_nobodys_way(house, restored):
    assert restored("home/dagster.yaml", "config") == [
        "data/config.restored-20260304T041000Z",
        "home/history",
        "home/schedules",
        "data/utility_meters.sqlite",
    ]
    assert (sums(house), events(house.places.home)) == (BACKED_UP, 3)


def test_a_mount_in_the_way_of_the_switch_is_named_and_nothing_is_lost(house, restored):
    (said,) = restored("home/history")
    assert said.startswith(f"{house.places.home / 'history'}: cannot be restored (Device or resource busy).")
    assert not house.places.database.is_symlink()
    assert sums(house)["main"]["2026-02"] > 7
    assert events(house.places.home) == 3
