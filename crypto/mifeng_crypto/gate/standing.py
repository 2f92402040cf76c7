"""Who is in a unit's tree, and what the ledgers say of it (protocol.md, "The gate").

A leaf is valid if the roster, at the last `heads`, holds its device with this signature key for
this member, and the charter, at the last `heads`, grants that member. Invalid leaves are due to be
removed; a valid device without a leaf is to be added.
"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mifeng_crypto.errors import CodecError, ProtocolError
from mifeng_crypto.ids import DeviceId, GroupId, Identity, MemberId, UnixMillis
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.policy import Policy
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import MemberKind
from mifeng_crypto.log import SET_AT_EXTENSION, Heads, SetAt
from mifeng_crypto.mls.group import LeafIndex, PublicGroup, StagedCommit
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.extension import find_extension
from mifeng_crypto.mls.wire.leaf_node import LeafNode
from mifeng_crypto.tls import decode, encode

__all__ = ["Ledgers", "Standing", "identity_of"]


def identity_of(leaf: LeafNode) -> Identity:
    """GATE-4: return who a leaf says that it is.

    Raises:
        ProtocolError: GATE-4: it is no basic credential with an `Identity`.
    """
    if isinstance(leaf.credential, BasicCredential):
        try:
            return _identity(leaf.credential.identity)
        except CodecError:
            pass
    raise ProtocolError("GATE-4", "a leaf does not name a member and a device")


@functools.lru_cache(1024)
def _identity(data: bytes) -> Identity:
    """Remembered: the sender of each message is looked at several times."""
    return decode(Identity, data)


def set_at_of(leaf: LeafNode) -> SetAt | None:
    """Return what a leaf says of when its keys were made; None if it does not."""
    content = find_extension(leaf.extensions, SET_AT_EXTENSION)
    try:
        return decode(SetAt, content) if content is not None else None
    except CodecError:
        return None


def made_at(leaf: LeafNode) -> UnixMillis:
    """The same as a time; who says none is as old as can be (GATE-6 lets nobody such in)."""
    said = set_at_of(leaf)
    return said.time if said is not None else UnixMillis(0)


@dataclass(frozen=True)
class Ledgers:
    """Roster and charter as of a unit's last `heads`: the only state of them that judges.

    What they say at these heads stays so when they grow: it is found out once.
    """

    roster: Roster
    charter: Charter
    heads: Heads

    @functools.cached_property
    def policy(self) -> Policy:
        return self.charter.policy_at(self.heads.charter.sequence)

    @functools.cached_property
    def is_closed(self) -> bool:
        return self.charter.is_closed(at=self.heads.charter.sequence)

    @functools.cached_property
    def group_id(self) -> bytes:
        """Of the unit's present generation."""
        number = self.charter.generation(at=self.heads.charter.sequence).number
        return encode(GroupId(self.charter.unit_id, number))

    def check_open(self, group_id: bytes) -> None:
        """GATE-30: the unit is not closed. GATE-7: its present generation has this group id."""
        if self.is_closed:
            raise ProtocolError("GATE-30", "the unit is closed; create a new one")
        if group_id != self.group_id:
            raise ProtocolError("GATE-7", "the group is another unit's or another generation's")

    def role_of(self, member_id: MemberId) -> UnitRole | None:
        """Return the role of a member of the unit; None if it is not, or not in the workspace.

        An archive that was granted as something else, while it was only invited, has none.
        """
        member = self.roster.member(member_id, at=self.heads.roster.sequence)
        role = self.charter.role_of(member_id, at=self.heads.charter.sequence)
        if member is None or (member.kind is MemberKind.ARCHIVE) is not (role is UnitRole.ARCHIVE):
            return None
        return role

    def archived_from(self, member_id: MemberId) -> UnixMillis | None:
        """Return from when on an archive may be let in; None for everybody else."""
        return self.charter.archived_from(member_id, at=self.heads.charter.sequence)

    def check_archive(self, member_id: MemberId, accepted_at: UnixMillis) -> None:
        """GATE-32: an archive is let in a day after everybody could know of it, not before."""
        since = self.archived_from(member_id)
        if since is not None and accepted_at < since:
            raise ProtocolError(
                "GATE-32",
                "archive {member} may be let in {minutes} minutes from now, not before",
                member=member_id.hex(),
                minutes=(since - accepted_at) // 60_000 + 1,
            )

    def check_leaf(self, leaf: LeafNode) -> Identity:
        """GATE-5: return whose a valid leaf is.

        That a device is in a tree once needs no rule of its own: here it has one key, and RFC 9420
        (section 7.3) gives a key one leaf.

        Raises:
            ProtocolError: GATE-4, GATE-5.
        """
        identity = identity_of(leaf)
        device = self.roster.device(identity.device_id, at=self.heads.roster.sequence)
        if (
            device is None
            or device.member_id != identity.member_id
            or device.signature_key != leaf.signature_key
        ):
            raise ProtocolError(
                "GATE-5",
                "device {device} is not in the roster with this key and member: nobody with the "
                "right to it let it in",
                device=identity.device_id.hex(),
            )
        if self.role_of(identity.member_id) is None:
            raise ProtocolError(
                "GATE-5",
                "member {member} is not granted into this unit",
                member=identity.member_id.hex(),
            )
        return identity

    def is_valid(self, leaf: LeafNode) -> bool:
        """Whether a leaf is valid: for those whose removal is due, that is no error."""
        try:
            self.check_leaf(leaf)
        except ProtocolError:
            return False
        return True

    def devices(self, now: UnixMillis) -> Iterable[DeviceId]:
        """Go through the devices that belong into the unit, of archives only once they may."""
        at = self.heads.roster.sequence
        for member_id in self.charter.members(at=self.heads.charter.sequence):
            since = self.archived_from(member_id)
            if self.role_of(member_id) is None or (since is not None and now < since):
                continue
            for device in self.roster.devices_of(member_id, at=at):
                yield device.device_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A tree beside the ledgers. It holds for one public group and one `heads`.

    Attributes:
        ledgers: at these heads.
        leaves: where each device is.
        people: how many leaves each member has.
        due: the leaves that are to be removed, in order.
        made: when the keys of each leaf were made, as it says itself.
    """

    public: PublicGroup
    ledgers: Ledgers
    leaves: Mapping[DeviceId, LeafIndex]
    people: Mapping[MemberId, int]
    due: tuple[LeafIndex, ...]
    made: Mapping[LeafIndex, UnixMillis]

    @property
    def heads(self) -> Heads:
        return self.ledgers.heads

    @classmethod
    def of(cls, public: PublicGroup, ledgers: Ledgers) -> Standing:
        """Look at every leaf."""
        leaves, people, due = dict[DeviceId, LeafIndex](), Counter[MemberId](), list[LeafIndex]()
        made = dict[LeafIndex, UnixMillis]()
        for i, leaf in public.leaves():
            identity = identity_of(leaf)
            leaves[identity.device_id] = i
            people[identity.member_id] += 1
            made[i] = made_at(leaf)
            if not ledgers.is_valid(leaf):
                due.append(i)
        return cls(
            public=public,
            ledgers=ledgers,
            leaves=leaves,
            people=people,
            due=tuple(due),
            made=made,
        )

    def under(self, ledgers: Ledgers) -> Standing:
        """Return the standing of the same tree under other `heads`."""
        due = tuple(i for i, leaf in self.public.leaves() if not ledgers.is_valid(leaf))
        return dataclasses.replace(self, ledgers=ledgers, due=due)

    def after(self, staged: StagedCommit) -> Standing:
        """Return the standing after a commit, by what it changes. Judges nothing."""
        made = dict(self.made)
        if staged.path is not None:
            made[staged.committer] = made_at(staged.leaf)
        if not staged.removed and not staged.added:  # nobody comes or goes, as nearly always
            return dataclasses.replace(self, public=staged.after, made=made)
        leaves, people = dict(self.leaves), Counter(self.people)
        gone = set[LeafIndex]()
        for i, leaf in staged.removed:
            identity = identity_of(leaf)
            gone.add(i)
            del made[i]
            if leaves.get(identity.device_id) == i:
                del leaves[identity.device_id]
            people[identity.member_id] -= 1
        for i, key_package in staged.added:
            identity = identity_of(key_package.leaf_node)
            leaves[identity.device_id] = i
            people[identity.member_id] += 1
            made[i] = made_at(key_package.leaf_node)
        return dataclasses.replace(
            self,
            public=staged.after,
            leaves=leaves,
            people=+people,
            due=tuple(i for i in self.due if i not in gone),
            made=made,
        )
