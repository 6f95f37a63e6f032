"""Gives the hours of meters back to Home Assistant: finds what it lacks, sends from the first changed hour on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

import pandas as pd

from workflows_dagster.clients.home_assistant.dialect import Statistic
from workflows_dagster.clients.home_assistant.errors import HomeAssistantError
from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.months import month_of
from workflows_dagster.domain.statistic_slots import first_difference
from workflows_dagster.evaluation.costs import is_priced
from workflows_dagster.evaluation.statistic_sums import Sums, given_days, sums_since
from workflows_dagster.records.sent_statistics import Sent, meters_sent, read_sent, write_sent
from workflows_dagster.repair.given_back import inputs_by_month
from workflows_dagster.repair.snapshot import digest
from workflows_dagster.retry import Clock, SystemClock, wait
from workflows_dagster.settings.home_assistant import SOURCE, cost_id, statistic_id, statistic_unit
from workflows_dagster.settings.load import Settings
from workflows_dagster.settings.meters import Meter
from workflows_dagster.stores.ports import Store
from workflows_dagster.wording import words_of

_HOUR, _WITHIN = pd.Timedelta(hours=1), pd.Timedelta(minutes=59)
# The recorder of a small machine stores some hundred hours a second, and four years have 35,000. [s]
_FIRST_PAUSE, _LONGEST_PAUSE, _PATIENCE = 0.1, 5.0, 900.0


class Target(Protocol):
    """Home Assistant's statistics, such as `clients.home_assistant.blocking.HomeAssistant`."""

    def send_sums(self, statistic: Statistic, sums: pd.Series) -> int:
        """Send sums by hour, and give the number of messages."""
        ...

    def read_sums(self, ids: Sequence[str], start: pd.Timestamp, end: pd.Timestamp) -> dict[str, pd.Series]:
        """Read the sums of the hours in `[start, end)` by id."""
        ...

    def listed(self, source: str) -> dict[str, dict[str, Any]]:
        """Give the statistics of a source by id."""
        ...

    def clear(self, ids: Sequence[str]) -> None:
        """Delete statistics."""
        ...


@dataclass(frozen=True)
class Given:
    """What was sent of a meter.

    Attributes:
        hours: Number of sums, of use and cost together.
        messages: Number of messages.
        since: First hour, UTC; None if nothing was sent.
    """

    hours: int = 0
    messages: int = 0
    since: pd.Timestamp | None = None

    def __add__(self, other: Given) -> Given:
        """Add what was sent of another statistic."""
        starts = [one for one in (self.since, other.since) if one is not None]
        return Given(self.hours + other.hours, self.messages + other.messages, min(starts, default=None))


class GivenBack:
    """The statistics of one house.

    Args:
        settings: The house.
        store: Its readings, days and costs, and the marks of what Home Assistant has.
        last: Last complete day.
        clock: Times the wait for Home Assistant's recorder.
    """

    def __init__(self, settings: Settings, store: Store, last: date, clock: Clock | None = None) -> None:
        self._settings, self._store, self._last, self._zone = settings, store, last, settings.site.zone
        self._clock = clock or SystemClock()

    @property
    def meters(self) -> tuple[str, ...]:
        """The meters that are given back."""
        return self._settings.site.home_assistant.statistics

    def due(self) -> list[str]:
        """Find the meters of which something has changed since Home Assistant was given it.

        Raises:
            StoreError: The store cannot be read.
        """
        marks = {name: read_sent(self._store, name, self._zone) for name in self.meters}
        inputs = inputs_by_month(self._settings, self._store, self._spans(marks))
        return [
            name
            for name in self.meters
            if {month: mark.inputs for month, mark in marks[name].items()} != inputs.get(name, {})
        ]

    def left_over(self) -> list[str]:
        """Find meters that Home Assistant was given and that config.yaml no longer names.

        Raises:
            StoreError: The store cannot be read.
        """
        return sorted(meters_sent(self._store) - set(self.meters))

    def give(self, names: Sequence[str], target: Target) -> dict[str, Given]:
        """Send what Home Assistant lacks of some meters, and see that it reads back.

        Args:
            names: The meters, some of `meters`.
            target: Home Assistant.

        Raises:
            StoreError: The store cannot be read or written.
            HomeAssistantError: Not everything was sent, or it does not read back; the next try begins there again.
        """
        there = target.listed(SOURCE)
        marks = {name: read_sent(self._store, name, self._zone) for name in names}
        spans = self._spans(marks)
        inputs = inputs_by_month(self._settings, self._store, spans)
        given = {}
        for name in spans:
            meter = self._settings.meters[name]
            known = marks[name] if all(one.statistic_id in there for one in self.statistics(meter)) else {}
            given[name] = self._give(meter, spans[name], inputs[name], known, there, target)
        return given

    def statistics(self, meter: Meter) -> tuple[Statistic, ...]:
        """Give a meter's statistic, and that of its cost if it has one."""
        name, unit = meter.description or meter.meter_id, statistic_unit(meter.output_unit)
        assert unit is not None
        use = Statistic(statistic_id(meter.meter_id), name, unit)
        if not is_priced(self._settings, meter):
            return (use,)
        cost_name = words_of(self._settings.site).say("{meter}: cost", meter=name)
        return use, Statistic(cost_id(meter.meter_id), cost_name, self._settings.tariffs.currency)

    def verify(self, target: Target) -> dict[str, date]:
        """Read the last hour of each month back; what is not there as it was sent is sent again next time.

        Returns:
            First month that does not read back, by meter.

        Raises:
            StoreError: The store cannot be read or written.
            HomeAssistantError: It cannot be asked.
        """
        wanted: dict[str, dict[str, tuple[date, Sent]]] = {}
        for name in self.meters:
            for month, mark in read_sent(self._store, name, self._zone).items():
                wanted.setdefault(mark.last, {})[name] = (month, mark)
        lost: dict[str, date] = {}
        for hour in sorted(wanted):
            start, asked = pd.Timestamp(hour), wanted[hour]
            held = target.read_sums([statistic_id(name) for name in asked], start, start + _HOUR)
            for name, (month, mark) in asked.items():
                if name not in lost and held[statistic_id(name)].tolist() != [mark.shown]:
                    lost[name] = month
        for name, month in lost.items():
            self._write(name, month, {})
        return lost

    def clear(self, meter_id: str, target: Target) -> None:
        """Delete a meter's statistics in Home Assistant; if it is still given back, all of it is sent next time.

        Raises:
            StoreError: The marks are not deleted.
            HomeAssistantError: They are not deleted.
        """
        target.clear([statistic_id(meter_id), cost_id(meter_id)])
        marks = read_sent(self._store, meter_id, self._zone)
        if marks:
            self._write(meter_id, min(marks), {})

    def _spans(self, marks: Mapping[str, Mapping[date, Sent]]) -> dict[str, DayRange]:
        """Give the days of each meter, and those that Home Assistant has beyond them: single hours stay there."""
        spans = {}
        for name, found in marks.items():
            own = given_days(self._settings, self._store, name, self._last)
            # Where a day opens within an hour, the first hour begins in the day before.
            held = [pd.Timestamp(mark.first) + _WITHIN for mark in found.values()]
            held += [pd.Timestamp(mark.last) for mark in found.values()]
            ends = [days.civil_day(hour, self._zone) for hour in held] + ([own.first, own.last] if own else [])
            if ends:
                spans[name] = DayRange(min(ends), max(ends))
        return spans

    def _give(
        self,
        meter: Meter,
        span: DayRange,
        inputs: Mapping[date, str],
        marks: Mapping[date, Sent],
        there: Mapping[str, dict[str, Any]],
        target: Target,
    ) -> Given:
        name, statistics = meter.meter_id, self.statistics(meter)
        months = sorted(inputs)
        due = next((month for month in months if month not in marks or marks[month].inputs != inputs[month]), None)
        if due is None:
            return Given()
        before = marks.get(months[max(months.index(due) - 1, 0)]) if due != months[0] else None
        asked = DayRange(max(due, span.first), span.last)
        first = days.opening(span.first, self._zone).floor("h")
        start = (before.use, before.cost) if before else (0.0, 0.0)
        sums = sums_since(self._settings, self._store, meter, asked, first, start)
        new = {month: _mark(sums, month, inputs[month], first) for month in months if month >= due}
        changed = next((m for m in new if m not in marks or marks[m].digest != new[m].digest), None)
        given = Given()
        if changed is not None:
            # Until all of it reads back, nothing from here on counts as there.
            self._write(name, changed, {})
            begin = sums.hours[changed][0]
            for statistic, values in zip(statistics, (sums.use, sums.cost), strict=False):
                known = statistic.statistic_id in there
                given += self._send(statistic, values[values.index >= begin], target, known=known)
        for statistic, values in zip(statistics, (sums.use, sums.cost), strict=False):
            if there.get(statistic.statistic_id, {}).get("name", statistic.name) != statistic.name:
                # A name goes with a sum.
                target.send_sums(statistic, values[-1:])
        self._write(name, due, new)
        return given

    def _write(self, name: str, since: date, marks: Mapping[date, Sent]) -> None:
        meter = next((one for one in self._settings.meters if one.meter_id == name), None)
        unit = statistic_unit(meter.output_unit) if meter is not None else None
        write_sent(self._store, name, unit or "kWh", self._zone, month_of(since), marks)

    def _send(self, statistic: Statistic, sums: pd.Series, target: Target, *, known: bool) -> Given:
        """Send the sums from the first that Home Assistant does not have, and wait until they read back."""
        ids = [statistic.statistic_id]
        if known:
            held = target.read_sums(ids, sums.index[0], sums.index[-1] + _HOUR)[statistic.statistic_id]
            since = first_difference(held, sums)
            if since is None:
                return Given()
            sums = sums[sums.index >= since]
        messages = target.send_sums(statistic, sums)
        until, pause = self._clock.monotonic() + _PATIENCE, _FIRST_PAUSE
        while not self._is_there(ids, sums[-1:], target) or not self._is_there(ids, sums, target):
            if self._clock.monotonic() > until:
                raise HomeAssistantError(
                    f"the sums of {statistic.statistic_id} do not read back as they were sent. Look into its log for "
                    "what its recorder says; the next run sends them again."
                )
            wait(self._clock, pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        return Given(len(sums), messages, pd.Timestamp(sums.index[0]))

    @staticmethod
    def _is_there(ids: Sequence[str], sums: pd.Series, target: Target) -> bool:
        held = target.read_sums(ids, sums.index[0], sums.index[-1] + _HOUR)[ids[0]]
        return first_difference(held, sums) is None


def _mark(sums: Sums, month: date, inputs: str, first: pd.Timestamp) -> Sent:
    use, cost = sums.of_month(month)
    return Sent(
        inputs=inputs,
        digest=digest(use.to_numpy().tobytes(), cost.to_numpy().tobytes()),
        use=sums.ends[month][0],
        cost=sums.ends[month][1],
        first=first.isoformat(),
        last=use.index[-1].isoformat(),
        shown=float(use.iloc[-1]),
    )
