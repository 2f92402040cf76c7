"""A group at a chosen size, and the verbs on it as calls that can be repeated: states are values.

"blank" is the tree right after one commit added everybody: nobody but the creator has set keys.
"full" is the tree when every parent node has keys. Creating and processing include encoding and
decoding; a message is the second of its sender, whose ratchet is there already.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from mifeng_crypto.mls.group import (
    Epoch,
    KeyPackageBundle,
    LeafIndex,
    PendingCommit,
    VerifiedKeyPackage,
    commit,
    create,
    create_key_package,
    decrypt,
    default_capabilities,
    encrypt,
    join,
    process_commit,
    stage_commit,
    verify_key_package,
)
from mifeng_crypto.mls.tree.tree_math import NodeIndex, direct_path, node_of
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import Lifetime
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import decode, encode

__all__ = ["Member", "Scene"]

Verb = tuple[str, Callable[[], object]]
NOW_S = 1_800_000_000
LIFETIME = Lifetime(NOW_S - 3600, NOW_S + 7 * 86_400)
RNG = random.Random(9420).randbytes
TEXT = bytes(1024)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody with keys, and the KeyPackage that it published."""

    suite: Suite
    signature_key: Secret
    identity: bytes
    bundle: KeyPackageBundle

    @classmethod
    def number(cls, i: int, suite: Suite) -> Member:
        """Make the i-th one."""
        signature_key = suite.generate_signature_key(rng=RNG).private
        identity = b"member %026d" % i
        return cls(suite, signature_key, identity, _key_package(suite, signature_key, identity))


def _key_package(suite: Suite, signature_key: Secret, identity: bytes) -> KeyPackageBundle:
    return create_key_package(
        suite=suite,
        signature_key=signature_key,
        credential=BasicCredential(identity),
        capabilities=default_capabilities(),
        lifetime=LIFETIME,
        rng=RNG,
    )


class Scene:
    """One group of all these members; what costs much is made when it is first asked for."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        self.founder, self.last = members[0], members[-1]
        self.suite = self.founder.suite
        self.published = [encode(member.bundle.key_package) for member in members[1:]]
        self.alone = create(
            suite=self.suite,
            group_id=bytes(20),
            signature_key=self.founder.signature_key,
            credential=BasicCredential(self.founder.identity),
            capabilities=default_capabilities(),
            lifetime=LIFETIME,
            rng=RNG,
        )

    # -------------------------------------------------------------- the verbs

    def beginning(self) -> Iterator[Verb]:
        """Yield what makes the group, and joins it."""
        who = self.founder
        yield "KeyPackage", lambda: _key_package(self.suite, who.signature_key, who.identity)
        yield "verify all KeyPackages", self.verified
        yield "add all the others", self.add_all
        yield "the same, with the tree in the Welcome", lambda: self.add_all(with_tree=True)
        yield "join", self.join

    def commits(self) -> Iterator[Verb]:
        """Yield commits on both trees, from both sides."""
        newcomer = VerifiedKeyPackage(Member.number(10_000, self.suite).bundle.key_package)
        yield from self._both_sides("add one, blank", self.blank, add=(newcomer,), path=False)
        if len(self.members) > 2:  # else nobody is left who could process it
            removed = LeafIndex(len(self.members) // 2)
            yield from self._both_sides("remove one, blank", self.blank, remove=(removed,))
        yield from self._both_sides("update, full", self.full)

    def messages(self) -> Iterator[Verb]:
        """Yield a message of 1 KiB, from both sides."""
        (sender, receiver), key = self.full, self.founder.signature_key
        first = encrypt(sender, TEXT, signature_key=key, rng=RNG)
        receiver = decrypt(receiver, first.message).epoch
        second = encrypt(first.epoch, TEXT, signature_key=key, rng=RNG).message
        yield (
            "message of 1 KiB: encrypt",
            lambda: encrypt(first.epoch, TEXT, signature_key=key, rng=RNG),
        )
        yield "message of 1 KiB: decrypt", lambda: decrypt(receiver, second)

    def loading(self) -> Iterator[Verb]:
        """Yield what a start of the program costs."""
        _, follower = self.full
        parts = {at: part for at, part in follower.parts(None).items() if part is not None}
        yield "load", lambda: Epoch.from_parts(parts)

    def _both_sides(self, row: str, pair: tuple[Epoch, Epoch], **what: object) -> Iterator[Verb]:
        (creator, follower), key = pair, self.founder.signature_key

        def make() -> PendingCommit:
            return commit(creator, signature_key=key, now_s=NOW_S, rng=RNG, **what)  # type: ignore[arg-type]

        message = make().message

        def process() -> Epoch:
            return process_commit(follower, stage_commit(follower.public, message, now_s=NOW_S))

        yield f"{row}: create", make
        yield f"{row}: process", process

    # -------------------------------------------------------------- the states

    def verified(self) -> list[VerifiedKeyPackage]:
        return [verify_key_package(decode(KeyPackage, raw), now_s=NOW_S) for raw in self.published]

    def add_all(self, *, with_tree: bool = False) -> PendingCommit:
        return commit(
            self.alone,
            signature_key=self.founder.signature_key,
            add=self.verified(),
            with_tree=with_tree,
            now_s=NOW_S,
            rng=RNG,
        )

    @cached_property
    def _added(self) -> tuple[Epoch, bytes, bytes]:
        added = self.add_all()
        assert added.welcome is not None, "it adds somebody"
        return added.next, added.welcome, encode(added.next.public.tree.to_wire())

    def join(self) -> Epoch:
        """As the product does it: the tree is stored once, and not in each Welcome."""
        _, welcome, tree = self._added
        return join(welcome, self.last.bundle, tree=decode(RatchetTreeExtension, tree)).epoch

    @cached_property
    def blank(self) -> tuple[Epoch, Epoch]:
        """The creator's and the last one's state."""
        return self._added[0], self.join()

    @cached_property
    def full(self) -> tuple[Epoch, Epoch]:
        """The same two, after enough of the others have committed."""
        return _fill(*self.blank, self.members)


# ------------------------------------------------------------------ the full tree


def _fill(creator: Epoch, follower: Epoch, members: list[Member]) -> tuple[Epoch, Epoch]:
    """Let every second member commit, so that each parent node has keys.

    All members share the secrets of an epoch but for the private keys of the tree: so one state
    can stand for each of them in turn, with its own keys put in.
    """
    keys = dict(creator.private_keys)
    for i, member in enumerate(members[1:], 1):
        keys[node_of(LeafIndex(i))] = member.bundle.leaf_private
    epoch = creator
    # From far apart to near: each commit finds as few blank nodes as it can.
    width = epoch.public.tree.n_leaves.bit_length() - 1
    for n in range(1 << width):
        i = int(f"{n:0{width}b}"[::-1], 2) if width else 0
        if i % 2 == 0 and i < len(members):
            epoch = _as_member(epoch, LeafIndex(i), keys)
            pending = commit(epoch, signature_key=members[i].signature_key, now_s=NOW_S, rng=RNG)
            epoch = pending.next
            keys |= epoch.private_keys
    return (
        _as_member(epoch, creator.own_leaf, keys),
        _as_member(epoch, follower.own_leaf, keys),
    )


def _as_member(epoch: Epoch, i: LeafIndex, keys: dict[NodeIndex, Secret]) -> Epoch:
    tree = epoch.public.tree
    known = {
        x: keys[x]
        for x in (node_of(i), *direct_path(i, tree.n_leaves))
        if tree.nodes[x] is not None
    }
    return replace(epoch, own_leaf=i, private_keys=known)
