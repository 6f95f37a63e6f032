"""Listens to Home Assistant as long as the process runs: connects, fills holes, stores, and tells how it is."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd

from workflows_dagster.clients.home_assistant.connection import connect
from workflows_dagster.clients.home_assistant.errors import HomeAssistantError, RefusedTokenError
from workflows_dagster.live.recorder import LONGEST_HOLE, Recorder
from workflows_dagster.live.session import Session, open_session
from workflows_dagster.live.states import States
from workflows_dagster.records.live_status import LiveStatus
from workflows_dagster.services.home_assistant_access import access_of, check_clock
from workflows_dagster.settings.home_assistant import CLOCK_TOLD
from workflows_dagster.settings.load import Settings
from workflows_dagster.stores.open import hasty, store_of
from workflows_dagster.stores.ports import Store
from workflows_dagster.wording import Words
from workflows_dagster.wording.home_assistant import live_text

_log = logging.getLogger(__name__)
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Pace:
    """How often things are done. [s]

    Attributes:
        flush: Rows of this time are stored together.
        status: How often the status is stored.
        first_wait: Wait after the first failure; each one doubles it.
        longest_wait: Longest wait after a failure.
        overlap: A connection that is dead is noticed after so long, and all since is read again.
        look: How often an idle task looks for new settings.
    """  # noqa: D415

    flush: float = 5.0
    status: float = 300.0
    first_wait: float = 1.0
    longest_wait: float = 60.0
    overlap: float = 60.0
    look: float = 5.0


@dataclass(frozen=True)
class Report:
    """How the live connection is.

    Attributes:
        code: `off`, `connecting`, `connected`, `no_house` (nothing says which power is the whole house's) or `failing`.
        problem: Why it fails; empty if it does not.
        held: Rows that wait for the store.
        store_problem: Why the store does not take them; empty if it does.
        silent: Sensors of power that have sent nothing for a day.
    """

    code: str = "off"
    problem: str = ""
    held: int = 0
    store_problem: str = ""
    silent: tuple[str, ...] = ()


class LiveTask:
    """The task.

    Args:
        settings: Gives the house's settings; other ones than before mean that their files have changed.
        open_store: Opens the house's store.
        pace: How often things are done.
    """

    def __init__(
        self,
        settings: Callable[[], Settings],
        open_store: Callable[[Settings], Store] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._settings, self._pace = settings, pace or Pace()
        self._open = open_store or (lambda house: store_of(hasty(house)))
        self._heard: float | None = None
        self._connected: pd.Timestamp | None = None
        self._clock = float("nan")
        self._silent: dict[str, str] = {}
        self.report = Report()

    def notice(self, words: Words) -> tuple[bool, str]:
        """Tell whether it is as it should be, and how it is, as a sentence."""
        report = self.report
        is_good = report.code not in ("failing", "no_house") and not report.store_problem and not report.silent
        return is_good, live_text(report.code, report.problem, report.held, report.store_problem, report.silent, words)

    async def run(self) -> None:
        """Listen until cancelled. Whatever fails is told, and tried again with growing, jittered waits."""
        wait = self._pace.first_wait
        while True:
            settings = self._settings()
            if access_of(settings) is None:
                self.report = Report()
                await asyncio.sleep(self._pace.look)
                continue
            recorder, begun = Recorder(settings, self._open), time.monotonic()
            problem = ""
            try:
                await self._listen(settings, recorder)
            except HomeAssistantError as error:
                problem = str(error)
                _log.warning("%s", problem)
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
                _log.exception("The live connection to Home Assistant failed.")
            finally:
                await asyncio.shield(asyncio.to_thread(self._end, recorder, problem))
            if not problem:
                continue
            self.report = replace(self.report, code="failing", problem=problem)
            if time.monotonic() - begun > self._pace.longest_wait:
                wait = self._pace.first_wait
            await self._pause(settings, wait)
            wait = min(2 * wait, self._pace.longest_wait)

    def _end(self, recorder: Recorder, problem: str) -> None:
        recorder.flush()
        if problem:
            recorder.tell(self._status(problem))
        recorder.close()

    async def _pause(self, settings: Settings, seconds: float) -> None:
        until = time.monotonic() + seconds * random.uniform(0.5, 1.0)
        while (left := until - time.monotonic()) > 0 and self._settings() is settings:
            await asyncio.sleep(min(self._pace.look, left))

    async def _listen(self, settings: Settings, recorder: Recorder) -> None:
        """Connect and listen; return when the settings have changed.

        Raises:
            HomeAssistantError: It cannot be asked, refuses, or the connection breaks.
        """
        access = access_of(settings)
        assert access is not None
        access.check()
        if self.report.code == "off":
            # A connection that failed is failing until it is there again.
            self.report = replace(self.report, code="connecting")
        try:
            async with connect(access.url, access.token) as connection:
                access.note(None)
                self._clock = await connection.clock_difference()
                check_clock(self._clock)
                if abs(self._clock) > CLOCK_TOLD:
                    _log.warning("Home Assistant's clock is %.1f s ahead of this machine's.", self._clock)
                while self._settings() is settings:
                    session = await open_session(connection, settings.site.home_assistant, self._clock)
                    await self._follow(settings, session, recorder)
                    await session.unsubscribe()
        except RefusedTokenError as error:
            access.note(error)
            raise

    async def _follow(self, settings: Settings, session: Session, recorder: Recorder) -> None:
        """Listen to what one session watches, until settings or entities change."""
        await session.subscribe()
        await asyncio.to_thread(recorder.copy_past, session.watched, pd.Timestamp(session.now(), unit="s", tz="UTC"))
        since = await asyncio.to_thread(self._hole_from, settings, session, recorder)
        await self._fill(session, recorder, since)
        watched = session.watched
        self.report = replace(self.report, code="connected" if watched.house else "no_house", problem="")
        now = time.monotonic()
        next_flush, next_work, next_status = now, now, now
        hour = session.now() // 3600
        while not session.changed.is_set() and self._settings() is settings:
            recorder.add(await session.heard(max(next_flush - time.monotonic(), 0.0)))
            if time.monotonic() < next_flush:
                continue
            until = session.now()
            if until // 3600 > hour:
                hour = until // 3600
                recorder.add(session.states.renewed(hour * 3600))
            stored = await asyncio.to_thread(recorder.flush)
            self._connected = pd.Timestamp.now("UTC")
            if stored:
                self._heard = until
            next_flush = time.monotonic() + self._pace.flush
            if stored and recorder.missing_since is not None:
                await self._fill(session, recorder, recorder.missing_since, States(session.watched))
            elif stored and watched.house and time.monotonic() >= next_work:
                complete = pd.Timestamp(until, unit="s", tz="UTC")
                await asyncio.to_thread(recorder.work, watched.house, watched.circuits, complete)
                next_work = time.monotonic() + settings.site.home_assistant.processing_interval
            self._note_silent(session)
            self.report = replace(self.report, held=recorder.held, store_problem=recorder.problem or "")
            if time.monotonic() >= next_status:
                await asyncio.to_thread(recorder.tell, self._status(None))
                next_status = time.monotonic() + self._pace.status

    def _hole_from(self, settings: Settings, session: Session, recorder: Recorder) -> float:
        """Give the instant from which on something may be missing. [s since 1970]"""  # noqa: D415
        now = session.now()
        oldest = now - LONGEST_HOLE.total_seconds()
        if self._heard is not None:
            return max(self._heard - self._pace.overlap, oldest)
        begin = now - 60 * settings.site.home_assistant.lookback_minutes
        house = session.watched.house
        stored = recorder.newest(house, pd.Timestamp(now, unit="s", tz="UTC")) if house else None
        return max(begin if stored is None else min(begin, stored.timestamp()), oldest)

    @staticmethod
    async def _fill(session: Session, recorder: Recorder, since: float, states: States | None = None) -> None:
        """Read again what happened since an instant, and store it piece by piece. [s since 1970]"""  # noqa: D415
        async for begin, rows in session.missed(since, states):
            if not await asyncio.to_thread(recorder.refill, rows, begin):
                return

    def _note_silent(self, session: Session) -> None:
        now = pd.Timestamp.now("UTC")
        self._silent = {name: self._silent.get(name, now.isoformat()) for name in session.silent()}
        for_a_day = [name for name, since in self._silent.items() if now - pd.Timestamp(since) >= _DAY]
        self.report = replace(self.report, silent=tuple(for_a_day))

    def _status(self, problem: str | None) -> LiveStatus:
        return LiveStatus(pd.Timestamp.now("UTC"), self._connected, problem, self._clock, dict(self._silent))
