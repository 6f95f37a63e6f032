"""Keeps photos of readings as proof, as files below the data folder."""

from __future__ import annotations

import os
import tempfile
from datetime import UTC
from pathlib import Path

import pandas as pd

FOLDER = "photos"
MOST_BYTES = 8_000_000
_STAMP = "%Y%m%dT%H%M%S%fZ"
# How a file of each kind begins.
_KINDS = {".jpg": (b"\xff\xd8\xff", 0), ".png": (b"\x89PNG\r\n\x1a\n", 0), ".webp": (b"WEBP", 8)}
MEDIA_TYPES = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


class NotAPhotoError(ValueError):
    """The file is no JPEG, PNG or WebP, or too large."""


def keep_photo(data_dir: Path, meter_id: str, at: pd.Timestamp, content: bytes) -> Path:
    """Keep the photo of a reading in place of one before.

    Args:
        data_dir: The data folder.
        meter_id: The meter, an id of meters.yaml.
        at: Instant of the reading, UTC.
        content: The file.

    Raises:
        NotAPhotoError: It is no photo.
        OSError: It cannot be written.
    """
    suffix = kind_of(content)
    forget_photo(data_dir, meter_id, at)
    path = _stem(data_dir, meter_id, at).with_suffix(suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=".photo.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return Path(draft).replace(path)


def kind_of(content: bytes) -> str:
    """Give the suffix of a photo by how it begins.

    Raises:
        NotAPhotoError: It is none.
    """
    for suffix, (mark, place) in _KINDS.items():
        if len(content) <= MOST_BYTES and content[place : place + len(mark)] == mark:
            return suffix
    raise NotAPhotoError


def photo_of(data_dir: Path, meter_id: str, at: pd.Timestamp) -> Path | None:
    """Give the file of a reading's photo; None without one."""
    stem = _stem(data_dir, meter_id, at)
    return next((path for suffix in _KINDS if (path := stem.with_suffix(suffix)).is_file()), None)


def forget_photo(data_dir: Path, meter_id: str, at: pd.Timestamp) -> None:
    """Delete the photo of a reading, if there is one."""
    path = photo_of(data_dir, meter_id, at)
    if path is not None:
        path.unlink(missing_ok=True)


def _stem(data_dir: Path, meter_id: str, at: pd.Timestamp) -> Path:
    return data_dir / FOLDER / meter_id / at.to_pydatetime().astimezone(UTC).strftime(_STAMP)
