"""Names of members: the directory's cards, and who is meant by a name (protocol.md, section 13)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mifeng.core.profile import Profile
from mifeng.core.rows import Changes
from mifeng.errors import NotFoundError
from mifeng_crypto.api.messages import Card as SealedCard
from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError, UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId
from mifeng_crypto.ledger.card import Card, open_card, seal_card
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import decode, encode

__all__ = ["People", "first_card", "seal"]


@dataclass(frozen=True, slots=True)
class People:
    """The cards that this device could open and whose signature it has checked."""

    cards: Mapping[MemberId, Card]

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[bytes, bytes]]) -> People:
        """Read the table `cards`; what stands there was verified when it came."""
        return cls({MemberId(key): decode(Card, value) for key, value in rows})

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
    ) -> tuple[People, Changes, tuple[SealedCard, ...]]:
        """Take in what the server has, newer than what is known.

        Returns:
            The people, the rows to save, and the cards that were passed over: they do not open, or
            do not verify by this roster.
        """
        assert profile.directory_key is not None, "the caller has looked"
        cards, changes = dict(self.cards), dict[tuple[str, bytes], bytes | None]()
        passed_over = list[SealedCard]()
        for item in sealed:
            member_id = MemberId(item.member_id)
            known = cards.get(member_id)
            if known is not None and known.card_version >= item.version:
                continue
            try:
                card = open_card(
                    item.sealed,
                    member_id=member_id,
                    card_version=item.version,
                    roster=roster,
                    directory_key=profile.directory_key,
                )
            except (CodecError, CryptoError, ProtocolError):
                passed_over.append(item)
                continue
            cards[member_id] = card
            changes["cards", member_id] = encode(card)
        return People(cards), changes, tuple(passed_over)


def first_card(profile: Profile) -> Card:
    """This member's first card, with what the person said on coming in."""
    return Card(
        version=PROTOCOL_VERSION,
        workspace_id=profile.workspace_id,
        member_id=profile.member_id,
        card_version=1,
        name=profile.name,
        title=profile.title,
        department="",
    )


def seal(profile: Profile, card: Card, *, rng: Rng) -> SealedCard:
    """Sign and seal a card of this member's own.

    Raises:
        ProtocolError: CARD-1: a text in it is not one.
    """
    assert profile.directory_key is not None, "the caller has looked"
    sealed = seal_card(
        card,
        device_id=profile.device_id,
        signing_key=profile.signature_key,
        directory_key=profile.directory_key,
        rng=rng,
    )
    return SealedCard(member_id=card.member_id, version=card.card_version, sealed=sealed)
