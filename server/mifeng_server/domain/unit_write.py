"""What a member does in a unit: commit, post.

Each verb decodes, asks the gate, and grows the log by one entry; the gate is the clients' own.
"""

from __future__ import annotations

from mifeng_crypto.api.messages import (
    AcceptedReply,
    CommitRequest,
    MessageRequest,
    ReaddRequest,
    WelcomeOut,
)
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.expiry import retain_until
from mifeng_crypto.gate import (
    authenticated_data_of,
    check_commit,
    check_message,
    check_readd,
    identity_of,
)
from mifeng_crypto.ids import DeviceId
from mifeng_crypto.ledger.policy import Keep
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import EntryKind
from mifeng_crypto.mls.group import StagedCommit, key_package_ref, stage_commit
from mifeng_crypto.mls.tree.tree_hash import tree_hash
from mifeng_crypto.mls.wire.framing import PublicMessage
from mifeng_crypto.mls.wire.message import MLSMessage
from mifeng_crypto.mls.wire.welcome import Welcome
from mifeng_crypto.tls import decode, encode
from mifeng_server.domain.accept import Call, Decision, Held, accept
from mifeng_server.domain.commit_rate import check_commit_rate
from mifeng_server.domain.events import WelcomesCame
from mifeng_server.domain.house import House
from mifeng_server.domain.key_packages import check_adds, forget_silent
from mifeng_server.domain.login import Caller
from mifeng_server.domain.notes import with_receipt
from mifeng_server.domain.offboarding import stay_writes
from mifeng_server.domain.refusal import Refusal, not_found
from mifeng_server.domain.refused import refusing
from mifeng_server.domain.rows import Write
from mifeng_server.domain.slots import open_slot
from mifeng_server.domain.unit import Unit, may_take_part
from mifeng_server.domain.unit_log import accepted_at, grow, grow_by_commit, grow_by_readd
from mifeng_server.domain.uploads import name_files
from mifeng_server.domain.welcomes import welcome_writes

__all__ = ["commit", "message", "readd"]


async def commit(
    house: House, caller: Caller, call: Call, unit_id: bytes, body: CommitRequest, *, now: int
) -> AcceptedReply:
    """Change the group: the commit, its Welcome and the new tree, all or nothing.

    Raises:
        Refusal: not_found, malformed, wrong_epoch, removes_due, key_expired, cap_exceeded, clock,
            refused, too_many_requests.
    """

    async def decide(_: Held) -> Decision:
        roster, unit = await _unit_held(house, caller, unit_id, body.generation)
        time, device_id = accepted_at(unit, now), _device(caller)
        check_commit_rate(house, unit_id, device_id, now=now)
        view = unit.view(roster)
        with refusing(head_sequence=unit.row.log_sequence):
            public_message = _public_message(body.commit)
            _check_epoch(unit, public_message.content.epoch)
            staged = stage_commit(unit.public, public_message, now_s=time // 1000)
            check_commit(view, staged, accepted_at=time, device_id=device_id)
            added = {identity_of(kp.leaf_node).device_id: kp for _, kp in staged.added}
            used_up = await check_adds(house, unit_id, added.items())
            used_up += await forget_silent(
                house,
                unit_id,
                (
                    identity_of(leaf).device_id
                    for _, leaf in staged.removed
                    if view.ledgers.is_valid(leaf) and identity_of(leaf).device_id not in added
                ),
            )
            _check_welcome(staged, body.welcome, set(added))
        grown = grow_by_commit(
            unit, body.commit, staged, view.standing, device_id=device_id, now=now
        )
        welcomes: tuple[Write, ...] = ()
        if body.welcome is not None:
            welcomes = welcome_writes(
                unit,
                grown.unit.row.log_sequence,
                added,
                welcome=body.welcome.welcome,
                tree=encode(staged.after.tree.to_wire()),
                tree_hash=tree_hash(staged.after.tree),
                now=time,
                rng=house.rng,
            )
        return Decision(
            reply=AcceptedReply(header=grown.header, retain_until=0),
            writes=(*grown.writes, *used_up, *welcomes, *stay_writes(grown.unit, staged)),
            events=(*grown.events, *((WelcomesCame(tuple(added)),) if added else ())),
            units=(grown.unit,),
        )

    reply = await accept(house, call, AcceptedReply, lock=unit_id, decide=decide)
    return await with_receipt(house, reply)


def _public_message(raw: bytes) -> PublicMessage:
    found = decode(MLSMessage, raw).message
    if not isinstance(found, PublicMessage):
        raise ProtocolError("GATE-9", "a commit is a PublicMessage by a member of the unit")
    return found


def _check_epoch(unit: Unit, epoch: int) -> None:
    """GATE-27, for commits: the first one wins, and the others look again."""
    if epoch != unit.row.epoch:
        raise ProtocolError(
            "GATE-27",
            "the commit is of epoch {found}, and the group is in epoch {epoch}; "
            "catch up and commit again",
            found=epoch,
            epoch=unit.row.epoch,
        )


def _check_welcome(staged: StagedCommit, welcome: WelcomeOut | None, added: set[DeviceId]) -> None:
    """WELCOME-1: a commit that adds has a Welcome for exactly those whom it adds."""
    if welcome is None:
        refs, named = set[bytes](), set[bytes]()
    else:
        found = decode(MLSMessage, welcome.welcome).message
        if not isinstance(found, Welcome):
            raise ProtocolError("WELCOME-1", "this is no Welcome")
        refs, named = {s.new_member for s in found.secrets}, set(welcome.device_ids)
    expected = {key_package_ref(staged.after.suite, kp) for _, kp in staged.added}
    if named != added or refs != expected or (welcome is not None and not added):
        raise ProtocolError(
            "WELCOME-1", "the Welcome is not for exactly those devices that the commit adds"
        )


async def readd(
    house: House, caller: Caller, call: Call, unit_id: bytes, body: ReaddRequest, *, now: int
) -> AcceptedReply:
    """Take a device's word that it cannot go on: the next commit removes it, and adds it again.

    Raises:
        Refusal: not_found, malformed, wrong_epoch, clock, refused.
    """

    async def decide(_: Held) -> Decision:
        roster, unit = await _unit_held(house, caller, unit_id, body.generation)
        time, device_id = accepted_at(unit, now), _device(caller)
        view = unit.view(roster)
        with refusing(head_sequence=unit.row.log_sequence):
            check_readd(view, body.statement, accepted_at=time, device_id=device_id)
        grown = grow_by_readd(unit, body.statement, view.standing, device_id=device_id, now=now)
        return Decision(
            reply=AcceptedReply(header=grown.header, retain_until=0),
            writes=grown.writes,
            events=grown.events,
            units=(grown.unit,),
        )

    reply = await accept(house, call, AcceptedReply, lock=unit_id, decide=decide)
    return await with_receipt(house, reply)


async def message(
    house: House, caller: Caller, call: Call, unit_id: bytes, body: MessageRequest, *, now: int
) -> AcceptedReply:
    """Post an encrypted message, and give the files that it names its own clock.

    Raises:
        Refusal: not_found, malformed, wrong_epoch, removes_due, key_expired, clock, refused.
    """

    async def decide(_: Held) -> Decision:
        roster, unit = await _unit_held(house, caller, unit_id, body.generation)
        time, device_id = accepted_at(unit, now), _device(caller)
        view = unit.view(roster)
        keep = retain_until(time, view.ledgers.policy.retention_s)
        with refusing(head_sequence=unit.row.log_sequence):
            data = authenticated_data_of(view, body.message)
            said = check_message(view, data, accepted_at=time, device_id=device_id, sender=None)
            files = await name_files(
                house,
                caller,
                unit,
                said.files,
                retain_until=keep,
                may_keep=view.ledgers.policy.keep is Keep.ALLOWED,
                charter_sequence=view.heads.charter.sequence,
                now=time,
            )
            slot = await open_slot(
                house, unit_id, view.ledgers.policy, accepted_at=time, deadline=keep
            )
        grown = grow(
            unit,
            EntryKind.MESSAGE,
            body.message,
            device_id=device_id,
            now=now,
            deadline=keep,
            known=view.standing,
        )
        return Decision(
            reply=AcceptedReply(header=grown.header, retain_until=keep),
            writes=(*grown.writes, *files, *slot),
            events=grown.events,
            units=(grown.unit,),
            remember_until=keep,
        )

    reply = await accept(house, call, AcceptedReply, lock=unit_id, decide=decide)
    return await with_receipt(house, reply)


async def _roster(house: House) -> Roster:
    roster = await house.roster()
    assert roster is not None, "there are no callers before the founding"
    return roster


async def _unit_held(
    house: House, caller: Caller, unit_id: bytes, generation: int
) -> tuple[Roster, Unit]:
    roster, unit = await _roster(house), await house.unit_held(unit_id)
    if unit is None or not may_take_part(roster, unit, caller.member_id):
        raise not_found()
    if generation != unit.row.generation:
        raise Refusal(ProblemCode.WRONG_EPOCH, head_sequence=unit.row.log_sequence)
    return roster, unit


def _device(caller: Caller) -> DeviceId:
    assert caller.device_id is not None, "the endpoint is for devices"
    return DeviceId(caller.device_id)
