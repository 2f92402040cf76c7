"""RFC 9420 section 6.1: content is signed by its sender, whatever carries it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mifeng_crypto.errors import UsageError
from mifeng_crypto.labels import sign_with_label, verify_with_label
from mifeng_crypto.mls.wire.framing import (
    AuthenticatedContent,
    CommitContent,
    FramedContent,
    FramedContentAuthData,
    framed_content_tbs,
)
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.suite import Suite

__all__ = ["VerifiedContent", "sign_content", "verify_content", "with_confirmation_tag"]

_LABEL = "FramedContentTBS"


@dataclass(frozen=True, slots=True)
class VerifiedContent:
    """Content whose signature verified. The confirmation tag of a commit is checked later, when
    the next epoch is known (section 12.4.2).
    """

    authenticated: AuthenticatedContent

    @property
    def content(self) -> FramedContent:
        return self.authenticated.content

    @property
    def auth(self) -> FramedContentAuthData:
        return self.authenticated.auth


def sign_content(
    suite: Suite,
    private: bytes,
    *,
    wire_format: int,
    content: FramedContent,
    context: GroupContext | None,
) -> AuthenticatedContent:
    """Sign content for one wire format; a commit gets its confirmation tag afterwards.

    Args:
        suite: the group's.
        private: the signature key of the sender's leaf, or of the external sender.
        wire_format: PUBLIC_MESSAGE or PRIVATE_MESSAGE of the registry.
        content: what is sent.
        context: the epoch in which it is sent; None for senders who do not know it.
    """
    tbs = framed_content_tbs(wire_format, content, context)
    signature = sign_with_label(suite, private, _LABEL, tbs)
    return AuthenticatedContent(wire_format, content, FramedContentAuthData(signature, None))


def with_confirmation_tag(authenticated: AuthenticatedContent, tag: bytes) -> AuthenticatedContent:
    """Complete the auth data of a commit: its tag depends on its signature (section 8.2).

    Raises:
        UsageError: the content is no commit.
    """
    if not isinstance(authenticated.content.content, CommitContent):
        raise UsageError("only a commit has a confirmation tag")
    return replace(authenticated, auth=FramedContentAuthData(authenticated.auth.signature, tag))


def verify_content(
    suite: Suite,
    public: bytes,
    authenticated: AuthenticatedContent,
    context: GroupContext | None,
) -> VerifiedContent:
    """Check a sender's signature under the key that section 6.1 names for its kind.

    Raises:
        CryptoError: the signature does not verify.
    """
    tbs = framed_content_tbs(authenticated.wire_format, authenticated.content, context)
    verify_with_label(suite, public, _LABEL, tbs, authenticated.auth.signature)
    return VerifiedContent(authenticated)
