"""Directory cards: who a member is, and what a unit is called; signed, and sealed under the
directory key (protocol.md, "Directory cards"). The server never sees a name.

    Card -> sign -> SignedCard -> seal -> bytes -> open: unsealed and verified -> SignedCard

Who holds the directory key may seal another's signed card anew; nobody can change what it says.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mifeng_crypto.errors import CryptoError, ProtocolError
from mifeng_crypto.ids import (
    PROTOCOL_VERSION,
    DeviceId,
    MemberId,
    ProtocolVersion,
    UnitId,
    WorkspaceId,
)
from mifeng_crypto.labels import sign_mifeng, verify_mifeng
from mifeng_crypto.ledger.charter_entry import UnitKind
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import Role
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import Bytes32, Opaque, Text, UInt32, Vec, Width, decode, encode, struct

__all__ = [
    "MAX_TEXT",
    "Card",
    "DeviceName",
    "Picture",
    "SignedCard",
    "SignedUnitCard",
    "UnitCard",
    "open_card",
    "open_unit_card",
    "seal_card",
    "sign_card",
    "sign_unit_card",
]

NONCE_BYTES = 12
MAX_TEXT = 200
"""Characters of a name, a title or a department."""
MAX_MARKS = 4
"""Marks that one letter may carry; more of them paint over the lines above and below."""
_LOOKALIKE = {"LATIN", "GREEK", "CYRILLIC"}
_LEAD = frozenset({Role.OWNER, Role.ADMIN})


@struct
class Picture:
    """Where a picture is and what opens it: it lies beside its card, sealed under a key of its own.

    `sealed_hash` is SHA-256 of the sealed bytes.
    """

    sealed_hash: Bytes32
    key: Bytes32


@struct
class DeviceName:
    """What a member calls a device of her own."""

    device_id: DeviceId
    name: Text


@struct
class Card:
    """What is signed of a member, with the label `Card`.

    `card_version` counts from 1 for each member. `roster` is the head at which the signer's right
    is judged.
    """

    version: ProtocolVersion
    workspace_id: WorkspaceId
    member_id: MemberId
    card_version: UInt32
    roster: Head
    name: Text
    title: Text
    department: Text
    picture: Picture | None
    devices: Vec[DeviceName] = ()


@struct
class UnitCard:
    """What is signed of a unit in the org tree, with the label `UnitCard`.

    `managers` and `people` (how many are granted) are those of the moment in which it was signed.
    """

    version: ProtocolVersion
    workspace_id: WorkspaceId
    unit_id: UnitId
    card_version: UInt32
    roster: Head
    kind: Annotated[UnitKind, Width(1)]
    parent: UnitId | None
    title: Text
    managers: Vec[MemberId]
    people: UInt32


@struct
class SignedCard:
    """What is sealed: a card, and which device signed it. Not yet verified."""

    tbs: Card
    device_id: DeviceId
    signature: Opaque


@struct
class SignedUnitCard:
    """What is sealed: a unit's card, and which device signed it. Not yet verified."""

    tbs: UnitCard
    device_id: DeviceId
    signature: Opaque


@struct
class _CardAAD:
    """What the seal is bound to: the server cannot show one card as another."""

    subject: MemberId
    card_version: UInt32


Signed = TypeVar("Signed", SignedCard, SignedUnitCard)
_LABELS = {Card: "Card", UnitCard: "UnitCard"}
_INFO = {SignedCard: b"Mifeng 1.0 card", SignedUnitCard: b"Mifeng 1.0 unit card"}


# ------------------------------------------------------------------ making


def sign_card(card: Card, *, device_id: DeviceId, signing_key: bytes) -> SignedCard:
    """Sign a member's card.

    Raises:
        ProtocolError: CARD-1, CARD-4: a text in it is not one.
    """
    check_text(card.name, card.title, card.department, *(d.name for d in card.devices))
    check_script(card.name)
    return SignedCard(card, device_id, sign_mifeng(signing_key, _LABELS[Card], encode(card)))


def sign_unit_card(card: UnitCard, *, device_id: DeviceId, signing_key: bytes) -> SignedUnitCard:
    """Sign a unit's card.

    Raises:
        ProtocolError: CARD-1, CARD-5: a text in it is not one; the unit is in no tree.
    """
    check_text(card.title)
    check_is_in_the_tree(card)
    signature = sign_mifeng(signing_key, _LABELS[UnitCard], encode(card))
    return SignedUnitCard(card, device_id, signature)


def seal_card(signed: SignedCard | SignedUnitCard, *, directory_key: bytes, rng: Rng) -> bytes:
    """Seal a signed card; its signer need not be the one who seals."""
    nonce = rng(NONCE_BYTES)
    aad = _aad(_subject(signed.tbs), signed.tbs.card_version)
    return nonce + _cipher(type(signed), directory_key).encrypt(nonce, encode(signed), aad)


# ------------------------------------------------------------------ opening


def open_card(
    sealed: bytes,
    *,
    member_id: MemberId,
    card_version: int,
    roster: Roster,
    directory_key: bytes,
) -> SignedCard:
    """Open and verify a card that the server gives as `member_id`'s, version `card_version`.

    Raises:
        CryptoError: it is sealed under another key, is another's, or was altered.
        CodecError: it holds no card.
        ProtocolError: CARD-1 to CARD-4, LEDGER-8.
        NeedLedgerError: LEDGER-9: it was signed at a later head of the roster.
    """
    signed = _unsealed(SignedCard, sealed, member_id, card_version, directory_key)
    card = signed.tbs
    check_is_the_one(card, roster, member_id, card_version)
    check_text(card.name, card.title, card.department, *(d.name for d in card.devices))
    check_script(card.name)
    verify_author(signed, roster)
    return signed


def open_unit_card(
    sealed: bytes,
    *,
    unit_id: UnitId,
    card_version: int,
    roster: Roster,
    directory_key: bytes,
) -> SignedUnitCard:
    """Open and verify a card that the server gives as this unit's.

    Args:
        sealed: the bytes.
        unit_id: whose it should be.
        card_version: which it should be.
        roster: as known.
        directory_key: the present one.

    Raises:
        CryptoError, CodecError, ProtocolError, NeedLedgerError: as `open_card`; CARD-5, CARD-6.
    """
    signed = _unsealed(SignedUnitCard, sealed, unit_id, card_version, directory_key)
    check_is_the_one(signed.tbs, roster, unit_id, card_version)
    check_text(signed.tbs.title)
    check_is_in_the_tree(signed.tbs)
    verify_unit_author(signed, roster)
    return signed


def _unsealed(
    kind: type[Signed], sealed: bytes, subject: bytes, card_version: int, directory_key: bytes
) -> Signed:
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        aad = _aad(subject, card_version)
        plaintext = _cipher(kind, directory_key).decrypt(nonce, ciphertext, aad)
    except (InvalidTag, ValueError) as err:
        raise CryptoError from err
    return decode(kind, plaintext)


# ------------------------------------------------------------------ rules


def check_text(name: str, *others: str) -> None:
    """CARD-1: a name is 1 to MAX_TEXT printable characters, other texts 0 to MAX_TEXT.

    Neither control characters nor those that turn the direction of writing are printable.
    """
    if not name.strip() or not all(
        len(text) <= MAX_TEXT and text.isprintable() and not _is_painted_over(text)
        for text in (name, *others)
    ):
        raise ProtocolError(
            "CARD-1",
            "a name, title or department has at most {n} printable characters, a name at least one",
            n=MAX_TEXT,
        )


def _is_painted_over(text: str) -> bool:
    if text.isascii():
        return False
    marks = "".join("m" if unicodedata.category(c)[0] == "M" else "." for c in text)
    return "m" * (MAX_MARKS + 1) in marks


def check_script(name: str) -> None:
    """CARD-4: no word of a name mixes alphabets whose letters look alike, as in a forged `Anna`.

    A name that is wholly in one alphabet is its owner's business; so is any mixture of words. One
    that looks like a colleague's all the same is shown with the member's id.
    """
    if name.isascii():
        return
    for word in re.findall(r"[^\W\d_]+", name):
        if len(_LOOKALIKE & {unicodedata.name(c, "").partition(" ")[0] for c in word}) > 1:
            raise ProtocolError(
                "CARD-4",
                "a word of this name mixes letters that look alike, of several alphabets; "
                "write it in one",
            )


def check_is_the_one(
    card: Card | UnitCard, roster: Roster, subject: bytes, card_version: int
) -> None:
    """CARD-2: what was sealed says itself that it is this one's card of this version."""
    expected = (PROTOCOL_VERSION, roster.workspace_id, subject, card_version)
    if (card.version, card.workspace_id, _subject(card), card.card_version) != expected:
        raise ProtocolError("CARD-2", "this card is another's or another version's")


def verify_author(signed: SignedCard, roster: Roster) -> None:
    """CARD-3: a device of its own member signed it, or one of an owner's or admin's.

    As the roster was at the head that the card names: what was signed with the right to it stays,
    for the sake of old messages also when its signer is gone.
    """
    author = _author(signed, roster)
    role = _role(roster, author, signed.tbs.roster)
    if author is None or (author != signed.tbs.member_id and role not in _LEAD):
        raise ProtocolError(
            "CARD-3",
            "this card was signed neither by a device of its member nor by an admin's; "
            "it is not shown",
        )


def check_is_in_the_tree(card: UnitCard) -> None:
    """CARD-5: units of the org tree have cards; who talks elsewhere is nobody's matter."""
    if card.kind not in (UnitKind.BUSINESS, UnitKind.CHANNEL) and card.parent is None:
        raise ProtocolError("CARD-5", "only business units and channels have a card")


def verify_unit_author(signed: SignedUnitCard, roster: Roster) -> None:
    """CARD-6: a member's device signed it, and no guest's.

    That it is a manager's has the server held against the charter. Whoever reads the card is not in
    the unit and does not see that; whoever is in it goes by the unit itself, and not by its card.
    """
    role = _role(roster, _author(signed, roster), signed.tbs.roster)
    if role is None or role is Role.GUEST:
        raise ProtocolError(
            "CARD-6", "this unit's card was signed by no member; its title is not shown"
        )


def _author(signed: SignedCard | SignedUnitCard, roster: Roster) -> MemberId | None:
    """Return whose device signed, if one of the roster's at the card's head did."""
    head = signed.tbs.roster
    roster.check_has(head)
    device = roster.device(signed.device_id, at=head.sequence)
    if device is None:
        return None
    try:
        label = _LABELS[type(signed.tbs)]
        verify_mifeng(device.signature_key, label, encode(signed.tbs), signed.signature)
    except CryptoError:
        return None
    return device.member_id


def _role(roster: Roster, member_id: MemberId | None, head: Head) -> Role | None:
    member = roster.member(member_id, at=head.sequence) if member_id is not None else None
    return member.role if member is not None else None


def _subject(card: Card | UnitCard) -> bytes:
    return card.member_id if isinstance(card, Card) else card.unit_id


def _cipher(kind: type[SignedCard | SignedUnitCard], directory_key: bytes) -> AESGCM:
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO[kind])
    return AESGCM(kdf.derive(directory_key))


def _aad(subject: bytes, card_version: int) -> bytes:
    return encode(_CardAAD(MemberId(subject), card_version))
