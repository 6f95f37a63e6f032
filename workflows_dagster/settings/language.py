"""Languages that people are addressed in."""

from __future__ import annotations

from typing import Literal

Language = Literal["de", "en"]
