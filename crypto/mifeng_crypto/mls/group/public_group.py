"""The public half of a group: what a server sees, and what every member has (RFC 9420 section 8.1).

    GroupInfo + tree --verify--> PublicGroup --receive_proposal--> PublicGroup
                                     |
                                     +--stage_commit (stage.py)--> StagedCommit .after: PublicGroup

No secret is needed for anything here, and none is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

from mifeng_crypto.errors import (
    CodecError,
    CryptoError,
    ProtocolError,
    StorageError,
    UsageError,
)
from mifeng_crypto.labels import verify_with_label
from mifeng_crypto.mls.keys.transcript import interim_transcript_hash
from mifeng_crypto.mls.tree.leaf_check import check_unique_extensions
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_check import check_tree
from mifeng_crypto.mls.tree.tree_hash import tree_hash
from mifeng_crypto.mls.tree.tree_math import LeafIndex, node_width
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.extension import find_extension
from mifeng_crypto.mls.wire.framing import Sender
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.mls.wire.parent_node import Node, RatchetTreeExtension
from mifeng_crypto.mls.wire.proposal import Proposal, ReInit
from mifeng_crypto.mls.wire.welcome import GroupInfo, group_info_tbs
from mifeng_crypto.suite import Suite, suite_by_id
from mifeng_crypto.tls import MAX_ELEMENTS, Opaque, UInt32, decode, encode, struct


@struct
class ReceivedProposal:
    """A proposal that came on its own, with its signature verified (section 12.1)."""

    proposal: Proposal
    sender: Sender


@struct
class StoredGroup:
    """What `parts` stores beside nodes and proposals."""

    context: GroupContext
    interim_transcript_hash: Opaque
    n_leaves: UInt32
    reinit: ReInit | None


@struct
class StoredNode:
    """One node, as `parts` stores it."""

    node: Node


GROUP, NODE, PROPOSAL = b"g", b"n", b"q"
"""What the keys of `parts` begin with; `epoch.py` adds its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicGroup:
    """One epoch of a group without its secrets.

    Attributes:
        proposals: those of this epoch by their ProposalRef.
        reinit: what was committed to replace the group: nothing more is sent (section 12.4.2).
    """

    suite: Suite
    context: GroupContext
    tree: RatchetTree
    interim_transcript_hash: bytes
    proposals: Mapping[bytes, ReceivedProposal] = field(default_factory=dict)
    reinit: ReInit | None = None

    def __repr__(self) -> str:
        return f"PublicGroup({self.group_id.hex()}, epoch {self.epoch}, {self.tree!r})"

    @property
    def group_id(self) -> bytes:
        return self.context.group_id

    @property
    def epoch(self) -> int:
        return self.context.epoch

    @property
    def is_closed(self) -> bool:
        return self.reinit is not None

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
            UsageError: there is no tree at all.
            ProtocolError: RFC9420-12.4.3.1-2 to 12.4.3.1-4, or a rule of sections 7.3, 7.9, 13.4.
        """
        context = group_info.group_context
        suite = _suite_of(context)
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

    # -------------------------------------------------------------- storage

    def parts(self, previous: PublicGroup | None) -> dict[bytes, bytes | None]:
        """Return what has to be written for this state, where `previous` is stored already.

        None means: delete it. A commit writes the nodes that it changed, and no others.
        """
        old_nodes = () if previous is None else previous.tree.nodes
        nodes, written = self.tree.nodes, dict[bytes, bytes | None]()
        for x, (old, new) in enumerate(zip_longest(old_nodes, nodes)):
            if old is not new:
                key = NODE + x.to_bytes(4, "big")
                written[key] = None if new is None else encode(StoredNode(new))
        old_proposals = {} if previous is None else previous.proposals
        for reference, received in self.proposals.items():
            if reference not in old_proposals:
                written[PROPOSAL + reference] = encode(received)
        for reference in old_proposals:
            if reference not in self.proposals:
                written[PROPOSAL + reference] = None
        if previous is None or self.context is not previous.context:
            interim, n_leaves = self.interim_transcript_hash, self.tree.n_leaves
            stored = StoredGroup(self.context, interim, n_leaves, self.reinit)
            written[GROUP] = encode(stored)
        return written

    @classmethod
    def from_parts(cls, parts: Mapping[bytes, bytes]) -> PublicGroup:
        """Put together what `parts` wrote. It is not verified again: keep it where only you write.

        Raises:
            StorageError: there is no group in it.
            CodecError: a part is damaged.
        """
        if GROUP not in parts:
            raise StorageError("the stored group is incomplete; link this device anew")
        stored = decode(StoredGroup, parts[GROUP])
        suite = suite_by_id(stored.context.cipher_suite)
        width, is_full = node_width(stored.n_leaves), stored.n_leaves.bit_count() == 1
        places = [int.from_bytes(key[1:], "big") for key in parts if key.startswith(NODE)]
        if not is_full or width > MAX_ELEMENTS or max(places, default=0) >= width:
            raise StorageError("the stored group is damaged; link this device anew")
        nodes: list[Node | None] = [None] * width
        proposals = {}
        for key, value in parts.items():
            if key.startswith(NODE):
                nodes[int.from_bytes(key[1:], "big")] = decode(StoredNode, value).node
            elif key.startswith(PROPOSAL):
                proposals[key[1:]] = decode(ReceivedProposal, value)
        return cls(
            suite=suite,
            context=stored.context,
            tree=RatchetTree.of(suite, tuple(nodes)),
            interim_transcript_hash=stored.interim_transcript_hash,
            proposals=proposals,
            reinit=stored.reinit,
        )


def _suite_of(context: GroupContext) -> Suite:
    """RFC9420-12.4.3.1-2: version and cipher suite are known here."""
    if context.version != registry.MLS10:
        raise ProtocolError("RFC9420-12.4.3.1-2", "the group is of another version of MLS")
    try:
        return suite_by_id(context.cipher_suite)
    except UsageError as err:
        raise ProtocolError("RFC9420-12.4.3.1-2", str(err)) from err


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
