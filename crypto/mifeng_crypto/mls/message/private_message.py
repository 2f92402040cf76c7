"""RFC 9420 section 6.3: content under a key of its own, its sender under another.

content || auth data || zeros --(ratchet key, nonce xor reuse guard)--> ciphertext
leaf, generation, reuse guard --(key from a sample of that ciphertext)--> encrypted_sender_data

The zeros are padding (section 15.1): they hide how long a message is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mifeng_crypto.errors import UsageError
from mifeng_crypto.labels import expand_with_label
from mifeng_crypto.mls.keys.secret_tree import KeyNonce, RatchetKind, SecretTree
from mifeng_crypto.mls.message.authenticate import VerifiedContent, verify_content
from mifeng_crypto.mls.message.original import Original
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.framing import (
    ApplicationContent,
    AuthenticatedContent,
    FramedContent,
    Member,
    PrivateContentAAD,
    PrivateMessage,
    SenderData,
    SenderDataAAD,
    read_private_message_content,
    write_private_message_content,
)
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.padme import message_length
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import Suite
from mifeng_crypto.tls import decode, encode

__all__ = ["OpenedMessage", "SealedMessage", "decrypt_private", "encrypt_private", "seal_private"]


class OpenedMessage(NamedTuple):
    """What a PrivateMessage held; `tree` is the secret tree without its key.

    `original` is there of application data: what makes these bytes of it again.
    """

    tree: SecretTree
    verified: VerifiedContent
    generation: int
    original: Original | None


class SealedMessage(NamedTuple):
    """A PrivateMessage, the secret tree without its key, and that key with its guarded nonce."""

    tree: SecretTree
    message: PrivateMessage
    key: KeyNonce
    padding: int


# ------------------------------------------------------------------ sending


def encrypt_private(
    authenticated: AuthenticatedContent,
    *,
    tree: SecretTree,
    sender_data_secret: bytes,
    rng: Rng,
) -> tuple[SecretTree, PrivateMessage]:
    """Encrypt signed content under its sender's next key; the arguments are `seal_private`'s.

    Raises:
        UsageError: as `seal_private`.
    """
    sealed = seal_private(authenticated, tree=tree, sender_data_secret=sender_data_secret, rng=rng)
    return sealed.tree, sealed.message


def seal_private(
    authenticated: AuthenticatedContent,
    *,
    tree: SecretTree,
    sender_data_secret: bytes,
    rng: Rng,
) -> SealedMessage:
    """Encrypt signed content under its sender's next key.

    Args:
        authenticated: signed for PRIVATE_MESSAGE by a member; a commit with its confirmation tag.
        tree: of the epoch in which it is sent; store the returned one before you send.
        sender_data_secret: of that epoch.
        rng: for the reuse guard.

    Raises:
        UsageError: the sender is no member, the content was signed for another wire format, or
            the epoch's keys are used up.
    """
    content, suite = authenticated.content, tree.suite
    if not isinstance(content.sender, Member):
        raise UsageError("only members send PrivateMessages")
    if authenticated.wire_format != registry.PRIVATE_MESSAGE:
        raise UsageError("this content was not signed for a PrivateMessage")
    leaf, content_type = content.sender.leaf_index, content.content.content_type
    plaintext = write_private_message_content(content.content, authenticated.auth, 0)
    padding = message_length(len(plaintext)) - len(plaintext)
    plaintext += bytes(padding)

    tree, generation, key = tree.next(leaf, _ratchet_kind(content_type))
    guard = rng(4)
    aad = PrivateContentAAD(
        content.group_id, content.epoch, content_type, content.authenticated_data
    )
    nonce = _guarded(key.nonce, guard)
    ciphertext = suite.aead_seal(key.key, nonce, encode(aad), plaintext)

    sender_key = sender_data_key(suite, sender_data_secret, ciphertext)
    encrypted_sender_data = suite.aead_seal(
        sender_key.key,
        sender_key.nonce,
        encode(SenderDataAAD(content.group_id, content.epoch, content_type)),
        encode(SenderData(leaf, generation, guard)),
    )
    message = PrivateMessage(
        content.group_id,
        content.epoch,
        content_type,
        content.authenticated_data,
        encrypted_sender_data,
        ciphertext,
    )
    return SealedMessage(tree, message, KeyNonce(key.key, Secret(nonce)), padding)


# ------------------------------------------------------------------ receiving


def decrypt_private(
    message: PrivateMessage,
    *,
    tree: SecretTree,
    sender_data_secret: bytes,
    context: GroupContext,
    signature_key_of: Callable[[int], bytes],
) -> OpenedMessage:
    """Decrypt a message of this epoch and verify its signature; on any error `tree` stays valid.

    Args:
        message: of the epoch of `context`.
        tree: the epoch's secret tree as the last message left it.
        sender_data_secret: of that epoch.
        context: that epoch's.
        signature_key_of: the signature key of a leaf; raises for a blank one (section 6.3.2).

    Raises:
        CryptoError: not encrypted by a member of this epoch, or not signed by its sender.
        CodecError: the plaintext is no PrivateMessageContent, or its padding is not zero.
        ProtocolError: as `SecretTree.take`, and whatever `signature_key_of` raises.
    """
    suite = tree.suite
    sender = _open_sender_data(suite, message, sender_data_secret)
    signature_key = signature_key_of(sender.leaf_index)
    tree, key = tree.take(sender.leaf_index, _ratchet_kind(message.content_type), sender.generation)
    aad = PrivateContentAAD(
        message.group_id, message.epoch, message.content_type, message.authenticated_data
    )
    nonce = _guarded(key.nonce, sender.reuse_guard)
    plaintext = suite.aead_open(key.key, nonce, encode(aad), message.ciphertext)
    content, auth, padding = read_private_message_content(message.content_type, plaintext)
    framed = FramedContent(
        message.group_id,
        message.epoch,
        Member(sender.leaf_index),
        message.authenticated_data,
        content,
    )
    authenticated = AuthenticatedContent(registry.PRIVATE_MESSAGE, framed, auth)
    verified = verify_content(suite, signature_key, authenticated, context)
    original = None
    if isinstance(content, ApplicationContent):
        original = Original(
            context=context,
            leaf_index=sender.leaf_index,
            authenticated_data=message.authenticated_data,
            signature=auth.signature,
            key=key.key,
            nonce=nonce,
            sender_data=message.encrypted_sender_data,
            padding=padding,
        )
    return OpenedMessage(tree, verified, sender.generation, original)


def _open_sender_data(suite: Suite, message: PrivateMessage, secret: bytes) -> SenderData:
    key = sender_data_key(suite, secret, message.ciphertext)
    aad = encode(SenderDataAAD(message.group_id, message.epoch, message.content_type))
    return decode(
        SenderData, suite.aead_open(key.key, key.nonce, aad, message.encrypted_sender_data)
    )


# ------------------------------------------------------------------ keys of both directions


def sender_data_key(suite: Suite, sender_data_secret: bytes, ciphertext: bytes) -> KeyNonce:
    """Section 6.3.2; the sample is the whole ciphertext where that is shorter than a hash."""
    sample = ciphertext[: suite.hash_bytes]
    return KeyNonce(
        expand_with_label(suite, sender_data_secret, "key", sample, suite.key_bytes),
        expand_with_label(suite, sender_data_secret, "nonce", sample, suite.nonce_bytes),
    )


def _ratchet_kind(content_type: int) -> RatchetKind:
    if content_type == registry.APPLICATION:
        return RatchetKind.APPLICATION
    return RatchetKind.HANDSHAKE


def _guarded(nonce: bytes, reuse_guard: bytes) -> bytes:
    """Section 6.3.1: the guard makes a nonce fresh even where a state was restored."""
    first = int.from_bytes(nonce[:4], "big") ^ int.from_bytes(reuse_guard, "big")
    return first.to_bytes(4, "big") + nonce[4:]
