"""Logging in: a signed nonce for a bearer token (protocol.md, "Login")."""

from __future__ import annotations

import dataclasses

from mifeng_crypto.ids import PROTOCOL_VERSION, UnixMillis, WorkspaceId
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.roster_entry import Author
from mifeng_crypto.login import LoginTBS
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode

__all__ = ["Signer"]


@dataclasses.dataclass(frozen=True, slots=True)
class Signer:
    """Who logs in: a device by its key, or an invite by its one-time key."""

    workspace_id: WorkspaceId
    author: Author
    private: Secret

    def sign_login(
        self, *, origin: str, tls_pin: bytes | None, nonce: bytes, now: UnixMillis
    ) -> tuple[bytes, bytes]:
        """Return an encoded LoginTBS and its signature."""
        tbs = encode(
            LoginTBS(
                version=PROTOCOL_VERSION,
                workspace_id=self.workspace_id,
                origin=origin,
                tls_pin=tls_pin,
                nonce=nonce,
                author=self.author,
                time=now,
            )
        )
        return tbs, sign_mifeng(self.private, "Login", tbs)
