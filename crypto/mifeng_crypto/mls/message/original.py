"""A message that was opened, and what makes its very bytes again (protocol.md, "History").

Whoever was not in the epoch cannot decrypt what was sent in it. Shown the content with its
`Original`, he can do both things that its receivers did: verify the sender's signature (RFC 9420
section 6.1), and see that it is what the log has, since the same key makes the same bytes.
"""

from __future__ import annotations

from mifeng_crypto.errors import CryptoError, UsageError
from mifeng_crypto.mls.message.authenticate import verify_content
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.framing import (
    ApplicationContent,
    AuthenticatedContent,
    FramedContent,
    FramedContentAuthData,
    Member,
    PrivateContentAAD,
    PrivateMessage,
    write_private_message_content,
)
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.message import encode_message
from mifeng_crypto.suite import Suite, suite_by_id
from mifeng_crypto.tls import Opaque, UInt32, encode, struct

__all__ = ["Original", "bytes_of", "verify_original"]

MAX_PADDING = 1 << 20
"""More than any message has; who says more wants memory."""


@struct
class Original:
    """All of an application message but its content.

    `context` is that of its epoch, `key` and `nonce` (the reuse guard is in it) are those that
    sealed it and nothing else, `sender_data` is its encrypted_sender_data, and `padding` how many
    zeros follow the content.
    """

    context: GroupContext
    leaf_index: UInt32
    authenticated_data: Opaque
    signature: Opaque
    key: Opaque
    nonce: Opaque
    sender_data: Opaque
    padding: UInt32

    def __repr__(self) -> str:
        return f"Original(leaf {self.leaf_index} in epoch {self.context.epoch})"


def bytes_of(original: Original, content: bytes) -> bytes:
    """Return the MLSMessage as it was sent.

    Args:
        original: beside the content.
        content: the application data.

    Raises:
        CryptoError: the key or nonce is none of the suite, that is not known, or the padding is
            too long.
    """
    suite, context = _suite_of(original), original.context
    if original.padding > MAX_PADDING:
        raise CryptoError("a message has more padding than any")
    plaintext = write_private_message_content(
        ApplicationContent(content),
        FramedContentAuthData(original.signature, None),
        original.padding,
    )
    aad = PrivateContentAAD(
        context.group_id, context.epoch, registry.APPLICATION, original.authenticated_data
    )
    if len(original.key) != suite.key_bytes or len(original.nonce) != suite.nonce_bytes:
        raise CryptoError("a message's key is none of its suite")
    return encode_message(
        PrivateMessage(
            context.group_id,
            context.epoch,
            registry.APPLICATION,
            original.authenticated_data,
            original.sender_data,
            suite.aead_seal(original.key, original.nonce, encode(aad), plaintext),
        )
    )


def verify_original(original: Original, content: bytes, signature_key: bytes) -> None:
    """Check that a device signed this content, in this epoch, as this leaf (section 6.1).

    Raises:
        CryptoError: it did not.
    """
    context = original.context
    framed = FramedContent(
        context.group_id,
        context.epoch,
        Member(original.leaf_index),
        original.authenticated_data,
        ApplicationContent(content),
    )
    signed = AuthenticatedContent(
        registry.PRIVATE_MESSAGE, framed, FramedContentAuthData(original.signature, None)
    )
    verify_content(_suite_of(original), signature_key, signed, context)


def _suite_of(original: Original) -> Suite:
    try:
        return suite_by_id(original.context.cipher_suite)
    except UsageError as err:
        raise CryptoError("a message is of a cipher suite that is not known here") from err
