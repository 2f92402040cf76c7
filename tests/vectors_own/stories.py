"""Groups that did everything right, one epoch each, with all that is needed to follow it.

`reader.py` follows them without this project's MLS; the engine follows them in its own test.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mifeng_crypto.mls.group import (
    Epoch,
    PendingCommit,
    PskStore,
    branch_group,
    commit,
    encrypt,
    export,
    join,
    process_commit,
    propose,
    propose_update,
    receive_private_proposal,
    receive_public_proposal,
    reinit_group,
    stage_commit,
    stage_private_commit,
    verify_key_package,
)
from mifeng_crypto.mls.keys.secret_tree import Subtree
from mifeng_crypto.mls.tree.tree_math import common_ancestor, copath_child, node_of
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.framing import (
    ApplicationContent,
    Content,
    FramedContent,
    Member,
    ProposalContent,
    PublicMessage,
)
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.proposal import Proposal, ReInit, Remove
from mifeng_crypto.mls.wire.psk import (
    ExternalPsk,
    PreSharedKeyID,
    ResumptionPsk,
    ResumptionPSKUsage,
)
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import SUITES, Suite
from mifeng_crypto.tls import decode, encode
from tests.vectors_own.members import LIFETIME, NOW_S, Person, Scene, private_of

Step = dict[str, Any]


def group(suite: Suite) -> Scene:
    """Six members who all renewed their keys, one of whom left: a tree with holes."""
    scene = Scene(Person("anna", suite))
    names = ("bert", "carl", "dora", "emil", "fred")
    scene.commit("anna", add=tuple(Person(name, suite) for name in names))
    for name in names:
        scene.commit(name)
    scene.commit("bert", remove=("emil",))
    return scene


def before(epoch: Epoch) -> Step:
    """Write an epoch down that nothing was sent in yet."""
    root, secrets = epoch.secret_tree.root, epoch.secrets
    assert isinstance(root, Subtree), "nobody has sent anything"
    return {
        "group_context": encode(epoch.public.context).hex(),
        "tree": encode(epoch.public.tree.to_wire()).hex(),
        "interim_transcript_hash": epoch.public.interim_transcript_hash.hex(),
        "secrets": {
            "init": secrets.init_secret.hex(),
            "sender_data": secrets.sender_data_secret.hex(),
            "encryption": root.secret.hex(),
            "membership": secrets.membership_key.hex(),
        },
    }


def after(epoch: Epoch) -> Step:
    return {
        "group_context": encode(epoch.public.context).hex(),
        "tree": encode(epoch.public.tree.to_wire()).hex(),
        "interim_transcript_hash": epoch.public.interim_transcript_hash.hex(),
        "epoch_authenticator": epoch.epoch_authenticator.hex(),
        "resumption_psk": epoch.secrets.resumption_psk.hex(),
        "exported": export(epoch, "a label", b"a context", 77).hex(),
    }


class Teller:
    """One epoch of a group, seen by one member, who only reads."""

    def __init__(self, what: str, receiver: Epoch) -> None:
        self.epoch, self.messages = receiver, list[Step]()
        self.psks: list[Step] = []
        self.story: Step = {
            "what": what,
            "cipher_suite": receiver.public.suite.id,
            "now_s": NOW_S,
            "before": before(receiver),
        }

    def message(self, message: bytes, sender: int, content: Content, data: bytes = b"") -> None:
        public = self.epoch.public
        framed = FramedContent(public.group_id, public.epoch, Member(sender), data, content)
        self.messages.append({"message": message.hex(), "framed_content": encode(framed).hex()})

    def psk(self, psk: PreSharedKeyID, secret: Secret) -> None:
        self.psks.append({"id": encode(psk).hex(), "psk": secret.hex()})

    def end(
        self,
        pending: PendingCommit,
        store: PskStore,
        welcome: Step | None = None,
        *,
        follows: bool = True,
    ) -> Step:
        """Let the receiver follow the commit, and write down what comes of it."""
        self.story |= {
            "messages": self.messages,
            "commit": pending.message.hex(),
            "path": self._path(pending),
            "psks": self.psks,
            "welcome": welcome,
        }
        following = pending.next
        if follows:
            if isinstance(decode(MLSMessage, pending.message).message, PublicMessage):
                epoch = self.epoch
                staged = stage_commit(epoch.public, pending.message, now_s=NOW_S)
            else:
                epoch, staged = stage_private_commit(self.epoch, pending.message, now_s=NOW_S)
            following = process_commit(epoch, staged, psk_store=store)
        self.story["after"] = after(following)
        return self.story

    def _path(self, pending: PendingCommit) -> Step | None:
        """Find the ciphertext for the receiver and the key that opens it (section 7.5)."""
        staged, me = pending.staged, self.epoch.own_leaf
        if staged.path is None:
            return None
        tree, sender = pending.next.public.tree, staged.committer
        if sender == me:  # it is the committer's own: any key of those that it encrypted to
            return None
        path = tree.filtered_direct_path(sender)
        at = path.index(common_ancestor(me, sender))
        new = {node_of(leaf) for leaf, _ in staged.added}
        resolution = [x for x in tree.resolution(copath_child(path[at], sender)) if x not in new]
        for i, x in enumerate(resolution):
            if x in self.epoch.private_keys:
                return {"node": at, "ciphertext": i, "private": self.epoch.private_keys[x].hex()}
        raise AssertionError("a member has a key of each resolution that covers it")


# ------------------------------------------------------------------ the stories


def private_handshakes(suite: Suite) -> Step:
    """Everything as PrivateMessages: application data, proposals, and a commit to them."""
    scene = group(suite)
    carl, dora, anna, fred = (scene[name] for name in ("carl", "dora", "anna", "fred"))
    teller = Teller("handshakes and application data as PrivateMessages", carl.now)
    for i, data in enumerate((b"hello", b"", bytes(1000), b"a third one")):
        who = (dora, anna, dora, dora)[i]
        sent = encrypt(
            who.now, data, signature_key=who.key, authenticated_data=b"%d" % i, rng=who.rng
        )
        who.epoch = sent.epoch
        teller.message(sent.message, who.leaf, ApplicationContent(data), b"%d" % i)
    how: dict[str, Any] = {"private": True, "now_s": NOW_S}
    proposals: list[tuple[Person, bytes, Proposal]] = []
    updated = propose_update(fred.now, signature_key=fred.key, rng=fred.rng, **how)
    [received] = updated.epoch.public.proposals.values()
    proposals.append((fred, updated.message, received.proposal))
    removed = propose(dora.now, Remove(1), signature_key=dora.key, rng=dora.rng, **how)
    proposals.append((dora, removed.message, Remove(1)))
    anna_epoch = anna.now
    for who, message, proposal in proposals:
        teller.message(message, who.leaf, ProposalContent(proposal))
        teller.epoch = receive_private_proposal(teller.epoch, message, now_s=NOW_S)
        anna_epoch = receive_private_proposal(anna_epoch, message, now_s=NOW_S)
    references = tuple(anna_epoch.public.proposals)
    pending = commit(anna_epoch, signature_key=anna.key, references=references, rng=anna.rng, **how)
    return teller.end(pending, {})


def public_handshakes(suite: Suite) -> Step:
    """A proposal and a commit as PublicMessages; the commit adds somebody, with a path."""
    scene = group(suite)
    carl, fred, anna = scene["carl"], scene["fred"], scene["anna"]
    teller = Teller("a proposal and a commit with a Welcome as PublicMessages", carl.now)
    how: dict[str, Any] = {"now_s": NOW_S}
    sent = propose_update(fred.now, signature_key=fred.key, rng=fred.rng, **how)
    [received] = sent.epoch.public.proposals.values()
    teller.message(sent.message, fred.leaf, ProposalContent(received.proposal))
    teller.epoch = receive_public_proposal(teller.epoch, sent.message, now_s=NOW_S)
    anna.epoch = receive_public_proposal(anna.now, sent.message, now_s=NOW_S)
    return teller.end(*adding(anna, references=tuple(anna.now.public.proposals)))


def adding(by: Person, store: PskStore | None = None, **what: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Add gina; return the commit, the store and the Welcome with what its receiver has."""
    gina = Person("gina", by.suite)
    bundle = gina.new_bundle()
    verified = verify_key_package(bundle.key_package, now_s=NOW_S)
    pending = by.commit(add=[verified], psk_store=store or {}, **what)
    assert pending.welcome is not None, "gina was added"
    tree = pending.next.public.tree.to_wire()
    joined = join(pending.welcome, bundle, tree=tree, psk_store=store or {})
    assert joined.epoch.epoch_authenticator == pending.next.epoch_authenticator
    return pending, store or {}, {**private_of(bundle), "message": pending.welcome.hex()}


def without_path(suite: Suite) -> Step:
    """A commit that only adds, without a path: the commit_secret is zeros."""
    scene = group(suite)
    teller = Teller("a commit that adds and brings no path", scene["carl"].now)
    return teller.end(*adding(scene["dora"], path=False))


def pre_shared_keys(suite: Suite) -> Step:
    """External and resumption PSKs, in the commit and in its Welcome."""
    scene = group(suite)
    carl, anna = scene["carl"], scene["anna"]
    old = carl.now
    scene.commit("dora")
    teller = Teller("external and resumption PSKs", carl.now)
    resumption = ResumptionPsk(
        ResumptionPSKUsage.APPLICATION, old.public.group_id, old.public.epoch
    )
    store: dict[ExternalPsk | ResumptionPsk, Secret] = {
        ExternalPsk(b"an external PSK"): Secret(anna.rng(64)),
        resumption: old.secrets.resumption_psk,
        ExternalPsk(b""): Secret(b"short"),
    }
    psks = [PreSharedKeyID(source, anna.rng(suite.hash_bytes)) for source in store]
    for psk in psks:
        teller.psk(psk, store[psk.source])
    return teller.end(*adding(anna, store, psks=psks))


def reinit(suite: Suite, next_suite: Suite) -> Iterator[Step]:
    """A ReInit, and the first commit of the group that replaces this one (section 11.2)."""
    scene = Scene(Person("anna", suite))
    scene.commit("anna", add=(Person("bert", suite),))
    anna, bert = scene["anna"], scene["bert"]
    agreed = ReInit(b"the next group", registry.MLS10, next_suite.id, ())
    teller = Teller("a commit of a ReInit", bert.now)
    pending = anna.commit(reinit=agreed)
    yield teller.end(pending, {})
    bert.follow(pending.message)
    again = {name: Person(name, next_suite) for name in ("anna", "bert")}
    bundle = again["bert"].new_bundle()
    verified = verify_key_package(bundle.key_package, now_s=NOW_S)
    about = again["anna"].about()
    del about["suite"]
    first = reinit_group(pending.next, add=[verified], now_s=NOW_S, **about)
    yield continuation("the first commit of a group that replaces another", first, bundle, bert.now)


def branch(suite: Suite) -> Step:
    """The first commit of a group that branches off (section 11.3)."""
    scene = group(suite)
    anna, bert = scene["anna"], scene["bert"]
    bundle = bert.new_bundle()
    verified = verify_key_package(bundle.key_package, now_s=NOW_S)
    first = branch_group(
        anna.now,
        group_id=b"a branch",
        add=[verified],
        signature_key=anna.key,
        lifetime=LIFETIME,
        now_s=NOW_S,
        rng=anna.rng,
    )
    return continuation("the first commit of a branch", first, bundle, bert.now)


def continuation(what: str, first: PendingCommit, bundle: Any, old: Epoch) -> Step:  # noqa: ANN401
    """Tell the first commit of a new group by its creator's state: nobody else follows it."""
    assert first.welcome is not None, "somebody was added"
    teller = Teller(what, first.epoch)
    [psk] = first.staged.applied.psks
    teller.psk(psk, old.secrets.resumption_psk)
    tree = first.next.public.tree.to_wire()
    joined = join(first.welcome, bundle, tree=tree, continues=old)
    assert joined.epoch.epoch_authenticator == first.next.epoch_authenticator
    welcome = {**private_of(bundle), "message": first.welcome.hex()}
    return teller.end(first, {}, welcome, follows=False)


def stories() -> Iterator[tuple[str, Step]]:
    for suite in SUITES.values():
        yield f"{suite.id:04x}-private-handshakes", private_handshakes(suite)
        yield f"{suite.id:04x}-public-handshakes", public_handshakes(suite)
    classical, post_quantum = SUITES[0x0001], SUITES[0xF002]
    for suite, other in ((classical, post_quantum), (post_quantum, classical)):
        yield f"{suite.id:04x}-without-path", without_path(suite)
        yield f"{suite.id:04x}-psk", pre_shared_keys(suite)
        yield f"{suite.id:04x}-branch", branch(suite)
        last, first = reinit(suite, other)
        yield f"{suite.id:04x}-reinit-commit", last
        yield f"{suite.id:04x}-reinit-next", first
