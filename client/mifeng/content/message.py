"""What of MIMI content this client speaks (protocol.md, "Content").

A message is one of these, told apart by what its body is:

    a text, files, or both         what people read
    a reaction                     to the message that it answers
    nothing, replacing a message   that one is deleted, or a reaction is taken back
    a document (`documents`)       announcement, poll, approval and what answers them

Kinds that it does not know decode as well, and are shown as "needs a newer client", never as
nothing. What refers to what is no concern of this file: see `mifeng.core.timeline`.
"""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterator, Sequence

from mifeng.content.attachment import Attachment, attachments_of, extensions_of, parts_of
from mifeng.content.documents import (
    Document,
    Statement,
    decode_document,
    encode_document,
    is_answer,
    is_document,
    type_of,
)
from mifeng.content.documents.words import malformed
from mifeng.content.mention import Mention, mentions_in
from mifeng.content.mimi import (
    MESSAGE_ID_BYTES,
    ROOM_URI,
    SALT_BYTES,
    SENDER_URI,
    SHA256,
    Disposition,
    MimiContent,
    MultiPart,
    NullPart,
    Part,
    PartSemantics,
    SinglePart,
    Value,
    check_length,
    decode_mimi,
    encode_mimi,
    message_id,
)
from mifeng.content.uris import Origin
from mifeng_crypto.errors import CodecError, ProtocolError, UsageError
from mifeng_crypto.rand import Rng

__all__ = [
    "MAX_REACTION_BYTES",
    "Message",
    "Refers",
    "check_files",
    "decode",
    "encode_file",
    "encode_nothing",
    "encode_reaction",
    "encode_text",
    "encode_work",
]

MARKDOWN = "text/markdown;variant=GFM-MIMI"
PLAIN = "text/plain;charset=utf-8"
MAX_REACTION_BYTES = 64
"""The longest emoji are made of a dozen characters."""
MAX_FILES = 8
"""That one message shows: the hashes of their shares fit into one extension."""

_TEXTS = frozenset({MARKDOWN.lower(), "text/markdown", PLAIN, "text/plain"})
_SHOWN = frozenset({Disposition.UNSPECIFIED, Disposition.RENDER})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refers:
    """Which messages a message refers to, by their MIMI ids.

    Attributes:
        in_reply_to: what it answers.
        topic_id: the thread that it belongs to: the id of the thread's first message.
        replaces: what it edits, deletes or takes back.
    """

    in_reply_to: bytes | None = None
    topic_id: bytes = b""
    replaces: bytes | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A received message. `text` is the sender's Markdown, as he wrote it: see `printable`.

    Attributes:
        id: the MIMI message id.
        content: all of it.
        text: what it says, for people.
        attachments: the files that it shows.
        mentions: whom the text calls.
        reaction: an emoji, or another short text; empty if it is none.
        is_nothing: its body is empty: it takes back what it replaces.
        document: what people do at work; then there is no text beside it.
    """

    id: bytes
    content: MimiContent
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    mentions: tuple[Mention, ...] = ()
    reaction: str = ""
    is_nothing: bool = False
    document: Document | None = None

    @property
    def refers(self) -> Refers:
        """What it refers to."""
        said = self.content
        return Refers(in_reply_to=said.in_reply_to, topic_id=said.topic_id, replaces=said.replaces)

    @property
    def is_response(self) -> bool:
        """Whether it is of those that also somebody may send who may only read."""
        if self.document is not None:
            return is_answer(self.document)
        return bool(self.reaction or self.is_nothing)

    @property
    def is_comment(self) -> bool:
        """Whether it is a text in a thread: where the policy says so, readers write those too."""
        topic = self.content.topic_id
        is_in_thread = len(topic) == MESSAGE_ID_BYTES and topic[0] == SHA256
        return bool(self.text) and not self.attachments and is_in_thread

    @property
    def is_known(self) -> bool:
        """Whether this version knows what it is; else it "needs a newer client"."""
        said = self.text or self.attachments or self.reaction or self.is_nothing
        return bool(said) or self.document is not None


# ------------------------------------------------------------------ making them


def encode_text(text: str, *, origin: Origin, rng: Rng, refers: Refers | None = None) -> bytes:
    """Return the content of a message that is a text, in Markdown.

    Raises:
        ProtocolError: CONTENT-1, it is too long.
        UsageError: it is not Unicode: what a terminal with another encoding makes of letters.
    """
    return _encode(_text_part(text), {}, origin, rng, refers)


def check_files(count: int, caption: str) -> None:
    """See that a message can show so many files with this text, before they are brought.

    Raises:
        UsageError: there are none, or more than 8; the text is not Unicode.
        ProtocolError: CONTENT-1, the text leaves no room for them.
    """
    if not 1 <= count <= MAX_FILES:
        raise UsageError("a message shows 1 to {most} files; send several", most=MAX_FILES)
    check_length(len(_text_part(caption).content))


def encode_file(
    *attachments: Attachment,
    caption: str = "",
    origin: Origin,
    rng: Rng,
    refers: Refers | None = None,
) -> bytes:
    """Return the content of a message that shows files, with a text above them if there is one.

    Raises:
        UsageError: there are none, or more than 8.
        ProtocolError: CONTENT-1.
    """
    check_files(len(attachments), caption)
    parts: list[Part] = [_text_part(caption)] if caption else []
    for attachment in attachments:
        parts += parts_of(attachment, origin.workspace_id)
    return _encode(together(parts), extensions_of(attachments), origin, rng, refers)


def encode_reaction(emoji: str, to: bytes, *, origin: Origin, rng: Rng) -> bytes:
    """Return the content of a reaction to the message with the id `to`.

    Raises:
        ProtocolError: CONTENT-3, it is not one.
    """
    check_reaction(emoji)
    part = SinglePart(disposition=Disposition.REACTION, content_type=PLAIN, content=emoji.encode())
    return _encode(part, {}, origin, rng, Refers(in_reply_to=to))


def encode_work(
    document: Document,
    *attachments: Attachment,
    origin: Origin,
    rng: Rng,
    refers: Refers | None = None,
) -> bytes:
    """Return the content of a message that is a document, with the files that it names.

    Raises:
        ProtocolError: CONTENT-5, it exceeds a limit.
    """
    part = SinglePart(content_type=type_of(document), content=encode_document(document))
    parts: list[Part] = [part]
    for attachment in attachments:
        parts += parts_of(attachment, origin.workspace_id)
    return _encode(together(parts), extensions_of(attachments), origin, rng, refers)


def encode_nothing(
    replaces: bytes, *, in_reply_to: bytes | None, of_reaction: bool, origin: Origin, rng: Rng
) -> bytes:
    """Return the content that deletes a message, or takes a reaction to `in_reply_to` back."""
    part = NullPart(disposition=Disposition.REACTION if of_reaction else Disposition.RENDER)
    refers = Refers(in_reply_to=in_reply_to, replaces=replaces)
    return _encode(part, {}, origin, rng, refers)


def together(parts: Sequence[Part]) -> Part:
    """Return parts as one body."""
    if len(parts) == 1:
        return parts[0]
    return MultiPart(part_semantics=PartSemantics.PROCESS_ALL, parts=tuple(parts))


def _text_part(text: str) -> SinglePart:
    try:
        content = text.encode()
    except UnicodeEncodeError as err:
        raise UsageError("this text is not UTF-8; set the terminal's locale to UTF-8") from err
    return SinglePart(content_type=MARKDOWN, content=content)


def _encode(
    body: Part,
    extensions: dict[int | str, Value],
    origin: Origin,
    rng: Rng,
    refers: Refers | None,
) -> bytes:
    refers = refers or Refers()
    named: dict[int | str, Value] = {SENDER_URI: origin.sender_uri, ROOM_URI: origin.room_uri}
    return encode_mimi(
        MimiContent(
            salt=rng(SALT_BYTES),
            replaces=refers.replaces,
            topic_id=refers.topic_id,
            in_reply_to=refers.in_reply_to,
            extensions={**named, **extensions},
            body=body,
        )
    )


# ------------------------------------------------------------------ reading them


def decode(encoded: bytes, *, origin: Origin) -> Message:
    """Read the content of a message that MLS says is of this origin.

    Raises:
        CodecError: it is malformed.
        ProtocolError: CONTENT-1, it exceeds a limit; CONTENT-2, it claims another origin;
            CONTENT-3, it is a reaction that is none.
    """
    content = decode_mimi(encoded)
    check_origin(content, origin)
    body = content.body
    named = message_id(
        encoded, salt=content.salt, sender_uri=origin.sender_uri, room_uri=origin.room_uri
    )
    if isinstance(body, NullPart):
        return Message(id=named, content=content, is_nothing=True)
    if isinstance(body, SinglePart) and body.disposition == Disposition.REACTION:
        return Message(id=named, content=content, reaction=_reaction(body))
    parts = [*_leaves(body)]
    document = _document(parts, content)
    text = "\n\n".join(_text(part) for part in parts if _is_text(part))
    message = Message(
        id=named,
        content=content,
        text=text,
        attachments=attachments_of(parts, content.extensions, origin.workspace_id),
        mentions=mentions_in(text, origin),
        document=document,
    )
    if document is not None:
        shown = [part for part in parts if part.disposition != Disposition.PREVIEW]
        check_stands_alone(message, len(shown))
    return message


def check_stands_alone(message: Message, parts: int) -> None:
    """CONTENT-5: beside a document are the files that it names, and nothing else.

    Raises:
        ProtocolError: there is something that it does not speak of.
    """
    document = message.document
    body = document.body if isinstance(document, Statement) else document
    named = tuple(getattr(body, "files", ()))
    if tuple(a.digest for a in message.attachments) != named or parts != 1 + len(named):
        raise malformed("beside it is something that it does not name")


def _document(parts: Sequence[Part], content: MimiContent) -> Document | None:
    found = [
        part for part in parts if isinstance(part, SinglePart) and is_document(part.content_type)
    ]
    if not found:
        return None
    if content.replaces is not None:
        raise malformed("a document takes no other's place")
    return decode_document(found[0].content_type, found[0].content)


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


def check_reaction(emoji: str) -> None:
    """CONTENT-3: a reaction is a short text in one line that shows itself.

    Raises:
        ProtocolError: it is something else.
    """
    # Cf holds the joiners that emoji are made of, and the characters that turn the writing.
    plain = all(unicodedata.category(c) not in _NOT_SHOWN and c not in _TURNS for c in emoji)
    fits = 1 <= len(emoji.encode(errors="replace")) <= MAX_REACTION_BYTES
    if not fits or not plain or emoji.isspace():
        raise ProtocolError("CONTENT-3", "a reaction is an emoji or a word, of 64 bytes at most")


_NOT_SHOWN = frozenset({"Cc", "Cs", "Co", "Zl", "Zp"})
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def _reaction(part: SinglePart) -> str:
    emoji = _text(part)
    check_reaction(emoji)
    return emoji


def _leaves(part: Part) -> Iterator[Part]:
    if isinstance(part, MultiPart):
        for nested in part.parts:
            yield from _leaves(nested)
    else:
        yield part


def _is_text(part: Part) -> bool:
    if not isinstance(part, SinglePart) or part.disposition not in _SHOWN:
        return False
    return part.content_type.replace(" ", "").lower() in _TEXTS


def _text(part: Part) -> str:
    assert isinstance(part, SinglePart), "`_is_text` was asked"
    try:
        return part.content.decode()
    except UnicodeDecodeError:
        raise CodecError("a message's text is not UTF-8") from None
