"""Backup and restore, killed at moments drawn by chance. METERS_KILLS=100 kills each a hundred times."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.maintenance.kept_house import BACKED_UP, NOW, events, sums
from tests.maintenance.test_restore import CHANGED, LATER, change
from workflows_dagster.maintenance.archive import unpack
from workflows_dagster.maintenance.backup import UNFINISHED, backups_in, make_backup
from workflows_dagster.maintenance.generations import settle
from workflows_dagster.maintenance.restore import restore

KILLS = int(os.environ.get("METERS_KILLS", "4"))


def forked(work: Callable[[], object]) -> int:
    """Start work in a fork; gives the process."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work()
        code = 0
    finally:
        os._exit(code)


def killed(work: Callable[[], object], seconds: float) -> bool:
    """Kill work after a time; gives whether it had not ended before."""
    child = forked(work)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return status == signal.SIGKILL


class ByChance:
    """Kills work at moments drawn by chance over its duration, which was measured when the machine was perhaps busier.

    Args:
        work: What is killed.
        seed: Of the moments.
    """

    def __init__(self, work: Callable[[], object], seed: int) -> None:
        self.cut_short = 0
        self._seconds, self._chance = duration(work), random.Random(seed)

    def kill(self, work: Callable[[], object]) -> None:
        """Kill work once; what was not cut short tells that it takes less time."""
        seconds = self._chance.uniform(0, 1.1) * self._seconds
        if killed(work, seconds):
            self.cut_short += 1
        else:
            self._seconds = min(self._seconds, seconds)

    def kill_one_at_least(self, work: Callable[[], object]) -> None:
        """Kill work right after its start, if none was cut short yet."""
        if not self.cut_short:
            self.cut_short += killed(work, 0.0)


def duration(work: Callable[[], object]) -> float:
    """How long work takes in a fork. [s]"""
    began = time.monotonic()
    _, status = os.waitpid(forked(work), 0)
    assert status == 0
    return time.monotonic() - began


@pytest.fixture
def backup(house) -> Path:
    return make_backup(house.settings, house.places, house.folder / "backups", NOW).path


def test_a_restore_that_is_killed_leaves_the_old_or_the_new_house(house, backup) -> None:
    house.store.close()
    change(house)
    kept = house.folder.with_name(f"{house.folder.name} kept")
    house.folder.rename(kept)

    def anew() -> None:
        subprocess.run(["rm", "-rf", house.folder], check=True)
        subprocess.run(["cp", "-a", kept, house.folder], check=True)

    def work() -> None:
        restore(backup, house.places, LATER, replace=True)

    anew()
    chance, seen = ByChance(work, 8), set()
    for number in range(KILLS + 1):
        anew()
        if number < KILLS:
            chance.kill(work)
        else:
            chance.kill_one_at_least(work)
        settle(house.places.home)
        state = (sums(house) == CHANGED, events(house.places.home))
        assert state in {(True, 4), (False, 3)}, state
        assert sums(house) in (CHANGED, BACKED_UP)
        seen.add(state)
        restore(backup, house.places, LATER + timedelta(seconds=1), replace=True)
        assert (sums(house), events(house.places.home)) == (BACKED_UP, 3)
    print(f"\n{chance.cut_short} of {KILLS} restores killed before their end; states {seen}")
    assert chance.cut_short


def test_a_backup_that_is_killed_leaves_whole_backups_only(house, backup) -> None:
    house.store.close()
    folder = house.folder / "backups"

    def work(number: int = 0) -> None:
        make_backup(house.settings, house.places, folder, LATER + timedelta(seconds=number))

    chance = ByChance(work, 9)
    before = (sums(house), events(house.places.home))
    for number in range(1, KILLS + 2):
        if number <= KILLS:
            chance.kill(lambda number=number: work(number))
        else:
            chance.kill_one_at_least(lambda number=number: work(number))
        for path in backups_in(folder):
            unpack(path)
        assert (sums(house), events(house.places.home)) == before
    print(f"\n{chance.cut_short} of {KILLS} backups killed before their end; {len(backups_in(folder))} whole ones")
    assert all(path in backups_in(folder) or path.name.startswith(UNFINISHED) for path in folder.iterdir())
    assert chance.cut_short
