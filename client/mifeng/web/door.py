"""One-time tokens in, secrets out: how a page of this user, and nobody else's, gets in.

A token stands in the fragment of the address that the browser is given, and works once, for a
minute. The page changes it for a secret that it keeps in `sessionStorage`, where no other port and
no other tab can read it (cookies are shared by all ports of an address).
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable

from mifeng.web.errors import RefusedError

__all__ = ["Door"]

TOKEN_S = 60.0
MAX_SECRETS = 64
"""Pages at a time; the oldest has to come in anew."""


class Door:
    """The tokens that wait and the secrets that are in use, in memory only."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._tokens: dict[str, float] = {}
        self._secrets: list[str] = []

    def issue(self) -> str:
        """Return a token that works once, within a minute."""
        token = secrets.token_urlsafe(32)
        self._tokens[token] = self._now_s() + TOKEN_S
        return token

    def waits(self, token: str) -> bool:
        """Whether nobody has used a token, and it may still be used."""
        return self._tokens.get(token, 0) > self._now_s()

    def enter(self, token: str) -> str:
        """Change a token for a secret.

        Raises:
            RefusedError: it was used, is too old, or was never issued.
        """
        found = next((one for one in self._tokens if _same(one, token)), None)
        until = self._tokens.pop(found) if found is not None else 0.0
        if until <= self._now_s():
            raise RefusedError("this address was used already; run `mifeng ui` again")
        secret = secrets.token_urlsafe(32)
        self._secrets = [*self._secrets[-MAX_SECRETS + 1 :], secret]
        return secret

    def check(self, secret: str) -> None:
        """Let a page in again.

        Raises:
            RefusedError: it never was.
        """
        if not any([_same(one, secret) for one in self._secrets]):  # noqa: C419 - all, every time
            raise RefusedError("this page was not opened by `mifeng ui`; run it again")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode(errors="replace"))
