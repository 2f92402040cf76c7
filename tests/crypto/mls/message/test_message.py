"""PublicMessage and PrivateMessage: what opens, and everything that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError, UsageError
from mifeng_crypto.mls.keys.secret_tree import RatchetKind, SecretTree
from mifeng_crypto.mls.message.authenticate import (
    sign_content,
    verify_content,
    with_confirmation_tag,
)
from mifeng_crypto.mls.message.private_message import (
    OpenedMessage,
    decrypt_private,
    encrypt_private,
    sender_data_key,
)
from mifeng_crypto.mls.message.public_message import (
    protect_public,
    verify_membership_tag,
    verify_public,
)
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.commit import Commit
from mifeng_crypto.mls.wire.framing import (
    ApplicationContent,
    AuthenticatedContent,
    CommitContent,
    Content,
    External,
    FramedContent,
    Member,
    PrivateContentAAD,
    PrivateMessage,
    ProposalContent,
    PublicMessage,
    Sender,
    SenderData,
    SenderDataAAD,
    write_private_message_content,
)
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.proposal import Remove
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import SUITES, Suite
from mifeng_crypto.tls import encode
from tests.crypto.rng import seeded

PUBLIC, PRIVATE = registry.PUBLIC_MESSAGE, registry.PRIVATE_MESSAGE
MEMBERSHIP_KEY = b"membership"
TEXT = ApplicationContent(b"hello")
REMOVE = ProposalContent(Remove(2))
COMMIT = CommitContent(Commit((), None))

every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: hex(suite.id))
SUITE = SUITES[1]


def context_of(suite: Suite) -> GroupContext:
    return GroupContext(registry.MLS10, suite.id, b"group", 7, b"tree", b"confirmed", ())


def sender_secret(suite: Suite) -> Secret:
    return Secret(b"s" * suite.hash_bytes)


def fresh_tree(suite: Suite) -> SecretTree:
    return SecretTree.create(suite, Secret(b"e" * suite.hash_bytes), 4)


def framed(content: Content, sender: Sender = Member(1)) -> FramedContent:  # noqa: B008
    return FramedContent(b"group", 7, sender, b"aad", content)


def signed(suite: Suite, wire_format: int, content: FramedContent) -> AuthenticatedContent:
    pair = suite.generate_signature_key(rng=seeded(1))
    made = sign_content(
        suite, pair.private, wire_format=wire_format, content=content, context=context_of(suite)
    )
    if isinstance(content.content, CommitContent):
        return with_confirmation_tag(made, b"t" * suite.hash_bytes)
    return made


def public_key(suite: Suite) -> bytes:
    return suite.generate_signature_key(rng=seeded(1)).public


def sealed(suite: Suite, content: Content) -> PrivateMessage:
    _, message = encrypt_private(
        signed(suite, PRIVATE, framed(content)),
        tree=fresh_tree(suite),
        sender_data_secret=sender_secret(suite),
        rng=seeded(2),
    )
    return message


def opened(
    suite: Suite, message: PrivateMessage, *, tree: SecretTree | None = None
) -> OpenedMessage:
    return decrypt_private(
        message,
        tree=tree or fresh_tree(suite),
        sender_data_secret=sender_secret(suite),
        context=context_of(suite),
        signature_key_of=lambda _: public_key(suite),
    )


# ------------------------------------------------------------------ PrivateMessage


@every_suite
@pytest.mark.parametrize("content", [TEXT, REMOVE, COMMIT])
def test_what_was_encrypted_opens_with_its_sender(suite: Suite, content: Content) -> None:
    result = opened(suite, sealed(suite, content))
    assert result.verified.content == framed(content)
    assert result.generation == 0
    with pytest.raises(ProtocolError, match=r"RFC9420-9\.1-1"):
        opened(suite, sealed(suite, content), tree=result.tree)


def test_application_and_handshake_messages_have_ratchets_of_their_own() -> None:
    tree = opened(SUITE, sealed(SUITE, TEXT)).tree
    opened(SUITE, sealed(SUITE, REMOVE), tree=tree)
    with pytest.raises(ProtocolError, match=r"RFC9420-9\.1-1"):
        opened(SUITE, sealed(SUITE, COMMIT), tree=opened(SUITE, sealed(SUITE, REMOVE)).tree)


def test_what_was_decrypted_does_not_show() -> None:
    result = opened(SUITE, sealed(SUITE, TEXT))
    assert "hello" not in repr(result)
    assert repr(b"e" * 32) not in repr(result)


def test_every_changed_byte_of_a_message_is_noticed() -> None:
    message = sealed(SUITE, TEXT)
    for field in ("group_id", "authenticated_data", "encrypted_sender_data", "ciphertext"):
        value = getattr(message, field)
        for at in {0, len(value) // 2, len(value) - 1}:
            changed = value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
            with pytest.raises(CryptoError):
                opened(SUITE, replace(message, **{field: changed}))
    for changed_message in (
        replace(message, epoch=8),
        replace(message, content_type=registry.PROPOSAL),
        replace(message, content_type=9),
        replace(message, ciphertext=b""),
        replace(message, encrypted_sender_data=b""),
    ):
        with pytest.raises(CryptoError):
            opened(SUITE, changed_message)


def test_a_member_cannot_speak_for_another() -> None:
    """All members know all message keys; only the signature says who it was."""
    other = SUITE.generate_signature_key(rng=seeded(9)).public
    with pytest.raises(CryptoError):
        decrypt_private(
            sealed(SUITE, TEXT),
            tree=fresh_tree(SUITE),
            sender_data_secret=sender_secret(SUITE),
            context=context_of(SUITE),
            signature_key_of=lambda _: other,
        )


def test_the_context_of_another_epoch_does_not_verify() -> None:
    with pytest.raises(CryptoError):
        decrypt_private(
            sealed(SUITE, TEXT),
            tree=fresh_tree(SUITE),
            sender_data_secret=sender_secret(SUITE),
            context=replace(context_of(SUITE), confirmed_transcript_hash=b"other"),
            signature_key_of=lambda _: public_key(SUITE),
        )


def test_a_blank_sender_is_refused_before_a_key_is_derived() -> None:
    def blank(leaf: int) -> bytes:
        raise ProtocolError("RFC9420-6.3.2-1", f"leaf {leaf} is blank")

    with pytest.raises(ProtocolError, match="leaf 1 is blank"):
        decrypt_private(
            sealed(SUITE, TEXT),
            tree=fresh_tree(SUITE),
            sender_data_secret=sender_secret(SUITE),
            context=context_of(SUITE),
            signature_key_of=blank,
        )


def _sealed_by_hand(plaintext: bytes, *, generation: int = 0) -> PrivateMessage:
    """What a member's own code could send: any plaintext, any generation."""
    _, key = fresh_tree(SUITE).take(1, RatchetKind.APPLICATION, 0)
    aad = PrivateContentAAD(b"group", 7, registry.APPLICATION, b"aad")
    ciphertext = SUITE.aead_seal(key.key, key.nonce, encode(aad), plaintext)
    outer = sender_data_key(SUITE, sender_secret(SUITE), ciphertext)
    sender_data = SUITE.aead_seal(
        outer.key,
        outer.nonce,
        encode(SenderDataAAD(b"group", 7, registry.APPLICATION)),
        encode(SenderData(1, generation, bytes(4))),
    )
    return PrivateMessage(b"group", 7, registry.APPLICATION, b"aad", sender_data, ciphertext)


def _plaintext(padding: int) -> bytes:
    auth = signed(SUITE, PRIVATE, framed(TEXT)).auth
    return write_private_message_content(TEXT, auth, padding)


@pytest.mark.parametrize("padding", [0, 1, 255, 100_000])
def test_any_padding_of_zeros_is_accepted(padding: int) -> None:
    message = _sealed_by_hand(_plaintext(padding))
    assert opened(SUITE, message).verified.content.content == TEXT


@pytest.mark.parametrize("tail", [b"\x01", b"\0\x01", b"\x01\0", bytes(500) + b"\x01" + bytes(500)])
def test_padding_that_is_not_zero_is_malformed(tail: bytes) -> None:
    with pytest.raises(CodecError):
        opened(SUITE, _sealed_by_hand(_plaintext(0) + tail))


@pytest.mark.parametrize("plaintext", [b"", b"\x05hell", b"\xff" * 40])
def test_a_plaintext_that_is_no_content_is_malformed(plaintext: bytes) -> None:
    with pytest.raises(CodecError):
        opened(SUITE, _sealed_by_hand(plaintext))


def test_the_highest_generation_is_refused() -> None:
    with pytest.raises(ProtocolError, match=r"RFC9420-15\.3-1"):
        opened(SUITE, _sealed_by_hand(_plaintext(0), generation=2**32 - 1))


def test_the_length_of_a_short_text_does_not_show() -> None:
    sizes = {len(sealed(SUITE, ApplicationContent(b"x" * n)).ciphertext) for n in range(0, 150, 10)}
    assert len(sizes) == 1


def test_equal_states_do_not_give_equal_nonces() -> None:
    """A restored state would repeat key and nonce: the reuse guard makes the nonce fresh."""
    content, tree = signed(SUITE, PRIVATE, framed(TEXT)), fresh_tree(SUITE)
    ciphertexts = {
        encrypt_private(
            content, tree=tree, sender_data_secret=sender_secret(SUITE), rng=seeded(seed)
        )[1].ciphertext
        for seed in range(3)
    }
    assert len(ciphertexts) == 3


def test_only_members_encrypt_and_only_what_was_signed_for_it() -> None:
    for content in (
        signed(SUITE, PRIVATE, framed(REMOVE, External(0))),
        signed(SUITE, PUBLIC, framed(REMOVE)),
    ):
        with pytest.raises(UsageError):
            encrypt_private(
                content,
                tree=fresh_tree(SUITE),
                sender_data_secret=sender_secret(SUITE),
                rng=seeded(1),
            )


# ------------------------------------------------------------------ PublicMessage


def public(suite: Suite, content: Content, sender: Sender = Member(1)) -> PublicMessage:  # noqa: B008
    return protect_public(
        suite,
        signed(suite, PUBLIC, framed(content, sender)),
        membership_key=MEMBERSHIP_KEY,
        context=context_of(suite),
    )


def verify_both(suite: Suite, message: PublicMessage, context: GroupContext) -> None:
    verify_membership_tag(suite, message, membership_key=MEMBERSHIP_KEY, context=context)
    verify_public(suite, message, signature_key=public_key(suite), context=context)


@every_suite
@pytest.mark.parametrize("content", [REMOVE, COMMIT])
def test_a_public_message_verifies_with_and_without_the_secret(
    suite: Suite, content: Content
) -> None:
    message = public(suite, content)
    verify_both(suite, message, context_of(suite))
    with pytest.raises(CryptoError):
        verify_membership_tag(
            suite, message, membership_key=b"of another epoch", context=context_of(suite)
        )


def test_a_changed_public_message_fails_both_checks() -> None:
    message, context = public(SUITE, COMMIT), context_of(SUITE)
    content = message.content
    for changed in (
        replace(message, content=replace(content, authenticated_data=b"other")),
        replace(message, content=replace(content, sender=Member(0))),
        replace(message, content=replace(content, epoch=8)),
    ):
        with pytest.raises(CryptoError):
            verify_membership_tag(SUITE, changed, membership_key=MEMBERSHIP_KEY, context=context)
        with pytest.raises(CryptoError):
            verify_public(SUITE, changed, signature_key=public_key(SUITE), context=context)


def test_the_membership_tag_covers_the_auth_data() -> None:
    message = public(SUITE, COMMIT)
    changed = replace(message, auth=replace(message.auth, confirmation_tag=b"other"))
    with pytest.raises(CryptoError):
        verify_membership_tag(
            SUITE, changed, membership_key=MEMBERSHIP_KEY, context=context_of(SUITE)
        )


def test_a_message_without_a_membership_tag_proves_no_membership() -> None:
    message = public(SUITE, REMOVE, External(0))
    assert message.membership_tag is None
    with pytest.raises(CryptoError):
        verify_membership_tag(
            SUITE, message, membership_key=MEMBERSHIP_KEY, context=context_of(SUITE)
        )


def test_a_signature_for_one_wire_format_is_none_for_the_other() -> None:
    made = signed(SUITE, PRIVATE, framed(REMOVE))
    moved = AuthenticatedContent(PUBLIC, made.content, made.auth)
    with pytest.raises(CryptoError):
        verify_content(SUITE, public_key(SUITE), moved, context_of(SUITE))


def test_rfc9420_6_1_application_data_is_never_public() -> None:
    made = signed(SUITE, PUBLIC, framed(TEXT))
    with pytest.raises(UsageError):
        protect_public(SUITE, made, membership_key=MEMBERSHIP_KEY, context=context_of(SUITE))
    message = PublicMessage(made.content, made.auth, b"tag")
    with pytest.raises(ProtocolError, match="RFC9420-6-1"):
        verify_public(SUITE, message, signature_key=public_key(SUITE), context=context_of(SUITE))


def test_a_member_without_a_membership_key_is_the_callers_fault() -> None:
    made = signed(SUITE, PUBLIC, framed(REMOVE))
    with pytest.raises(UsageError):
        protect_public(SUITE, made, membership_key=None, context=context_of(SUITE))


def test_only_a_commit_has_a_confirmation_tag() -> None:
    with pytest.raises(UsageError):
        with_confirmation_tag(signed(SUITE, PUBLIC, framed(REMOVE)), b"tag")
