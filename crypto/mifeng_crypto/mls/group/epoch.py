"""A member's whole state in one epoch (RFC 9420 section 8), and what follows from it alone.

It holds keys, and no logic: each verb is a function that takes an `Epoch` and returns a new one.
"""

from __future__ import annotations

from dataclasses import dataclass

from mifeng_crypto.mls.group.public_group import PublicGroup
from mifeng_crypto.mls.keys import key_schedule
from mifeng_crypto.mls.keys.key_schedule import EpochSecrets
from mifeng_crypto.mls.keys.secret_tree import SecretTree
from mifeng_crypto.mls.tree.tree_math import LeafIndex
from mifeng_crypto.mls.tree.treekem import PrivateKeys
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One member's half of a group in one epoch.

    Attributes:
        private_keys: of the own leaf and of the nodes above it that this member knows.
    """

    public: PublicGroup
    own_leaf: LeafIndex
    secrets: EpochSecrets
    private_keys: PrivateKeys
    secret_tree: SecretTree

    def __repr__(self) -> str:
        return f"Epoch(leaf {self.own_leaf} of {self.public!r})"

    @property
    def epoch_authenticator(self) -> Secret:
        """Section 8.7: equal for two members exactly if they agree on everything."""
        return self.secrets.epoch_authenticator

    @property
    def leaf(self) -> LeafNode:
        """The own leaf."""
        return self.public.leaf(self.own_leaf)


def export(epoch: Epoch, label: str, context: bytes, n: int) -> Secret:
    """Derive `n` bytes for the application, the same for all members (MLS-Exporter, 8.5)."""
    return key_schedule.export(epoch.public.suite, epoch.secrets.exporter_secret, label, context, n)


def begin_epoch(
    public: PublicGroup,
    own_leaf: LeafIndex,
    private_keys: PrivateKeys,
    derived: tuple[EpochSecrets, Secret],
) -> Epoch:
    """Put an epoch together from what `derive_epoch` returned."""
    secrets, encryption_secret = derived
    return Epoch(
        public=public,
        own_leaf=own_leaf,
        secrets=secrets,
        private_keys=private_keys,
        secret_tree=SecretTree.create(public.suite, encryption_secret, public.tree.n_leaves),
    )
