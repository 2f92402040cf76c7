"""What of MIMI content this client speaks: a text, a file (protocol.md, "Content").

Kinds that it does not know decode as well: they have neither text nor files, and are shown as
"needs a newer client", never as nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from mifeng.content.attachment import SHARES, Attachment, attachment_of, part_of
from mifeng.content.mimi import (
    ROOM_URI,
    SALT_BYTES,
    SENDER_URI,
    Disposition,
    ExternalPart,
    MimiContent,
    MultiPart,
    Part,
    SinglePart,
    Value,
    decode_mimi,
    encode_mimi,
    message_id,
)
from mifeng.content.uris import Origin
from mifeng_crypto.errors import CodecError, ProtocolError, UsageError
from mifeng_crypto.rand import Rng

__all__ = ["Message", "decode", "encode_file", "encode_text"]

MARKDOWN = "text/markdown;variant=GFM-MIMI"
_TEXTS = {MARKDOWN, "text/markdown", "text/plain;charset=utf-8", "text/plain"}
_SHOWN = {Disposition.UNSPECIFIED, Disposition.RENDER}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A received message. `text` is the sender's Markdown, as he wrote it: see `printable`.

    `id` is the MIMI message id. With neither text nor attachments it is of a kind that this
    version does not know.
    """

    id: bytes
    content: MimiContent
    text: str
    attachments: tuple[Attachment, ...]


def encode_text(text: str, *, origin: Origin, rng: Rng) -> bytes:
    """Return the content of a message that is a text, in Markdown.

    Raises:
        ProtocolError: CONTENT-1, it is too long.
        UsageError: it is not Unicode: what a terminal with another encoding makes of letters.
    """
    try:
        content = text.encode()
    except UnicodeEncodeError as err:
        raise UsageError("this text is not UTF-8; set the terminal's locale to UTF-8") from err
    return _encode(SinglePart(content_type=MARKDOWN, content=content), {}, origin, rng)


def encode_file(attachment: Attachment, *, origin: Origin, rng: Rng) -> bytes:
    """Return the content of a message that shows a file."""
    shares: dict[int | str | bytes, Value] = {bytes(attachment.file_id): attachment.share_hash}
    part = part_of(attachment, origin.workspace_id)
    return _encode(part, {SHARES: shares}, origin, rng)


def _encode(body: Part, extensions: dict[int | str, Value], origin: Origin, rng: Rng) -> bytes:
    named: dict[int | str, Value] = {SENDER_URI: origin.sender_uri, ROOM_URI: origin.room_uri}
    return encode_mimi(
        MimiContent(salt=rng(SALT_BYTES), extensions={**named, **extensions}, body=body)
    )


def decode(encoded: bytes, *, origin: Origin) -> Message:
    """Read the content of a message that MLS says is of this origin.

    Raises:
        CodecError: it is malformed.
        ProtocolError: CONTENT-1, it exceeds a limit; CONTENT-2, it claims another origin.
    """
    content = decode_mimi(encoded)
    check_origin(content, origin)
    shares = content.extensions.get(SHARES)
    parts = [*_leaves(content.body)]
    return Message(
        id=message_id(
            encoded, salt=content.salt, sender_uri=origin.sender_uri, room_uri=origin.room_uri
        ),
        content=content,
        text="\n\n".join(_text(part) for part in parts if _is_text(part)),
        attachments=tuple(
            attachment_of(part, shares, origin.workspace_id)
            for part in parts
            if isinstance(part, ExternalPart) and part.disposition == Disposition.ATTACHMENT
        ),
    )


def check_origin(content: MimiContent, origin: Origin) -> None:
    """CONTENT-2: where the content says who sent it and where, that is so.

    Raises:
        ProtocolError: it says otherwise.
    """
    claimed = content.extensions
    if (
        claimed.get(SENDER_URI, origin.sender_uri) != origin.sender_uri
        or claimed.get(ROOM_URI, origin.room_uri) != origin.room_uri
    ):
        raise ProtocolError(
            "CONTENT-2",
            "a message claims to be of somebody else or for another unit; "
            "its sender's client is faulty or dishonest",
        )


def _leaves(part: Part) -> Iterator[Part]:
    if isinstance(part, MultiPart):
        for nested in part.parts:
            yield from _leaves(nested)
    else:
        yield part


def _is_text(part: Part) -> bool:
    if not isinstance(part, SinglePart):
        return False
    known = part.content_type.replace(" ", "").lower() in {text.lower() for text in _TEXTS}
    return known and part.disposition in _SHOWN


def _text(part: Part) -> str:
    assert isinstance(part, SinglePart), "`_is_text` was asked"
    try:
        return part.content.decode()
    except UnicodeDecodeError:
        raise CodecError("a message's text is not UTF-8") from None
