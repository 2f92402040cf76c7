"""A directory card: a member's name, title and department, signed by a device of hers and sealed
under the directory key (protocol.md, "Directory cards"). The server never sees a name.

    Card -> sign -> SignedCard -> seal -> bytes -> open -> SignedCard -> verify -> Card
"""

from __future__ import annotations

import re
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mifeng_crypto.errors import CryptoError, ProtocolError
from mifeng_crypto.ids import PROTOCOL_VERSION, DeviceId, MemberId, ProtocolVersion, WorkspaceId
from mifeng_crypto.labels import sign_mifeng, verify_mifeng
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import Opaque, Text, UInt32, decode, encode, struct

__all__ = ["MAX_TEXT", "Card", "SignedCard", "open_card", "seal_card"]

LABEL = "Card"
NONCE_BYTES = 12
MAX_TEXT = 200
"""Characters of a name, a title or a department."""
_LOOKALIKE = {"LATIN", "GREEK", "CYRILLIC"}


@struct
class Card:
    """What is signed, with the label `Card`. `card_version` counts from 1 for each member."""

    version: ProtocolVersion
    workspace_id: WorkspaceId
    member_id: MemberId
    card_version: UInt32
    name: Text
    title: Text
    department: Text


@struct
class SignedCard:
    """What is sealed: a card, and which device of its member signed it. Not yet verified."""

    tbs: Card
    device_id: DeviceId
    signature: Opaque


@struct
class _CardAAD:
    """What the seal is bound to: the server cannot show one member's card as another's."""

    member_id: MemberId
    card_version: UInt32


def seal_card(
    card: Card, *, device_id: DeviceId, signing_key: bytes, directory_key: bytes, rng: Rng
) -> bytes:
    """Sign and seal a card.

    Raises:
        ProtocolError: CARD-1: a text is too long or not printable, or the name is empty.
            CARD-4: a word of the name mixes alphabets.
    """
    check_text(card)
    check_script(card)
    signature = sign_mifeng(signing_key, LABEL, encode(card))
    nonce = rng(NONCE_BYTES)
    plaintext = encode(SignedCard(card, device_id, signature))
    return nonce + _cipher(directory_key).encrypt(nonce, plaintext, _aad(card))


def open_card(
    sealed: bytes,
    *,
    member_id: MemberId,
    card_version: int,
    roster: Roster,
    directory_key: bytes,
) -> Card:
    """Open and verify a card that the server gives as `member_id`'s, version `card_version`.

    Raises:
        CryptoError: it is sealed under another key, is another's, or was altered.
        CodecError: it holds no card.
        ProtocolError: CARD-1 to CARD-4.
    """
    aad = encode(_CardAAD(member_id, card_version))
    try:
        plaintext = _cipher(directory_key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], aad)
    except (InvalidTag, ValueError) as err:
        raise CryptoError from err
    signed = decode(SignedCard, plaintext)
    check_is_the_one(signed.tbs, roster, member_id, card_version)
    check_text(signed.tbs)
    check_script(signed.tbs)
    verify_author(signed, roster)
    return signed.tbs


def check_text(card: Card) -> None:
    """CARD-1: a name is 1 to MAX_TEXT printable characters, title and department 0 to MAX_TEXT."""
    if not card.name.strip() or not all(
        len(text) <= MAX_TEXT and text.isprintable()
        for text in (card.name, card.title, card.department)
    ):
        raise ProtocolError(
            "CARD-1",
            "a name, title or department has at most {n} printable characters, a name at least one",
            n=MAX_TEXT,
        )


def check_script(card: Card) -> None:
    """CARD-4: no word of a name mixes alphabets whose letters look alike, as in a forged `Anna`.

    A name that is wholly in one alphabet is its owner's business; so is any mixture of words.
    """
    for word in re.findall(r"[^\W\d_]+", card.name):
        if len(_LOOKALIKE & {unicodedata.name(c, "").partition(" ")[0] for c in word}) > 1:
            raise ProtocolError(
                "CARD-4",
                "a word of this name mixes letters that look alike, of several alphabets; "
                "write it in one",
            )


def check_is_the_one(card: Card, roster: Roster, member_id: MemberId, card_version: int) -> None:
    """CARD-2: what was sealed says itself that it is this member's card of this version."""
    expected = (PROTOCOL_VERSION, roster.workspace_id, member_id, card_version)
    if (card.version, card.workspace_id, card.member_id, card.card_version) != expected:
        raise ProtocolError("CARD-2", "this card is another member's or another version's")


def verify_author(signed: SignedCard, roster: Roster) -> None:
    """CARD-3: a device of its own member signed it; also a former member's, whose messages stay."""
    device = roster.device_ever(signed.device_id)
    if device is None or device.member_id != signed.tbs.member_id:
        raise ProtocolError(
            "CARD-3", "this card was not signed by a device of its member; it is not shown"
        )
    try:
        verify_mifeng(device.signature_key, LABEL, encode(signed.tbs), signed.signature)
    except CryptoError as err:
        raise ProtocolError("CARD-3", "this card's signature is not its member's") from err


def _cipher(directory_key: bytes) -> AESGCM:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"Mifeng 1.0 card")
    return AESGCM(kdf.derive(directory_key))


def _aad(card: Card) -> bytes:
    return encode(_CardAAD(card.member_id, card.card_version))
