"""Decides who may read and write: by address, token or signed cookie."""

from __future__ import annotations

import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from itsdangerous import BadSignature, TimestampSigner

COOKIE = "house"
COOKIE_SECONDS = 30 * 86_400
_SALT = "utility-meters house page"
_SIGNED = "in"
_BEARER = "bearer "
_OF_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_FORWARDING = ("forwarded", "x-real-ip", "via")
_FORWARDING_PREFIX = "x-forwarded-"
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0
_MOST_PEERS = 1000

# Why a request is refused; `wording/house_page.py` makes the sentence.
Refusal = Literal["token_needed", "token_wrong", "too_many_tries", "no_token", "other_site"]


@dataclass(frozen=True)
class Rules:
    """What decides about a request.

    Attributes:
        token: The house's token, or None.
        on_this_machine: Whether the page listens on this machine only.
        hosts: Names under which this machine's browsers may read without the token.
    """

    token: str | None
    on_this_machine: bool
    hosts: frozenset[str]


@dataclass(frozen=True)
class Asked:
    """What a request says about itself.

    Attributes:
        peer: Address that it comes from.
        scheme: `http` or `https`.
        headers: Its headers, names in lower case.
        cookie: Value of our cookie, or None.
        is_write: Whether it may change something.
    """

    peer: str
    scheme: str
    headers: Mapping[str, str]
    cookie: str | None
    is_write: bool


def rules_of(token: str | None, host: str, hosts: tuple[str, ...]) -> Rules:
    """Give the rules of a page.

    Args:
        token: The house's token, or None.
        host: Name or address that the page listens on.
        hosts: Further names of this machine.
    """
    return Rules(token, is_this_machine(host), _OF_THIS_MACHINE | set(hosts))


def is_this_machine(host: str) -> bool:
    """Tell whether only this machine reaches an address that is listened on."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def new_cookie(token: str) -> str:
    """Sign a cookie that holds for `COOKIE_SECONDS`, or until the token changes."""
    return TimestampSigner(token, salt=_SALT).sign(_SIGNED).decode()


def is_token(given: str, token: str) -> bool:
    """Compare a token in constant time."""
    return hmac.compare_digest(given.encode(), token.encode())


class Gate:
    """Lets requests pass or refuses them; failed tokens make the same peer wait, longer each time.

    Args:
        rules: The rules, asked at each request because the token may change.
        clock: Monotonic seconds.
    """

    def __init__(self, rules: Callable[[], Rules], clock: Callable[[], float] = time.monotonic) -> None:
        self._rules, self._clock = rules, clock
        self._lock = threading.Lock()
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def refusal(self, asked: Asked) -> Refusal | None:
        """Give why a request is refused; None if it may pass."""
        rules = self._rules()
        known = self.is_known(asked)
        if isinstance(known, str):
            return known
        if asked.is_write:
            if rules.token is None:
                return "no_token"
            if not known:
                return "token_needed"
            return None if _is_own_origin(asked) else "other_site"
        return None if known or _may_read_here(asked, rules) else "token_needed" if rules.token else "no_token"

    def is_known(self, asked: Asked) -> bool | Refusal:
        """Tell whether a request shows the token or our cookie, or why the token that it shows is refused."""
        token = self._rules().token
        if token is None:
            return False
        bearer = asked.headers.get("authorization", "")
        if bearer[: len(_BEARER)].lower() == _BEARER:
            return self.tried(asked.peer, bearer[len(_BEARER) :].strip()) or True
        return asked.cookie is not None and _is_signed(asked.cookie, token)

    def tried(self, peer: str, given: str) -> Refusal | None:
        """Compare a token that a peer shows; None if it is right.

        Args:
            peer: Its address.
            given: The token.
        """
        token, now = self._rules().token, self._clock()
        if token is None:
            return "no_token"
        with self._lock:
            count, until = self._failed.get(peer, (0, 0.0))
            if now < until:
                return "too_many_tries"
            if is_token(given, token):
                self._failed.pop(peer, None)
                return None
            self._failed[peer] = (count + 1, now + min(_FIRST_WAIT * 2**count, _LONGEST_WAIT))
            self._failed.move_to_end(peer)
            while len(self._failed) > _MOST_PEERS:
                self._failed.popitem(last=False)
        return "token_wrong"

    def wait(self, peer: str) -> int:
        """Give how long a peer has to wait before its next try, rounded up. [s]"""  # noqa: D415
        with self._lock:
            return max(0, -int(-(self._failed.get(peer, (0, 0.0))[1] - self._clock()) // 1))


def _may_read_here(asked: Asked, rules: Rules) -> bool:
    forwarded = any(name in _FORWARDING or name.startswith(_FORWARDING_PREFIX) for name in asked.headers)
    return rules.on_this_machine and not forwarded and _host_of(asked) in rules.hosts


def _host_of(asked: Asked) -> str:
    try:
        return urlsplit(f"//{asked.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _is_own_origin(asked: Asked) -> bool:
    """Tell whether a write comes from our own pages; a program sends no origin, and shows the token itself."""
    origin = asked.headers.get("origin")
    if origin is None:
        return "authorization" in asked.headers or asked.headers.get("sec-fetch-site") == "same-origin"
    return origin.lower() == f"{asked.scheme}://{asked.headers.get('host', '')}".lower()


def _is_signed(cookie: str, token: str) -> bool:
    try:
        return TimestampSigner(token, salt=_SALT).unsign(cookie, max_age=COOKIE_SECONDS).decode() == _SIGNED
    except (BadSignature, UnicodeError, ValueError):
        return False
