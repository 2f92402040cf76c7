"""Signed notes (C2SP signed-note): a text, and below it lines of signatures that name their keys.

    text, ends with a newline
    (empty line)
    — NAME BASE64(key id of 4 bytes || signature)

Only Ed25519 signatures (algorithm 1) are made and checked; lines of other keys are passed over, as
the specification asks. This file knows nothing of ledgers.

    NOTE-1  a note is well-formed
    NOTE-2  it has a signature by the expected key
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from mifeng_crypto import signature as ed25519
from mifeng_crypto.errors import CryptoError, ProtocolError

__all__ = ["NoteSignature", "SignedNote", "key_id_of", "parse_note", "sign_note", "verify_note"]

ED25519_ALGORITHM = b"\x01"
KEY_ID_BYTES = 4
MAX_NOTE_BYTES = 16_384
MAX_SIGNATURES = 16
_MARK = "\u2014 "


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One line below a note. `signature` is without the key id."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A note as it was read: not yet verified. `text` ends with a newline."""

    text: str
    signatures: tuple[NoteSignature, ...]


def key_id_of(name: str, public_key: bytes) -> bytes:
    """Return the id by which a signature line names an Ed25519 key."""
    content = name.encode() + b"\n" + ED25519_ALGORITHM + public_key
    return hashlib.sha256(content).digest()[:KEY_ID_BYTES]


def sign_note(text: str, *, name: str, signing_key: bytes) -> bytes:
    """Sign a text, which ends with a newline, with the Ed25519 seed of the key called `name`."""
    key_id = key_id_of(name, ed25519.public_of(signing_key))
    signed = base64.b64encode(key_id + ed25519.sign(signing_key, text.encode())).decode()
    return f"{text}\n{_MARK}{name} {signed}\n".encode()


def parse_note(note: bytes) -> SignedNote:
    """NOTE-1: read a note, without judging its signatures.

    Raises:
        ProtocolError: NOTE-1.
    """
    try:
        decoded = note.decode() if len(note) <= MAX_NOTE_BYTES else ""
    except UnicodeDecodeError:
        decoded = ""
    text, gap, tail = decoded.rpartition("\n\n")
    lines = tail.split("\n")
    if (
        not gap
        or lines.pop() != ""
        or not 1 <= len(lines) <= MAX_SIGNATURES
        or any(ord(char) < 0x20 and char != "\n" for char in decoded)
    ):
        raise _malformed()
    return SignedNote(text + "\n", tuple(_signature(line) for line in lines))


def verify_note(note: bytes, *, name: str, public_key: bytes) -> str:
    """NOTE-2: return the text, if the key called `name` signed it.

    Raises:
        ProtocolError: NOTE-1, NOTE-2.
    """
    parsed, key_id = parse_note(note), key_id_of(name, public_key)
    own = [s for s in parsed.signatures if (s.name, s.key_id) == (name, key_id)]
    try:
        for line in own:
            ed25519.verify(public_key, parsed.text.encode(), line.signature)
    except CryptoError:
        own = []
    if len(own) != 1:
        raise ProtocolError(
            "NOTE-2", "the note is not signed by the expected key, once; fetch it again"
        )
    return parsed.text


def _signature(line: str) -> NoteSignature:
    mark, _, rest = line.partition(_MARK)
    name, space, encoded = rest.partition(" ")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed() from None
    if (
        mark
        or not space
        or not name
        or "+" in name
        or any(char.isspace() for char in name)
        or len(raw) <= KEY_ID_BYTES
        or base64.b64encode(raw).decode() != encoded
    ):
        raise _malformed()
    return NoteSignature(name, raw[:KEY_ID_BYTES], raw[KEY_ID_BYTES:])


def _malformed() -> ProtocolError:
    return ProtocolError("NOTE-1", "this is no signed note; fetch it again")
