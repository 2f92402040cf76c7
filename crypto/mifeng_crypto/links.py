"""Links that people hand on: `mifeng:found#...`, `join`, `link`, `recover` (protocol.md, "Links").

A link is a TLS-encoded struct in base64url behind the `#`, so that it never reaches a web server's
log. All but `recover` hold secrets: they are shown once and never logged.
"""

from __future__ import annotations

import base64
import binascii

from mifeng_crypto.errors import CodecError, UsageError
from mifeng_crypto.ids import MemberId, ProtocolVersion
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.tls import Bytes32, Text, Vec, decode, encode, struct

__all__ = [
    "DeviceLink",
    "FoundLink",
    "InviteLink",
    "Link",
    "RecoveryLink",
    "format_link",
    "parse_link",
]


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


@struct
class DeviceLink:
    """Lets its holder ask to be one more device of `member_id`, once, within ten minutes.

    `commitment` is the hash of the nonce that the old device shows once it has the request.
    """

    version: ProtocolVersion
    addresses: Vec[Text]
    tls_pin: Bytes32 | None
    genesis: Bytes32
    roster: Head
    member_id: MemberId
    secret: Bytes32
    commitment: Bytes32

    def __repr__(self) -> str:
        """Show no secret."""
        return f"DeviceLink({self.addresses}, member {self.member_id.hex()})"


@struct
class RecoveryLink:
    """Where and who a recovery sheet is for; the sheet's code is the secret, and not in here."""

    version: ProtocolVersion
    addresses: Vec[Text]
    tls_pin: Bytes32 | None
    genesis: Bytes32
    member_id: MemberId


Link = FoundLink | InviteLink | DeviceLink | RecoveryLink

_KINDS: dict[str, type[Link]] = {
    "found": FoundLink,
    "join": InviteLink,
    "link": DeviceLink,
    "recover": RecoveryLink,
}


def format_link(link: Link) -> str:
    """Write a link as people pass it on."""
    kind = next(k for k, cls in _KINDS.items() if type(link) is cls)
    return f"mifeng:{kind}#{base64.urlsafe_b64encode(encode(link)).decode().rstrip('=')}"


def parse_link(text: str) -> Link:
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
