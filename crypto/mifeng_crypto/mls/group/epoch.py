"""A member's whole state in one epoch (RFC 9420 section 8), and what follows from it alone.

It holds keys, and no logic: each verb is a function that takes an `Epoch` and returns a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mifeng_crypto.errors import StorageError
from mifeng_crypto.mls.group.public_group import PublicGroup
from mifeng_crypto.mls.keys import key_schedule
from mifeng_crypto.mls.keys.key_schedule import EpochSecrets
from mifeng_crypto.mls.keys.secret_tree import SecretTree
from mifeng_crypto.mls.tree.tree_math import LeafIndex, NodeIndex
from mifeng_crypto.mls.tree.treekem import PrivateKeys
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import Opaque, UInt32, Vec, decode, encode, struct


@struct
class NodeKey:
    """The private key of one node."""

    node: UInt32
    private_key: Secret


@struct
class UpdateKey:
    """The private key of a leaf that was proposed by an Update."""

    encryption_key: Opaque
    private_key: Secret


@struct
class StoredSecrets:
    """What an epoch's `parts` stores of its secrets, beside the secret tree."""

    own_leaf: UInt32
    secrets: EpochSecrets
    private_keys: Vec[NodeKey]
    update_keys: Vec[UpdateKey]


SECRETS, SECRET_TREE = b"e", b"s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One member's half of a group in one epoch.

    Attributes:
        private_keys: of the own leaf and of the nodes above it that this member knows.
        update_keys: of the leaves that it proposed in this epoch, by public key.
    """

    public: PublicGroup
    own_leaf: LeafIndex
    secrets: EpochSecrets
    private_keys: PrivateKeys
    secret_tree: SecretTree
    update_keys: Mapping[bytes, Secret] = field(default_factory=dict)

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

    # -------------------------------------------------------------- storage

    def parts(self, previous: Epoch | None) -> dict[bytes, bytes | None]:
        """Return what has to be written for this state, where `previous` is stored already.

        None means: delete it. A message writes a few hundred bytes; a commit, what it changed, and
        everything secret of the epoch before is deleted.
        """
        written = self.public.parts(None if previous is None else previous.public)
        same = previous is not None and previous.secrets is self.secrets
        before = previous.secret_tree if same and previous is not None else None
        tree_parts = self.secret_tree.parts(before)
        if previous is not None and not same:
            tree_parts = dict.fromkeys(previous.secret_tree.parts(None)) | tree_parts
        written |= {SECRET_TREE + key: value for key, value in tree_parts.items()}
        if not same or previous is None or previous.update_keys is not self.update_keys:
            written[SECRETS] = encode(self.stored_secrets())
        return written

    def stored_secrets(self) -> StoredSecrets:
        keys = tuple(NodeKey(x, key) for x, key in self.private_keys.items())
        updates = tuple(UpdateKey(public, key) for public, key in self.update_keys.items())
        return StoredSecrets(self.own_leaf, self.secrets, keys, updates)

    @classmethod
    def from_parts(cls, parts: Mapping[bytes, bytes]) -> Epoch:
        """Put together what `parts` wrote.

        Raises:
            StorageError: there is no whole epoch in it.
            CodecError: a part is damaged.
        """
        public = PublicGroup.from_parts(parts)
        if SECRETS not in parts:
            raise StorageError("the stored group has no secrets; link this device anew")
        tree_parts = {key[1:]: parts[key] for key in parts if key.startswith(SECRET_TREE)}
        return cls.from_stored(public, decode(StoredSecrets, parts[SECRETS]), tree_parts)

    @classmethod
    def from_stored(
        cls, public: PublicGroup, stored: StoredSecrets, secret_tree: Mapping[bytes, bytes]
    ) -> Epoch:
        """Join the public half with what was stored of the secret one."""
        return cls(
            public=public,
            own_leaf=LeafIndex(stored.own_leaf),
            secrets=stored.secrets,
            private_keys={NodeIndex(k.node): k.private_key for k in stored.private_keys},
            secret_tree=SecretTree.from_parts(public.suite, public.tree.n_leaves, secret_tree),
            update_keys={k.encryption_key: k.private_key for k in stored.update_keys},
        )


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
