"""Names of members: the thin directory's cards, and who is meant by a name (protocol.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mifeng.core.profile import Profile
from mifeng.core.rows import CardRecord, Changes
from mifeng.errors import NotFoundError
from mifeng_crypto.api.messages import Card as SealedCard
from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError, UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId
from mifeng_crypto.ledger.card import Card, open_card, seal_card
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import encode

__all__ = ["People", "own_card"]


@dataclass(frozen=True, slots=True)
class People:
    """The cards that this device could open and whose signature it has checked."""

    cards: Mapping[MemberId, Card]

    def name(self, member_id: MemberId) -> str:
        """A member's name; the beginning of the id where there is no card (yet)."""
        card = self.cards.get(member_id)
        return card.name if card else member_id.hex()[:8]

    def find(self, text: str, among: Iterable[MemberId]) -> MemberId:
        """Return who is meant: a member id, a name, or the beginning of either, if it is unique.

        Raises:
            NotFoundError: nobody.
            UsageError: more than one.
        """
        wanted = text.casefold()
        members = list(among)
        exact = [m for m in members if wanted in (self.name(m).casefold(), m.hex())]
        found = exact or [
            m
            for m in members
            if self.name(m).casefold().startswith(wanted) or m.hex().startswith(wanted)
        ]
        if not found or not text:
            raise NotFoundError("nobody here is called {name}; see `mifeng people`", name=text)
        if len(found) > 1:
            raise UsageError(
                "{name} could be {n} people; write more of the name, or the member id",
                name=text,
                n=len(found),
            )
        return found[0]

    def learn(
        self, sealed: Iterable[SealedCard], profile: Profile, roster: Roster
    ) -> tuple[People, Changes]:
        """Take in what the server has; a card that does not verify or is older is passed over."""
        cards, changes = dict(self.cards), dict[tuple[str, bytes], bytes | None]()
        for item in sealed:
            member_id = MemberId(item.member_id)
            try:
                card = open_card(
                    item.sealed,
                    member_id=member_id,
                    card_version=item.version,
                    roster=roster,
                    directory_key=profile.directory_key,
                )
            except (CodecError, CryptoError, ProtocolError):
                continue
            known = cards.get(member_id)
            if known is None or known.card_version < card.card_version:
                cards[member_id] = card
                changes["cards", member_id] = encode(CardRecord(item.version, item.sealed))
        return People(cards), changes


def own_card(profile: Profile, version: int, *, rng: Rng) -> SealedCard:
    """Sign and seal this member's own card.

    Raises:
        ProtocolError: CARD-1: the name is not one.
    """
    card = Card(
        version=PROTOCOL_VERSION,
        workspace_id=profile.workspace_id,
        member_id=profile.member_id,
        card_version=version,
        name=profile.name,
        title=profile.title,
    )
    sealed = seal_card(
        card,
        device_id=profile.device_id,
        signing_key=profile.signature_key,
        directory_key=profile.directory_key,
        rng=rng,
    )
    return SealedCard(member_id=profile.member_id, version=version, sealed=sealed)
