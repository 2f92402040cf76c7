"""Links that people hand on: `mifeng:found#...` and `mifeng:join#...` (protocol.md, "Links").

A link is a TLS-encoded struct in base64url behind the `#`, so that it never reaches a web server's
log. It holds secrets: it is shown once and never logged.
"""

from __future__ import annotations

import base64
import binascii

from mifeng_crypto.errors import CodecError, UsageError
from mifeng_crypto.ids import MemberId, ProtocolVersion
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.tls import Bytes32, Text, Vec, decode, encode, struct

__all__ = ["FoundLink", "InviteLink", "format_link", "parse_link"]


@struct
class FoundLink:
    """Lets its holder found the workspace of a new server, once.

    `tls_pin` is absent where the server has a public certificate or is plain HTTP on loopback.
    """

    version: ProtocolVersion
    addresses: Vec[Text]
    tls_pin: Bytes32 | None
    token: Bytes32

    def __repr__(self) -> str:
        """Show no secret."""
        return f"FoundLink({self.addresses})"


@struct
class InviteLink:
    """Lets its holder become `member_id`: with the invite's one-time key, and trust in no server.

    Any roster that does not begin with `genesis` and pass through `roster` is refused.
    """

    version: ProtocolVersion
    addresses: Vec[Text]
    tls_pin: Bytes32 | None
    genesis: Bytes32
    roster: Head
    member_id: MemberId
    secret_key: Bytes32
    directory_key: Bytes32

    def __repr__(self) -> str:
        """Show no secret."""
        return f"InviteLink({self.addresses}, member {self.member_id.hex()})"


_KINDS: dict[str, type[FoundLink | InviteLink]] = {"found": FoundLink, "join": InviteLink}


def format_link(link: FoundLink | InviteLink) -> str:
    """Write a link as people pass it on."""
    kind = next(k for k, cls in _KINDS.items() if type(link) is cls)
    return f"mifeng:{kind}#{base64.urlsafe_b64encode(encode(link)).decode().rstrip('=')}"


def parse_link(text: str) -> FoundLink | InviteLink:
    """Read a link.

    Raises:
        UsageError: it is not a whole `mifeng:` link; the message says what to do.
    """
    head, _, tail = text.strip().partition("#")
    scheme, _, kind = head.partition(":")
    cls = _KINDS.get(kind)
    if scheme != "mifeng" or cls is None:
        raise UsageError("this is not a mifeng: link; copy the whole link, from `mifeng:` on")
    try:
        raw = base64.b64decode(tail + "=" * (-len(tail) % 4), altchars=b"-_", validate=True)
        return decode(cls, raw)
    except (CodecError, binascii.Error, ValueError) as err:
        raise UsageError("this link is damaged; ask for it again and copy it whole") from err
