"""Computes what each event of a day changed: the running day, one that is over, or many at once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.device_use import day_of_devices
from workflows_dagster.domain.event_attribution import CREDITED, MARGIN, TEACHING, Streams, attribute_day, learn
from workflows_dagster.records.events import read_correlations, read_events, write_correlations
from workflows_dagster.records.power import kept_since, read_power, write_devices
from workflows_dagster.stores.tagged import TaggedStore

# Days whose streams are read together: more save little, and cost memory.
_TOGETHER = 7


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


@dataclass(frozen=True)
class Correlation:
    """Correlates events with the power of one house.

    Attributes:
        store: Streams and results.
        zone: Zone in which days are cut.
        source: Entity of the whole house's power.
        domains: Domains whose events count.
        keep_days: How long streams are kept. [d]
    """

    store: TaggedStore
    zone: ZoneInfo
    source: str
    domains: Collection[str]
    keep_days: int

    def is_expired(self, day: date, now: pd.Timestamp) -> bool:
        """Tell whether streams that a day is computed from are no longer kept."""
        return days.opening(day, self.zone) - TEACHING - MARGIN < kept_since(now, self.keep_days)

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
        civil = list(asked)
        for first in range(0, len(civil), _TOGETHER):
            together = civil[first : first + _TOGETHER]
            alive = [day for day in together if not self.is_expired(day, now)]
            streams = self._streams(alive[0], alive[-1]) if alive else None
            for day in together:
                if streams is None or day not in alive:
                    stored = read_correlations(self.store, *self._bounds(day))
                    done[day] = _counted(stored, expired=True)
                else:
                    done[day] = self._of_day(day, streams, now)
        return done

    def _of_day(self, day: date, streams: Streams, now: pd.Timestamp) -> CorrelatedDay:
        opening, closing = self._bounds(day)
        frame = attribute_day(streams, opening, closing, now)
        write_correlations(self.store, opening, closing, frame)
        if closing <= now:
            past = streams.between(closing - TEACHING - MARGIN, closing)
            write_devices(
                self.store, opening, closing, day_of_devices(past, frame, learn(past, closing), opening, closing)
            )
        return _counted(frame)

    def _streams(self, first: date, last: date) -> Streams:
        start = days.opening(first, self.zone) - TEACHING - MARGIN
        end = days.opening(last + timedelta(days=1), self.zone) + MARGIN
        return Streams.of(
            read_events(self.store, start, end, self.domains), read_power(self.store, start, end, self.source)
        )

    def _bounds(self, day: date) -> tuple[pd.Timestamp, pd.Timestamp]:
        return days.opening(day, self.zone), days.closing(day, self.zone)


def _counted(frame: pd.DataFrame, *, expired: bool = False) -> CorrelatedDay:
    return CorrelatedDay(len(frame), int(frame["method"].isin(CREDITED).sum()), expired)
