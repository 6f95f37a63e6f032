"""Languages of the user interface."""

from __future__ import annotations

from typing import Literal

Language = Literal["de", "en"]
