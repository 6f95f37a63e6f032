"""Masks known secrets in texts, in their usual spellings."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

MASKED = "***"
SHORTEST = 6
"""Length of the shortest secret that is masked; shorter ones would match parts of ordinary words. [characters]"""

# Parts of a secret address that are not secret: hosts and plain words.
_SHORTEST_PART = 8


class Mask:
    """Replaces secrets in texts.

    Args:
        secrets: Known secrets; those shorter than `SHORTEST` are not masked.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        wanted = {spelling for secret in secrets for spelling in _spellings(secret.strip())}
        # Longest first, since one secret may begin with another.
        self._wanted = sorted(wanted, key=lambda spelling: (-len(spelling), spelling))

    def __repr__(self) -> str:
        return "<mask>"

    def __call__(self, text: str) -> str:
        """Replace every secret in the text by `***`."""
        for spelling in self._wanted:
            if spelling in text:
                text = text.replace(spelling, MASKED)
        return text


def _spellings(secret: str) -> Iterator[str]:
    """Give the spellings of a secret and its parts: plain, URL-encoded, in JSON, in Python's `repr`, in base64."""
    for value in (secret, *_parts(secret)):
        # Tokens end in "==", which may be split off.
        for text in (value, value.rstrip("=")):
            if len(text) >= SHORTEST:
                yield from (text, quote(text, safe=""), quote(text), quote_plus(text))
                yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
                yield from (json.dumps(json.dumps(text))[3:-3], repr(text)[1:-1])
                yield from _base64(text.encode())


def _parts(address: str) -> Iterator[str]:
    """Give the secret parts of an address such as `mailto://user:password@host/?to=…`."""
    scheme, found, rest = address.partition("://")
    if not found:
        return
    login, _, _ = rest.rpartition("@")
    yield from (login, login.partition(":")[2])
    # A topic of ntfy may be any word, and anyone who knows it can read the messages.
    shortest = SHORTEST if scheme.startswith("ntfy") else _SHORTEST_PART
    yield from (part for part in re.split(r"[/:@?&=#,;]", rest) if len(part) >= shortest and "." not in part)


def _base64(value: bytes) -> Iterator[str]:
    """Encode a secret as part of a longer text, such as `user:password`, at each of the three offsets."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + value).decode()
        # The outermost characters also encode neighbouring bytes.
        inner = encoded[(offset * 8 + 5) // 6 : (offset + len(value)) * 8 // 6]
        if len(inner) >= SHORTEST:
            yield from (inner, inner.replace("+", "-").replace("/", "_"))
