"""Blackening secrets: the known ones in every spelling that a library may give them, and whatever looks like one."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import quote, quote_plus

MASKED = "***"
SHORTEST = 6
"""Characters of the shortest secret that is looked for: a shorter one would blacken half of every line."""

# A password or token inside an address is a secret of its own, because libraries quote addresses in part.
_SHORTEST_PART = 8
_LONG_PART = 20
_PERCENT = re.compile(r"%[0-9A-F]{2}")

# Bounded, all of them: a long text of nothing but such characters must not take minutes.
_SECRET_NAME = r"(?:[\w.-]{0,40}(?:token|secret|passw(?:or)?d|passwd|pwd|api[_-]?key|apikey|signature))"
_LOOKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?(?:-----END \1PRIVATE KEY-----|\Z)", re.DOTALL), MASKED),
    # Authorization: Token …, 'authorization': 'Basic …', and a scheme that stands by itself.
    (
        re.compile(
            r"(?i)((?:proxy-)?authorization\b[\"']?\s*[:=]\s*(?:b(?=[\"']))?[\"']?(?:(?:token|bearer|basic|apikey)\s+)?)[^\s\"',}]+"
        ),
        rf"\1{MASKED}",
    ),
    (re.compile(r"(?i)\b((?:token|bearer|basic|apikey)\s+)(?=\S{0,80}\d)[\w.~+/=-]{16,}"), rf"\1{MASKED}"),
    # A login in an address; nothing in front of the @ is worth keeping.
    (re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://)[^\s/@\"'<>]+@"), rf"\1{MASKED}@"),
    # ?token=…, &p=… as InfluxDB 1.x writes a password, password=…
    (re.compile(rf"(?i)([?&](?:{_SECRET_NAME}|auth|sig|p)=)[^&\s\"'#<>]+"), rf"\1{MASKED}"),
    (re.compile(rf"(?i)\b({_SECRET_NAME}=)[^\s\"',;&)}}\]#<>]+"), rf"\1{MASKED}"),
    (re.compile(rf"(?i)\b({_SECRET_NAME}=)([\"'])[^\"'\n]+\2"), rf"\1\2{MASKED}\2"),
    # {"token": "…"} and {'password': '…'}
    (re.compile(rf"(?i)([\"']{_SECRET_NAME}[\"']\s*:\s*b?)([\"'])(?:\\.|(?!\2).)*\2"), rf"\1\2{MASKED}\2"),
    # A JSON Web Token tells by itself what it is.
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MASKED),
)

# What each of them needs to be there, in small letters: a run logs some ten thousand lines that hold none of it.
_HINTS = (
    "://", "=", "authorization", "token", "bearer", "basic", "secret", "passw", "pwd", "api", "signature", "eyj",
    "private key",
)  # fmt: skip


class Mask:
    """Blackens secrets in texts.

    Args:
        secrets: Known secrets; what is shorter than `SHORTEST` is not looked for.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        wanted = {spelling for secret in secrets for spelling in _spellings(secret)}
        # The longest first: one secret may begin with another.
        alternatives = sorted(wanted, key=lambda spelling: (-len(spelling), spelling))
        self._known = re.compile("|".join(map(_pattern, alternatives)))
        self._hints = tuple({spelling.casefold() for spelling in alternatives})

    def __repr__(self) -> str:
        return "<mask>"

    def __call__(self, text: str) -> str:
        """Give the text with `***` in place of every secret."""
        folded = text.casefold()
        if any(hint in folded for hint in self._hints):
            text = self._known.sub(MASKED, text)
        if any(hint in folded for hint in _HINTS):
            for look, replacement in _LOOKS:
                text = look.sub(replacement, text)
        return text


def _pattern(spelling: str) -> str:
    """Give the expression that finds a spelling; %2F and %2f are the same."""
    return _PERCENT.sub(lambda found: f"(?i:{found.group()})", re.escape(spelling))


def _spellings(secret: str) -> Iterator[str]:
    secret = secret.strip()
    for value in (secret, *_parts(secret)):
        if len(value) < SHORTEST:
            continue
        yield value
        # Tokens end in "==", which may be spelled apart from the rest, or twice over.
        if len(value.rstrip("=")) >= SHORTEST:
            yield value.rstrip("=")
        yield quote(quote(value, safe=""), safe="")
        yield from (quote(value, safe=""), quote(value), quote(value, safe="/:@?&=+,;"), quote_plus(value))
        yield json.dumps(value)[1:-1]
        yield json.dumps(value, ensure_ascii=False)[1:-1]
        yield json.dumps(json.dumps(value))[3:-3]
        yield repr(value)[1:-1]
        yield repr(value.encode())[2:-1]
        yield html.escape(value)
        # Requests writes a login in Latin-1 where it can.
        for encoding in ("utf-8", "latin-1"):
            with suppress(UnicodeEncodeError):
                yield from _base64(value.encode(encoding))


def _parts(secret: str) -> Iterator[str]:
    """Find what in a secret address is secret by itself: its password, and tokens in its path and query."""
    scheme, found, rest = secret.partition("://")
    if not found:
        return
    login, has_login, _ = rest.rpartition("@")
    if has_login:
        yield login
        yield login.partition(":")[2]
    # Whoever knows its topic, which may be any word, reads what ntfy carries.
    is_topic = scheme in ("ntfy", "ntfys")
    for part in re.split(r"[/:@?&=#,;]", rest):
        telling = len(part) >= _LONG_PART or (any(c.isdigit() for c in part) and any(c.isalpha() for c in part))
        is_long = len(part) >= (SHORTEST if is_topic else _SHORTEST_PART)
        if is_long and "." not in part and (telling or is_topic) and part != scheme:
            yield part


def _base64(value: bytes) -> Iterator[str]:
    """Spell a secret as it stands inside a longer text in base64, such as `user:password`, at each of three offsets."""
    for offset in range(3):
        encoded = base64.b64encode(bytes(offset) + value)
        first = (offset * 8 + 5) // 6
        # The last characters hold bits of what follows.
        last = (offset + len(value)) * 8 // 6
        inner = encoded[first:last].decode()
        if len(inner) >= SHORTEST:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")


_mask = Mask()


def masked(text: str) -> str:
    """Give the text without the secrets of this process, see `know`."""
    return _mask(text)


def know(secrets: Iterable[str]) -> None:
    """Take these as the secrets of this process, in place of those it knew."""
    global _mask
    _mask = Mask(secrets)
