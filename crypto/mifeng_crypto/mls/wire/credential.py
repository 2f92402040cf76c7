"""RFC 9420 section 5.3: what a leaf says about who it is. Whether it is true is decided above."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from mifeng_crypto.mls.wire import registry
from mifeng_crypto.tls import Opaque, Vec, struct


@struct(tag=registry.BASIC, tag_bytes=2)
class BasicCredential:
    """A bare assertion of an identity; the application knows what its bytes mean."""

    credential_type: ClassVar[int] = registry.BASIC

    identity: Opaque


@struct
class Certificate:
    """One DER certificate, carried and not parsed."""

    cert_data: Opaque


@struct(tag=registry.X509, tag_bytes=2)
class X509Credential:
    """A certificate chain, end entity first. Carried for other clients; nobody here issues one."""

    credential_type: ClassVar[int] = registry.X509

    certificates: Vec[Certificate]


Credential: TypeAlias = BasicCredential | X509Credential
