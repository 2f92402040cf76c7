"""RFC 9420 section 9: every key encrypts one message, and is forgotten with it.

    Subtree(secret)                  none of its leaves has sent yet
    Branch(left, right)              its secret is consumed; the two halves go on
    Senders(handshake, application)  a leaf that has sent: two ratchets

The tree is immutable: taking a key returns a new tree that shares all but one path with the old
one. Whoever fails to decrypt keeps the old tree; whoever succeeds drops it, and with it all that
section 9.2 calls consumed. `parts` compares two trees along that path alone, so that storing a
message writes one leaf.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from mifeng_crypto.errors import ProtocolError, StorageError, UsageError
from mifeng_crypto.labels import derive_tree_secret, expand_with_label
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import UInt32, Vec, decode, encode, struct

__all__ = ["MAX_FORWARD", "MAX_SKIPPED", "KeyNonce", "Ratchet", "RatchetKind", "SecretTree"]

MAX_FORWARD = 1_000
"""Generations that one message may be ahead of the last one (section 15.3). A sender's gaps are
messages that it encrypted and never got accepted: hundreds would be a broken client. A jump of
this size costs about 5 ms; a generation of 2^32-1 is refused before anything is derived."""

MAX_SKIPPED = 100
"""Keys of skipped generations that a ratchet keeps, the newest ones (section 15.3). Behind one
ordered log hardly any is ever used; other transports reorder by tens. At most 7 KiB a sender."""

LAST_GENERATION = 2**32 - 1


class RatchetKind(IntEnum):
    """Which of a leaf's two ratchets: handshake for proposals and commits (section 6.3.1)."""

    HANDSHAKE = 0
    APPLICATION = 1


class KeyNonce(NamedTuple):
    """What encrypts exactly one message, before the reuse guard."""

    key: Secret
    nonce: Secret


@struct
class SkippedKey:
    """A key that was passed over and may still be needed."""

    generation: UInt32
    key: Secret
    nonce: Secret


# ------------------------------------------------------------------ one ratchet, section 9.1


@struct
class Ratchet:
    """A symmetric hash ratchet. `secret` is ratchet_secret_[N]_[generation], the next unused."""

    secret: Secret
    generation: UInt32
    skipped: Vec[SkippedKey]

    def step(self, suite: Suite) -> Ratchet:
        """Go on by one generation, without its key."""
        n = self.generation
        if n == LAST_GENERATION:
            raise UsageError("this epoch's keys are used up: make a commit before you go on")
        secret = derive_tree_secret(suite, self.secret, "secret", n, suite.hash_bytes)
        return Ratchet(secret, n + 1, self.skipped)

    def key(self, suite: Suite) -> KeyNonce:
        """Derive the key and nonce of `generation`."""
        n = self.generation
        return KeyNonce(
            derive_tree_secret(suite, self.secret, "key", n, suite.key_bytes),
            derive_tree_secret(suite, self.secret, "nonce", n, suite.nonce_bytes),
        )

    def take(self, suite: Suite, generation: int) -> tuple[Ratchet, KeyNonce]:
        """Return the key of `generation`, and the ratchet without it.

        Raises:
            ProtocolError: RFC9420-9.1-1 if the key was used or is no longer kept; RFC9420-15.3-1
                if the generation is too far ahead.
        """
        if generation == self.generation:  # the next one, as nearly always
            return self.step(suite), self.key(suite)
        if generation < self.generation:
            return self._take_skipped(generation)
        if generation - self.generation > MAX_FORWARD:
            raise ProtocolError(
                "RFC9420-15.3-1",
                f"the message is {generation - self.generation} generations ahead of the last one; "
                f"at most {MAX_FORWARD} are followed",
            )
        ratchet, passed = self, list(self.skipped)
        while ratchet.generation < generation:
            if generation - ratchet.generation <= MAX_SKIPPED:
                passed.append(SkippedKey(ratchet.generation, *ratchet.key(suite)))
            ratchet = ratchet.step(suite)
        found = ratchet.key(suite)
        return replace(ratchet.step(suite), skipped=tuple(passed[-MAX_SKIPPED:])), found

    def _take_skipped(self, generation: int) -> tuple[Ratchet, KeyNonce]:
        for at, kept in enumerate(self.skipped):
            if kept.generation == generation:
                rest = self.skipped[:at] + self.skipped[at + 1 :]
                return replace(self, skipped=rest), KeyNonce(kept.key, kept.nonce)
        raise ProtocolError(
            "RFC9420-9.1-1",
            f"the key of generation {generation} was used already, or is no longer kept",
        )


# ------------------------------------------------------------------ the tree, section 9


@struct(tag=1, tag_bytes=1)
class Subtree:
    """A node of whose leaves none has sent yet: tree_node_[N]_secret."""

    secret: Secret


@struct(tag=2, tag_bytes=1)
class Senders:
    """The ratchets of one leaf."""

    handshake: Ratchet
    application: Ratchet

    def of(self, kind: RatchetKind) -> Ratchet:
        return self.application if kind is RatchetKind.APPLICATION else self.handshake

    def with_ratchet(self, kind: RatchetKind, ratchet: Ratchet) -> Senders:
        if kind is RatchetKind.APPLICATION:
            return Senders(self.handshake, ratchet)
        return Senders(ratchet, self.application)


class Branch(NamedTuple):
    """A consumed node: what is left of it are its children."""

    left: Node
    right: Node


Node: TypeAlias = Subtree | Branch | Senders


@struct
class StoredNode:
    """A node as `parts` writes it; branches are implied."""

    node: Subtree | Senders


@dataclass(frozen=True, slots=True)
class SecretTree:
    """The secret tree of one epoch, as far as it is not consumed.

    Attributes:
        height: levels above the leaves; there is room for 2^height of them.
    """

    suite: Suite
    height: int
    root: Node

    @classmethod
    def create(cls, suite: Suite, encryption_secret: Secret, n_leaves: int) -> SecretTree:
        """Begin an epoch whose ratchet tree has `n_leaves` leaves."""
        return cls(suite, (n_leaves - 1).bit_length(), Subtree(encryption_secret))

    def take(self, leaf: int, kind: RatchetKind, generation: int) -> tuple[SecretTree, KeyNonce]:
        """Return the key of a received message, and the tree without it.

        Raises:
            ProtocolError: RFC9420-6.3.2-1 if there is no such leaf; RFC9420-9.1-1 if the key was
                used or is no longer kept; RFC9420-15.3-1 if it is too far ahead.
        """
        tree, _, key = self._take(leaf, kind, generation)
        return tree, key

    def next(self, leaf: int, kind: RatchetKind) -> tuple[SecretTree, int, KeyNonce]:
        """Return the generation and key for the next message to send, and the tree without it.

        Raises:
            UsageError: all 2^32-1 generations of this epoch are used up.
        """
        return self._take(leaf, kind, None)

    def _take(
        self, leaf: int, kind: RatchetKind, generation: int | None
    ) -> tuple[SecretTree, int, KeyNonce]:
        if leaf >> self.height:
            raise ProtocolError("RFC9420-6.3.2-1", f"the tree has no leaf {leaf}")
        # Down to the leaf; what lies beside the way is kept, what lies on it is consumed.
        node, beside = self.root, list[Node]()
        for level in range(self.height - 1, -1, -1):
            if isinstance(node, Subtree):
                node = Branch(self._child(node, b"left"), self._child(node, b"right"))
            assert isinstance(node, Branch), "only leaves have ratchets"
            side = leaf >> level & 1
            beside.append(node[1 - side])
            node = node[side]
        senders = self._ratchets(node) if isinstance(node, Subtree) else node
        assert isinstance(senders, Senders), "a leaf has no children"
        ratchet = senders.of(kind)
        if generation is None:
            generation = ratchet.generation
        ratchet, key = ratchet.take(self.suite, generation)
        # And up again.
        node = senders.with_ratchet(kind, ratchet)
        for level in range(self.height):
            other = beside.pop()
            node = Branch(other, node) if leaf >> level & 1 else Branch(node, other)
        return SecretTree(self.suite, self.height, node), generation, key

    def _child(self, parent: Subtree, side: bytes) -> Subtree:
        n = self.suite.hash_bytes
        return Subtree(expand_with_label(self.suite, parent.secret, "tree", side, n))

    def _ratchets(self, leaf: Subtree) -> Senders:
        n = self.suite.hash_bytes
        return Senders(
            Ratchet(expand_with_label(self.suite, leaf.secret, "handshake", b"", n), 0, ()),
            Ratchet(expand_with_label(self.suite, leaf.secret, "application", b"", n), 0, ()),
        )

    # -------------------------------------------------------------- storage

    def parts(self, previous: SecretTree | None) -> dict[bytes, bytes | None]:
        """Return what has to be written for this tree, where `previous` is stored already.

        A key is the level and the number of a node; None means: delete it. `previous` is an
        earlier state of the same epoch, or None where nothing of this epoch is stored.
        """
        old = None if previous is None else previous.root
        return dict(_changes(old, self.root, self.height, 0))

    @classmethod
    def from_parts(cls, suite: Suite, n_leaves: int, parts: Mapping[bytes, bytes]) -> SecretTree:
        """Put together what `parts` wrote.

        Raises:
            StorageError: the parts are not those of one tree.
        """
        height = (n_leaves - 1).bit_length()
        return cls(suite, height, _assemble(parts, height, 0))


def _changes(
    old: Node | None, new: Node | None, level: int, number: int
) -> Iterator[tuple[bytes, bytes | None]]:
    """Walk two trees where they differ; a shared subtree is one comparison."""
    if old is new:
        return
    if isinstance(old, Branch) or isinstance(new, Branch):
        sides_old = old if isinstance(old, Branch) else (None, None)
        sides_new = new if isinstance(new, Branch) else (None, None)
        for side in (0, 1):
            yield from _changes(sides_old[side], sides_new[side], level - 1, 2 * number + side)
    if isinstance(new, Subtree | Senders):
        yield _key(level, number), encode(StoredNode(new))
    elif isinstance(old, Subtree | Senders):
        yield _key(level, number), None


def _assemble(parts: Mapping[bytes, bytes], level: int, number: int) -> Node:
    stored = parts.get(_key(level, number))
    if stored is not None:
        return decode(StoredNode, stored).node
    if level == 0:
        raise StorageError("the stored secret tree has a hole; link this device anew")
    return Branch(
        _assemble(parts, level - 1, 2 * number), _assemble(parts, level - 1, 2 * number + 1)
    )


def _key(level: int, number: int) -> bytes:
    return bytes([level]) + number.to_bytes(4, "big")
