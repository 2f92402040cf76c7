"""The public half of a group: what a server sees, and what every member has (RFC 9420 section 8.1).

    GroupInfo + tree --verify--> PublicGroup --receive_proposal--> PublicGroup
                                     |
                                     +--stage_commit (stage.py)--> StagedCommit .after: PublicGroup

No secret is needed for anything here, and none is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError, UsageError
from mifeng_crypto.labels import verify_with_label
from mifeng_crypto.mls.keys.transcript import interim_transcript_hash
from mifeng_crypto.mls.tree.leaf_check import check_unique_extensions
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_check import check_tree
from mifeng_crypto.mls.tree.tree_hash import tree_hash
from mifeng_crypto.mls.tree.tree_math import LeafIndex
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.extension import find_extension
from mifeng_crypto.mls.wire.framing import Sender
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.mls.wire.proposal import Proposal
from mifeng_crypto.mls.wire.welcome import GroupInfo, group_info_tbs
from mifeng_crypto.suite import Suite, suite_by_id
from mifeng_crypto.tls import decode


@dataclass(frozen=True, slots=True)
class ReceivedProposal:
    """A proposal that came on its own, with its signature verified (section 12.1)."""

    proposal: Proposal
    sender: Sender


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicGroup:
    """One epoch of a group without its secrets.

    Attributes:
        proposals: those of this epoch by their ProposalRef.
        is_closed: a ReInit was committed: nothing more is sent here (section 12.4.2).
    """

    suite: Suite
    context: GroupContext
    tree: RatchetTree
    interim_transcript_hash: bytes
    proposals: Mapping[bytes, ReceivedProposal] = field(default_factory=dict)
    is_closed: bool = False

    def __repr__(self) -> str:
        return f"PublicGroup({self.group_id.hex()}, epoch {self.epoch}, {self.tree!r})"

    @property
    def group_id(self) -> bytes:
        return self.context.group_id

    @property
    def epoch(self) -> int:
        return self.context.epoch

    @property
    def n_members(self) -> int:
        return self.tree.n_members

    def leaves(self) -> Iterator[tuple[LeafIndex, LeafNode]]:
        """Yield the members in the order of their leaves."""
        return self.tree.leaves()

    def leaf(self, i: LeafIndex) -> LeafNode:
        """Return a member's leaf.

        Raises:
            UsageError: the leaf is blank.
        """
        return self.tree.member(i)

    def find(self, signature_key: bytes) -> LeafIndex | None:
        """Return the leaf with this public signature key, if it is a member."""
        return self.tree.index.signature_keys.get(signature_key)

    @classmethod
    def from_group_info(
        cls, group_info: GroupInfo, *, tree: RatchetTreeExtension | None
    ) -> PublicGroup:
        """Verify a GroupInfo and its tree in full.

        Args:
            group_info: as received; whether its confirmation tag is right, only members can tell.
            tree: the group's tree, where the GroupInfo does not bring it.

        Raises:
            UsageError: there is no tree at all, or the cipher suite is unknown.
            ProtocolError: RFC9420-12.4.3.1-2 to 12.4.3.1-4, or a rule of sections 7.3, 7.9, 13.4.
        """
        context = group_info.group_context
        if context.version != registry.MLS10:
            raise ProtocolError("RFC9420-12.4.3.1-2", "the group is of another version of MLS")
        suite = suite_by_id(context.cipher_suite)
        check_unique_extensions(context.extensions)
        check_unique_extensions(group_info.extensions)
        ratchet_tree = RatchetTree.from_wire(suite, _tree_of(group_info, tree))
        _check_tree_hash(ratchet_tree, context)
        _check_signer(group_info, ratchet_tree)
        check_tree(ratchet_tree, group_id=context.group_id, extensions=context.extensions)
        interim = interim_transcript_hash(
            suite, context.confirmed_transcript_hash, group_info.confirmation_tag
        )
        return cls(suite=suite, context=context, tree=ratchet_tree, interim_transcript_hash=interim)


def _tree_of(group_info: GroupInfo, tree: RatchetTreeExtension | None) -> RatchetTreeExtension:
    """Return the tree that the GroupInfo brings, or else the given one (section 12.4.3.3)."""
    data = find_extension(group_info.extensions, registry.RATCHET_TREE)
    if data is None:
        if tree is None:
            raise UsageError("this GroupInfo does not bring its tree: pass it")
        return tree
    try:
        return decode(RatchetTreeExtension, data)
    except CodecError as err:
        raise ProtocolError(
            "RFC9420-12.4.3.3-1", "the ratchet_tree extension is malformed"
        ) from err


def _check_tree_hash(tree: RatchetTree, context: GroupContext) -> None:
    """RFC9420-12.4.3.1-4: the tree is the one that the GroupInfo names."""
    if tree_hash(tree) != context.tree_hash:
        raise ProtocolError("RFC9420-12.4.3.1-4", "a tree is not the one of its GroupInfo")


def _check_signer(group_info: GroupInfo, tree: RatchetTree) -> None:
    """RFC9420-12.4.3.1-3: a member signed the GroupInfo."""
    signer = tree.leaf(LeafIndex(group_info.signer))
    if signer is None:
        raise ProtocolError("RFC9420-12.4.3.1-3", "a GroupInfo is signed by nobody in the group")
    try:
        verify_with_label(
            tree.suite,
            signer.signature_key,
            "GroupInfoTBS",
            group_info_tbs(group_info),
            group_info.signature,
        )
    except CryptoError as err:
        raise ProtocolError(
            "RFC9420-12.4.3.1-3", "the signature of a GroupInfo does not verify"
        ) from err
