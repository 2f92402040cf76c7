"""RFC 9420 section 13: extensions, and the contents of those that the RFC itself defines.

An extension whose type is unknown is carried as it came.
"""

from __future__ import annotations

from mifeng_crypto.mls.wire.credential import Credential
from mifeng_crypto.tls import Opaque, UInt16, Vec, struct


@struct
class Extension:
    """Section 13: a type and its opaque content."""

    extension_type: UInt16
    extension_data: Opaque


@struct
class RequiredCapabilities:
    """Section 11.1: what every member must support beyond the defaults."""

    extension_types: Vec[UInt16]
    proposal_types: Vec[UInt16]
    credential_types: Vec[UInt16]


@struct
class ExternalSender:
    """Section 12.1.8.1: somebody outside of the group who may send proposals."""

    signature_key: Opaque
    credential: Credential


@struct
class ExternalSenders:
    """Section 12.1.8.1: the content of the extension."""

    external_senders: Vec[ExternalSender]


@struct
class ExternalPub:
    """Section 12.4.3.2: the group's public key for external commits."""

    external_pub: Opaque


def find_extension(extensions: Vec[Extension], extension_type: int) -> bytes | None:
    """Return the content of the extension of this type, or None. Types are unique (rule 13.4)."""
    for extension in extensions:
        if extension.extension_type == extension_type:
            return extension.extension_data
    return None
