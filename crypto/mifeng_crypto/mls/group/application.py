"""Application messages (RFC 9420 sections 6.3 and 15)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError, UsageError
from mifeng_crypto.mls.group.epoch import Epoch
from mifeng_crypto.mls.group.stage import check_group_and_epoch
from mifeng_crypto.mls.message.authenticate import VerifiedContent, sign_content
from mifeng_crypto.mls.message.original import Original
from mifeng_crypto.mls.message.private_message import (
    OpenedMessage,
    decrypt_private,
    seal_private,
)
from mifeng_crypto.mls.tree.tree_math import LeafIndex
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.framing import (
    ApplicationContent,
    FramedContent,
    Member,
    PrivateMessage,
)
from mifeng_crypto.mls.wire.message import MLSMessage, encode_message
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import decode


class Encrypted(NamedTuple):
    """A message to send. Store the epoch first: its key for this message is gone from it.

    `original` makes the same bytes of the same data again.
    """

    epoch: Epoch
    message: bytes
    original: Original


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message that a member of the epoch wrote and signed."""

    sender: LeafIndex
    data: bytes
    authenticated_data: bytes
    generation: int
    original: Original

    def __repr__(self) -> str:
        return f"Received({len(self.data)} bytes from leaf {self.sender})"


class Decrypted(NamedTuple):
    """A received message; the epoch no longer has its key."""

    epoch: Epoch
    received: Received


def encrypt(
    epoch: Epoch, data: bytes, *, signature_key: Secret, authenticated_data: bytes = b"", rng: Rng
) -> Encrypted:
    """Sign and encrypt application data, padded (`mifeng_crypto.padme`).

    Args:
        signature_key: the own private signature key.
        authenticated_data: sent along, signed and not encrypted.
        rng: for the reuse guard.

    Raises:
        UsageError: a proposal waits for a commit (section 12.4), the group is closed, or the
            epoch's keys are used up.
    """
    group = epoch.public
    if group.is_closed:
        raise UsageError("this group was replaced by another one: nothing is sent in it any more")
    if group.proposals:
        raise UsageError("a proposal was received in this epoch: commit it first")
    content = FramedContent(
        group.group_id,
        group.epoch,
        Member(epoch.own_leaf),
        authenticated_data,
        ApplicationContent(data),
    )
    signed = sign_content(
        group.suite,
        signature_key,
        wire_format=registry.PRIVATE_MESSAGE,
        content=content,
        context=group.context,
    )
    sealed = seal_private(
        signed,
        tree=epoch.secret_tree,
        sender_data_secret=epoch.secrets.sender_data_secret,
        rng=rng,
    )
    original = Original(
        context=group.context,
        leaf_index=epoch.own_leaf,
        authenticated_data=authenticated_data,
        signature=signed.auth.signature,
        key=sealed.key.key,
        nonce=sealed.key.nonce,
        sender_data=sealed.message.encrypted_sender_data,
        padding=sealed.padding,
    )
    message = encode_message(sealed.message)
    return Encrypted(replace(epoch, secret_tree=sealed.tree), message, original)


def decrypt(epoch: Epoch, message: bytes | MLSMessage | PrivateMessage) -> Decrypted:
    """Decrypt application data and verify who wrote it.

    Raises:
        CodecError: the bytes are no MLSMessage.
        ProtocolError: RFC9420-6-3, 6-2, 12.4.2-1, 6.3-1: not application data of this epoch;
            RFC9420-6.3.2-1, 9.1-1, 15.3-1: of nobody here, seen before, or too far ahead.
        CryptoError: it does not decrypt, or was not signed by its sender.
    """
    epoch, verified, generation, original = open_private(epoch, private_message(message))
    content = verified.content
    if not isinstance(content.content, ApplicationContent):
        raise ProtocolError("RFC9420-6.3-1", "this message holds no application data")
    assert isinstance(content.sender, Member), "only members send PrivateMessages"
    assert original is not None, "it is application data"
    received = Received(
        sender=LeafIndex(content.sender.leaf_index),
        data=content.content.application_data,
        authenticated_data=content.authenticated_data,
        generation=generation,
        original=original,
    )
    return Decrypted(epoch, received)


def private_message(message: bytes | MLSMessage | PrivateMessage) -> PrivateMessage:
    """Unwrap a PrivateMessage.

    Raises:
        CodecError: the bytes are no MLSMessage.
        ProtocolError: RFC9420-6-3: it is something else, or of another version.
    """
    if isinstance(message, bytes):
        message = decode(MLSMessage, message)
    if isinstance(message, MLSMessage):
        if message.version != registry.MLS10 or not isinstance(message.message, PrivateMessage):
            raise ProtocolError("RFC9420-6-3", "this is no PrivateMessage of MLS 1.0")
        return message.message
    return message


class Opened(NamedTuple):
    """A PrivateMessage of any content."""

    epoch: Epoch
    verified: VerifiedContent
    generation: int
    original: Original | None


def open_private(epoch: Epoch, message: PrivateMessage) -> Opened:
    """Decrypt a PrivateMessage of this epoch and verify its signature (section 6.3)."""
    group = epoch.public
    check_group_and_epoch(group, message.group_id, message.epoch)

    def signature_key_of(i: int) -> bytes:
        leaf = group.tree.leaf(LeafIndex(i))
        if leaf is None:
            raise ProtocolError("RFC9420-6.3.2-1", "a message is from nobody in the group")
        return leaf.signature_key

    try:
        opened: OpenedMessage = decrypt_private(
            message,
            tree=epoch.secret_tree,
            sender_data_secret=epoch.secrets.sender_data_secret,
            context=group.context,
            signature_key_of=signature_key_of,
        )
    except CodecError as err:
        raise ProtocolError("RFC9420-6.3-2", "the plaintext of a message is malformed") from err
    except CryptoError as err:
        raise ProtocolError("RFC9420-6.3-3", "a message does not decrypt or verify") from err
    return Opened(
        replace(epoch, secret_tree=opened.tree),
        opened.verified,
        opened.generation,
        opened.original,
    )
