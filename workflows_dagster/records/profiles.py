"""Seasonal profiles in the processed store, in the version that the stored days were computed with."""

from __future__ import annotations

import json

import pandas as pd

from workflows_dagster.domain.degree_days import DegreeDayProfile
from workflows_dagster.domain.season import Profile
from workflows_dagster.stores.ports import PROFILE, ProcessedStore

_CONSTANTS = ("base_temperature", "mean_degree_days", "missed", "missed_by_season")


def kept_profile(store: ProcessedStore, meter_id: str) -> Profile | None:
    """Read a meter's newest stored profile, or None."""
    points = store.read(PROFILE, meter_id)
    if points.empty:
        return None
    last = points.iloc[-1]
    table = tuple(float(part) for part in last["table"].split()) if last["table"] else None
    shares = {"base": float(last["base"]), "season": float(last["season"])}
    if not last["profile"]:
        return Profile(**shares, percentages=table)
    constants = {name: value for name, value in json.loads(last["profile"]).items() if name in _CONSTANTS}
    return DegreeDayProfile(**shares, percentages=table, **constants)


def kept_versions(store: ProcessedStore) -> dict[str, str]:
    """Read the version of every meter's newest stored profile."""
    return {meter_id: str(versions.iloc[-1]) for meter_id, versions in store.texts(PROFILE, "version").items()}


def followers_of_weather(store: ProcessedStore) -> set[str]:
    """Give the meters whose newest stored profile follows the outdoor temperature.

    Raises:
        StoreError: The store cannot be read.
    """
    versions, constants = store.texts(PROFILE, "version"), store.texts(PROFILE, "profile")
    return {meter_id for meter_id, found in constants.items() if found.index[-1] == versions[meter_id].index[-1]}


def keep_profile(store: ProcessedStore, meter_id: str, unit: str, profile: Profile, at: pd.Timestamp) -> bool:
    """Store a profile from an instant on, unless the stored one is near enough (`Profile.is_near`).

    Returns:
        Whether it is new.
    """
    kept = kept_profile(store, meter_id)
    if kept is not None and kept.is_near(profile):
        return False
    at = at.floor("s").as_unit("us")
    point = pd.DataFrame(
        {
            "base": [profile.base],
            "season": [profile.season],
            "version": [profile.version],
            "table": [" ".join(map(repr, profile.percentages)) if profile.percentages else None],
            "profile": [_written(profile)],
        },
        index=pd.DatetimeIndex([at]),
    )
    store.replace(PROFILE, meter_id, unit, at, at + pd.Timedelta(microseconds=1), point)
    return True


def _written(profile: Profile) -> str | None:
    """Write what a profile that follows the weather has beyond its shares and table; None for any other."""
    if not isinstance(profile, DegreeDayProfile):
        return None
    return json.dumps({name: getattr(profile, name) for name in _CONSTANTS}, sort_keys=True)
