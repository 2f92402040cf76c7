"""RFC 9420 section 6: MLSMessage, the envelope of everything that leaves a client."""

from __future__ import annotations

from typing import TypeAlias

from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.framing import PrivateMessage, PublicMessage
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.welcome import GroupInfo, Welcome
from mifeng_crypto.tls import UInt16, encode, struct

Body: TypeAlias = PublicMessage | PrivateMessage | Welcome | GroupInfo | KeyPackage


@struct
class MLSMessage:
    """Section 6."""

    version: UInt16
    message: Body


def encode_message(body: Body) -> bytes:
    """Return `body` in its MLSMessage."""
    return encode(MLSMessage(registry.MLS10, body))
