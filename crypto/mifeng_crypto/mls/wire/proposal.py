"""RFC 9420 section 12.1: the seven proposals, and how a commit names them."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.mls.wire.psk import PreSharedKeyID
from mifeng_crypto.tls import Opaque, UInt16, UInt32, Vec, struct


@struct(tag=registry.ADD, tag_bytes=2)
class Add:
    """Section 12.1.1."""

    proposal_type: ClassVar[int] = registry.ADD

    key_package: KeyPackage


@struct(tag=registry.UPDATE, tag_bytes=2)
class Update:
    """Section 12.1.2."""

    proposal_type: ClassVar[int] = registry.UPDATE

    leaf_node: LeafNode


@struct(tag=registry.REMOVE, tag_bytes=2)
class Remove:
    """Section 12.1.3."""

    proposal_type: ClassVar[int] = registry.REMOVE

    removed: UInt32


@struct(tag=registry.PSK, tag_bytes=2)
class PreSharedKey:
    """Section 12.1.4."""

    proposal_type: ClassVar[int] = registry.PSK

    psk: PreSharedKeyID


@struct(tag=registry.REINIT, tag_bytes=2)
class ReInit:
    """Section 12.1.5."""

    proposal_type: ClassVar[int] = registry.REINIT

    group_id: Opaque
    version: UInt16
    cipher_suite: UInt16
    extensions: Vec[Extension]


@struct(tag=registry.EXTERNAL_INIT, tag_bytes=2)
class ExternalInit:
    """Section 12.1.6."""

    proposal_type: ClassVar[int] = registry.EXTERNAL_INIT

    kem_output: Opaque


@struct(tag=registry.GROUP_CONTEXT_EXTENSIONS, tag_bytes=2)
class GroupContextExtensions:
    """Section 12.1.7."""

    proposal_type: ClassVar[int] = registry.GROUP_CONTEXT_EXTENSIONS

    extensions: Vec[Extension]


Proposal: TypeAlias = (
    Add | Update | Remove | PreSharedKey | ReInit | ExternalInit | GroupContextExtensions
)


@struct(tag=1, tag_bytes=1)
class ProposalByValue:
    """ProposalOrRef of type proposal (section 12.4)."""

    proposal: Proposal


@struct(tag=2, tag_bytes=1)
class ProposalByReference:
    """ProposalOrRef of type reference (section 12.4): the ProposalRef of an earlier message."""

    reference: Opaque


ProposalOrRef: TypeAlias = ProposalByValue | ProposalByReference
