"""What a device signs to log in (protocol.md, "Login").

The signature binds the server's nonce, the server's TLS key as the client saw it, and the
workspace, so that it is of no use to anybody in between or to another server.
"""

from __future__ import annotations

from mifeng_crypto.ids import ProtocolVersion, UnixMillis, WorkspaceId
from mifeng_crypto.ledger.roster_entry import Author
from mifeng_crypto.tls import Bytes32, Text, struct

__all__ = ["LoginTBS"]


@struct
class LoginTBS:
    """Signed with the label `Login`.

    `origin` is scheme, host and port as the client dialled them; `tls_pin` the SHA-256 of the
    SubjectPublicKeyInfo that it met, absent without TLS or behind a public certificate.
    """

    version: ProtocolVersion
    workspace_id: WorkspaceId
    origin: Text
    tls_pin: Bytes32 | None
    nonce: Bytes32
    author: Author
    time: UnixMillis
