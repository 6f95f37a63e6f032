"""Counts what the page has done, since its start and since ever."""

from __future__ import annotations

import json
import logging
import threading
from contextlib import suppress
from pathlib import Path
from typing import Literal, get_args

from workflows_dagster.reports.monthly import write_whole

_log = logging.getLogger(__name__)
FILE = "house_page.json"

Counted = Literal["readings_written", "readings_deleted", "files_taken", "webhook_states", "errors"]


class Statistics:
    """Counters that outlive a restart.

    Args:
        data_dir: Folder of the file that holds them.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / FILE
        self._lock = threading.Lock()
        self._now: dict[str, int] = dict.fromkeys(get_args(Counted), 0)
        self._before = self._stored()

    def count(self, what: Counted, number: int = 1) -> None:
        """Add to a counter, and store all of them."""
        with self._lock:
            self._now[what] += number
        if what != "errors":
            self.save()

    def since_start(self) -> dict[str, int]:
        """Give the counters of this process."""
        with self._lock:
            return dict(self._now)

    def since_ever(self) -> dict[str, int]:
        """Give the counters of all processes before and this one."""
        with self._lock:
            return {name: self._before.get(name, 0) + number for name, number in self._now.items()}

    def save(self) -> None:
        """Write the counters; a full or read-only disk loses them, and nothing else."""
        if not any(self.since_start().values()):
            return
        try:
            write_whole(self._path, json.dumps(self.since_ever(), indent=1))
        except OSError as error:
            _log.warning("%s cannot be written (%s)", self._path.name, error.strerror)

    def _stored(self) -> dict[str, int]:
        with suppress(OSError, ValueError, TypeError, AttributeError):
            return {name: int(number) for name, number in json.loads(self._path.read_text("utf-8")).items()}
        return {}
