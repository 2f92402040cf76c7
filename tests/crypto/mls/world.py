"""Devices and groups in memory, for the scenarios: everybody follows every commit.

Randomness is a counter under SHA-256, so that a failing story is the same again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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
    export,
    join,
    process_commit,
    stage_commit,
    verify_key_package,
)
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.leaf_node import Lifetime
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import SUITES, Suite

NOW_S = 1_800_000_000
LIFETIME = Lifetime(NOW_S - 3600, NOW_S + 7 * 86400)
SUITE = SUITES[1]


class CountingRng:
    """The bytes of SHA-256(seed, counter): all different, and the same in each run."""

    def __init__(self, seed: int = 0) -> None:
        self.seed, self.count = seed, 0

    def __call__(self, n: int, /) -> bytes:
        found = b""
        while len(found) < n:
            self.count += 1
            found += SUITE.hash(self.seed.to_bytes(8, "big") + self.count.to_bytes(8, "big"))
        return found[:n]


@dataclass
class Device:
    """One client: its signature key, and where it is in the group."""

    name: str
    suite: Suite = SUITE
    rng: CountingRng = field(default_factory=CountingRng)
    epoch: Epoch | None = None
    bundle: KeyPackageBundle | None = None

    def __post_init__(self) -> None:
        self.signature_key: Secret = self.suite.generate_signature_key(rng=self.rng).private

    @property
    def now(self) -> Epoch:
        assert self.epoch is not None, f"{self.name} is in no group"
        return self.epoch

    @property
    def leaf(self) -> LeafIndex:
        return self.now.own_leaf

    def key_package(self, **changes: Any) -> VerifiedKeyPackage:  # noqa: ANN401
        arguments: dict[str, Any] = {
            "suite": self.suite,
            "signature_key": self.signature_key,
            "credential": BasicCredential(self.name.encode()),
            "capabilities": default_capabilities(),
            "lifetime": LIFETIME,
            "rng": self.rng,
        } | changes
        self.bundle = create_key_package(**arguments)
        return verify_key_package(self.bundle.key_package, now_s=NOW_S)

    def create(self, **changes: Any) -> None:  # noqa: ANN401
        arguments: dict[str, Any] = {
            "suite": self.suite,
            "group_id": b"a group",
            "signature_key": self.signature_key,
            "credential": BasicCredential(self.name.encode()),
            "capabilities": default_capabilities(),
            "lifetime": LIFETIME,
            "rng": self.rng,
        } | changes
        self.epoch = create(**arguments)

    def join(self, pending: PendingCommit) -> None:
        assert self.bundle is not None, f"{self.name} has no KeyPackage"
        assert pending.welcome is not None, "nobody was added"
        tree = pending.next.public.tree.to_wire()
        self.epoch = join(pending.welcome, self.bundle, tree=tree).epoch
        self.bundle = None

    def commit(self, **changes: Any) -> PendingCommit:  # noqa: ANN401
        return commit(
            self.now,
            signature_key=self.signature_key,
            now_s=NOW_S,
            rng=self.rng,
            **changes,
        )

    def follow(self, pending: PendingCommit) -> None:
        staged = stage_commit(self.now.public, pending.message, now_s=NOW_S)
        self.epoch = process_commit(self.now, staged)

    def send(self, text: str) -> bytes:
        sent = encrypt(self.now, text.encode(), signature_key=self.signature_key, rng=self.rng)
        self.epoch = sent.epoch
        return sent.message

    def read(self, message: bytes) -> str:
        self.epoch, received = decrypt(self.now, message)
        return received.data.decode()


class World:
    """A group and all who are in it."""

    def __init__(self, n: int, suite: Suite = SUITE) -> None:
        self.devices = [Device(f"device {i}", suite=suite, rng=CountingRng(i)) for i in range(n)]
        self.members = [self.devices[0]]
        self.devices[0].create()
        if n > 1:
            self.commit(self.devices[0], add=self.devices[1:], path=False)

    def commit(
        self,
        by: Device,
        *,
        add: Sequence[Device] = (),
        remove: Sequence[Device] = (),
        **changes: Any,  # noqa: ANN401
    ) -> PendingCommit:
        """Let one commit, all others follow, and the new ones join."""
        pending = by.commit(
            add=[device.key_package() for device in add],
            remove=[device.leaf for device in remove],
            **changes,
        )
        for member in self.members:
            if member is by:
                member.epoch = pending.next
            elif member not in remove:
                member.follow(pending)
        self.members = [member for member in self.members if member not in remove]
        for device in add:
            device.join(pending)
            self.members.append(device)
        return pending

    def assert_agreement(self) -> None:
        """All members are in one epoch: same authenticator, tree, exporter."""
        first = self.members[0].now
        for member in self.members[1:]:
            assert member.now.epoch_authenticator == first.epoch_authenticator
            assert member.now.public.context == first.public.context
            assert member.now.public.tree.nodes == first.public.tree.nodes
            assert export(member.now, "test", b"", 16) == export(first, "test", b"", 16)
