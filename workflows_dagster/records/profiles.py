"""Seasonal profiles in the processed store, in the version that the stored days were computed with."""

from __future__ import annotations

import hashlib
import json
import math
from typing import NamedTuple

import pandas as pd

from workflows_dagster.domain.bands import Spread
from workflows_dagster.domain.degree_days import DegreeDayProfile
from workflows_dagster.domain.like_profile import LikeProfile
from workflows_dagster.domain.season import Profile
from workflows_dagster.stores.ports import PROFILE, ProcessedStore

_CONSTANTS = ("base_temperature", "mean_degree_days", "missed", "missed_by_season")
_OTHER, _AHEAD, _OF_WEATHER = "other", "ahead", "base_temperature"
_OF_LIKE = (_OTHER, "mean_use")


class Kept(NamedTuple):
    """A meter's newest stored profile.

    Attributes:
        profile: How its consumption follows the year.
        spread: How irregular it is; None if the profile was fitted without it.
    """

    profile: Profile
    spread: Spread | None


def kept(store: ProcessedStore, meter_id: str) -> Kept | None:
    """Read a meter's newest stored profile, or None."""
    points = store.read(PROFILE, meter_id)
    if points.empty:
        return None
    last = points.iloc[-1]
    mean, scale, beyond = (float(last[name]) for name in ("mean", "scale", "scale_beyond"))
    # An earlier version stored one scale for both.
    spread = None if math.isnan(mean) else Spread(mean, scale, scale if math.isnan(beyond) else beyond)
    table = tuple(float(part) for part in last["table"].split()) if last["table"] else None
    base, season = float(last["base"]), float(last["season"])
    if not last["profile"]:
        return Kept(Profile(base, season, table), spread)
    written = json.loads(last["profile"])
    if _OTHER in written:
        other, mean_use = (written[name] for name in _OF_LIKE)
        return Kept(LikeProfile(base, season, table, other, mean_use), spread)
    if _AHEAD in written:
        return Kept(Profile(base, season, table, ahead=tuple(written[_AHEAD])), spread)
    constants = {name: value for name, value in written.items() if name in _CONSTANTS}
    return Kept(DegreeDayProfile(base, season, table, **constants), spread)


def kept_versions(store: ProcessedStore) -> dict[str, str]:
    """Read the version of every meter's newest stored profile."""
    return {meter_id: str(versions.iloc[-1]) for meter_id, versions in store.texts(PROFILE, "version").items()}


def followers_of_weather(store: ProcessedStore) -> set[str]:
    """Give the meters whose newest stored profile follows the outdoor temperature.

    Raises:
        StoreError: The store cannot be read.
    """
    versions, constants = store.texts(PROFILE, "version"), store.texts(PROFILE, "profile")
    return {
        meter_id
        for meter_id, found in constants.items()
        if found.index[-1] == versions[meter_id].index[-1] and _OF_WEATHER in json.loads(found.iloc[-1])
    }


def keep_profile(
    store: ProcessedStore, meter_id: str, unit: str, profile: Profile, at: pd.Timestamp, spread: Spread | None = None
) -> bool:
    """Store a profile, and how irregular the meter is, from an instant on.

    Whichever of the two is near enough to the stored one is kept as it is stored (`Profile.is_near`, `Spread.is_near`).

    Returns:
        Whether anything is new.
    """
    before = kept(store, meter_id)
    before_spread = before.spread if before is not None else None
    new_profile = before is None or not before.profile.is_near(profile)
    new_spread = spread is not None and (before_spread is None or not before_spread.is_near(spread))
    if not new_profile and not new_spread:
        return False
    profile = profile if before is None or new_profile else before.profile
    spread = spread if new_spread else before_spread
    at = at.floor("s").as_unit("us")
    point = pd.DataFrame(
        {
            "base": [profile.base],
            "season": [profile.season],
            "version": [_version(profile, spread)],
            "table": [" ".join(map(repr, profile.percentages)) if profile.percentages else None],
            "profile": [_written(profile)],
            "mean": [spread.mean if spread is not None else math.nan],
            "scale": [spread.scale if spread is not None else math.nan],
            "scale_beyond": [spread.scale_beyond if spread is not None else math.nan],
        },
        index=pd.DatetimeIndex([at]),
    )
    store.replace(PROFILE, meter_id, unit, at, at + pd.Timedelta(microseconds=1), point)
    return True


def _version(profile: Profile, spread: Spread | None) -> str:
    """Name exactly these two: equal ones have equal versions."""
    if spread is None:
        return profile.version
    return hashlib.sha256(
        f"{profile.version} {spread.mean!r} {spread.scale!r} {spread.scale_beyond!r}".encode()
    ).hexdigest()[:12]


def _written(profile: Profile) -> str | None:
    """Write what a profile has beyond its shares and table; None if nothing."""
    if isinstance(profile, LikeProfile):
        return json.dumps({name: getattr(profile, name) for name in _OF_LIKE}, sort_keys=True)
    if not isinstance(profile, DegreeDayProfile):
        return None if profile.ahead is None else json.dumps({_AHEAD: profile.ahead})
    return json.dumps({name: getattr(profile, name) for name in _CONSTANTS}, sort_keys=True)
