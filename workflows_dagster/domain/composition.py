"""Derived meters: masters, made of several devices over time, and virtual ones, what is left of a main meter."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from workflows_dagster.domain.allocation import MISSING, QUALITIES
from workflows_dagster.domain.findings import Finding, amount

# A virtual meter among the sources has no register.
_COLUMNS = ["opening", "closing", "consumption", "quality", "estimated_share"]


@dataclass(frozen=True)
class Segment:
    """A master's period, ready for the sums.

    Attributes:
        first: First civil day.
        last: Last civil day, or None while it is open.
        sources: Meters whose consumption adds up to the master's.
        factors: Master's unit per source's unit, by source. [1]
        successors: Meters of the next period that are installed on the last day of this one.
        carried: Master's register when this period takes over, or None where it shows its sources' own. [master's unit]
        taken_over: Sources' registers added up at that moment. [master's unit]
    """

    first: date
    last: date | None
    sources: tuple[str, ...]
    factors: Mapping[str, float]
    successors: tuple[str, ...] = ()
    carried: float | None = None
    taken_over: float = 0.0

    def holds(self, civil: np.ndarray) -> np.ndarray:
        """Tell which civil days lie in the period, shape (n,), `bool`."""
        return (civil >= self.first) & (civil <= (self.last or date.max))

    def register(self, own: np.ndarray) -> np.ndarray:
        """Turn its sources' registers, added up, into the master's. [master's unit], shape (n,)"""  # noqa: D415
        return own if self.carried is None else self.carried + (own - self.taken_over)


def compose_master(
    starts: pd.DatetimeIndex, civil: pd.Index, segments: Sequence[Segment], frames: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Add up each day's sources.

    On the last day of a period, what a successor installed on that day counts belongs to the master too; the day then
    opens with the old register and closes with the new one (docs/methods.md#master).

    Args:
        starts: Instants at which the days open, UTC, shape (n,).
        civil: The same days as dates, shape (n,).
        segments: Periods in order, without overlap.
        frames: Days of every source, as `allocate` gives them; days outside a source's life have no row.

    Returns:
        The master's days, columns as `allocate` gives them. A day of a period none of whose sources was there is
        missing.
    """
    dates = np.asarray(civil, dtype=object)
    days = {meter: frame.reindex(index=starts, columns=_COLUMNS) for meter, frame in frames.items()}
    result = _nothing(starts)
    covered = np.zeros(len(starts), dtype=bool)
    for k, segment in enumerate(segments):
        within = segment.holds(dates)
        covered |= within
        if not within.any():
            continue
        own = _add_up([(days[source], segment.factors[source]) for source in segment.sources])
        own["opening"] = segment.register(own["opening"].to_numpy())
        own["closing"] = segment.register(own["closing"].to_numpy())
        handover = within & (dates == segment.last) if segment.successors else np.zeros(len(starts), dtype=bool)
        if handover.any():
            following = segments[k + 1]
            new = _add_up([(days[source], following.factors[source]) for source in segment.successors])
            old_there = np.any([days[source]["quality"].notna() for source in segment.sources], axis=0)
            new["opening"] = following.register(new["opening"].to_numpy())
            new["closing"] = following.register(new["closing"].to_numpy())
            both = _join(own[handover & old_there], new[handover & old_there])
            own[handover & old_there] = both
            # The old meter's last reading was taken as the day opened: the day is the successor's alone.
            own[handover & ~old_there] = new[handover & ~old_there]
        result[within] = own[within]
    return result[covered]


@dataclass(frozen=True)
class Claim:
    """What a master takes on one day from the sources of one period.

    Attributes:
        segment: The period that the sources belong to.
        sources: Those of its sources that count on the day.
        succeeds: Whether they are successors that count on the last day of the period before theirs.
    """

    segment: Segment
    sources: tuple[str, ...]
    succeeds: bool = False


def claims_on(day: date, segments: Sequence[Segment], there: Collection[str]) -> tuple[Claim, ...]:
    """Tell which sources make up a master's day, by the rule that `compose_master` follows for all days at once.

    Args:
        day: The civil day.
        segments: Periods in order, without overlap.
        there: Sources whose life the day touches.

    Returns:
        The period's own sources that were there, and after them the successors installed on the day; empty where no
        period holds the day, or none of its sources was there.
    """
    for k, segment in enumerate(segments):
        if not segment.first <= day <= (segment.last or date.max):
            continue
        own = tuple(source for source in segment.sources if source in there)
        claims = [Claim(segment, own)] if own else []
        if segment.successors and day == segment.last:
            claims.append(Claim(segments[k + 1], tuple(s for s in segment.successors if s in there), succeeds=True))
        return tuple(claims)
    return ()


def compose_virtual(
    base: pd.DataFrame, base_factor: np.ndarray, subtracted: Sequence[tuple[pd.DataFrame, np.ndarray]]
) -> pd.DataFrame:
    """Take the sub-meters' days from the base meter's.

    Args:
        base: Days of the base meter.
        base_factor: Virtual meter's unit per base meter's unit, by day of `base`. [1], shape (n,)
        subtracted: Days of each sub-meter and its factor by day of `base`, likewise. Days before a sub-meter was
            installed, or after it was taken out, have no row and take nothing.

    Returns:
        Index as `base`; columns `consumption` (the residual, not below 0), `quality` (the worst of the inputs),
        `estimated_share` (consumption-weighted), `residual` (signed).
    """
    total = base["consumption"].to_numpy() * base_factor
    residual = total.copy()
    weight = np.abs(total)
    shares = np.nan_to_num(base["estimated_share"].to_numpy()) * weight
    worst = _rank(base["quality"])
    for frame, factor in subtracted:
        days = frame.reindex(base.index)
        there = days["quality"].notna().to_numpy()
        part = np.where(there, days["consumption"].to_numpy() * factor, 0.0)
        residual = residual - part
        weight = weight + np.abs(part)
        shares = shares + np.nan_to_num(days["estimated_share"].to_numpy()) * np.abs(part)
        worst = np.maximum(worst, np.where(there, _rank(days["quality"]), 0))
    missing = (worst == MISSING) | np.isnan(residual)
    worst[missing] = MISSING
    residual = np.where(missing, np.nan, residual)
    return pd.DataFrame(
        {
            "consumption": np.maximum(residual, 0.0),
            "quality": np.array(QUALITIES, dtype=object)[worst],
            "estimated_share": np.where(missing, np.nan, _shared(shares, weight, worst)),
            "residual": residual,
        },
        index=base.index,
    )


def unclaimed(
    meter_id: str,
    unit: str,
    starts: pd.DatetimeIndex,
    civil: pd.Index,
    segments: Sequence[Segment],
    frames: Mapping[str, pd.DataFrame],
) -> list[Finding]:
    """Find what a master's sources consumed on days on which no period claims them.

    Args:
        meter_id: The master.
        unit: The master's unit.
        starts: Instants at which the days open, UTC, shape (n,).
        civil: The same days as dates, shape (n,).
        segments: Its periods.
        frames: Days of every source.

    Returns:
        A finding a source, with the amount and the days.
    """
    dates = np.asarray(civil, dtype=object)
    findings = []
    for source, frame in frames.items():
        claimed = np.zeros(len(starts), dtype=bool)
        factor = 1.0
        for segment in segments:
            if source in segment.sources:
                claimed |= segment.holds(dates)
                factor = segment.factors[source]
            if source in segment.successors:
                claimed |= dates == segment.last
        used = np.nan_to_num(frame["consumption"].reindex(starts).to_numpy()) * factor
        used[claimed] = 0.0
        lost = np.flatnonzero(used > 0)
        if len(lost) == 0:
            continue
        total = float(used[lost].sum())
        first, last = dates[lost[0]], dates[lost[-1]]
        findings.append(
            Finding(
                "unclaimed_consumption",
                meter_id,
                starts[lost[0]],
                starts[lost[-1]],
                f"{total:.6g} {unit} of '{source}' between {first} and {last} belong to no period. "
                "Extend a period in meters.yaml, or correct the meter's installation dates.",
                {"source": source, "amount": total, "days": float(len(lost))},
            )
        )
    return findings


def clipped(meter_id: str, unit: str, residual: pd.Series, around: float, estimated: bool) -> Finding | None:
    """Find by how much a virtual meter's residual lay below zero in a month.

    Args:
        meter_id: The virtual meter.
        unit: Its unit.
        residual: Signed residual of the month's days by opening (UTC), NaN where missing. [unit]
        around: Sum of the residual over this month and a quarter on either side. [unit]
        estimated: Whether days of the month are estimated.

    Returns:
        The finding: a note where the amount disappears over the month, or over the months around it where readings lie
        far apart; a warning where it stays.
    """
    below = residual[residual < 0]
    if below.empty:
        return None
    excess, net = -float(below.sum()), float(residual.sum())
    starts = pd.DatetimeIndex(residual.index)
    figures = {"amount": excess, "days": float(len(below)), "net": net}
    more, on = amount(excess, unit), f"{len(below)} day{'s' if len(below) > 1 else ''}"
    # What a day's rounding may leave is not worth a word.
    tolerance = 1e-3 * float(residual.abs().sum())
    if net >= -tolerance or (estimated and around >= 0):
        over = "the month" if net >= -tolerance else "the months around"
        sentence = (
            f"the meters subtracted counted {more} more than their main meter on {on}; over {over} it "
            "evens out: estimated days meet measured ones. Nothing to do; more frequent readings make it smaller."
        )
        return Finding("residual_clipped", meter_id, starts[0], starts[-1], sentence, figures, "note")
    sentence = (
        f"the meters subtracted counted {more} more than their main meter on {on}, and {amount(-net, unit)} "
        "more over the whole month. See whether each of them really hangs behind the main meter, and their units."
    )
    return Finding("residual_negative", meter_id, starts[0], starts[-1], sentence, figures)


def _nothing(starts: pd.DatetimeIndex) -> pd.DataFrame:
    frame = pd.DataFrame(np.nan, index=starts, columns=["opening", "closing", "consumption"])
    frame["quality"] = pd.Series(QUALITIES[MISSING], index=starts, dtype=object)
    frame["estimated_share"] = np.nan
    return frame


def _add_up(parts: Sequence[tuple[pd.DataFrame, float]]) -> pd.DataFrame:
    """Add up the sources that were there; a day on which none was, or one is missing, is missing."""
    index = parts[0][0].index
    sums = {column: np.zeros(len(index)) for column in ("opening", "closing", "consumption")}
    weight, shares = np.zeros(len(index)), np.zeros(len(index))
    worst, anyone = np.zeros(len(index), dtype=np.int64), np.zeros(len(index), dtype=bool)
    for frame, factor in parts:
        there = frame["quality"].notna().to_numpy()
        for column, total in sums.items():
            total += np.where(there, frame[column].to_numpy() * factor, 0.0)
        used = np.abs(np.where(there, frame["consumption"].to_numpy() * factor, 0.0))
        weight += used
        shares += np.nan_to_num(frame["estimated_share"].to_numpy()) * used
        worst = np.maximum(worst, np.where(there, _rank(frame["quality"]), 0))
        anyone |= there
    worst[~anyone] = MISSING
    missing = worst == MISSING
    result = pd.DataFrame({column: np.where(missing, np.nan, total) for column, total in sums.items()}, index=index)
    result["quality"] = np.array(QUALITIES, dtype=object)[worst]
    result["estimated_share"] = np.where(missing, np.nan, _shared(shares, weight, worst))
    return result


def _join(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Add a successor's half of the replacement day to its predecessor's."""
    joined = _add_up([(old, 1.0), (new, 1.0)])
    joined["opening"], joined["closing"] = old["opening"], new["closing"]
    return joined


def _rank(quality: pd.Series) -> np.ndarray:
    return pd.Categorical(quality, categories=list(QUALITIES)).codes.astype(np.int64)


def _shared(shares: np.ndarray, weight: np.ndarray, worst: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > 0, np.clip(shares / weight, 0.0, 1.0), (worst > 0) * 1.0)
