"""What is known about a counter itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Counter:
    """What is known about the counter itself.

    Attributes:
        meter_id: The meter.
        unit: Unit of the readings.
        resolution: Smallest step that the counter shows; a fall within it is jitter. [unit]
        digits: Digits before the decimal point, after which it starts again from zero, or None.
        kind: What a fall means: something to explain (`register`), the next start (`resetting`), or consumption below
            zero (`turns_back`).
        declared_resolution: Whether the owner gives the resolution; else lost decimals are looked for.
        declared_start: Whether the owner gives the first reading; else a zero before all others may be none.
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
        """Largest step that is one of the resolution, however the decimals round. [unit]"""  # noqa: D415
        return self.resolution * (1 + 1e-6)

    @property
    def modulus(self) -> float:
        """Value at which the counter starts again from zero. [unit]"""  # noqa: D415
        return float("inf") if self.digits is None else 10.0**self.digits
