"""Where the time of a run goes, part by part: a part that calls another stands still meanwhile."""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Stopwatch:
    """Adds up each part's own seconds on the thread that made it; other threads are not timed."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.calls: Counter[str] = Counter()
        self._thread = threading.get_ident()
        self._running: list[str] = []
        self._since = time.perf_counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a part; what it interrupts goes on afterwards."""
        if threading.get_ident() != self._thread:
            yield
            return
        self._book()
        self._running.append(name)
        self.calls[name] += 1
        try:
            yield
        finally:
            self._book()
            self._running.pop()

    def time_methods(self, owner: type, part: str, *names: str) -> None:
        """Time some methods of a class from now on, in this process."""
        for name in names:
            setattr(owner, name, self._timed(getattr(owner, name), part))

    def _timed(self, method: Callable[..., Any], part: str) -> Callable[..., Any]:
        @functools.wraps(method)
        def timed(*given: Any, **named: Any) -> Any:
            with self.part(part):
                return method(*given, **named)

        return timed

    def _book(self) -> None:
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now
