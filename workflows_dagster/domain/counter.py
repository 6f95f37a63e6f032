"""The properties of a counter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Counter:
    """Properties of a counter.

    Attributes:
        meter_id: The meter.
        unit: Unit of the readings.
        resolution: Smallest step that the counter shows; a fall within it is jitter. [unit]
        digits: Digits before the decimal point, after which it rolls over to zero, or None.
        kind: Meaning of a fall: to be classified (`register`), a restart (`resetting`), or negative consumption
            (`turns_back`).
        declared_resolution: Whether the resolution is configured; else lost decimals are detected.
        declared_start: Whether the initial reading is configured; else leading zeros may be dropped.
    """

    meter_id: str
    unit: str
    resolution: float
    digits: int | None = None
    kind: Literal["register", "resetting", "turns_back"] = "register"
    declared_resolution: bool = False
    declared_start: bool = False

    @property
    def jitter(self) -> float:
        """Largest fall that counts as jitter: one step of the resolution, plus rounding. [unit]"""  # noqa: D415
        return self.resolution * (1 + 1e-6)

    @property
    def modulus(self) -> float:
        """Value at which the counter rolls over to zero. [unit]"""  # noqa: D415
        return float("inf") if self.digits is None else 10.0**self.digits
