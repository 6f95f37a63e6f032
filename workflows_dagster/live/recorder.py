"""Stores what comes: rows, five minutes of power, what each event changed, how the connection is."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from datetime import timedelta

import pandas as pd

from workflows_dagster.domain.days import DayRange, civil_day
from workflows_dagster.domain.smart_meter import FIVE_MINUTES
from workflows_dagster.live.spool import Spool
from workflows_dagster.live.states import Rows, Watched
from workflows_dagster.records.live_status import LiveStatus, write_live_status
from workflows_dagster.records.power import kept_since, read_power
from workflows_dagster.services.event_correlation import Correlation
from workflows_dagster.services.live_power import store_five_minutes
from workflows_dagster.services.power_past import copy_past
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.ports import Store, StoreError

_log = logging.getLogger(__name__)

# While the store is away, so many rows are held; what has no room is read from Home Assistant's history again.
MOST_HELD = 50_000
# Registers report every few seconds at most; two days of them reach back before midnight. [rows]
_REGISTER_ROWS = 40_000
# Home Assistant keeps its history for ten days.
LONGEST_HOLE = pd.Timedelta(days=10)
_DAY = pd.Timedelta(days=1)


class Recorder:
    """Writes to the store; each method blocks, so that the task calls it in a thread, one at a time.

    Args:
        settings: The house.
        open_store: Opens its store; opened at the first use.
    """

    def __init__(self, settings: Settings, open_store: Callable[[Settings], Store]) -> None:
        self._settings, self._open = settings, open_store
        self._store: Store | None = None
        self._spool = Spool(MOST_HELD)
        self._register: deque[tuple[float, float]] = deque(maxlen=_REGISTER_ROWS)
        self._five_since: pd.Timestamp | None = None
        self._judged: pd.Timestamp | None = None
        self._hole_since: pd.Timestamp | None = None
        self._correlation: Correlation | None = None
        self.problem: str | None = None

    @property
    def held(self) -> int:
        """How many rows wait for the store."""
        return len(self._spool)

    @property
    def missing_since(self) -> float | None:
        """When the first row came that had no room; it must be read again. [s since 1970]"""  # noqa: D415
        return self._spool.missing_since

    def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            self._store.close()

    def copy_past(self, watched: Watched, now: pd.Timestamp) -> None:
        """Copy what another writer has put into the raw bucket, where the streams do not reach back a day yet."""
        if watched.house is None:
            return
        oldest, yesterday = kept_since(now, self._settings.site.home_assistant.keep_days), now - _DAY
        store = self._opened()
        try:
            if len(read_power(store, yesterday - LONGEST_HOLE, yesterday, watched.house)):
                return
            begun = copy_past(store, watched.power, watched.devices, oldest, now)
        except StoreError as error:
            self.problem = str(error)
            return
        if begun is not None:
            _log.info("Power and events since %s were found in the raw bucket.", f"{begun:%Y-%m-%d}")
            self._hole_since = begun

    def newest(self, entity_id: str, now: pd.Timestamp) -> pd.Timestamp | None:
        """Give when the newest power of an entity was stored, in the last ten days; None if that is not known."""
        try:
            for back in (pd.Timedelta(hours=2), LONGEST_HOLE):
                found = read_power(self._opened(), now - back, now, entity_id)
                if len(found):
                    return pd.Timestamp(found["time"].iloc[-1])
        except StoreError as error:
            self.problem = str(error)
        return None

    def add(self, rows: Rows) -> None:
        """Take rows that have just come."""
        self._spool.add(rows)
        self._register.extend(rows.register)

    def refill(self, rows: Rows, since: float) -> bool:
        """Store rows of a hole, and reopen what was computed since it began.

        Args:
            rows: What happened in a piece of it.
            since: Where the piece begins. [s since 1970]

        Returns:
            Whether they are stored; if not, all since then must be read again.
        """
        begun = pd.Timestamp(since, unit="s", tz="UTC")
        self._five_since = min(self._five_since or begun, begun).floor(FIVE_MINUTES)
        self._hole_since = min(self._hole_since or begun, begun)
        # What a day taught may be another now.
        self._correlation = None
        self._register.extend(rows.register)
        self._spool.lacks(None)
        self._spool.refill(rows)
        is_stored = self.flush()
        if not is_stored:
            self._spool.lacks(since)
        return is_stored

    def flush(self) -> bool:
        """Store the rows that wait.

        Returns:
            Whether nothing waits any more.
        """
        try:
            if self.problem is not None and not len(self._spool):
                now = pd.Timestamp.now("UTC")
                read_power(self._opened(), now - pd.Timedelta(minutes=1), now)
            self._spool.store(self._opened())
        except StoreError as error:
            if self.problem is None:
                _log.warning("Power and events wait for the store: %s", error)
            self.problem = str(error)
            return False
        if self.problem is not None:
            _log.info("The store answers again; what waited is stored.")
        self.problem = None
        return True

    def work(self, source: str, circuits: Mapping[str, str], until: pd.Timestamp) -> None:
        """Compute the five minutes that are over, and judge the events that have become final.

        What the store does not take is done the next time.

        Args:
            source: Entity of the whole house's power.
            circuits: Entities of the circuits, with their names.
            until: Instant up to which the streams are stored, UTC.
        """
        try:
            self._work(source, circuits, until)
        except StoreError as error:
            self.problem = str(error)

    def _work(self, source: str, circuits: Mapping[str, str], until: pd.Timestamp) -> None:
        zone, store = self._settings.site.zone, self._opened()
        since = self._five_since if self._five_since is not None else until.floor(FIVE_MINUTES) - FIVE_MINUTES
        # After a long hole, a day at a time.
        while (part := min(since + _DAY, until)) > since:
            done = store_five_minutes(store, zone, source, circuits, since, part, self._readings())
            self._five_since = since = done if done is not None and done > since else part.floor(FIVE_MINUTES)
            if part == until:
                break
        if self._correlation is None or self._correlation.source != source:
            named = self._settings.site.home_assistant
            self._correlation = Correlation(store, zone, source, named.event_domains, named.keep_days)
            self._judged = None
        if self._hole_since is not None:
            # The running day and the one before are judged anyway.
            first, last = civil_day(self._hole_since, zone), civil_day(until, zone) - timedelta(days=2)
            if first <= last:
                self._correlation.of_days(DayRange(first, last), until)
            self._hole_since = None
        self._correlation.running(until, self._judged)
        self._judged = until

    def tell(self, status: LiveStatus) -> None:
        """Store how the connection is; a store that is away is told elsewhere."""
        try:
            write_live_status(self._opened(), status)
        except StoreError as error:
            _log.debug("The status is not stored: %s", error)

    def _readings(self) -> pd.Series | None:
        if not self._register:
            return None
        times, values = zip(*sorted(dict(self._register).items()), strict=True)
        index = pd.to_datetime(pd.Series(times).mul(1e6).round().astype("int64"), unit="us", utc=True)
        return pd.Series(values, pd.DatetimeIndex(index), dtype=float)

    def _opened(self) -> Store:
        if self._store is None:
            self._store = self._open(self._settings)
        return self._store
