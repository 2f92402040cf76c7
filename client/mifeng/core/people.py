"""Names of members: the directory's cards, and who is meant by a name (protocol.md, section 13)."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mifeng.core.calling import MARK, called
from mifeng.core.learning import learn
from mifeng.core.profile import Profile
from mifeng.core.rows import Changes
from mifeng.core.skeleton import skeleton
from mifeng.errors import NotFoundError
from mifeng_crypto.api.messages import Card as SealedCard
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId
from mifeng_crypto.ledger.card import (
    Card,
    DeviceName,
    Picture,
    SignedCard,
    open_card,
    seal_card,
    sign_card,
)
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import MemberKind
from mifeng_crypto.rand import Rng
from mifeng_crypto.tls import decode, encode

__all__ = ["People", "first_card", "seal"]


@dataclass(frozen=True)
class People:
    """The cards that this device could open and whose signature it has checked."""

    cards: Mapping[MemberId, Card]
    bots: frozenset[MemberId] = frozenset()
    """Those of them, and of others, who are programs: the roster says so."""

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[bytes, bytes]]) -> People:
        """Read the table `cards`; what stands there was verified when it came."""
        return cls({MemberId(key): decode(SignedCard, value).tbs for key, value in rows})

    def by(self, roster: Roster | None) -> People:
        """Return them with what a roster says of what they are."""
        bots = frozenset(
            MemberId(one.member_id)
            for one in (roster.members() if roster else ())
            if one.kind is MemberKind.BOT
        )
        return self if bots == self.bots else People(self.cards, bots)

    def name(self, member_id: MemberId) -> str:
        """A member's name as it is shown; the beginning of the id where there is no card (yet).

        Names that look alike are told apart by the beginning of the ids, which nobody can choose
        twice: `张伟 ·3f2a`. That goes for both, since neither has more right to it.
        """
        card = self.cards.get(member_id)
        if card is None:
            return member_id.hex()[:8]
        mark = self._marks.get(member_id)
        return f"{card.name} ·{mark}" if mark else card.name

    def picture_of(self, member_id: bytes) -> Picture | None:
        """Where a member's picture is, if there is one."""
        card = self.cards.get(MemberId(member_id))
        return card.picture if card is not None else None

    @functools.cached_property
    def _marks(self) -> dict[MemberId, str]:
        """For each member whose name looks like another one's, what is shown beside it."""
        alike = dict[str, list[MemberId]]()
        for member_id, card in self.cards.items():
            alike.setdefault(skeleton(card.name), []).append(member_id)
        marks = dict[MemberId, str]()
        for members in alike.values():
            if len(members) > 1:
                n = MARK
                while len({member_id.hex()[:n] for member_id in members}) < len(members):
                    n += 1
                marks |= {member_id: member_id.hex()[:n] for member_id in members}
        return marks

    def find(self, text: str, among: Iterable[MemberId]) -> MemberId:
        """Return who is meant: a member id, a name, or the beginning of either, if it is unique.

        Raises:
            NotFoundError: nobody.
            UsageError: more than one.
        """
        found = called(text, among, name=self.name, id_of=bytes)
        if not found:
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
        key = profile.directory_key
        assert key is not None, "the caller has looked"

        def open_sealed(member_id: MemberId, item: SealedCard) -> tuple[Card, bytes]:
            signed = open_card(
                item.sealed,
                member_id=member_id,
                card_version=item.version,
                roster=roster,
                directory_key=key,
            )
            return signed.tbs, encode(signed)

        cards, changes, passed_over = learn(
            self.cards, sealed, table="cards", id_of=MemberId, open_sealed=open_sealed
        )
        return People(cards, self.bots) if changes else self, changes, passed_over


def first_card(profile: Profile, roster: Roster | None = None) -> Card:
    """This member's first card, with what the person said on coming in.

    Before there is a roster, it is only good for asking whether the name is one.
    """
    return Card(
        version=PROTOCOL_VERSION,
        workspace_id=profile.workspace_id,
        member_id=profile.member_id,
        card_version=1,
        roster=roster.head if roster is not None else profile.anchor,
        name=profile.name,
        title=profile.title,
        department="",
        picture=None,
        devices=(DeviceName(profile.device_id, profile.device_name),),
    )


def seal(
    profile: Profile, card: Card, *, key_number: int, picture: bytes | None = None, rng: Rng
) -> SealedCard:
    """Sign and seal a card: of this member's own, or one in this member's charge.

    Args:
        profile: who signs, and the directory's present key.
        card: what it says.
        key_number: of the directory key.
        picture: the sealed picture that goes with it, if it is another one; empty: there is none.
        rng: randomness.

    Raises:
        ProtocolError: CARD-1, CARD-4: a text in it is not one.
    """
    assert profile.directory_key is not None, "the caller has looked"
    signed = sign_card(card, device_id=profile.device_id, signing_key=profile.signature_key)
    sealed = seal_card(signed, directory_key=profile.directory_key, rng=rng)
    return SealedCard(
        subject=card.member_id,
        version=card.card_version,
        key_number=key_number,
        sealed=sealed,
        picture=picture,
    )
