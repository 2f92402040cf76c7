"""Applying a list of proposals (RFC 9420 section 12.3): the next epoch's tree and extensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mifeng_crypto.mls.group.proposal_rules import Proposed
from mifeng_crypto.mls.group.public_group import PublicGroup
from mifeng_crypto.mls.tree.leaf_check import check_profiles, profile_of
from mifeng_crypto.mls.tree.ratchet_tree import RatchetTree
from mifeng_crypto.mls.tree.tree_edit import TreeEdit
from mifeng_crypto.mls.tree.tree_math import LeafIndex
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.framing import Member
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.mls.wire.proposal import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    ReInit,
    Remove,
    Update,
)
from mifeng_crypto.mls.wire.psk import PreSharedKeyID


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a list of proposals makes of a group."""

    tree: RatchetTree
    extensions: tuple[Extension, ...]
    added: tuple[tuple[LeafIndex, KeyPackage], ...]
    removed: tuple[tuple[LeafIndex, LeafNode], ...]
    updated: tuple[tuple[LeafIndex, LeafNode], ...]
    psks: tuple[PreSharedKeyID, ...]
    external_init: ExternalInit | None
    reinit: ReInit | None

    @property
    def added_leaves(self) -> tuple[LeafIndex, ...]:
        return tuple(i for i, _ in self.added)


def apply_proposals(group: PublicGroup, proposals: Sequence[Proposed]) -> Applied:
    """Apply proposals that passed the rules of section 12.2.

    Raises:
        ProtocolError: RFC9420-12.2-12: the tree would not be valid; with the id of the rule of
            section 7.3 or 13.4 that its members would break.
    """
    extensions, updated = group.context.extensions, dict[LeafIndex, LeafNode]()
    removed, key_packages = dict[LeafIndex, LeafNode](), list[KeyPackage]()
    psks, external_init, reinit = list[PreSharedKeyID](), None, None
    for proposed in proposals:
        match proposed.proposal:
            case GroupContextExtensions(extensions=new):
                extensions = new
            case Update(leaf_node=leaf):
                assert isinstance(proposed.sender, Member), "rule 12.1.2-1: members update"
                updated[LeafIndex(proposed.sender.leaf_index)] = leaf
            case Remove(removed=i):
                removed[LeafIndex(i)] = group.tree.member(LeafIndex(i))
            case Add(key_package=key_package):
                key_packages.append(key_package)
            case PreSharedKey(psk=psk):
                psks.append(psk)
            case ExternalInit() as found:
                external_init = found
            case ReInit() as found_reinit:
                reinit = found_reinit

    tree, places = group.tree, tuple[LeafIndex, ...]()
    if updated or removed or key_packages:
        edit = TreeEdit(tree)
        edit.update(updated)
        edit.remove(tuple(removed))
        places = edit.add([key_package.leaf_node for key_package in key_packages])
        tree = edit.done()

    new_members = (*updated.values(), *(package.leaf_node for package in key_packages))
    everybody = tree.index.profiles
    same_extensions = extensions is group.context.extensions
    check_profiles(
        map(profile_of, new_members) if same_extensions else everybody,
        among=everybody,
        extensions=extensions,
    )
    return Applied(
        tree=tree,
        extensions=extensions,
        added=tuple(zip(places, key_packages, strict=True)),
        removed=tuple(removed.items()),
        updated=tuple(updated.items()),
        psks=tuple(psks),
        external_init=external_init,
        reinit=reinit,
    )
