"""What all requests share: settings, store, results kept for some seconds, statistics."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic, TypeVar

import pandas as pd

from workflows_dagster.settings.language import Language
from workflows_dagster.settings.load import Settings, load
from workflows_dagster.settings.problems import SettingsError
from workflows_dagster.stores.embedded import EmbeddedStore
from workflows_dagster.stores.open import embedded_path, hasty, store_of
from workflows_dagster.stores.ports import Store, StoreError
from workflows_dagster.web.statistics import Statistics
from workflows_dagster.wording import Words
from workflows_dagster.wording.house_page import refusal_text
from workflows_dagster.wording.problems import problem_texts

_log = logging.getLogger(__name__)
_Value = TypeVar("_Value")
_KEPT_SECONDS = 5.0
_LOOK_SECONDS = 2.0
_MOST_KEPT = 200
_CONFIGURATION = "*.y*ml"
_SECRETS = "*.env"

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Kept(Generic[_Value]):
    """A result and when it was computed.

    Attributes:
        value: The result.
        at: When, UTC.
        problem: Why it could not be computed anew, if so.
    """

    value: _Value
    at: pd.Timestamp
    problem: str | None = None


class HouseState:
    """Settings, store and kept results of one running page.

    Changed configuration files are read again; if they cannot be used, the settings before stay, and `problem` says so.

    Args:
        environ: Environment variables with the paths of configuration, data and secrets.
        settings: The house as the page starts.
        clock: Monotonic seconds.
    """

    def __init__(
        self, environ: Mapping[str, str], settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.environ, self._settings, self._clock = environ, settings, clock
        self._store = store_of(hasty(settings))
        self._retired: list[Store] = []
        self._empty: Store | None = None
        self._empty_folder: TemporaryDirectory[str] | None = None
        self._lock = threading.Lock()
        self._stamp, self._looked = self._files(), clock()
        self._problem: SettingsError | None = None
        self._kept: OrderedDict[Hashable, tuple[float, Kept[object]]] = OrderedDict()
        self._computing: dict[Hashable, threading.Lock] = {}
        self.writing = threading.Lock()
        self.statistics = Statistics(settings.data_dir)
        self.started = pd.Timestamp.now("UTC")

    def close(self) -> None:
        """Close the store and write the statistics."""
        self.statistics.save()
        for store in (*self._retired, self._store):
            store.close()
        if self._empty is not None and self._empty_folder is not None:
            self._empty.close()
            self._empty_folder.cleanup()

    @property
    def settings(self) -> Settings:
        """The settings, read again after their files have changed."""
        now = self._clock()
        with self._lock:
            if now - self._looked >= _LOOK_SECONDS:
                self._looked = now
                stamp = self._files()
                if stamp != self._stamp:
                    self._stamp = stamp
                    self._read_again()
            return self._settings

    def read_settings_again(self) -> None:
        """Read the settings now, after the page itself has changed them."""
        with self._lock:
            self._stamp, self._looked = self._files(), self._clock()
            self._read_again()
        self.forget()

    @property
    def store(self) -> Store:
        """The store to read; an empty one where the embedded store has no file yet, so that looking makes none."""
        if not self.is_without_file(self.settings):
            return self._store
        with self._lock:
            if self._empty is None:
                self._empty_folder = TemporaryDirectory()
                self._empty = EmbeddedStore(embedded_path(Path(self._empty_folder.name)))
            return self._empty

    @property
    def store_to_write(self) -> Store:
        """The store to write; an embedded one is created by the first write."""
        return self._store

    def words(self, language: Language | None = None) -> Words:
        """Give the words of a language, by default the house's."""
        site = self.settings.site
        return Words(language or site.language, site.zone)

    def notices(self, words: Words) -> list[str]:
        """Give what every page should say: unusable settings, a missing data file."""
        found = []
        settings = self.settings
        if self._problem is not None:
            first = problem_texts(self._problem, words)[0]
            found.append(refusal_text("settings_old", words, problem=first))
        if self.is_without_file(settings):
            found.append(refusal_text("no_file", words, path=embedded_path(settings.data_dir)))
        return found

    def is_without_file(self, settings: Settings) -> bool:
        """Tell whether the embedded store has no file yet."""
        return settings.site.storage.backend == "embedded" and not embedded_path(settings.data_dir).exists()

    def kept(self, key: Hashable, compute: Callable[[], _Value]) -> Kept[_Value]:
        """Give a result that is some seconds old at most; equal questions are computed once.

        Where the store does not answer, the last result is given with the reason.

        Raises:
            StoreError: The store cannot be read, and there is no earlier result.
        """
        found: Kept[_Value] | None = self._fresh(key)
        if found is not None:
            return found
        with self._lock:
            turn = self._computing.setdefault(key, threading.Lock())
        try:
            with turn:
                found = self._fresh(key)
                return found if found is not None else self._computed(key, compute)
        finally:
            with self._lock:
                self._computing.pop(key, None)

    def forget(self) -> None:
        """Let go of all kept results, after something was written."""
        with self._lock:
            self._kept = OrderedDict((key, (0.0, kept)) for key, (_, kept) in self._kept.items())

    def _fresh(self, key: Hashable) -> Kept[_Value] | None:
        with self._lock:
            until, kept = self._kept.get(key, (0.0, None))
        return kept if kept is not None and self._clock() < until else None  # type: ignore[return-value]

    def _computed(self, key: Hashable, compute: Callable[[], _Value]) -> Kept[_Value]:
        at = pd.Timestamp.now("UTC")
        try:
            made = Kept(compute(), at)
        except StoreError as error:
            with self._lock:
                _, before = self._kept.get(key, (0.0, None))
            if before is None:
                raise
            return Kept(before.value, before.at, str(error))  # type: ignore[arg-type]
        with self._lock:
            self._kept[key] = (self._clock() + _KEPT_SECONDS, made)  # type: ignore[assignment]
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
        return made

    def _read_again(self) -> None:
        try:
            settings = load(self._settings.config_dir, self.environ)
        except SettingsError as error:
            self._problem = error
            _log.warning("the changed configuration cannot be used: %s", error)
            return
        self._problem = None
        before = self._settings
        if _store_settings(settings) != _store_settings(before):
            # Requests under way may still use it.
            self._retired.append(self._store)
            self._store = store_of(hasty(settings))
        self._settings = settings
        _log.info("the configuration was read again")

    def _files(self) -> Stamp:
        stamps: list[tuple[str, int, int]] = []
        for folder, pattern in ((self._settings.config_dir, _CONFIGURATION), (self._settings.secrets_dir, _SECRETS)):
            with suppress(OSError):
                for path in sorted(folder.glob(pattern)):
                    stat = path.stat()
                    stamps.append((str(path), stat.st_mtime_ns, stat.st_size))
        return tuple(stamps)


def _store_settings(settings: Settings) -> tuple[object, ...]:
    """Give what a store is made from."""
    secrets = settings.secrets
    return settings.site.storage, settings.site.influxdb, secrets.influx_token, secrets.influx_org
