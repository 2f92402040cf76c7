"""What the units of the org tree are called, also those that one is not in: the cards of units."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mifeng.core.learning import learn
from mifeng.core.profile import Profile
from mifeng.core.rows import Changes
from mifeng.core.unit import Unit
from mifeng_crypto.api.messages import Card as SealedCard
from mifeng_crypto.ids import PROTOCOL_VERSION, UnitId
from mifeng_crypto.ledger.card import (
    SignedUnitCard,
    UnitCard,
    open_unit_card,
    seal_card,
    sign_unit_card,
)
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import Role
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import decode, encode

__all__ = ["Titles", "due_card", "is_in_the_tree", "seal"]


@dataclass(frozen=True, slots=True)
class Titles:
    """The units' cards that this device could open and whose signature it has checked."""

    cards: Mapping[UnitId, UnitCard]

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[bytes, bytes]]) -> Titles:
        """Read the table `unit_cards`; what stands there was verified when it came."""
        return cls({UnitId(key): decode(SignedUnitCard, value).tbs for key, value in rows})

    def learn(
        self,
        sealed: Iterable[SealedCard],
        profile: Profile,
        roster: Roster,
    ) -> tuple[Titles, Changes, tuple[SealedCard, ...]]:
        """Take in what the server has, as `People.learn`."""
        key = profile.directory_key
        assert key is not None, "the caller has looked"

        def open_sealed(unit_id: UnitId, item: SealedCard) -> tuple[UnitCard, bytes]:
            signed = open_unit_card(
                item.sealed,
                unit_id=unit_id,
                card_version=item.version,
                roster=roster,
                directory_key=key,
            )
            return signed.tbs, encode(signed)

        cards, changes, passed_over = learn(
            self.cards, sealed, table="unit_cards", id_of=UnitId, open_sealed=open_sealed
        )
        return Titles(cards) if changes else self, changes, passed_over


def is_in_the_tree(charter: Charter) -> bool:
    """Whether a unit has a card."""
    return charter.kind in (UnitKind.BUSINESS, UnitKind.CHANNEL) or charter.parent is not None


def due_card(
    unit: Unit, known: UnitCard | None, profile: Profile, roster: Roster
) -> UnitCard | None:
    """Return the card that this device should publish for one of its units, if any.

    That is so where it has the right to it, and what is known differs from the charter.
    """
    charter, me = unit.charter, roster.member(profile.member_id)
    if not is_in_the_tree(charter) or me is None or not unit.title.strip():
        return None
    is_lead = me.role in (Role.OWNER, Role.ADMIN)
    if not is_lead and charter.role_of(profile.member_id) is not UnitRole.MANAGER:
        return None
    here = [m for m in charter.members() if roster.member(m) or roster.invite(m)]
    if charter.is_closed():  # nobody is in it any more: it leaves the tree
        here = []
    card = UnitCard(
        version=PROTOCOL_VERSION,
        workspace_id=profile.workspace_id,
        unit_id=unit.unit_id,
        card_version=known.card_version + 1 if known else 1,
        roster=roster.head,
        kind=charter.kind,
        parent=charter.parent,
        title=unit.title,
        managers=tuple(m for m in here if charter.role_of(m) is UnitRole.MANAGER),
        people=len(here),
    )
    return None if known is not None and _says(known) == _says(card) else card


def _says(card: UnitCard) -> tuple[object, ...]:
    return card.kind, card.parent, card.title, card.managers, card.people


def seal(profile: Profile, card: UnitCard, *, key_number: int, rng: Rng) -> SealedCard:
    """Sign and seal a unit's card.

    Raises:
        ProtocolError: CARD-1: the title is none that can be shown.
    """
    assert profile.directory_key is not None, "the caller has looked"
    signed = sign_unit_card(card, device_id=profile.device_id, signing_key=profile.signature_key)
    sealed = seal_card(signed, directory_key=profile.directory_key, rng=rng)
    return SealedCard(
        subject=card.unit_id,
        kind="unit",
        version=card.card_version,
        key_number=key_number,
        sealed=sealed,
    )
