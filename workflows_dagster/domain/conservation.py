"""Laws of conservation that a meter's days must satisfy. A violation is a bug of this program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from workflows_dagster.domain.findings import Figure, Finding

# Sums in another order may differ in the last digits.
_TOLERANCE = 1e-9


def seams(meter_id: str, frame: pd.DataFrame, jitter: float, falls: Sequence[Finding]) -> list[Finding]:
    """Check that each day closes where the next one opens, and that its consumption is closing minus opening.

    Args:
        meter_id: The meter.
        frame: Its days, index their openings (UTC); columns `opening`, `closing`, `consumption`.
        jitter: Largest allowed step back of the register. [unit]
        falls: Findings over which the register falls; their days are not judged.
    """
    known = frame[frame["closing"].notna() & frame["opening"].notna()]
    if known.empty:
        return []
    starts = pd.DatetimeIndex(known.index)
    opening, closing = known["opening"].to_numpy(float), known["closing"].to_numpy(float)
    used = known["consumption"].to_numpy(float)
    judged = ~_fallen(starts, falls)
    follows = np.append(np.diff(starts.asi8) <= pd.Timedelta(hours=25) // pd.Timedelta(microseconds=1), False)
    next_opening = np.append(opening[1:], np.nan)
    torn = follows & judged & (closing != next_opening)
    off = judged & (np.abs(used - (closing - opening)) > jitter + _TOLERANCE * np.maximum(1.0, np.abs(closing)))
    findings = []
    if torn.any():
        amount = float(np.abs(next_opening - closing)[torn].sum())
        findings.append(_broken(meter_id, starts[torn], "seam", amount))
    if off.any():
        amount = float(np.abs(used - (closing - opening))[off].sum())
        findings.append(_broken(meter_id, starts[off], "advance", amount))
    return findings


def total(meter_id: str, starts: pd.DatetimeIndex, shown: float, advanced: float) -> list[Finding]:
    """Check that days between two readings add up to the register's advance.

    Args:
        meter_id: The meter.
        starts: The days, for the finding.
        shown: Sum of the days and of the partial days at either end. [unit]
        advanced: Sum of the advances. [unit]
    """
    if abs(shown - advanced) <= _TOLERANCE * max(1.0, abs(advanced)) * max(1.0, len(starts) / 100):
        return []
    return [_broken(meter_id, starts, "total", abs(shown - advanced), shown=shown, advanced=advanced)]


def advances(frame: pd.DataFrame, jitter: float, falls: Sequence[Finding]) -> tuple[pd.Series, pd.Series]:
    """Give a register's advance on each day, from opening and closing.

    Args:
        frame: A meter's days, index their openings (UTC); columns `opening`, `closing`, `consumption`.
        jitter: Largest allowed step back of the register. [unit]
        falls: Findings over which the register falls; for their days the consumption is taken.

    Returns:
        Advance by day, and its allowed difference from the consumption, by rounding and steps back. [unit]
    """
    used, closing = frame["consumption"], frame["closing"]
    advance = (closing - frame["opening"]).where(~_fallen(pd.DatetimeIndex(frame.index), falls), used)
    stepped_back = (used - advance).where(lambda back: (back > 0) & (back <= jitter), 0.0)
    return advance, stepped_back + _TOLERANCE * closing.abs().fillna(0.0)


def _fallen(starts: pd.DatetimeIndex, falls: Sequence[Finding]) -> np.ndarray:
    """Tell which days lie around a fall of the register, shape (n,), `bool`."""
    fallen = np.zeros(len(starts), dtype=bool)
    for fall in falls:
        fallen |= np.asarray((starts + pd.Timedelta(days=2) >= fall.start) & (starts <= fall.end))
    return fallen


def parts(meter_id: str, whole: pd.Series, pieces: Mapping[str, pd.Series], slack: pd.Series) -> list[Finding]:
    """Check that a derived meter's stored days equal the sum of its sources' contributions.

    Args:
        meter_id: The meter.
        whole: Its days by opening, NaN where missing. [unit]
        pieces: Signed contribution of each source on each day, by source; absent days contribute nothing. [unit]
        slack: Allowed error of each day's sum. [unit]
    """
    given = pd.DataFrame({source: piece.reindex(whole.index) for source, piece in pieces.items()})
    off = (whole - given.fillna(0.0).sum(axis=1)).abs()
    tolerance = slack + _TOLERANCE * np.maximum(1.0, given.abs().sum(axis=1))
    wrong = (off > tolerance) & whole.notna()
    if not wrong.any():
        return []
    at = pd.DatetimeIndex(whole.index[wrong])
    amount = float(off[wrong].sum())
    return [_broken(meter_id, at, "parts", amount, sources=", ".join(pieces))]


def _broken(meter_id: str, at: pd.DatetimeIndex, law: str, amount: float, **more: Figure) -> Finding:
    figures = {"amount": amount, "days": float(len(at)), "law": law, **more}
    return Finding("not_conserved", meter_id, at[0], at[-1], figures, severity="error")
