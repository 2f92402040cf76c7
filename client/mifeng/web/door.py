"""How a page of this user, and nobody else's, gets in; and how it knows that it is this process.

A key is a name and 32 random bytes. The first one of a page, its token, stands in the fragment of
the address that the browser is given, and works once, for a minute; with it the page is given
another, which it keeps in `sessionStorage`, where no other port and no other tab can read it
(cookies are shared by all ports of an address).

Neither is ever sent. Both sides of a new line send a challenge, and prove by HMAC that they have
the key before anything else is said: whoever takes the port once this process has ended can prove
nothing, and is told nothing. A line is one TCP connection, so what is proved at its beginning
holds to its end (docs/ui.md, "What protects it").
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from mifeng.web.errors import RefusedError

__all__ = ["Challenge", "Door", "Hello", "Key", "Welcome", "new_challenge", "proof_of"]

TOKEN_S = 60.0
MAX_PAGES = 64
"""Pages at a time; the oldest has to come in anew."""
LABEL = "Mifeng 1.0 screen"


class Challenge(msgspec.Struct, frozen=True):
    """What the process says first: 32 random bytes, hex."""

    challenge: str


class Hello(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page says then: which key it has, a challenge of its own, and its proof, hex."""

    key: str
    challenge: str
    proof: str


class Welcome(msgspec.Struct, frozen=True):
    """The proof of the process; where the key was a token, the key that takes its place."""

    proof: str
    key: str


@dataclass(frozen=True, slots=True)
class Key:
    """What a page and this process share."""

    name: str
    secret: str = field(repr=False)
    until_s: float | None = None

    @property
    def text(self) -> str:
        """What the page keeps."""
        return f"{self.name}.{self.secret}"


class Door:
    """The keys of the pages that are open, and of those that are to come; in memory only."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._keys: dict[str, Key] = {}

    def issue(self) -> str:
        """Return a token that works once, within a minute."""
        return self._new(self._now_s() + TOKEN_S).text

    def waits(self, token: str) -> bool:
        """Whether nobody has used a token, and it may still be used."""
        found = self._keys.get(token.partition(".")[0])
        return found is not None and found.text == token and self._is_live(found)

    def enter(self, hello: Hello, challenge: str, host: str) -> Welcome:
        """Let a page in that proves that it has a key, and prove the same to it.

        Args:
            hello: what it says.
            challenge: what it was asked.
            host: the address and port that it has dialled, which are this process's own.

        Raises:
            RefusedError: there is no such key, its time is over, or the proof is not right.
        """
        key = self._keys.get(hello.key)
        if key is None or not self._is_live(key):
            raise RefusedError("this page was not opened by `mifeng ui`; run it again")
        check_proof(key, hello, challenge, host)
        new = ""
        if key.until_s is not None:
            self._retire(key)
            new = self._new(None).text
        return Welcome(proof_of(key.secret, "process", host, challenge, hello.challenge).hex(), new)

    def _retire(self, key: Key) -> None:
        del self._keys[key.name]

    def _is_live(self, key: Key) -> bool:
        return key.until_s is None or key.until_s > self._now_s()

    def _new(self, until_s: float | None) -> Key:
        key = Key(secrets.token_urlsafe(9), secrets.token_urlsafe(32), until_s)
        kept = [one for one in self._keys.values() if self._is_live(one)][-MAX_PAGES + 1 :]
        self._keys = {one.name: one for one in (*kept, key)}
        return key


def new_challenge() -> str:
    """Return what nobody has been asked before."""
    return secrets.token_hex(32)


def proof_of(secret: str, side: str, host: str, challenge: str, answer: str) -> bytes:
    """Return what only somebody with the secret can say, as `page` or `process`, on this line.

    HMAC-SHA-256 under the secret's text, over these lines: the label, the side, the host, the
    process's challenge, the page's.
    """
    return _hmac(secret, side, host, challenge, answer).finalize()


def check_proof(key: Key, hello: Hello, challenge: str, host: str) -> None:
    """Refuse a page that does not have the key.

    Raises:
        RefusedError: its proof is another.
    """
    try:
        proof = bytes.fromhex(hello.proof)
        _hmac(key.secret, "page", host, challenge, hello.challenge).verify(proof)
    except (ValueError, InvalidSignature):
        raise RefusedError("this page was not opened by `mifeng ui`; run it again") from None


def _hmac(secret: str, *said: str) -> HMAC:
    mac = HMAC(secret.encode(), hashes.SHA256())
    mac.update("\n".join((LABEL, *said)).encode())
    return mac
