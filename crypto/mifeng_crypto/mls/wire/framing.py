"""RFC 9420 section 6: content, its authentication, and the two ways to put it on the wire.

Four forms depend on something outside of themselves and are written by hand: the auth data has a
confirmation tag only beside a commit, a PublicMessage a membership tag only from a member, the
content of a PrivateMessage has its type in another struct, and what is signed includes the
GroupContext only for those who know it.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias

from mifeng_crypto.errors import CodecError
from mifeng_crypto.mls.wire import registry
from mifeng_crypto.mls.wire.commit import Commit
from mifeng_crypto.mls.wire.group_context import GroupContext
from mifeng_crypto.mls.wire.proposal import Proposal
from mifeng_crypto.tls import (
    KeepsBytes,
    Opaque,
    Size,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
    encode,
    read,
    read_length,
    struct,
    write_length,
)

# ------------------------------------------------------------------ sender and content


@struct(tag=1, tag_bytes=1)
class Member:
    """SenderType member."""

    leaf_index: UInt32


@struct(tag=2, tag_bytes=1)
class External:
    """SenderType external: an index into the group's external_senders extension."""

    sender_index: UInt32


@struct(tag=3, tag_bytes=1)
class NewMemberProposal:
    """SenderType new_member_proposal."""


@struct(tag=4, tag_bytes=1)
class NewMemberCommit:
    """SenderType new_member_commit."""


Sender: TypeAlias = Member | External | NewMemberProposal | NewMemberCommit


@struct(tag=registry.APPLICATION, tag_bytes=1)
class ApplicationContent:
    """ContentType application."""

    content_type: ClassVar[int] = registry.APPLICATION

    application_data: Opaque

    def __repr__(self) -> str:
        return f"ApplicationContent({len(self.application_data)} bytes)"


@struct(tag=registry.PROPOSAL, tag_bytes=1)
class ProposalContent:
    """ContentType proposal."""

    content_type: ClassVar[int] = registry.PROPOSAL

    proposal: Proposal


@struct(tag=registry.COMMIT, tag_bytes=1)
class CommitContent:
    """ContentType commit."""

    content_type: ClassVar[int] = registry.COMMIT

    commit: Commit


Content: TypeAlias = ApplicationContent | ProposalContent | CommitContent
CONTENT_TYPES: dict[int, type[ApplicationContent | ProposalContent | CommitContent]] = {
    kind.content_type: kind for kind in (ApplicationContent, ProposalContent, CommitContent)
}


@struct
class FramedContent(KeepsBytes):
    """Section 6."""

    group_id: Opaque
    epoch: UInt64
    sender: Sender
    authenticated_data: Opaque
    content: Content


# ------------------------------------------------------------------ authentication


@struct
class FramedContentAuthData:
    """Section 6.1. `confirmation_tag` is there exactly beside a commit."""

    signature: Opaque
    confirmation_tag: Opaque | None

    def _write(self, out: bytearray) -> None:
        _write_opaque(self.signature, out)
        if self.confirmation_tag is not None:
            _write_opaque(self.confirmation_tag, out)

    @staticmethod
    def read(
        content_type: int, data: bytes, at: int, end: int
    ) -> tuple[FramedContentAuthData, int]:
        """Read the auth data that goes with a content of this type; also return where it ends."""
        signature, at = _read_opaque(data, at, end)
        tag = None
        if content_type == registry.COMMIT:
            tag, at = _read_opaque(data, at, end)
        return FramedContentAuthData(signature, tag), at


@struct
class AuthenticatedContent:
    """Section 6: content as its sender signed it, whatever carried it. Unverified."""

    wire_format: UInt16
    content: FramedContent
    auth: FramedContentAuthData

    @staticmethod
    def _read(data: bytes, at: int, end: int) -> tuple[AuthenticatedContent, int]:
        if at + 2 > end:
            raise CodecError("the input ends inside a wire format", at)
        wire_format = int.from_bytes(data[at : at + 2], "big")
        content, at = read(FramedContent, data, at + 2, end)
        auth, at = FramedContentAuthData.read(content.content.content_type, data, at, end)
        return AuthenticatedContent(wire_format, content, auth), at

    def _write(self, out: bytearray) -> None:
        out += self.wire_format.to_bytes(2, "big") + encode(self.content)
        out += encode(self.auth)


@struct(tag=registry.PUBLIC_MESSAGE, tag_bytes=2)
class PublicMessage:
    """Section 6.2. `membership_tag` is there exactly if the sender is a member."""

    content: FramedContent
    auth: FramedContentAuthData
    membership_tag: Opaque | None

    @staticmethod
    def _read(data: bytes, at: int, end: int) -> tuple[PublicMessage, int]:
        content, at = read(FramedContent, data, at, end)
        auth, at = FramedContentAuthData.read(content.content.content_type, data, at, end)
        tag = None
        if isinstance(content.sender, Member):
            tag, at = _read_opaque(data, at, end)
        return PublicMessage(content, auth, tag), at

    def _write(self, out: bytearray) -> None:
        out += encode(self.content)
        out += encode(self.auth)
        if self.membership_tag is not None:
            _write_opaque(self.membership_tag, out)


def framed_content_tbs(
    wire_format: int, content: FramedContent, context: GroupContext | None
) -> bytes:
    """Return the FramedContentTBS (section 6.1); the context is used where the sender knows it."""
    parts = [registry.MLS10.to_bytes(2, "big"), wire_format.to_bytes(2, "big"), encode(content)]
    if isinstance(content.sender, Member | NewMemberCommit):
        assert context is not None, "a member or new member signs the GroupContext as well"
        parts.append(encode(context))
    return b"".join(parts)


def authenticated_content_tbm(content_tbs: bytes, auth: FramedContentAuthData) -> bytes:
    """Return the AuthenticatedContentTBM (section 6.2), which the membership tag covers."""
    return content_tbs + encode(auth)


# ------------------------------------------------------------------ PrivateMessage


@struct(tag=registry.PRIVATE_MESSAGE, tag_bytes=2)
class PrivateMessage:
    """Section 6.3."""

    group_id: Opaque
    epoch: UInt64
    content_type: UInt8
    authenticated_data: Opaque
    encrypted_sender_data: Opaque
    ciphertext: Opaque


@struct
class PrivateContentAAD:
    """Section 6.3.1."""

    group_id: Opaque
    epoch: UInt64
    content_type: UInt8
    authenticated_data: Opaque


@struct
class SenderData:
    """Section 6.3.2."""

    leaf_index: UInt32
    generation: UInt32
    reuse_guard: Annotated[bytes, Size(4)]


@struct
class SenderDataAAD:
    """Section 6.3.2."""

    group_id: Opaque
    epoch: UInt64
    content_type: UInt8


def write_private_message_content(
    content: Content, auth: FramedContentAuthData, padding: int
) -> bytes:
    """Return the PrivateMessageContent (section 6.3.1), `padding` zero bytes at its end."""
    return encode(content) + encode(auth) + bytes(padding)


def read_private_message_content(
    content_type: int, data: bytes
) -> tuple[Content, FramedContentAuthData, int]:
    """Read a PrivateMessageContent of a type that stands in its PrivateMessage.

    Returns:
        The content, its auth data, and how many bytes of padding follow.

    Raises:
        CodecError: not such a content, or the padding holds something else than zeros.
    """
    kind = CONTENT_TYPES.get(content_type)
    if kind is None:
        raise CodecError(f"{content_type} is no content type")
    content, at = read(kind, data, 0, len(data))
    auth, at = FramedContentAuthData.read(content_type, data, at, len(data))
    padding = len(data) - at
    if data.count(0, at) != padding:
        raise CodecError("the padding holds something else than zeros", at)
    return content, auth, padding


# ------------------------------------------------------------------ parts of the forms above


def _write_opaque(value: bytes, out: bytearray) -> None:
    write_length(len(value), out)
    out += value


def _read_opaque(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    n, at = read_length(data, at, end)
    return data[at : at + n], at + n
