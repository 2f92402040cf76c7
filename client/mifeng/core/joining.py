"""Into a unit by a Welcome: nothing in it is believed (protocol.md, "Joining").

The tree must agree with the ledgers, leaf by leaf; and the commit that made the Welcome must stand
in the log behind what the Welcome's author had seen, with the same confirmation tag. So neither the
server nor a member can let anybody in that the ledgers do not name, or fork the newcomer off.
"""

from __future__ import annotations

from collections.abc import Sequence

from mifeng.core.rows import UnitStatus
from mifeng.core.unit import Unit
from mifeng_crypto import gate
from mifeng_crypto.api.messages import WelcomeItem
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ids import GroupId, UnitId
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import UNIT_WELCOME_EXTENSION, LogEntry, UnitWelcome
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.wire.extension import find_extension
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.mls.wire.welcome import Welcome
from mifeng_crypto.tls import decode

__all__ = ["Opened", "accept", "check_generation", "knows_more", "open_welcome", "refs"]


def refs(item: WelcomeItem) -> tuple[bytes, ...]:
    """The KeyPackageRefs that a Welcome is for; one should be ours.

    Raises:
        CodecError, ProtocolError: it is not a Welcome.
    """
    return tuple(secret.new_member for secret in _welcome(item).secrets)


class Opened:
    """A Welcome that decrypted, and what its author says of the unit. Not yet believed."""

    def __init__(self, epoch: mls.Epoch, confirmation_tag: bytes, welcome: UnitWelcome) -> None:
        self.epoch = epoch
        self.confirmation_tag = confirmation_tag
        self.welcome = welcome

    @property
    def seen(self) -> Head:
        """The last entry of the log that its author had applied.

        Raises:
            ProtocolError: GATE-20.
        """
        return gate.read_authenticated_data(self.welcome.said).log


def open_welcome(item: WelcomeItem, bundle: mls.KeyPackageBundle, tree: bytes) -> Opened:
    """Decrypt a Welcome with the KeyPackage that it names (RFC 9420 section 12.4.3.1).

    Raises:
        CodecError, CryptoError, ProtocolError: it cannot be joined by.
    """
    epoch, info = mls.join(_welcome(item), bundle, tree=decode(RatchetTreeExtension, tree))
    group = decode(GroupId, epoch.public.group_id)
    if group != GroupId(UnitId(item.unit_id), item.generation):
        raise ProtocolError("CLIENT-4", "a Welcome is for another unit than the server says")
    said = find_extension(info.extensions, UNIT_WELCOME_EXTENSION)
    if said is None:
        raise ProtocolError("CLIENT-5", "a Welcome does not say where the unit's log stands")
    return Opened(epoch, info.confirmation_tag, decode(UnitWelcome, said))


def accept(
    item: WelcomeItem,
    opened: Opened,
    entries: Sequence[LogEntry],
    *,
    roster: Roster,
    charter: Charter,
) -> Unit:
    """Check it all against the ledgers and the log, and be in the unit.

    Args:
        item: as the server handed it out.
        opened: the same, decrypted.
        entries: the log's behind `opened.seen`; the commit ends them.
        roster: at least up to what the Welcome names.
        charter: likewise.

    Raises:
        NeedLedgerError: the ledgers do not reach as far as the Welcome's heads.
        ProtocolError: something does not agree; the Welcome is to be refused.
    """
    view = gate.check_welcome(
        roster,
        charter,
        opened.epoch.public,
        opened.welcome,
        entries=entries,
        confirmation_tag=opened.confirmation_tag,
    )
    return Unit(
        unit_id=UnitId(item.unit_id),
        generation=item.generation,
        status=UnitStatus.ACTIVE,
        title=opened.welcome.title,
        topic=opened.welcome.topic,
        charter=charter,
        heads=view.heads,
        log=view.log,
        last_accepted_at=view.last_accepted_at,
        rotated_at=view.rotated_at,
        steady_since=view.steady_since,
        group_info=b"",
        epoch=opened.epoch,
    )


def check_generation(item: WelcomeItem, charter: Charter, before: Unit | None) -> None:
    """CLIENT-13: a Welcome is for the unit's present generation, and behind all that is known.

    Args:
        item: as the server handed it out.
        charter: at the server's head.
        before: what this device has of the unit.

    Raises:
        ProtocolError: it leads back, or to where the unit's charter does not.
    """
    generation = charter.generation()
    known = before.log.sequence if before is not None else 0
    if before is not None and _took_it_out(item, before):
        known -= 1
    if item.generation != generation.number or item.sequence <= max(generation.begins, known):
        raise ProtocolError(
            "CLIENT-13",
            "a Welcome is for another generation of the unit than its charter names; "
            "it is refused, and a member who is online makes another one",
        )


def knows_more(item: WelcomeItem, unit: Unit) -> bool:
    """Whether this device has been as far in the log as the Welcome leads, or further."""
    place, known = (item.generation, item.sequence), (unit.generation, unit.log.sequence)
    return place <= known and not _took_it_out(item, unit)


def _took_it_out(item: WelcomeItem, unit: Unit) -> bool:
    """Whether the commit that lets the device in is the one by which it left: the last it saw."""
    place, known = (item.generation, item.sequence), (unit.generation, unit.log.sequence)
    return place == known and unit.epoch is None


def _welcome(item: WelcomeItem) -> Welcome:
    message = decode(MLSMessage, item.welcome).message
    if not isinstance(message, Welcome):
        raise ProtocolError("CLIENT-6", "the server handed out something else as a Welcome")
    return message
