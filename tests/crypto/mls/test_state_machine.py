"""After any history: who is in agrees, knows its own keys and no others; who is out reads nothing.

Hypothesis makes up the history. After each step everybody's state is checked, and that no verb
changed the states that it was given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mifeng_crypto.errors import CryptoError, MifengError
from mifeng_crypto.labels import decrypt_with_label
from mifeng_crypto.mls.group import (
    Epoch,
    PendingCommit,
    ProposalSent,
    StagedCommit,
    decrypt,
    external_commit,
    group_info,
    process_commit,
    propose,
    propose_update,
    receive_private_proposal,
    receive_public_proposal,
    stage_commit,
    stage_private_commit,
)
from mifeng_crypto.mls.group.leaf import default_capabilities
from mifeng_crypto.mls.keys.key_schedule import derive_epoch, joiner_secret
from mifeng_crypto.mls.keys.transcript import verify_confirmation_tag
from mifeng_crypto.mls.tree.tree_math import direct_path, node_of
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.framing import PrivateMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.parent_node import ParentNode
from mifeng_crypto.mls.wire.proposal import Add, Proposal, Remove
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import SUITES, Suite
from mifeng_crypto.tls import decode, encode
from tests.crypto.mls.world import NOW_S, CountingRng, Device, World

MOST = 9
WATCHED_EPOCHS = 3
MEMBER = st.integers(0, 10_000)
"""Who it is: taken modulo how many there are."""


@dataclass
class Bag:
    """All that a removed member ever had, and how long it is tried."""

    last: Epoch
    keys: tuple[Secret, ...]
    commits_left: int = 1 + WATCHED_EPOCHS

    def opens_nothing_of_commit(self, staged: StagedCommit) -> None:
        """Neither a path secret decrypts, nor does the old epoch's init_secret lead on."""
        suite, context = self.last.public.suite, encode(staged.provisional_context)
        for node in () if staged.path is None else staged.path.nodes:
            for sealed in node.encrypted_path_secret:
                for key in self.keys:
                    with pytest.raises(CryptoError):
                        decrypt_with_label(
                            suite,
                            key,
                            "UpdatePathNode",
                            context,
                            kem_output=sealed.kem_output,
                            ciphertext=sealed.ciphertext,
                        )
        zeros, after = bytes(suite.hash_bytes), staged.after.context
        joiner = joiner_secret(suite, self.last.secrets.init_secret, zeros, after)
        guessed, _ = derive_epoch(suite, joiner, zeros, after)
        tag = staged.content.auth.confirmation_tag
        assert tag is not None
        with pytest.raises(CryptoError):
            verify_confirmation_tag(
                suite, guessed.confirmation_key, after.confirmed_transcript_hash, tag
            )

    def opens_nothing_of_message(self, message: bytes, now: Epoch) -> None:
        with pytest.raises(MifengError):
            decrypt(replace(self.last, public=now.public), message)


def known_keys_are_those_of_the_direct_path(epoch: Epoch) -> None:
    """Section 4.2: a member knows the private key of a node if and only if it is below it.

    Where it is unmerged it does not know it yet.
    """
    tree, me, suite = epoch.public.tree, epoch.own_leaf, epoch.public.suite
    due = {node_of(me)}
    for x in direct_path(me, tree.n_leaves):
        node = tree.nodes[x]
        if isinstance(node, ParentNode) and me not in node.unmerged_leaves:
            due.add(x)
    assert set(epoch.private_keys) == due
    for x, private in epoch.private_keys.items():
        node = tree.nodes[x]
        assert node is not None
        kem_output, ciphertext = suite.hpke_seal(node.encryption_key, b"", b"test")
        assert suite.hpke_open(private, b"", kem_output, ciphertext) == b"test"


class Histories(RuleBasedStateMachine):
    """Everything that members do, in any order."""

    suite: Suite = SUITES[1]

    def __init__(self) -> None:
        super().__init__()
        self.world = World(3, self.suite)
        self.made = 0
        self.out: list[Bag] = []
        self.keys: dict[str, set[Secret]] = {}
        self.given: list[tuple[Epoch, dict[bytes, bytes | None]]] = []
        self.moved = True

    # -------------------------------------------------------------- who

    @property
    def members(self) -> list[Device]:
        return self.world.members

    def member(self, i: int) -> Device:
        return self.members[i % len(self.members)]

    def newcomer(self) -> Device:
        self.made += 1
        return Device(f"new {self.made}", suite=self.suite, rng=CountingRng(10_000 + self.made))

    def remember(self) -> None:
        """Keep the states that a verb is about to be given, and all keys in them."""
        self.given = [(member.now, member.now.parts(None)) for member in self.members]
        for member in self.members:
            keys = self.keys.setdefault(member.name, set())
            keys.update(member.now.private_keys.values(), member.now.update_keys.values())

    # -------------------------------------------------------------- commits

    def commit(
        self,
        by: Device,
        *,
        add: Sequence[Device] = (),
        remove: Sequence[Device] = (),
        **how: Any,  # noqa: ANN401
    ) -> PendingCommit:
        self.remember()
        before = by.now
        pending = by.commit(
            add=[device.key_package() for device in add],
            remove=[device.leaf for device in remove],
            references=tuple(before.public.proposals),
            **how,
        )
        assert pending.staged.before is before.public
        self.everybody_follows(by, pending.message, pending.next, pending.staged)
        for device in add:
            device.join(pending)
            self.members.append(device)
        return pending

    def everybody_follows(
        self, by: Device | None, message: bytes, after: Epoch, staged: StagedCommit
    ) -> None:
        for bag in self.out:
            if bag.commits_left:
                bag.opens_nothing_of_commit(staged)
                bag.commits_left -= 1
        gone = [member for member in self.members if staged.removes(member.leaf)]
        for member in self.members:
            if member is by:
                member.epoch = after
            elif member not in gone:
                self.follow(member, message)
        for member in gone:
            bag = Bag(member.now, tuple(self.keys[member.name]))
            bag.opens_nothing_of_commit(staged)
            self.out.append(bag)
            self.members.remove(member)
        self.moved = True

    def follow(self, member: Device, message: bytes) -> None:
        if isinstance(decode(MLSMessage, message).message, PrivateMessage):
            epoch, staged = stage_private_commit(member.now, message, now_s=NOW_S)
        else:
            epoch, staged = member.now, stage_commit(member.now.public, message, now_s=NOW_S)
        member.epoch = process_commit(epoch, staged)

    @rule(by=MEMBER, private=st.booleans())
    def update(self, by: int, private: bool) -> None:
        self.commit(self.member(by), private=private)

    @precondition(lambda self: len(self.members) < MOST)
    @rule(by=MEMBER, n=st.integers(1, 3), path=st.booleans(), private=st.booleans())
    def add(self, by: int, n: int, path: bool, private: bool) -> None:
        due = path or bool(self.member(by).now.public.proposals)
        self.commit(
            self.member(by), add=[self.newcomer() for _ in range(n)], path=due, private=private
        )

    @precondition(lambda self: len(self.members) > 2 and not self.proposed)
    @rule(by=MEMBER, who=MEMBER, n=st.integers(1, 2), add=st.booleans())
    def remove(self, by: int, who: int, n: int, add: bool) -> None:
        committer = self.member(by)
        others = [member for member in self.members if member is not committer]
        first = who % len(others)
        newcomers = [self.newcomer()] if add else []
        self.commit(committer, remove=others[first : first + n], add=newcomers)

    @precondition(lambda self: len(self.members) > 2 and not self.proposed)
    @rule(by=MEMBER, resync=st.booleans())
    def join_by_external_commit(self, by: int, resync: bool) -> None:
        self.remember()
        host = self.member(by)
        device = self.member(by + 1) if resync else self.newcomer()
        made = external_commit(
            group_info(
                host.now, signature_key=host.signature_key, with_tree=True, with_external_pub=True
            ),
            signature_key=device.signature_key,
            credential=BasicCredential(device.name.encode()),
            capabilities=default_capabilities(),
            remove=device.leaf if resync else None,
            now_s=NOW_S,
            rng=device.rng,
        )
        staged = stage_commit(host.now.public, made.message, now_s=NOW_S)
        self.everybody_follows(None, made.message, made.next, staged)
        device.epoch = made.next
        self.members.append(device)

    # -------------------------------------------------------------- proposals

    @property
    def proposed(self) -> bool:
        return bool(self.members[0].now.public.proposals)

    def send_proposal(self, by: Device, sent: ProposalSent, private: bool) -> None:
        receive = receive_private_proposal if private else receive_public_proposal
        for member in self.members:
            if member is not by:
                member.epoch = receive(member.now, sent.message, now_s=NOW_S)
        by.epoch = sent.epoch

    @precondition(lambda self: len(self.members) > 2 and not self.proposed)
    @rule(by=MEMBER, kind=st.sampled_from(["update", "remove", "add"]), private=st.booleans())
    def propose_and_commit(self, by: int, kind: str, private: bool) -> None:
        """One member proposes and another commits it, so that the list is valid for it."""
        self.remember()
        proposer, committer = self.member(by), self.member(by + 1)
        how: dict[str, Any] = {
            "signature_key": proposer.signature_key,
            "private": private,
            "now_s": NOW_S,
            "rng": proposer.rng,
        }
        if kind == "update":
            sent = propose_update(proposer.now, **how)
        else:
            new = self.newcomer()
            what: Proposal = Add(new.key_package().key_package)
            if kind == "remove":
                what = Remove(self.member(by + 2).leaf)
            sent = propose(proposer.now, what, **how)
        self.send_proposal(proposer, sent, private)
        pending = self.commit(committer, path=kind != "add")
        if kind == "add":
            new.join(pending)
            self.members.append(new)

    # -------------------------------------------------------------- messages

    @rule(by=MEMBER, n=st.integers(1, 4), backwards=st.booleans())
    def talk(self, by: int, n: int, backwards: bool) -> None:
        self.remember()
        sender = self.member(by)
        messages = [sender.send(f"{sender.name} {i}") for i in range(n)]
        order = range(n - 1, -1, -1) if backwards else range(n)
        for member in self.members:
            if member is not sender:
                for i in order:
                    assert member.read(messages[i]) == f"{sender.name} {i}"
        for bag in self.out:
            if bag.commits_left:
                bag.opens_nothing_of_message(messages[0], sender.now)

    @rule(by=MEMBER, who=MEMBER, at=st.integers(0, 10_000), commits=st.booleans())
    def a_broken_message_changes_nothing(self, by: int, who: int, at: int, commits: bool) -> None:
        self.remember()
        sender, receiver = self.member(by), self.member(who)
        if sender is receiver:
            return
        good = sender.commit().message if commits else sender.send("hello")
        broken = bytearray(good)
        broken[at % len(broken)] ^= 1 << at % 8
        before, parts = receiver.now, receiver.now.parts(None)
        with pytest.raises(MifengError):
            (self.follow if commits else Device.read)(receiver, bytes(broken))
        assert receiver.now is before
        assert receiver.now.parts(None) == parts

    # -------------------------------------------------------------- storage

    @rule(by=MEMBER)
    def store_and_load(self, by: int) -> None:
        member = self.member(by)
        parts = {key: value for key, value in member.now.parts(None).items() if value is not None}
        member.epoch = Epoch.from_parts(parts)
        assert member.now.parts(None) == parts

    # -------------------------------------------------------------- always

    @invariant()
    def no_verb_changed_what_it_was_given(self) -> None:
        for epoch, parts in self.given:
            assert epoch.parts(None) == parts

    @invariant()
    def members_agree_and_know_their_own_keys_only(self) -> None:
        if self.moved:
            self.world.assert_agreement()
            for member in self.members:
                known_keys_are_those_of_the_direct_path(member.now)
            self.moved = False


class PostQuantumHistories(Histories):
    suite = SUITES[0xF002]


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
TestPostQuantumHistories = PostQuantumHistories.TestCase
TestPostQuantumHistories.settings = settings(max_examples=12, stateful_step_count=15, deadline=None)
