"""Digests of the stored days, and of the inputs from which each result was computed.

One point per owner and month. The owner is a meter, with digests of its stored days, or a result, with digests of its
inputs. A result is due on the days on which its digests differ from those of the current inputs.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from workflows_dagster.domain import days
from workflows_dagster.domain.days import DayRange
from workflows_dagster.domain.findings import Finding
from workflows_dagster.domain.frames import BAND_COLUMNS, REGISTER_BAND_COLUMNS
from workflows_dagster.domain.months import last_day, months_in, whole_months
from workflows_dagster.records.days import read_days, write_days
from workflows_dagster.records.findings import kept_findings
from workflows_dagster.stores.ports import FINDING_DAILY, MADE_FROM, ProcessedStore

_UNIT = "digest"
_NUMBERS = ["opening", "closing", "consumption", "estimated_share", "residual"]
# A day without any of these fields has no point in the store.
_CONSUMPTION = ["consumption", "quality", "estimated_share", "residual"]
# One changed day in four thousand million goes unnoticed.
_BYTES = 4
_DTYPE = np.dtype(">u4")


def replace_days(
    store: ProcessedStore, meter_id: str, unit: str, zone: ZoneInfo, asked: DayRange, frame: pd.DataFrame
) -> None:
    """Replace a meter's days in a span of civil days, and store their digests.

    While the days are being written, their digests are random numbers that match no result. So if this process is
    killed, no result passes for one computed from the new days.

    Args:
        store: Where to write; the findings of the days are there already.
        meter_id: The meter.
        unit: Its unit.
        zone: Where days are cut.
        asked: The civil days.
        frame: As `write_days` takes it.

    Raises:
        StoreError: The days or the digests do not read back as written.
    """
    start, end = asked.bounds(zone)
    findings = kept_findings(store, meter_id, start, end, [FINDING_DAILY])
    digests = day_digests(frame.assign(unit=unit), findings, zone, asked)
    if np.array_equal(kept_digests(store, meter_id, zone, asked), digests):
        write_days(store, meter_id, unit, start, end, frame)
        return
    keep_digests(store, meter_id, zone, asked, np.full(len(digests), secrets.randbits(8 * _BYTES - 1) + 1))
    write_days(store, meter_id, unit, start, end, frame)
    keep_digests(store, meter_id, zone, asked, digests)


def stored_digests(store: ProcessedStore, meter_id: str, zone: ZoneInfo, asked: DayRange) -> np.ndarray:
    """Compute the digests of a meter's stored days.

    Returns:
        Digest of each day, 0 where there is none, shape (days,), `uint32`.

    Raises:
        StoreError: The store cannot be read.
    """
    start, end = asked.bounds(zone)
    findings = kept_findings(store, meter_id, start, end, [FINDING_DAILY])
    return day_digests(read_days(store, meter_id, start, end), findings, zone, asked)


def day_digests(frame: pd.DataFrame, findings: Iterable[Finding], zone: ZoneInfo, asked: DayRange) -> np.ndarray:
    """Digest each day: its figures to the last bit, its unit, and its findings by code and figures.

    Args:
        frame: A meter's days as `read_days` gives them, in the span; absent columns count as empty.
        findings: Findings about the readings of these days.
        zone: Where days are cut.
        asked: The civil days.

    Returns:
        Digest of each day, 0 where there is none, shape (days,), `uint32`.
    """
    digests = np.zeros(asked.count, dtype=np.uint32)
    full = frame.reindex(columns=[*_NUMBERS, *BAND_COLUMNS, *REGISTER_BAND_COLUMNS, "quality", "unit"])
    full = full[full[_CONSUMPTION].notna().any(axis=1).to_numpy(dtype=bool)]
    numbers = full[_NUMBERS].to_numpy(dtype=np.float64) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    rows = np.ascontiguousarray(numbers).tobytes()
    width = len(_NUMBERS) * numbers.itemsize
    texts = (full["quality"].fillna("") + "|" + full["unit"].fillna("")).tolist()
    # A day without a band keeps the digest that it had before there were bands.
    for columns, mark in ((BAND_COLUMNS, ""), (REGISTER_BAND_COLUMNS, "register|")):
        bands = full[list(columns)].to_numpy(dtype=np.float64)
        for k in np.flatnonzero(~np.isnan(bands).all(axis=1)).tolist():
            texts[k] += f"|{mark}{bands[k, 0].hex()}|{bands[k, 1].hex()}"
    found: dict[date, str] = {}
    for one in findings:
        day = days.civil_day(one.start, zone)
        facts = [one.code, one.end.isoformat(), json.dumps(dict(one.figures), sort_keys=True)]
        found[day] = "|".join([found.get(day, ""), *facts])
    civil = days.civil_days(pd.DatetimeIndex(full.index), zone)
    for k, (day, text) in enumerate(zip(civil, texts, strict=True)):
        content = rows[k * width : (k + 1) * width] + f"{text}|{found.get(day, '')}".encode()
        digests[(day - asked.first).days] = _number(content)
    return digests


def kept_digests(store: ProcessedStore, owner: str, zone: ZoneInfo, asked: DayRange) -> np.ndarray:
    """Read the digests of one owner's days.

    Returns:
        Digest of each day, 0 where there is none, shape (days,), `uint32`.

    Raises:
        StoreError: The store cannot be read.
    """
    kept = store.read(MADE_FROM, owner, *whole_months(asked).bounds(zone))["days"]
    return _days_of(kept, zone, asked)


def all_kept_digests(store: ProcessedStore, zone: ZoneInfo, asked: DayRange) -> dict[str, np.ndarray]:
    """Read the digests of every owner's days, each as `kept_digests` gives it.

    Raises:
        StoreError: The store cannot be read.
    """
    found = store.texts(MADE_FROM, "days", *whole_months(asked).bounds(zone))
    return {owner: _days_of(kept, zone, asked) for owner, kept in found.items()}


def keep_digests(store: ProcessedStore, owner: str, zone: ZoneInfo, asked: DayRange, digests: np.ndarray) -> None:
    """Store the digests of some days; those of other days are kept.

    Args:
        store: Where to write.
        owner: A meter, or a result computed from the days.
        zone: Where days are cut.
        asked: The civil days.
        digests: Digest of each day, 0 where there is none, shape (days,), `uint32`.

    Raises:
        StoreError: They do not read back as written.
    """
    whole = whole_months(asked)
    merged = kept_digests(store, owner, zone, whole)
    offset = (asked.first - whole.first).days
    merged[offset : offset + asked.count] = digests
    points: dict[pd.Timestamp, tuple[str, str]] = {}
    for month in months_in(whole):
        begin = (month - whole.first).days
        of_month = merged[begin : begin + (last_day(month) - month).days + 1]
        if of_month.any():
            text = of_month.astype(_DTYPE).tobytes()
            points[days.opening(month, zone)] = (f"{_number(text):08x}", text.hex())
    frame = pd.DataFrame(
        {
            "digest": [digest for digest, _ in points.values()],
            "days": [text for _, text in points.values()],
        },
        index=pd.DatetimeIndex(list(points), tz="UTC").as_unit("us"),
        dtype=object,
    )
    store.replace(MADE_FROM, owner, _UNIT, *whole.bounds(zone), frame)


def month_digests(store: ProcessedStore) -> dict[str, pd.Series]:
    """Read every owner's monthly digests, which the sensor compares before it reads any days.

    Raises:
        StoreError: The store cannot be read.
    """
    return store.texts(MADE_FROM, "digest")


def _days_of(kept: pd.Series, zone: ZoneInfo, asked: DayRange) -> np.ndarray:
    digests = np.zeros(asked.count, dtype=np.uint32)
    for month, text in zip(days.civil_days(pd.DatetimeIndex(kept.index), zone), kept, strict=True):
        if not text:
            continue
        of_month = np.frombuffer(bytes.fromhex(text), dtype=_DTYPE)
        at = (month - asked.first).days
        low, high = max(at, 0), min(at + len(of_month), len(digests))
        if low < high:
            digests[low:high] = of_month[low - at : high - at]
    return digests


def _number(content: bytes) -> int:
    """Hash bytes into a number above 0."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=_BYTES).digest(), "big") or 1
