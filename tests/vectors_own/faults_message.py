"""Messages that are not what, from whom, or for whom they say (RFC 9420 sections 6 to 6.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mifeng_crypto.mls.group import encrypt, group_info
from mifeng_crypto.mls.keys.secret_tree import RatchetKind
from mifeng_crypto.mls.message.authenticate import sign_content
from mifeng_crypto.mls.message.private_message import _guarded, sender_data_key
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.framing import (
    ApplicationContent,
    CommitContent,
    Content,
    External,
    FramedContent,
    Member,
    NewMemberCommit,
    NewMemberProposal,
    PrivateContentAAD,
    PrivateMessage,
    ProposalContent,
    SenderData,
    SenderDataAAD,
    write_private_message_content,
)
from mifeng_crypto.mls.wire.message import Body, MLSMessage, encode_message
from mifeng_crypto.mls.wire.proposal import Add, Remove
from mifeng_crypto.tls import decode, encode
from tests.vectors_own.faults_proposals import psk
from tests.vectors_own.files import Collector, Vector
from tests.vectors_own.mallory import Edit, Frame, forge_commit, forge_proposal, same
from tests.vectors_own.members import EVE, Person, Scene
from tests.vectors_own.signing import flip


def public_commits(scene: Scene) -> Iterator[Vector]:
    """Commits whose frame is wrong."""
    fred, anna = scene["fred"], scene["anna"]
    good = forge_commit(fred).message
    collect = Collector("process", {"before": [], "message": good.hex()}, "seven")

    def commit(rule: str, what: str, frame: Frame) -> None:
        collect(rule, what, message=forge_commit(fred, frame=frame).message)

    def content(rule: str, what: str, **changes: object) -> None:
        commit(rule, what, Frame(content=lambda content: replace(content, **changes)))  # type: ignore[arg-type]

    epoch = fred.now.public.epoch
    content("12.4.2-1", "a commit of the epoch before", epoch=epoch - 1)
    content("12.4.2-1", "a commit of the next epoch", epoch=epoch + 1)
    content("12.4.2-1", "a commit of the last possible epoch", epoch=2**64 - 1)
    content("12.4.2-1", "a commit of epoch 0", epoch=0)
    content("6-2", "a commit for another group", group_id=b"another group")
    content("6-2", "a commit for a group without an id", group_id=b"")

    frames = {
        "signature flipped": Frame(signature=flip),
        "signature empty": Frame(signature=lambda _: b""),
        "signature cut": Frame(signature=lambda due: due[:-1]),
        "signature with a byte more": Frame(signature=lambda due: due + b"\0"),
        "signature by another member": Frame(signature_key=anna.key),
        "signature by nobody": Frame(signature_key=Person("nobody").key),
        "signature under the label of a GroupInfo": Frame(label="GroupInfoTBS"),
        "signature for a PrivateMessage": Frame(signed_as=registry.PRIVATE_MESSAGE),
        "signature in the context of another epoch": Frame(
            signed_in=lambda context: replace(context, epoch=context.epoch + 1)
        ),
        "signature in the context of another tree": Frame(
            signed_in=lambda context: replace(context, tree_hash=bytes(32))
        ),
        "signature in the context of another history": Frame(
            signed_in=lambda context: replace(context, confirmed_transcript_hash=bytes(32))
        ),
        "authenticated data changed after signing": Frame(
            changed_after=lambda content: replace(content, authenticated_data=b"other")
        ),
        "sender changed after signing": Frame(
            changed_after=lambda content: replace(content, sender=Member(anna.leaf))
        ),
    }
    for what, frame in frames.items():
        commit("6.1-2", what, frame)
    for leaf in (4, 7, 8, 2**32 - 1):
        commit("6.1-1", f"a commit from leaf {leaf} where nobody is", Frame(sender=Member(leaf)))
    commit("6.1-1", "a commit from an external sender", Frame(sender=External(0)))
    commit(
        "6.1-1", "a commit from somebody who proposes to join", Frame(sender=NewMemberProposal())
    )
    bare = forge_commit(fred, path=None, frame=Frame(sender=NewMemberCommit())).message
    collect("6.1-1", "an external commit without a path", message=bare)

    for what, frame in {
        "flipped": Frame(membership_tag=flip),
        "empty": Frame(membership_tag=lambda _: b""),
        "cut": Frame(membership_tag=lambda due: due[:-1]),
        "of zeros": Frame(membership_tag=lambda due: bytes(len(due))),
        "under a key of zeros": Frame(membership_key=bytes(32)),
        "under the confirmation key": Frame(membership_key=fred.now.secrets.confirmation_key),
    }.items():
        commit("6.2-1", f"membership tag {what}", frame)

    application = forge_proposal(fred, ApplicationContent(b"hello"))
    collect("6-1", "application data as a PublicMessage", message=application)
    proposal = forge_proposal(fred, ProposalContent(Remove(0)))
    collect("12.4.2-2", "a proposal for a commit", message=proposal)
    yield from collect.vectors
    yield from wrong_envelopes(scene, good)


def wrong_envelopes(scene: Scene, good: bytes) -> Iterator[Vector]:
    fred = scene["fred"]
    collect = Collector("process", {"before": [], "message": good.hex()}, "seven")
    body = decode(MLSMessage, good).message
    for version in (0, 2, 0xFFFF):
        message = encode(MLSMessage(version, body))
        collect("6-3", f"an MLSMessage of version {version}", message=message)
    sent = encrypt(fred.now, b"hello", signature_key=fred.key, rng=fred.rng).message
    others: dict[str, Body | bytes] = {
        "a PrivateMessage of application data": sent,
        "a KeyPackage": fred.new_bundle().key_package,
        "a GroupInfo": group_info(fred.now, signature_key=fred.key),
    }
    for what, other in others.items():
        message = other if isinstance(other, bytes) else encode_message(other)
        collect("6-3", f"{what} for a commit", message=message)
    for what, message in {
        "nothing at all": b"",
        "a byte behind a commit": good + b"\0",
        "a commit cut": good[:-1],
        "an unknown wire format": good[:2] + b"\x0a\x0a" + good[4:],
        "wire format 0": good[:2] + b"\0\0" + good[4:],
    }.items():
        collect("codec", what, message=message)
    yield from collect.vectors


def public_proposals(scene: Scene) -> Iterator[Vector]:
    gina = scene["gina"]
    good = ProposalContent(Remove(0))
    control = forge_proposal(gina, good)
    collect = Collector("propose", {"before": [], "message": control.hex()}, "seven")
    frames = {
        "6.1-2 a proposal with a signature flipped": Frame(signature=flip),
        "6.1-2 a proposal signed by another member": Frame(signature_key=scene["anna"].key),
        "6.1-2 a proposal signed in another context": Frame(
            signed_in=lambda context: replace(context, epoch=0)
        ),
        "6.1-1 a proposal from nobody": Frame(sender=Member(4)),
        "6.1-1 a Remove from a new member": Frame(sender=NewMemberCommit()),
        "6.2-1 a proposal with a membership tag flipped": Frame(membership_tag=flip),
        "6.2-1 a proposal with an empty membership tag": Frame(membership_tag=lambda _: b""),
        "6.2-1 a proposal with a tag under another key": Frame(membership_key=bytes(32)),
        "6-2 a proposal for another group": Frame(
            content=lambda content: replace(content, group_id=b"another group")
        ),
        "12.4.2-1 a proposal of another epoch": Frame(
            content=lambda content: replace(content, epoch=content.epoch - 1)
        ),
    }
    for what, frame in frames.items():
        rule, _, words = what.partition(" ")
        collect(rule, words, message=forge_proposal(gina, good, frame))
    collect("12.1-1", "a commit for a proposal", message=forge_commit(gina).message)
    application = forge_proposal(gina, ApplicationContent(b"hello"))
    collect("6-1", "application data for a proposal", message=application)
    outside = Frame(sender=External(0), signature_key=EVE.key)
    hello = forge_proposal(gina, ApplicationContent(b"hello"), outside)
    collect("6.1-1", "application data from an external sender", message=hello)
    yield from collect.vectors


# ------------------------------------------------------------------ PrivateMessages, section 6.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """What is different about a PrivateMessage."""

    claims: int | None = None
    generation: int = 0
    signer: Person | None = None
    signed_as: int = registry.PRIVATE_MESSAGE
    plaintext: Edit[bytes] = same
    sender_data: Edit[bytes] = same
    key: Edit[bytes] = same
    aad: Edit[PrivateContentAAD] = same
    sender_aad: Edit[SenderDataAAD] = same
    tag: bytes | None = None
    done: Edit[PrivateMessage] = same


def seal(by: Person, content: Content, how: Sealing) -> bytes:
    """Encrypt anything: whoever is in the group has the keys of all."""
    epoch, suite = by.now, by.suite
    group = epoch.public
    leaf = by.leaf if how.claims is None else how.claims
    framed = FramedContent(group.group_id, group.epoch, Member(leaf), b"", content)
    signed = sign_content(
        suite,
        (by if how.signer is None else how.signer).key,
        wire_format=how.signed_as,
        content=framed,
        context=group.context,
    )
    auth = replace(signed.auth, confirmation_tag=how.tag)
    plaintext = how.plaintext(write_private_message_content(content, auth, 16))
    application = content.content_type == registry.APPLICATION
    kind = RatchetKind.APPLICATION if application else RatchetKind.HANDSHAKE
    # Where no such key exists, any will do: the receiver must stop before it needs one.
    exists = leaf < group.tree.n_leaves and how.generation < 2_000
    ratchet = (leaf, how.generation) if exists else (by.leaf, 0)
    tree = epoch.secret_tree
    for generation in range(0, ratchet[1], 500):  # a step within what one message may skip
        tree, _ = tree.take(ratchet[0], kind, generation)
    _, key = tree.take(ratchet[0], kind, ratchet[1])
    guard = by.rng(4)
    aad = how.aad(PrivateContentAAD(group.group_id, group.epoch, content.content_type, b""))
    nonce = _guarded(key.nonce, guard)
    ciphertext = suite.aead_seal(how.key(key.key), nonce, encode(aad), plaintext)
    sender_key = sender_data_key(suite, epoch.secrets.sender_data_secret, ciphertext)
    sender_aad = SenderDataAAD(group.group_id, group.epoch, content.content_type)
    encrypted_sender_data = suite.aead_seal(
        sender_key.key,
        sender_key.nonce,
        encode(how.sender_aad(sender_aad)),
        how.sender_data(encode(SenderData(leaf, how.generation, guard))),
    )
    message = PrivateMessage(
        group.group_id, group.epoch, content.content_type, b"", encrypted_sender_data, ciphertext
    )
    return encode_message(how.done(message))


def private_messages(scene: Scene) -> Iterator[Vector]:
    fred, anna = scene["fred"], scene["anna"]
    hello = ApplicationContent(b"hello")
    good = seal(fred, hello, Sealing())
    collect = Collector("decrypt", {"before": [], "message": good.hex()}, "seven")

    def message(rule: str, what: str, how: Sealing, content: Content = hello) -> None:
        collect(rule, what, message=seal(fred, content, how))

    def sent(rule: str, what: str, change: Edit[PrivateMessage]) -> None:
        message(rule, what, Sealing(done=change))

    epoch = fred.now.public.epoch
    sent("12.4.2-1", "a message of the epoch before", lambda m: replace(m, epoch=epoch - 1))
    sent("12.4.2-1", "a message of the next epoch", lambda m: replace(m, epoch=epoch + 1))
    sent("6-2", "a message for another group", lambda m: replace(m, group_id=b"another group"))
    changed: dict[str, Edit[PrivateMessage]] = {
        "a ciphertext flipped at its end": lambda m: replace(m, ciphertext=flip(m.ciphertext)),
        "a ciphertext flipped at its beginning": lambda m: replace(
            m, ciphertext=flip(m.ciphertext, 0)
        ),
        "a ciphertext cut": lambda m: replace(m, ciphertext=m.ciphertext[:-1]),
        "a ciphertext of ten bytes": lambda m: replace(m, ciphertext=m.ciphertext[:10]),
        "an empty ciphertext": lambda m: replace(m, ciphertext=b""),
        "sender data flipped": lambda m: replace(
            m, encrypted_sender_data=flip(m.encrypted_sender_data)
        ),
        "empty sender data": lambda m: replace(m, encrypted_sender_data=b""),
        "authenticated data that was not sealed": lambda m: replace(m, authenticated_data=b"x"),
        "a proposal made of application data": lambda m: replace(m, content_type=registry.PROPOSAL),
        "a commit made of application data": lambda m: replace(m, content_type=registry.COMMIT),
        "an unknown content type": lambda m: replace(m, content_type=4),
        "content type 0": lambda m: replace(m, content_type=0),
    }
    for what, change in changed.items():
        sent("6.3-3", what, change)
    sealed: dict[str, Sealing] = {
        "sealed under a wrong key": Sealing(key=flip),
        "sealed for another group": Sealing(aad=lambda aad: replace(aad, group_id=b"other")),
        "sealed for another epoch": Sealing(aad=lambda aad: replace(aad, epoch=aad.epoch + 1)),
        "sealed with other authenticated data": Sealing(
            aad=lambda aad: replace(aad, authenticated_data=b"other")
        ),
        "sender data sealed for another epoch": Sealing(
            sender_aad=lambda aad: replace(aad, epoch=aad.epoch + 1)
        ),
        "signed by somebody else": Sealing(signer=anna),
        "in the name of another member": Sealing(claims=anna.leaf),
        "signed for a PublicMessage": Sealing(signed_as=registry.PUBLIC_MESSAGE),
    }
    for what, how in sealed.items():
        message("6.3-3", f"a message {what}", how)
    plaintexts: dict[str, Edit[bytes]] = {
        "padding that ends with a one": lambda plain: plain[:-1] + b"\1",
        "padding that begins with a one": lambda plain: plain[:-16] + b"\1" + bytes(15),
        "no signature": lambda _: b"\x05hello",
        "data longer than the plaintext": lambda _: b"\x40\xffhello",
        "a length that is not minimal": lambda plain: b"\x40\x05" + plain[1:],
        "nothing": lambda _: b"",
    }
    for what, plain in plaintexts.items():
        message("6.3-2", f"a plaintext with {what}", Sealing(plaintext=plain))
    for what, cut in {"cut": -1, "of nothing": 0}.items():
        short = Sealing(sender_data=lambda data, cut=cut: data[:cut])  # type: ignore[misc]
        message("6.3-2", f"sender data {what}", short)
    for leaf in (4, 7, 8, 2**32 - 1):
        message("6.3.2-1", f"a message from leaf {leaf} where nobody is", Sealing(claims=leaf))
    message("15.3-1", "a message 1001 generations ahead", Sealing(generation=1001))
    message("15.3-1", "a message of the last generation", Sealing(generation=2**32 - 1))
    message("15.3-1", "a message of generation 2^31", Sealing(generation=2**31))
    remove = ProposalContent(Remove(0))
    message("6.3-1", "a proposal for application data", Sealing(), remove)
    collect("6-3", "a commit for application data", message=forge_commit(fred).message)
    collect("9.1-1", "a message seen before", before=[good], message=good)
    late = seal(fred, hello, Sealing(generation=200))
    what = "a message 200 generations late"
    collect("9.1-1", what, before=[late], message=good)
    yield from collect.vectors


def private_proposals(scene: Scene) -> Iterator[Vector]:
    fred = scene["fred"]
    good = ProposalContent(Remove(0))
    control = seal(fred, good, Sealing())
    collect = Collector("propose", {"before": [], "message": control.hex()}, "seven")

    def propose(rule: str, what: str, content: Content, how: Sealing) -> None:
        collect(rule, what, message=seal(fred, content, how))

    propose("6.3-3", "a private proposal by another", good, Sealing(signer=scene["anna"]))
    padded = Sealing(plaintext=lambda plain: plain[:-1] + b"\2")
    propose("6.3-2", "a private proposal with wrong padding", good, padded)
    propose("12.1.3-1", "a private Remove of nobody", ProposalContent(Remove(4)), Sealing())
    short = ProposalContent(psk(nonce=b""))
    propose("12.1.4-3", "a private PSK without a nonce", short, Sealing())
    late = Person("ivy").new_bundle().key_package
    broken = ProposalContent(Add(replace(late, signature=flip(late.signature))))
    propose("10.1-3", "a private Add of a broken KeyPackage", broken, Sealing())
    hello = ApplicationContent(b"hello")
    propose("12.1-1", "private application data for a proposal", hello, Sealing())
    yield from collect.vectors


def private_commits(scene: Scene) -> Iterator[Vector]:
    fred = scene["fred"]
    good = fred.commit(private=True)
    control = {"before": [], "message": good.message.hex()}
    collect = Collector("process", control, "seven")
    public = decode(MLSMessage, forge_commit(fred).message).message
    commit = public.content.content  # type: ignore[union-attr]
    assert isinstance(commit, CommitContent), "a commit holds one"
    wrong = seal(fred, commit, Sealing(tag=bytes(32)))
    collect("12.4.2-12", "a private commit with a wrong tag", message=wrong)
    short = seal(fred, CommitContent(replace(commit.commit, path=None)), Sealing(tag=bytes(32)))
    collect("12.4-1", "a private empty commit without a path", message=short)
    no_tag = seal(fred, commit, Sealing(plaintext=lambda plain: plain[:-16]))
    collect("6.3-2", "a private commit without a tag", message=no_tag)
    other = seal(fred, commit, Sealing(tag=bytes(32), signer=scene["anna"]))
    collect("6.3-3", "a private commit signed by another", message=other)
    yield from collect.vectors


def vectors(scene: Scene) -> Iterator[Vector]:
    yield from public_commits(scene)
    yield from public_proposals(scene)
    yield from private_messages(scene)
    yield from private_proposals(scene)
    yield from private_commits(scene)
