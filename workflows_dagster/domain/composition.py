"""Composes derived meters' days: masters (one meter across replacements) and virtual meters (main minus sub-meters)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from workflows_dagster.domain.allocation import MISSING, QUALITIES
from workflows_dagster.domain.contributions import Contribution, Segment
from workflows_dagster.domain.findings import Figure, Finding
from workflows_dagster.domain.frames import REGISTER_BAND_COLUMNS

# A virtual meter among the sources has no register.
_COLUMNS = ["opening", "closing", "consumption", "quality", "estimated_share", *REGISTER_BAND_COLUMNS]


def compose_master(
    starts: pd.DatetimeIndex,
    segments: Sequence[Segment],
    contributions: Sequence[Contribution],
    frames: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """Compute a master's days from its sources'.

    A day with both a predecessor and a successor opens with the old register and closes with the new one
    (docs/explanation/methods.md#master).

    Args:
        starts: Instants at which the days open, UTC, shape (n,).
        segments: Periods in order, without overlap.
        contributions: Their sources' contributions on these days.
        frames: Days of every source, as `allocate` gives them; days outside a source's life have no row.

    Returns:
        The master's days, columns as `allocate` gives them, and the band of `opening`. A day of a period without any
        installed source is missing.
    """
    own = [row for row in contributions if not row.succeeds]
    new = [row for row in contributions if row.succeeds]
    result, old_there = _add_up(starts, own, frames)
    _show_registers(result, own, segments)
    handover = _any_counts(new, len(starts))
    if handover.any():
        second, _ = _add_up(starts, new, frames)
        _show_registers(second, new, segments)
        both = handover & old_there
        result[both] = _join(result[both], second[both])
        # The old meter was last read at the day's opening, so the whole day is the successor's.
        result[handover & ~old_there] = second[handover & ~old_there]
    measured = (result["quality"] == QUALITIES[0]) & (result["opening_lower"] == result["opening_upper"])
    result.loc[measured, list(REGISTER_BAND_COLUMNS)] = np.nan
    return result[_any_counts(own, len(starts))]


def compose_virtual(contributions: Sequence[Contribution], frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Compute a virtual meter's days: the base meter's minus the sub-meters'.

    Args:
        contributions: The base meter's first, then those of the meters subtracted, on the days of the base meter.
        frames: Days of each. Days before a sub-meter's installation or after its removal have no row and subtract
            nothing.

    Returns:
        Index as the base meter's days; columns `consumption` (the residual, not below 0), `quality` (the worst of the
        inputs), `estimated_share` (consumption-weighted), `residual` (signed).
    """
    added, _ = _add_up(pd.DatetimeIndex(frames[contributions[0].source].index), contributions, frames)
    residual = added["consumption"].to_numpy()
    return pd.DataFrame(
        {
            "consumption": np.maximum(residual, 0.0),
            "quality": added["quality"],
            "estimated_share": added["estimated_share"],
            "residual": residual,
        },
        index=added.index,
    )


def compose_hours(
    starts: pd.DatetimeIndex, contributions: Sequence[Contribution], hours: Mapping[str, pd.Series]
) -> pd.Series:
    """Add up the sources' hours, signed.

    Args:
        starts: Instants at which the hours open, UTC, shape (n,).
        contributions: Contributions by hour.
        hours: Consumption of every source by opening, NaN where it was not measured; none outside its life.

    Returns:
        The sum by opening, only of hours with at least one installed source. [meter unit]
    """
    total, anyone = np.zeros(len(starts)), np.zeros(len(starts), dtype=bool)
    for row in contributions:
        there = row.counts & starts.isin(hours[row.source].index)
        total[there] += hours[row.source].reindex(starts[there]).to_numpy() * row.factor[there]
        anyone |= there
    return pd.Series(total, index=starts)[anyone]


def unclaimed(
    meter_id: str,
    starts: pd.DatetimeIndex,
    contributions: Sequence[Contribution],
    frames: Mapping[str, pd.DataFrame],
) -> list[Finding]:
    """Find consumption of a master's sources on days that no period claims.

    Args:
        meter_id: The master.
        starts: Instants at which the days open, UTC, shape (n,).
        contributions: Its sources' contributions on these days.
        frames: Days of every source.

    Returns:
        One finding per source, with the amount and the days.
    """
    findings = []
    for source, frame in frames.items():
        rows = [row for row in contributions if row.source == source]
        used = np.nan_to_num(frame["consumption"].reindex(starts).to_numpy()) * rows[0].conversion
        claimed = _any_counts(rows, len(starts))
        used[claimed] = 0.0
        lost = np.flatnonzero(used > 0)
        if len(lost) == 0:
            continue
        figures: dict[str, Figure] = {
            "source": source,
            "amount": float(used[lost].sum()),
            "days": float(len(lost)),
        }
        findings.append(Finding("unclaimed_consumption", meter_id, starts[lost[0]], starts[lost[-1]], figures))
    return findings


def clipped(
    meter_id: str, residual: pd.Series, around: float, estimated: bool, open_by: tuple[float, float] = (0.0, 0.0)
) -> Finding | None:
    """Find the negative residuals of a virtual meter in a month.

    Args:
        meter_id: The virtual meter.
        residual: Signed residual of the month's days by opening (UTC), NaN where missing. [unit]
        around: Sum of the residual over this month and a quarter on either side. [unit]
        estimated: Whether days of the month are estimated.
        open_by: How far the month, and what lies around it, may be from what is computed: half of each 80 % band,
            computed for itself. [unit]

    Returns:
        The finding: a note if the amount evens out over the month, or over the months around it if readings are far
        apart, or if the bands of both reach zero; else a warning.
    """
    below = residual[residual < 0]
    if below.empty:
        return None
    excess, net = -float(below.sum()), float(residual.sum())
    starts = pd.DatetimeIndex(residual.index)
    figures: dict[str, Figure] = {"amount": excess, "days": float(len(below)), "net": net}
    # Amounts within a day's rounding are not reported.
    tolerance = 1e-3 * float(residual.abs().sum())
    if net >= -tolerance or (estimated and around >= 0):
        figures["over"] = "month" if net >= -tolerance else "months_around"
        return Finding("residual_clipped", meter_id, starts[0], starts[-1], figures, "note")
    # A little too much month after month stays a warning: over whole gaps between readings there is no band.
    if net + open_by[0] >= 0 and around + open_by[1] >= 0:
        figures |= {"over": "band", "band": open_by[0]}
        return Finding("residual_clipped", meter_id, starts[0], starts[-1], figures, "note")
    return Finding("residual_negative", meter_id, starts[0], starts[-1], figures)


def _add_up(
    starts: pd.DatetimeIndex, contributions: Sequence[Contribution], frames: Mapping[str, pd.DataFrame]
) -> tuple[pd.DataFrame, np.ndarray]:
    """Add up the counting, installed sources; a day without any, or with a missing value, is missing.

    Returns:
        The days, and on which of them a source was installed.
    """
    return _sum(
        starts,
        [
            (frames[row.source].reindex(index=starts, columns=_COLUMNS), row.sign * row.conversion, row.counts)
            for row in contributions
        ],
    )


def _sum(
    index: pd.DatetimeIndex, parts: Sequence[tuple[pd.DataFrame, np.ndarray | float, np.ndarray | bool]]
) -> tuple[pd.DataFrame, np.ndarray]:
    sums = {column: np.zeros(len(index)) for column in ("opening", "closing", "consumption")}
    weight, shares = np.zeros(len(index)), np.zeros(len(index))
    squares = {end: np.zeros(len(index)) for end in REGISTER_BAND_COLUMNS}
    worst, anyone = np.zeros(len(index), dtype=np.int64), np.zeros(len(index), dtype=bool)
    for frame, factor, counts in parts:
        there = frame["quality"].notna().to_numpy() & counts
        for column, total in sums.items():
            total += np.where(there, frame[column].to_numpy() * factor, 0.0)
        used = np.abs(np.where(there, frame["consumption"].to_numpy() * factor, 0.0))
        weight += used
        shares += np.nan_to_num(frame["estimated_share"].to_numpy()) * used
        worst = np.maximum(worst, np.where(there, _rank(frame["quality"]), 0))
        for end, total in squares.items():
            total += np.where(there, (_side(frame, end) * factor) ** 2, 0.0)
        anyone |= there
    missing = ~anyone | (worst == MISSING) | np.isnan(sums["consumption"])
    worst[missing] = MISSING
    result = pd.DataFrame({column: np.where(missing, np.nan, total) for column, total in sums.items()}, index=index)
    result["quality"] = np.array(QUALITIES, dtype=object)[worst]
    result["estimated_share"] = np.where(missing, np.nan, _shared(shares, weight, worst))
    for end, sign in zip(REGISTER_BAND_COLUMNS, (-1, 1), strict=True):
        result[end] = result["opening"] + sign * np.sqrt(squares[end])
    return result, anyone


def _side(frame: pd.DataFrame, end: str) -> np.ndarray:
    """Give how far a band of the register reaches to one side: 0 where measured, NaN where not known."""
    side = (frame[end] - frame["opening"]).to_numpy(dtype=float)
    unknown = np.where(frame["quality"] == QUALITIES[0], 0.0, np.nan)
    return np.where(np.isnan(side), unknown, side)


def _show_registers(frame: pd.DataFrame, contributions: Sequence[Contribution], segments: Sequence[Segment]) -> None:
    """Turn the sum of the sources' registers into the master's, by each day's period."""
    for period in sorted({row.period for row in contributions}):
        on, segment = _any_counts([row for row in contributions if row.period == period], len(frame)), segments[period]
        own = frame.loc[on, "opening"].to_numpy().copy()
        for column in ("opening", "closing"):
            frame.loc[on, column] = segment.register(frame.loc[on, column].to_numpy())
        for end, sign in zip(REGISTER_BAND_COLUMNS, (-1, 1), strict=True):
            side = np.sqrt((frame.loc[on, end].to_numpy() - own) ** 2 + segment.open_by**2)
            frame.loc[on, end] = segment.register(own) + sign * side


def _join(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Add a successor's part of the replacement day to its predecessor's."""
    joined, _ = _sum(pd.DatetimeIndex(old.index), [(old, 1.0, True), (new, 1.0, True)])
    joined["closing"] = new["closing"]
    for column in ("opening", *REGISTER_BAND_COLUMNS):
        joined[column] = old[column]
    return joined


def _any_counts(contributions: Sequence[Contribution], count: int) -> np.ndarray:
    """Tell on which days any of the sources counts, shape (count,), `bool`."""
    counts = np.zeros(count, dtype=bool)
    for row in contributions:
        counts |= row.counts
    return counts


def _rank(quality: pd.Series) -> np.ndarray:
    return pd.Categorical(quality, categories=list(QUALITIES)).codes.astype(np.int64)


def _shared(shares: np.ndarray, weight: np.ndarray, worst: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > 0, np.clip(shares / weight, 0.0, 1.0), (worst > 0) * 1.0)
