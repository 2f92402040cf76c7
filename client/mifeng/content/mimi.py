"""MIMI content: structure, deterministic encoding, limits, message id (draft-ietf-mimi-content-08).

A value has one encoding; what is not encoded so is refused, as the draft asks (RFC 8949 section
4.2.1). We allow less than the draft in one place: extensions hold no tags and no floats. It
strongly discourages the latter, nothing needs the former, and decoders of tags work for strangers.

Names and order of fields are the draft's. What the parts mean is no concern of this file.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar, cast

import cbor2

from mifeng_crypto.errors import CodecError, ProtocolError

__all__ = [
    "MAX_CONTENT_BYTES",
    "MESSAGE_ID_BYTES",
    "ROOM_URI",
    "SENDER_URI",
    "SHA256",
    "Disposition",
    "Expiration",
    "ExternalPart",
    "MimiContent",
    "MultiPart",
    "NullPart",
    "Part",
    "PartSemantics",
    "SinglePart",
    "Value",
    "check_length",
    "decode_mimi",
    "encode_mimi",
    "message_id",
]

T = TypeVar("T")

MAX_CONTENT_BYTES = 256 << 10
"""With its signature and padding it stays below the 512 KiB that a server takes for a message."""
MAX_DEPTH = 4  # of nested parts, and of what is in an extension
MAX_PARTS = 1024
MAX_TOPIC_BYTES = 4096
MAX_EXTENSION_BYTES = 4095
MAX_NAME_BYTES = 255
SALT_BYTES = 16
MESSAGE_ID_BYTES = 32
SHA256 = 1
"""The hash's number in IANA's Named Information registry: the first byte of a message id."""

SENDER_URI = 1
ROOM_URI = 2

Value = None | bool | int | str | bytes | tuple["Value", ...] | Mapping[int | str | bytes, "Value"]
"""What an extension may hold."""


class Disposition(enum.IntEnum):
    """What a part is meant for. A number that is not here counts as RENDER, and survives."""

    UNSPECIFIED = 0
    RENDER = 1
    REACTION = 2
    PROFILE = 3
    INLINE = 4
    ICON = 5
    ATTACHMENT = 6
    SESSION = 7
    PREVIEW = 8


class PartSemantics(enum.IntEnum):
    """What the parts of a `MultiPart` are to each other."""

    CHOOSE_ONE = 0
    SINGLE_UNIT = 1
    PROCESS_ALL = 2


@dataclasses.dataclass(frozen=True, slots=True)
class Expiration:
    """When the sender asks to forget it: seconds after it was read, or Unix seconds."""

    relative: bool
    time: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NullPart:
    """No content: what replaces a message that is deleted, or a reaction taken back."""

    disposition: int = Disposition.RENDER
    language: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SinglePart:
    """Content that is in the message itself."""

    disposition: int = Disposition.RENDER
    language: str = ""
    content_type: str
    content: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExternalPart:
    """Content that is elsewhere. `size` in bytes, `expires` in Unix seconds; 0 where not said."""

    disposition: int = Disposition.ATTACHMENT
    language: str = ""
    content_type: str
    url: str
    expires: int = 0
    size: int = 0
    enc_alg: int = 0
    key: bytes = b""
    nonce: bytes = b""
    aad: bytes = b""
    hash_alg: int = 0
    content_hash: bytes = b""
    description: str = ""
    filename: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MultiPart:
    """Two or more parts, and what they are to each other."""

    disposition: int = Disposition.RENDER
    language: str = ""
    part_semantics: PartSemantics
    parts: tuple[Part, ...]


Part = NullPart | SinglePart | ExternalPart | MultiPart
_CARDINALITY: dict[int, type[NullPart | SinglePart | ExternalPart]] = {
    0: NullPart,
    1: SinglePart,
    2: ExternalPart,
}
_MULTI = 3
# The fields that are integers, with the bits that the schema gives them.
_BITS = {"expires": 32, "size": 64, "enc_alg": 16, "hash_alg": 8}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MimiContent:
    """One message's content."""

    salt: bytes
    replaces: bytes | None = None
    topic_id: bytes = b""
    expires: Expiration | None = None
    in_reply_to: bytes | None = None
    extensions: Mapping[int | str, Value] = dataclasses.field(default_factory=dict)
    body: Part


def message_id(encoded: bytes, *, salt: bytes, sender_uri: str, room_uri: str) -> bytes:
    """Return the 32-byte id of a message, from its content as it was sent and where that was."""
    sender, room = sender_uri.encode(), room_uri.encode()
    where = len(sender).to_bytes(2, "big") + sender + len(room).to_bytes(2, "big") + room
    digest = hashlib.sha256(where + encoded + salt).digest()
    return bytes([SHA256]) + digest[: MESSAGE_ID_BYTES - 1]


# ------------------------------------------------------------------ encoding


def encode_mimi(content: MimiContent) -> bytes:
    """Return the one encoding of `content`.

    Raises:
        CodecError: a field does not fit the schema.
        ProtocolError: CONTENT-1, a limit is exceeded.
    """
    encoded = _dumps(_listed(content))
    decode_mimi(encoded)  # one set of rules, for what is sent and for what is received
    return encoded


def _listed(content: MimiContent) -> list[object]:
    expires = content.expires
    return [
        content.salt,
        content.replaces,
        content.topic_id,
        None if expires is None else [expires.relative, expires.time],
        content.in_reply_to,
        _ordered(content.extensions),
        _listed_part(content.body),
    ]


def _listed_part(part: Part) -> list[object]:
    head: list[object] = [int(part.disposition), part.language]
    if isinstance(part, MultiPart):
        return [*head, _MULTI, int(part.part_semantics), [_listed_part(p) for p in part.parts]]
    cardinality = next(n for n, cls in _CARDINALITY.items() if isinstance(part, cls))
    fields = [getattr(part, field.name) for field in dataclasses.fields(part)[2:]]
    return [*head, cardinality, *fields]


def _ordered(value: object) -> object:
    """Put the keys of maps in the order of their encodings (RFC 8949 section 4.2.1)."""
    if isinstance(value, Mapping):
        items = sorted(value.items(), key=lambda item: _dumps(item[0]))
        return {key: _ordered(held) for key, held in items}
    return [_ordered(held) for held in value] if isinstance(value, tuple) else value


def _dumps(value: object) -> bytes:
    try:
        return cbor2.dumps(value)
    except (cbor2.CBOREncodeError, UnicodeEncodeError, OverflowError) as err:
        raise CodecError("this content has a field that cannot be encoded") from err


# ------------------------------------------------------------------ decoding


def check_length(count: int) -> None:
    """See that a message's content has no more bytes than is allowed.

    Raises:
        ProtocolError: CONTENT-1.
    """
    if count > MAX_CONTENT_BYTES:
        raise ProtocolError("CONTENT-1", "a message may have at most 256 KiB; send a file instead")


def decode_mimi(encoded: bytes) -> MimiContent:
    """Read a message's content.

    Raises:
        CodecError: it does not follow the schema, or this is not its one encoding.
        ProtocolError: CONTENT-1, it is larger, deeper or has more parts than is allowed.
    """
    check_length(len(encoded))
    content = _content(_loads(encoded))
    if _dumps(_listed(content)) != encoded:
        raise CodecError("a message is not in the one encoding that its content has")
    return content


def _refuse_tag(*_: object) -> NoReturn:
    raise ValueError("tags are not used")


# cbor2 decodes these by itself, some of them at great cost; any other tag goes to the hook.
_KNOWN_TAGS = dict.fromkeys([*range(512), 1001, 1003, 1004, 43_000, 55_799], _refuse_tag)


def _loads(encoded: bytes) -> object:
    try:
        return cbor2.loads(
            encoded,
            tag_hook=_refuse_tag,
            semantic_decoders=_KNOWN_TAGS,
            max_depth=3 * MAX_DEPTH,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError) as err:
        raise CodecError("a message's content is not deterministic CBOR") from err


def _content(value: object) -> MimiContent:
    fields = _array(value, 7)
    topic_id = _of(bytes, fields[2])
    if len(topic_id) > MAX_TOPIC_BYTES:
        raise ProtocolError("CONTENT-1", "a topic's id has at most 4096 bytes")
    return MimiContent(
        salt=_sized(fields[0], SALT_BYTES),
        replaces=_optional(_message_id, fields[1]),
        topic_id=topic_id,
        expires=_optional(_expiration, fields[3]),
        in_reply_to=_optional(_message_id, fields[4]),
        extensions=_extensions(fields[5]),
        body=_Parts().read(fields[6], 1),
    )


def _expiration(value: object) -> Expiration:
    relative, time = _array(value, 2)
    return Expiration(_of(bool, relative), _uint(time, 32))


def _message_id(value: object) -> bytes:
    return _sized(value, MESSAGE_ID_BYTES)


class _Parts:
    """Reads nested parts and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def read(self, value: object, depth: int) -> Part:
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_PARTS:
            raise ProtocolError("CONTENT-1", "a message may have 1024 parts, nested 4 deep")
        fields = _of(list, value)
        if len(fields) < 3:
            _refuse()
        disposition, language = _uint(fields[0], 8), _of(str, fields[1])
        cardinality, rest = _uint(fields[2], 2), fields[3:]
        if cardinality == _MULTI:
            semantics, parts = _array(rest, 2)
            nested = tuple(self.read(part, depth + 1) for part in _of(list, parts))
            if len(nested) < 2 or _uint(semantics, 8) > PartSemantics.PROCESS_ALL:
                _refuse()
            return MultiPart(
                disposition=disposition,
                language=language,
                part_semantics=PartSemantics(_uint(semantics, 8)),
                parts=nested,
            )
        cls = _CARDINALITY[cardinality]
        names = [field.name for field in dataclasses.fields(cls)[2:]]
        read = {
            n: _field(cls, n, held) for n, held in zip(names, _array(rest, len(names)), strict=True)
        }
        made: Part = cls(disposition=disposition, language=language, **read)
        return made


def _field(cls: type[Part], name: str, value: object) -> Any:  # noqa: ANN401 - by its declaration
    if name in _BITS:
        return _uint(value, _BITS[name])
    return _of(bytes if cls.__annotations__[name] == "bytes" else str, value)


def _extensions(value: object) -> Mapping[int | str, Value]:
    extensions = _of(dict, value)
    for key, held in extensions.items():
        if type(key) is str and not 1 <= len(key.encode()) <= MAX_NAME_BYTES:
            _refuse()
        if type(key) not in {int, str} or len(_dumps(held)) > MAX_EXTENSION_BYTES:
            _refuse()
        if key in {SENDER_URI, ROOM_URI}:
            _of(str, held)
    return cast("Mapping[int | str, Value]", _value(extensions, 1))  # its keys were just checked


def _value(value: object, depth: int) -> Value:
    """Check what an extension holds, and make it immutable."""
    if value is None or isinstance(value, bool | str | bytes):
        return value
    if isinstance(value, int) and abs(value) < 1 << 64:
        return value
    if depth > MAX_DEPTH:
        raise ProtocolError("CONTENT-1", "an extension is nested 4 deep at most")
    if isinstance(value, list):
        return tuple(_value(held, depth + 1) for held in value)
    if not isinstance(value, dict):
        _refuse()
    for key in value:
        if type(key) not in {int, str, bytes} or (type(key) is int and abs(key) >= 1 << 53):
            _refuse()
    return {key: _value(held, depth + 1) for key, held in value.items()}


# ------------------------------------------------------------------ the schema's small words


def _refuse() -> NoReturn:
    raise CodecError("a message's content does not follow its schema")


def _of(kind: type[T], value: object) -> T:
    if type(value) is not kind:  # not isinstance: True is no number here
        _refuse()
    return value


def _uint(value: object, bits: int) -> int:
    number = _of(int, value)
    if not 0 <= number < 1 << bits:
        _refuse()
    return number


def _sized(value: object, n: int) -> bytes:
    data = _of(bytes, value)
    if len(data) != n:
        _refuse()
    return data


def _array(value: object, n: int) -> Sequence[object]:
    items: list[object] = _of(list, value)
    if len(items) != n:
        _refuse()
    return items


def _optional(read: Callable[[object], T], value: object) -> T | None:
    return None if value is None else read(value)
