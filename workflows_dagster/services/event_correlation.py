"""Computes what each event of a day changed: the running day, one that is over, or many at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.device_steps import TEACHING_DAYS, DeviceStep
from workflows_dagster.domain.device_teaching import TaughtDay, learn, teach
from workflows_dagster.domain.device_use import day_of_devices
from workflows_dagster.domain.event_attribution import CREDITED, MARGIN, Streams, attribute_day
from workflows_dagster.records.events import add_correlations, read_correlations, read_events, write_correlations
from workflows_dagster.records.power import deleted_before, kept_since, read_power, write_devices
from workflows_dagster.stores.ports import Store

_NO_POWER = pd.DataFrame({"time": pd.DatetimeIndex([], tz="UTC"), "power_w": np.empty(0)})


@dataclass(frozen=True)
class CorrelatedDay:
    """What became of one day.

    Attributes:
        events: Number of judged events.
        credited: Number of those that changed the power.
        expired: Its streams are no longer complete, so that what is stored was kept.
    """

    events: int
    credited: int
    expired: bool = False


class Correlation:
    """Correlates events with the power of one house.

    What a day teaches is kept, so that a range reads each day's streams once, and the running day only its own.
    """

    def __init__(self, store: Store, zone: ZoneInfo, source: str, domains: Collection[str], keep_days: int) -> None:
        """Set what is correlated; nothing is read yet.

        Args:
            store: Streams and results.
            zone: Zone in which days are cut.
            source: Entity of the whole house's power.
            domains: Domains whose events count.
            keep_days: How long streams are kept. [d]
        """
        self._store, self._zone, self.source = store, zone, source
        self._domains, self._keep_days = domains, keep_days
        self._taught: dict[date, TaughtDay] = {}

    def is_expired(self, day: date, now: pd.Timestamp) -> bool:
        """Tell whether streams that a day is computed from are no longer kept."""
        first = days.opening(day - timedelta(days=TEACHING_DAYS), self._zone) - MARGIN
        return first < max(kept_since(now, self._keep_days), self._deleted)

    @cached_property
    def _deleted(self) -> pd.Timestamp:
        """Instant before which streams were deleted: keeping them longer from now on brings none back."""
        return deleted_before(self._store)

    def of_days(self, asked: DayRange, now: pd.Timestamp) -> dict[date, CorrelatedDay]:
        """Compute and store what the events of these days changed, and what the devices drew.

        A day whose streams have expired keeps what is stored. The devices of a running day are not stored yet.

        Args:
            asked: The days.
            now: Instant up to which the streams are complete, UTC.

        Raises:
            StoreError: The store cannot be read or written.
        """
        done: dict[date, CorrelatedDay] = {}
        self._taught.clear()
        for day in asked:
            opening, closing = self._bounds(day)
            if self.is_expired(day, now):
                done[day] = _counted(read_correlations(self._store, opening, closing), expired=True)
                continue
            devices = self._devices_on(day)
            streams = self._streams(opening - MARGIN, closing + MARGIN)
            frame = attribute_day(streams, devices, opening, closing, now)
            write_correlations(self._store, opening, closing, frame)
            if closing <= now:
                self._write_devices(day, frame)
            done[day] = _counted(frame)
        return done

    def running(self, now: pd.Timestamp, since: pd.Timestamp | None = None) -> pd.DataFrame:
        """Judge and store the events that have become final, of the running day and of the one before.

        Args:
            now: Instant up to which the streams are complete, UTC.
            since: Instant up to which all events are judged, UTC: what the last call was given as `now`, or earlier
                where streams were filled since. None judges both days anew.

        Returns:
            The rows stored, as `domain.event_attribution.attribute` gives them.

        Raises:
            StoreError: The store cannot be read or written.
        """
        today = days.civil_day(now, self._zone)
        frames = []
        for day in (today - timedelta(days=1), today):
            opening, closing = self._bounds(day)
            # No event is judged later than `MARGIN` after it.
            begin = opening if since is None else max(opening, since - MARGIN)
            if begin >= closing:
                continue
            streams = self._streams(begin - MARGIN, min(closing + MARGIN, now))
            frames.append(attribute_day(streams, self._devices_on(day), begin, closing, now))
        found = pd.concat(frames, ignore_index=True)
        add_correlations(self._store, found)
        return found

    def _devices_on(self, day: date) -> Mapping[str, DeviceStep]:
        """Learn the devices as they are known when a day opens."""
        before = [day - timedelta(days=back) for back in range(TEACHING_DAYS, 0, -1)]
        for old in [known for known in self._taught if known < before[0]]:
            del self._taught[old]
        for one in before:
            if one not in self._taught:
                opening, closing = self._bounds(one)
                self._taught[one] = teach(self._streams(opening - MARGIN, closing), opening, closing)
        return learn([self._taught[one] for one in before])

    def _write_devices(self, day: date, frame: pd.DataFrame) -> None:
        opening, closing = self._bounds(day)
        start = days.opening(day - timedelta(days=TEACHING_DAYS), self._zone)
        events = Streams.of(read_events(self._store, start, closing, self._domains), _NO_POWER)
        devices = self._devices_on(day + timedelta(days=1))
        write_devices(self._store, opening, closing, day_of_devices(events, frame, devices, opening, closing))

    def _streams(self, start: pd.Timestamp, end: pd.Timestamp) -> Streams:
        return Streams.of(
            read_events(self._store, start, end, self._domains), read_power(self._store, start, end, self.source)
        )

    def _bounds(self, day: date) -> tuple[pd.Timestamp, pd.Timestamp]:
        return days.opening(day, self._zone), days.closing(day, self._zone)


def _counted(frame: pd.DataFrame, *, expired: bool = False) -> CorrelatedDay:
    return CorrelatedDay(len(frame), int(frame["method"].isin(CREDITED).sum()), expired)
