"""RFC 9420 section 12.4.3: what a new member is sent, and what a group says about itself."""

from __future__ import annotations

from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.commit import HPKECiphertext
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.leaf_node import without_signature
from mifeng_crypto.mls.wire.psk import PreSharedKeyID
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import Opaque, UInt16, UInt32, Vec, encode, struct


@struct(tag=registry.GROUP_INFO, tag_bytes=2)
class GroupInfo:
    """Section 12.4.3. Unverified."""

    group_context: GroupContext
    extensions: Vec[Extension]
    confirmation_tag: Opaque
    signer: UInt32
    signature: Opaque


def group_info_tbs(group_info: GroupInfo) -> bytes:
    """Return the GroupInfoTBS."""
    return without_signature(encode(group_info), group_info.signature)


@struct
class PathSecret:
    """Section 12.4.3.1."""

    path_secret: Secret

    def __repr__(self) -> str:
        return f"PathSecret({len(self.path_secret)} bytes)"


@struct
class GroupSecrets:
    """Section 12.4.3.1."""

    joiner_secret: Secret
    path_secret: PathSecret | None
    psks: Vec[PreSharedKeyID]

    def __repr__(self) -> str:
        return f"GroupSecrets({len(self.psks)} psks)"


@struct
class EncryptedGroupSecrets:
    """Section 12.4.3.1. `new_member` is the KeyPackageRef."""

    new_member: Opaque
    encrypted_group_secrets: HPKECiphertext


@struct(tag=registry.WELCOME, tag_bytes=2)
class Welcome:
    """Section 12.4.3.1."""

    cipher_suite: UInt16
    secrets: Vec[EncryptedGroupSecrets]
    encrypted_group_info: Opaque
