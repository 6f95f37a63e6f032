"""A small house on disk, and the command line on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.front_door import FrontDoor, live_in


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FrontDoor:
    live_in(tmp_path, monkeypatch)
    return FrontDoor(tmp_path)
