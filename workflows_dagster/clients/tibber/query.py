"""GraphQL queries to Tibber, and the parsing of its answers; an invalid answer is refused as a whole."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from workflows_dagster.clients.tibber.service import TibberError

# Hours in 31 days: Tibber returns no more at once, and truncates silently.
HOURS_A_PAGE = 744
# A house connection of 63 A gives 44 kWh in an hour; more than this is impossible for a household.
MOST_KWH_AN_HOUR = 1000.0

_LONGEST_SHOWN = 60
_UNTRUSTED = "Nothing of this answer is used; the next sync asks again. If it stays so, report it to Tibber."
_HOME = "id appNickname address { address1 } currentSubscription { status }"
_PAGE = (
    "pageInfo { hasPreviousPage startCursor hasNextPage endCursor } "
    "nodes { from to consumption consumptionUnit cost unitPrice unitPriceVAT currency }"
)

ACCOUNT = f"query Account {{ viewer {{ name homes {{ {_HOME} }} }} }}"


@dataclass(frozen=True)
class Home:
    """One home of the account.

    Attributes:
        home_id: Tibber's id.
        name: Nickname, else the address line, else empty.
        subscription: Status of the current subscription (`running`, …), or None where there is none.
    """

    home_id: str
    name: str
    subscription: str | None

    def __str__(self) -> str:
        return f"{self.home_id} ({self.name})" if self.name else self.home_id


@dataclass(frozen=True)
class Account:
    """The account of a token.

    Attributes:
        name: The owner's name, or None.
        homes: The account's homes.
    """

    name: str | None
    homes: tuple[Home, ...]

    def home(self, home_id: str | None) -> Home:
        """Give the home with an id, or the only one.

        Raises:
            TibberError: There is no home, no such home, or several and no id.
        """
        if not self.homes:
            raise TibberError("Tibber: the account has no home. Make the token with the account of the subscription.")
        listed = ", ".join(str(home) for home in self.homes)
        if home_id is None:
            if len(self.homes) == 1:
                return self.homes[0]
            raise TibberError(
                f"Tibber: the account has {len(self.homes)} homes: {listed}. "
                "Write the id of the one that is meant into config.yaml as tibber.home_id."
            )
        for home in self.homes:
            if home.home_id == home_id:
                return home
        raise TibberError(f"Tibber: no home '{home_id}'; there is {listed}. Correct tibber.home_id in config.yaml.")


@dataclass(frozen=True)
class Stretch:
    """The range of one request: the newest hours, or a page before or after a cursor.

    Attributes:
        newest: Whether it is the last page before the cursor (True) or the first after it.
        cursor: The cursor; None for the end of the history.
    """

    newest: bool
    cursor: str | None

    @property
    def variables(self) -> dict[str, Any]:
        """The variables that the documents below need."""
        # Only used variables: a service may treat null as a given argument.
        return {"count": HOURS_A_PAGE} | ({} if self.cursor is None else {"cursor": self.cursor})

    def of_every_home(self) -> str:
        """Query all homes with their hours, which takes one request for a single home."""
        return f"query Hours({self._declared}) {{ viewer {{ homes {{ {_HOME} {self._consumption} }} }} }}"

    def of_home(self, *, listing: bool) -> str:
        """Query the hours of the home `$home`, with `listing` also the list of homes."""
        homes = f"homes {{ {_HOME} }} " if listing else ""
        home = f"home(id: $home) {{ {self._consumption} }}"
        return f"query Hours($home: ID!, {self._declared}) {{ viewer {{ {homes}{home} }} }}"

    @property
    def _declared(self) -> str:
        return "$count: Int!" + ("" if self.cursor is None else ", $cursor: String!")

    @property
    def _consumption(self) -> str:
        count, place = ("last", "before") if self.newest else ("first", "after")
        cursor = "" if self.cursor is None else f", {place}: $cursor"
        return f"consumption(resolution: HOURLY, {count}: $count{cursor}) {{ {_PAGE} }}"


class Hour(NamedTuple):
    """One hour as Tibber gives it; the prices in the currency, NaN if absent."""

    end: datetime
    consumption: float | None
    cost: float
    unit_price: float
    unit_price_vat: float
    currency: str | None


@dataclass(frozen=True)
class Page:
    """One page of hours.

    Attributes:
        hours: By start, UTC.
        has_previous: Whether there are older ones; None if Tibber does not say.
        has_next: Whether there are newer ones, likewise.
        start_cursor: Cursor of the oldest hour; empty on an empty page.
        end_cursor: Cursor of the newest, likewise.
    """

    hours: dict[datetime, Hour]
    has_previous: bool | None
    has_next: bool | None
    start_cursor: str
    end_cursor: str


def cursor_at(instant: datetime) -> str:
    """Write an instant as the cursor of the hour that begins there."""
    return base64.b64encode(instant.astimezone(UTC).isoformat(timespec="milliseconds").encode()).decode()


def account_in(answer: Mapping[str, Any]) -> Account:
    """Read name and homes.

    Raises:
        TibberError: The answer lacks them.
    """
    viewer = _object(answer, "viewer")
    homes = [_home(home, f"viewer.homes[{number}]") for number, home in _list(viewer, "homes", "viewer.homes")]
    return Account(_text(viewer, "name", "viewer.name"), tuple(homes))


def page_in(answer: Mapping[str, Any], home_id: str) -> Page | None:
    """Read a home's page of hours; None where the home has no consumption at all.

    Raises:
        TibberError: The answer is invalid; the message names the field.
    """
    viewer = _object(answer, "viewer")
    home = viewer.get("home")
    if not isinstance(home, dict):
        homes = viewer.get("homes")
        found = [home for home in homes if isinstance(home, dict)] if isinstance(homes, list) else []
        home = next((home for home in found if home.get("id") == home_id), {})
    if home.get("consumption") is None:
        return None
    connection = _object(home, "consumption")
    about = _object(connection, "pageInfo", "consumption.pageInfo")
    hours: dict[datetime, Hour] = {}
    for number, node in _list(connection, "nodes", "consumption.nodes"):
        start, hour = _hour(node, f"consumption.nodes[{number}]")
        # If an hour occurs twice, a value takes precedence over none.
        if hour.consumption is not None or start not in hours:
            hours[start] = hour
    if not hours:
        return Page({}, _flag(about, "hasPreviousPage"), _flag(about, "hasNextPage"), "", "")
    return Page(
        hours,
        _flag(about, "hasPreviousPage"),
        _flag(about, "hasNextPage"),
        _text(about, "startCursor", "pageInfo.startCursor") or cursor_at(min(hours)),
        _text(about, "endCursor", "pageInfo.endCursor") or cursor_at(max(hours)),
    )


def _home(home: object, where: str) -> Home:
    if not isinstance(home, dict):
        raise _malformed(where, home, "an object")
    home_id = _text(home, "id", f"{where}.id")
    if not home_id:
        raise _malformed(f"{where}.id", home.get("id"), "an id")
    address, subscription = home.get("address"), home.get("currentSubscription")
    line = _text(address, "address1", f"{where}.address.address1") if isinstance(address, dict) else None
    status = None
    if isinstance(subscription, dict):
        status = _text(subscription, "status", f"{where}.currentSubscription.status") or "unknown"
    return Home(home_id, _text(home, "appNickname", f"{where}.appNickname") or line or "", status)


def _hour(node: object, where: str) -> tuple[datetime, Hour]:
    if not isinstance(node, dict):
        raise _malformed(where, node, "an hour")
    start = _instant(node, "from", where)
    end = _instant(node, "to", where)
    if not start < end <= start + timedelta(hours=1):
        raise _malformed(f"{where}.to", node["to"], f"the end of the hour from {node['from']}")
    where = f"{where} ({node['from']})"
    unit = _text(node, "consumptionUnit", f"{where}.consumptionUnit")
    if unit not in (None, "kWh"):
        raise _malformed(f"{where}.consumptionUnit", unit, "kWh")
    consumption = _number(node, "consumption", where)
    if consumption is not None and not 0.0 <= consumption <= MOST_KWH_AN_HOUR:
        raise _malformed(f"{where}.consumption", consumption, f"an hour's consumption, 0 to {MOST_KWH_AN_HOUR:g} kWh")
    prices = (_number(node, key, where) for key in ("cost", "unitPrice", "unitPriceVAT"))
    cost, price, vat = (math.nan if price is None else price for price in prices)
    # Adding zero turns a negative zero into zero.
    known = None if consumption is None else consumption + 0.0
    return start, Hour(end, known, cost, price, vat, _text(node, "currency", f"{where}.currency"))


def _instant(node: Mapping[str, Any], key: str, where: str) -> datetime:
    try:
        instant = datetime.fromisoformat(node[key])
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    raise _malformed(f"{where}.{key}", node.get(key), "an instant with an offset")


def _number(node: Mapping[str, Any], key: str, where: str) -> float | None:
    value = node.get(key)
    if value is None:
        return None
    # In Python a bool is an int, and a JSON integer may exceed every float.
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 and math.isfinite(value):
        return float(value)
    raise _malformed(f"{where}.{key}", value, "a number")


def _object(parent: Mapping[str, Any], key: str, where: str | None = None) -> dict[str, Any]:
    value = parent.get(key)
    if isinstance(value, dict):
        return value
    raise _malformed(where or key, value, "an object")


def _list(parent: Mapping[str, Any], key: str, where: str) -> Iterator[tuple[int, Any]]:
    value = parent.get(key)
    if isinstance(value, list):
        return iter(enumerate(value))
    raise _malformed(where, value, "a list")


def _text(parent: Mapping[str, Any], key: str, where: str) -> str | None:
    value = parent.get(key)
    if value is None or isinstance(value, str):
        return value
    raise _malformed(where, value, "a text")


def _flag(parent: Mapping[str, Any], key: str) -> bool | None:
    value = parent.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise _malformed(f"pageInfo.{key}", value, "true or false")


def _malformed(where: str, value: object, expected: str) -> TibberError:
    shown = repr(value)
    if value is None:
        shown = "missing"
    elif len(shown) > _LONGEST_SHOWN:
        # A text is not cut: half of a secret that the service quotes would no longer be known for one.
        is_number = isinstance(value, int | float)
        shown = f"{shown[:_LONGEST_SHOWN]} …" if is_number else f"a value of {len(shown)} characters"
    return TibberError(f"Tibber: {where} is {shown}, not {expected}. {_UNTRUSTED}", passing=True)
