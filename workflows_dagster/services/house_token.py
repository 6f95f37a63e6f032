"""Makes the house page's token where there is none."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FILE = "house.env"
_HEAD = "# The house page asks for it once in each browser; programs send it as a bearer token."
_BYTES = 16


def make_token(folder: Path) -> Path | None:
    """Write a new token into a folder of secrets, readable by its owner only.

    Args:
        folder: The folder; created if it does not exist.

    Returns:
        The file; None if there is one already, which is left as it is.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{_HEAD}\nHOUSE_TOKEN={secrets.token_hex(_BYTES)}\n")
    return path
