"""Reads Tibber's hourly consumption and prices of one home."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from workflows_dagster.clients.tibber.query import (
    ACCOUNT,
    Account,
    Home,
    Hour,
    Page,
    Stretch,
    account_in,
    cursor_at,
    page_in,
)
from workflows_dagster.clients.tibber.service import Ask, QuestionRefusedError, TibberError, TibberService
from workflows_dagster.clients.tibber.unknown_hours import overdue, since_for
from workflows_dagster.retry import Clock, SystemClock

__all__ = ["Account", "Home", "TibberClient", "TibberError", "TibberHours", "overdue", "since_for"]

_log = logging.getLogger(__name__)

# Cursors are instants. In case a service reads ours in its own zone, or includes the hour at the cursor on the other
# side, a few more hours are requested.
_MARGIN = pd.Timedelta(hours=3)
# Tibber may list endless empty hours before the contract; a year of them ends the search.
_EMPTY_PAGES = 12


@dataclass(frozen=True, eq=False)
class TibberHours:
    """Hours of one home.

    Attributes:
        home: The home.
        known: Hours with a consumption. Index `start`, UTC (`datetime64[us, UTC]`), increasing, each hour once; columns
            `end` (UTC), `consumption` [kWh], `cost` [currency], `unit_price` and `unit_price_vat` [currency/kWh] (NaN
            where Tibber gives none), `currency` (`object`, None where Tibber gives none).
        unknown: Starts of the hours that Tibber lists without a consumption: unknown, not zero.
    """

    home: Home
    known: pd.DataFrame
    unknown: pd.DatetimeIndex


class TibberClient:
    """Reads one home's hours. It keeps no connection open between calls.

    Args:
        url: Address of the GraphQL service.
        token: Access token; it appears in no text, no log and no error.
        home_id: Id of the home; None for the only one.
        timeout_seconds: Longest wait for a connection, and for each piece of an answer. [s]
        attempts: Most tries of one request.
        clock: Clock for waits; the machine's monotonic clock by default.

    Raises:
        TibberError: There is no token, or it is not a possible one.
    """

    def __init__(
        self,
        url: str,
        token: str,
        home_id: str | None,
        *,
        timeout_seconds: float = 30,
        attempts: int = 5,
        clock: Clock | None = None,
    ) -> None:
        self._service = TibberService(
            url, token, timeout_seconds=timeout_seconds, attempts=attempts, clock=clock or SystemClock()
        )
        self._home_id = home_id

    def __repr__(self) -> str:
        return f"TibberClient(url={self._service.url!r}, home_id={self._home_id!r})"

    def check(self) -> tuple[Account, Home]:
        """Read the account and home of the token, with one small request.

        Returns:
            The account, and the home whose hours are read.

        Raises:
            TibberError: Tibber cannot be reached, refuses the token, or it is not clear which home is meant.
        """
        with self._service.connected() as ask:
            account = account_in(ask(ACCOUNT, {}))
        return account, account.home(self._home_id)

    def hours(self, since: pd.Timestamp | None, until: pd.Timestamp | None = None) -> TibberHours:
        """Read all hours that start in `[since, until)`, or raise.

        Up to a month takes one request, the whole history one for every 31 days.

        Args:
            since: First instant, UTC; None reads the whole history, without the empty hours before the first value,
                which are from before the contract.
            until: Instant after the last, UTC; None reads all there are.

        Raises:
            TibberError: Some hours could not be read, or a value is impossible.
        """
        with self._service.connected() as ask:
            home, found = self._all_back(ask, until) if since is None else self._all_from(ask, since, until)
        starts = [
            start for start in sorted(found) if (since is None or start >= since) and (until is None or start < until)
        ]
        hours = _tabulated(home, {start: found[start] for start in starts})
        if since is None and not hours.known.empty:
            return TibberHours(home, hours.known, hours.unknown[hours.unknown > hours.known.index[0]])
        return hours

    def _all_back(self, ask: Ask, until: pd.Timestamp | None) -> tuple[Home, dict[datetime, Hour]]:
        stretch = Stretch(newest=True, cursor=None if until is None else cursor_at(until + _MARGIN))
        home, page = self._first_page(ask, stretch)
        if not page.hours and home.subscription is None:
            raise _without_consumption(home)
        found = dict(page.hours)
        empty = 0
        while page.hours and page.has_previous is not False and empty < _EMPTY_PAGES:
            oldest = min(found)
            page = _next_page(ask, home, Stretch(newest=True, cursor=page.start_cursor))
            _join(found, page.hours)
            if min(found) == oldest and len(page.hours) > 1:
                raise _repeats(oldest)
            if min(found) == oldest:
                break
            empty = 0 if any(hour.consumption is not None for hour in page.hours.values()) else empty + 1
            _log.info("Tibber: %d hours so far, back to %s", len(found), min(found).isoformat())
        return home, found

    def _all_from(self, ask: Ask, since: pd.Timestamp, until: pd.Timestamp | None) -> tuple[Home, dict[datetime, Hour]]:
        home, page = self._first_page(ask, Stretch(newest=False, cursor=cursor_at(since - _MARGIN)))
        found = dict(page.hours)
        while page.hours and page.has_next is not False and (until is None or max(found) < until):
            newest = max(found)
            page = _next_page(ask, home, Stretch(newest=False, cursor=page.end_cursor))
            _join(found, page.hours)
            if max(found) == newest and len(page.hours) > 1:
                raise _repeats(newest)
            if max(found) == newest:
                break
        return home, found

    def _first_page(self, ask: Ask, stretch: Stretch) -> tuple[Home, Page]:
        """Request the home and its page at once, so that a sync takes one request."""
        if self._home_id is None:
            answer = ask(stretch.of_every_home(), stretch.variables)
        else:
            try:
                answer = ask(stretch.of_home(listing=True), stretch.variables | {"home": self._home_id})
            except QuestionRefusedError:
                # There may be no such home; the list of homes then gives a clearer error than Tibber.
                account_in(ask(ACCOUNT, {})).home(self._home_id)
                raise
        home = account_in(answer).home(self._home_id)
        page = page_in(answer, home.home_id)
        if page is None:
            raise _without_consumption(home)
        return home, page


def _next_page(ask: Ask, home: Home, stretch: Stretch) -> Page:
    page = page_in(ask(stretch.of_home(listing=False), stretch.variables | {"home": home.home_id}), home.home_id)
    if page is None:
        raise TibberError(
            f"Tibber: the consumption of home {home} ended in the middle of the pages. The next sync asks again.",
            passing=True,
        )
    return page


def _join(found: dict[datetime, Hour], page: dict[datetime, Hour]) -> None:
    """Add a page; where pages overlap, the last known value counts."""
    for start, hour in page.items():
        if hour.consumption is not None or start not in found:
            found[start] = hour


def _repeats(bound: datetime) -> TibberError:
    return TibberError(
        f"Tibber: the pages do not get beyond the hour {bound:%Y-%m-%d %H:%M} UTC, though there should be more. "
        "Nothing of them is used; the next sync asks again. If it stays so, report it to Tibber.",
        passing=True,
    )


def _without_consumption(home: Home) -> TibberError:
    status = "no subscription" if home.subscription is None else f"a subscription that is '{home.subscription}'"
    return TibberError(
        f"Tibber: home {home} has no consumption, and {status}. "
        "Take another home (tibber.home_id in config.yaml), or wait until Tibber delivers.",
        passing=home.subscription is not None,
    )


def _tabulated(home: Home, hours: dict[datetime, Hour]) -> TibberHours:
    known = {start: hour for start, hour in hours.items() if hour.consumption is not None}
    unknown = [start for start, hour in hours.items() if hour.consumption is None]
    index = _instants(list(known))
    columns: dict[str, tuple[list[Any], str]] = {
        "end": ([hour.end for hour in known.values()], "datetime64[us, UTC]"),
        "consumption": ([hour.consumption for hour in known.values()], "float64"),
        "cost": ([hour.cost for hour in known.values()], "float64"),
        "unit_price": ([hour.unit_price for hour in known.values()], "float64"),
        "unit_price_vat": ([hour.unit_price_vat for hour in known.values()], "float64"),
        "currency": ([hour.currency for hour in known.values()], "object"),
    }
    table = pd.DataFrame({name: pd.Series(values, index, dtype=dtype) for name, (values, dtype) in columns.items()})
    return TibberHours(home, table, _instants(unknown))


def _instants(instants: list[datetime]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(pd.Series(instants, dtype="datetime64[us, UTC]"), name="start")
