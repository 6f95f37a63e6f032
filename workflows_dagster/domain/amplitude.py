"""How far a meter follows a curve of the year, or the weather: its amplitude, by its advances and what is usual.

See docs/explanation/methods.md#profile.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# How far around the usual amplitude the prior reaches.
_TRUST = 0.2
# Scatter of an advance: a random walk [mean days' consumption² per day], and the part of it by which years differ.
_WALK, _YEARS = 2.0, 0.07
# How many gaps the prior scatter counts as.
_PRIOR_GAPS = 6.0
_CELLS = 240


@dataclass(frozen=True)
class Evidence:
    """What advances say of an amplitude: sums over gaps, each weighted by how little it scatters.

    The misfit of any amplitude follows from them, so that a grid of amplitudes costs no more than one.

    Attributes:
        gaps: How many gaps there are.
        target: Σ advance², advances in days of mean consumption.
        evenly: Σ advance · length.
        curved: Σ advance · (curve − length).
        lengths: Σ length².
        mixed: Σ length · (curve − length).
        curves: Σ (curve − length)².
    """

    gaps: int
    target: float
    evenly: float
    curved: float
    lengths: float
    mixed: float
    curves: float

    def log_likelihood(self, amplitude: np.ndarray) -> np.ndarray:
        """Give the logarithm of how likely amplitudes make the advances, up to a constant; shape (n,).

        The mean consumption is the one that fits best. How large the scatter is in all is not known (Student's t).
        """
        fitted = (self.evenly + amplitude * self.curved) ** 2
        size = self.lengths + 2 * amplitude * self.mixed + amplitude**2 * self.curves
        with np.errstate(invalid="ignore", divide="ignore"):
            explained = np.where(size > 0, fitted / size, 0.0)
        misfit = np.maximum(self.target - explained, 0.0)
        likely: np.ndarray = -(_PRIOR_GAPS + self.gaps - 1) / 2 * np.log(_PRIOR_GAPS + misfit)
        return likely


def evidence(length: np.ndarray, curve: np.ndarray, advance: np.ndarray) -> Evidence:
    """Add up what advances say of how far a meter follows a curve.

    Args:
        length: Lengths of gaps. [d], shape (n,)
        curve: Integrals of the curve over them. [d], shape (n,)
        advance: What was counted in them, some above 0. [meter unit], shape (n,)
    """
    relative = advance * (length.sum() / advance.sum())
    trust = precision(length)
    bend = curve - length
    pairs = (
        (relative, relative), (relative, length), (relative, bend), (length, length), (length, bend), (bend, bend),
    )  # fmt: skip
    return Evidence(len(length), *(float((one * other * trust).sum()) for one, other in pairs))


def precision(length: np.ndarray) -> np.ndarray:
    """Give how little the advances of gaps scatter, by their lengths. [1/d²], shape (n,)"""  # noqa: D415
    precise: np.ndarray = 1 / (_WALK * length + (_YEARS * length) ** 2)
    return precise


@dataclass(frozen=True)
class Belief:
    """How likely amplitudes are: a density over cells, and a mass at 0, a load that is the same all year.

    Attributes:
        edges: Edges of the cells, increasing, shape (n + 1,).
        cells: Mass in each, not normalised, shape (n,).
        even: Mass at 0, likewise.
    """

    edges: np.ndarray
    cells: np.ndarray
    even: float

    @property
    def middle(self) -> float:
        """The amplitude that is as likely too small as too large: the one with the least expected miss."""
        below = np.concatenate([[0.0], np.cumsum(self.cells)])
        half = (below[-1] + self.even) / 2
        before_zero = float(np.interp(0.0, self.edges, below))
        if before_zero < half <= before_zero + self.even:
            return 0.0
        return float(np.interp(half if half <= before_zero else half - self.even, below, self.edges))


def beliefs(
    evidences: list[Evidence], usual: list[float], prior: np.ndarray, bounds: tuple[float, float], even: float
) -> list[Belief]:
    """Weigh the evidence of several curves for one meter, one of which it follows, against what is usual.

    The prior has its peak at the usual amplitude and heavy tails, and a mass at 0: little evidence changes nothing,
    clear evidence is followed.

    Args:
        evidences: What the advances say of each curve, shape (m,).
        usual: Usual amplitude of each curve. [1], shape (m,)
        prior: How likely each curve is before. [1], shape (m,)
        bounds: Least and most amplitude; 0 lies within. [1]
        even: How likely a load is that is the same all year. 0..1

    Returns:
        A belief for each curve, all in the same unit of mass.
    """
    edges = np.linspace(*bounds, _CELLS + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    likely = np.array([found.log_likelihood(np.append(centres, 0.0)) for found in evidences])
    density = 1 / (1 + ((centres - np.array(usual)[:, np.newaxis]) / _TRUST) ** 2)
    density *= (1 - even) / density.sum(axis=1, keepdims=True)
    mass = np.exp(likely - likely.max()) * np.column_stack([density, np.full(len(usual), even)])
    mass *= prior[:, np.newaxis]
    return [Belief(edges, row[:-1], float(row[-1])) for row in mass]
