"""RFC 9420 section 6.2: content that anyone may read, with a proof of membership.

The membership tag needs a secret, the signature none: a server verifies the one, members both.
"""

from __future__ import annotations

from mifeng_crypto.errors import CryptoError, ProtocolError, UsageError
from mifeng_crypto.mls.message.authenticate import VerifiedContent, verify_content
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.framing import (
    ApplicationContent,
    AuthenticatedContent,
    Member,
    PublicMessage,
    authenticated_content_tbm,
    framed_content_tbs,
)
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.suite import Suite

__all__ = ["protect_public", "verify_membership_tag", "verify_public"]


def protect_public(
    suite: Suite,
    authenticated: AuthenticatedContent,
    *,
    membership_key: bytes | None,
    context: GroupContext | None,
) -> PublicMessage:
    """Put signed content into a PublicMessage.

    Args:
        suite: the group's.
        authenticated: signed for PUBLIC_MESSAGE; a commit with its confirmation tag.
        membership_key: of the epoch in which it is sent; None where the sender is no member.
        context: that epoch's; None where the sender does not know it.

    Raises:
        UsageError: application data, which is always encrypted; content that was signed for
            another wire format; or a member without a membership key.
    """
    if isinstance(authenticated.content.content, ApplicationContent):
        raise UsageError("application data is sent as a PrivateMessage only")
    if authenticated.wire_format != registry.PUBLIC_MESSAGE:
        raise UsageError("this content was not signed for a PublicMessage")
    message = PublicMessage(authenticated.content, authenticated.auth, None)
    if not isinstance(authenticated.content.sender, Member):
        return message
    if membership_key is None:
        raise UsageError("a member's PublicMessage needs the membership key of its epoch")
    tag = suite.mac(membership_key, _tbm(message, context))
    return PublicMessage(authenticated.content, authenticated.auth, tag)


def verify_public(
    suite: Suite, message: PublicMessage, *, signature_key: bytes, context: GroupContext | None
) -> VerifiedContent:
    """Check all that needs no secret.

    Raises:
        ProtocolError: RFC9420-6-1 if application data was sent unencrypted.
        CryptoError: the signature does not verify under the sender's key.
    """
    check_no_application_data(message)
    authenticated = AuthenticatedContent(registry.PUBLIC_MESSAGE, message.content, message.auth)
    return verify_content(suite, signature_key, authenticated, context)


def check_no_application_data(message: PublicMessage) -> None:
    """RFC9420-6-1: application messages MUST be PrivateMessages."""
    if isinstance(message.content.content, ApplicationContent):
        raise ProtocolError("RFC9420-6-1", "application data came unencrypted and is not shown")


def verify_membership_tag(
    suite: Suite, message: PublicMessage, *, membership_key: bytes, context: GroupContext
) -> None:
    """Check that the sender knows the secrets of the epoch.

    Raises:
        CryptoError: it does not, or the message has no membership tag.
    """
    if message.membership_tag is None:
        raise CryptoError
    suite.verify_mac(membership_key, _tbm(message, context), message.membership_tag)


def _tbm(message: PublicMessage, context: GroupContext | None) -> bytes:
    tbs = framed_content_tbs(registry.PUBLIC_MESSAGE, message.content, context)
    return authenticated_content_tbm(tbs, message.auth)
