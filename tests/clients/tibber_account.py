"""A Tibber account that answers real GraphQL on Tibber's types, with hours that become known and are corrected."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from graphql import GraphQLError, build_schema, graphql_sync

_SCHEMA = build_schema(
    """
    enum EnergyResolution { HOURLY DAILY WEEKLY MONTHLY ANNUAL }
    type Query { viewer: Viewer! }
    type Viewer { name: String homes: [Home]! home(id: ID!): Home! }
    type Address { address1: String }
    type Subscription { id: ID! status: String }
    type Home {
      id: ID!
      appNickname: String
      address: Address
      timeZone: String!
      currentSubscription: Subscription
      consumption(
        resolution: EnergyResolution!, first: Int, last: Int, before: String, after: String
      ): HomeConsumptionConnection
    }
    type HomeConsumptionConnection { pageInfo: HomeConsumptionPageInfo! nodes: [Consumption] }
    type HomeConsumptionPageInfo {
      endCursor: String
      hasNextPage: Boolean
      hasPreviousPage: Boolean
      startCursor: String
      count: Int
      currency: String
    }
    type Consumption {
      from: String!
      to: String!
      unitPrice: Float
      unitPriceVAT: Float
      consumption: Float
      consumptionUnit: String
      cost: Float
      currency: String
    }
    """
)
_HOUR = pd.Timedelta(hours=1)
# Tibber's own limit: the hours of 31 days.
HOURS_A_PAGE = 744
_UNIT_PRICE = 0.30
_VAT_SHARE = 19 / 119


@dataclass(frozen=True)
class StandInHome:
    """One home of the account.

    Attributes:
        home_id: Its id.
        nickname: Its name in the app, or None.
        address: Its address line, or None.
        subscription: Status of the subscription; None for none, and then it has no consumption either.
    """

    home_id: str = "c70dcbe5-4485-4821-933d-a8a86452737b"
    nickname: str | None = "Haus"
    address: str | None = "Lindenallee 7"
    subscription: str | None = "running"


class TibberAccount:
    """The homes of one owner and their hours.

    Args:
        hours: As `TibberStandIn` takes them.
        homes: The homes; those with a subscription all have these hours.
        name: The owner's name.
        zone: Zone that times are given in.
        longest_page: How many hours are given at once, whatever is asked.
    """

    def __init__(
        self,
        hours: pd.DataFrame | pd.Series,
        homes: Sequence[StandInHome],
        name: str,
        zone: ZoneInfo,
        longest_page: int,
    ) -> None:
        self._table = _with_prices(hours)
        self._homes = tuple(homes)
        self._name = name
        self._zone = zone
        self._longest_page = longest_page

    def correct(self, values: Mapping[pd.Timestamp, float]) -> None:
        """Give hours another consumption [kWh], also new ones; NaN makes it unknown again."""
        changed = _with_prices(pd.Series(values, dtype="float64"))
        old = self._table.reindex(changed.index)
        for name in ("unit_price", "unit_price_vat", "currency"):
            changed[name] = old[name].where(old[name].notna(), changed[name])
        changed["cost"] = changed["consumption"] * changed["unit_price"]
        kept = self._table[~self._table.index.isin(changed.index)]
        self._table = pd.concat([kept, changed]).sort_index()

    def execute(self, query: str, variables: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Answer a GraphQL question: the answer, and how many hours it gives."""
        served = [0]
        result = graphql_sync(_SCHEMA, query, {"viewer": self._viewer(served)}, variable_values=variables)
        return dict(result.formatted), served[0]

    def _viewer(self, served: list[int]) -> dict[str, Any]:
        homes = {home.home_id: self._home(home, served) for home in self._homes}

        def one(_info: object, id: str) -> dict[str, Any]:
            if id not in homes:
                raise GraphQLError("No such home for this user", extensions={"code": "HOME_NOT_FOUND"})
            return homes[id]

        return {"name": self._name, "homes": list(homes.values()), "home": one}

    def _home(self, home: StandInHome, served: list[int]) -> dict[str, Any]:
        def consumption(_info: object, resolution: str, **slicing: Any) -> dict[str, Any] | None:
            if resolution != "HOURLY":
                raise GraphQLError("The stand-in has hours only")
            if home.subscription is None:
                return None
            page = self._page(**slicing)
            served[0] += len(page["nodes"])
            return page

        return {
            "id": home.home_id,
            "appNickname": home.nickname,
            "address": {"address1": home.address},
            "timeZone": self._zone.key,
            "currentSubscription": home.subscription and {"id": f"of {home.home_id}", "status": home.subscription},
            "consumption": consumption,
        }

    def _page(
        self, first: int | None = None, last: int | None = None, before: str | None = None, after: str | None = None
    ) -> dict[str, Any]:
        starts = self._table.index
        low = 0 if after is None else int(starts.searchsorted(_instant_of(after), side="right"))
        high = len(starts) if before is None else int(starts.searchsorted(_instant_of(before), side="left"))
        if first is not None:
            high = min(high, low + min(first, self._longest_page))
        else:
            low = max(low, high - min(self._longest_page if last is None else last, self._longest_page))
        page = self._table.iloc[low : max(high, low)]
        nodes = [self._node(row) for row in page.reset_index().to_dict("records")]
        about: dict[str, Any] = {
            "hasPreviousPage": low > 0,
            "hasNextPage": high < len(starts),
            "count": len(nodes),
            "currency": nodes[-1]["currency"] if nodes else None,
        }
        if nodes:
            about |= {"startCursor": _cursor_of(nodes[0]["from"]), "endCursor": _cursor_of(nodes[-1]["from"])}
        return {"pageInfo": about, "nodes": nodes}

    def _node(self, row: Mapping[Any, Any]) -> dict[str, Any]:
        start = row["start"]
        return {
            "from": self._written(start),
            "to": self._written(start + _HOUR),
            "consumption": _null(row["consumption"]),
            "consumptionUnit": "kWh",
            "cost": _null(row["cost"]),
            "unitPrice": _null(row["unit_price"]),
            "unitPriceVAT": _null(row["unit_price_vat"]),
            "currency": _null(row["currency"]),
        }

    def _written(self, instant: pd.Timestamp) -> str:
        return instant.to_pydatetime().astimezone(self._zone).isoformat(timespec="milliseconds")


def _with_prices(hours: pd.DataFrame | pd.Series) -> pd.DataFrame:
    given = hours.to_frame("consumption") if isinstance(hours, pd.Series) else hours
    table = pd.DataFrame({"consumption": given["consumption"].astype("float64")})
    for name, usual in (("unit_price", _UNIT_PRICE), ("unit_price_vat", _UNIT_PRICE * _VAT_SHARE), ("currency", "EUR")):
        table[name] = given.get(name, usual)
    table["cost"] = given["cost"] if "cost" in given else table["consumption"] * table["unit_price"]
    table.index = pd.DatetimeIndex(table.index).as_unit("us").rename("start")
    return table.sort_index()


def _null(value: Any) -> Any:
    return None if pd.isna(value) else value


def _cursor_of(written: str) -> str:
    return base64.b64encode(written.encode()).decode()


def _instant_of(cursor: str) -> pd.Timestamp:
    try:
        instant = pd.Timestamp(datetime.fromisoformat(base64.b64decode(cursor, validate=True).decode()))
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise GraphQLError(f"Invalid cursor: {cursor}") from None
    return instant.tz_localize("UTC") if instant.tzinfo is None else instant.tz_convert("UTC")
