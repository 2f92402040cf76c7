"""Directory keys on their way to devices: sealed boxes, which the server only keeps and hands out.

A new key's boxes come first, under its hash; the roster's entry makes it the present one.
"""

from __future__ import annotations

from mifeng_crypto.api.messages import BoxesReply, BoxReply, PutBoxesRequest, WantBoxRequest
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.ids import DeviceId
from mifeng_server.domain.accept import Call, Decision, Held, accept
from mifeng_server.domain.directory import LEAD, LOCK, REMEMBER_MS, roster_of
from mifeng_server.domain.events import BoxesCame, KeysWanted
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.refusal import Refusal
from mifeng_server.domain.rows import BoxRow, Put, Write

__all__ = ["put_boxes", "read_box", "want_box"]

WANTED_PAGE = 100


async def read_box(house: House, caller: Caller) -> BoxReply:
    """The caller's box of the present key, and some of the devices that ask for theirs."""
    roster = await roster_of(house)
    key_hash = roster.directory.key_hash
    own = await house.store.get(BoxRow, key_hash, caller.device_id or b"")
    asking = await house.store.find(
        BoxRow, order="device_id", limit=WANTED_PAGE, key_hash=key_hash, wanted=1
    )
    wanted = [row.device_id for row in asking if roster.device(DeviceId(row.device_id))]
    return BoxReply(sealed=own.sealed if own and not own.wanted else None, wanted=wanted)


async def want_box(
    house: House, caller: Caller, call: Call, body: WantBoxRequest, *, now: int
) -> BoxesReply:
    """Note that the caller lacks the present key, in place of a box that does not open.

    Raises:
        Refusal: stale_head: the present key is another one.
    """

    async def decide(_: Held) -> Decision:
        roster = await roster_of(house)
        if body.key_hash != roster.directory.key_hash:
            raise Refusal(ProblemCode.STALE_HEAD, head_sequence=roster.head.sequence)
        row = BoxRow(body.key_hash, caller.device_id or b"", b"", 1)
        return Decision(
            reply=BoxesReply(taken=0),
            writes=(Put(row),),
            events=(KeysWanted(caller.device_id or b""),),
            remember_until=now + REMEMBER_MS,
        )

    return await accept(house, call, BoxesReply, lock=LOCK, decide=decide)


async def put_boxes(
    house: House, caller: Caller, call: Call, body: PutBoxesRequest, *, now: int
) -> BoxesReply:
    """Keep boxes of the present key for those who ask for it, or of the key that is to be next.

    Raises:
        Refusal: forbidden: the caller may not make the next key.
    """

    async def decide(_: Held) -> Decision:
        await house.store.settle()
        roster = await roster_of(house)
        is_present = body.key_hash == roster.directory.key_hash
        member = roster.member(caller.member_id)  # type: ignore[arg-type]
        if not is_present and (member is None or member.role not in LEAD):
            raise Refusal(ProblemCode.FORBIDDEN, "the next key is an admin's to make")
        writes, given = list[Write](), list[bytes]()
        for box in body.boxes:
            if roster.device(DeviceId(box.device_id)) is None:
                continue
            if is_present:
                before = await house.store.get(BoxRow, body.key_hash, box.device_id)
                if before is not None and not before.wanted:
                    continue
            writes.append(Put(BoxRow(body.key_hash, box.device_id, box.sealed, 0)))
            given.append(box.device_id)
        return Decision(
            reply=BoxesReply(taken=len(writes)),
            writes=tuple(writes),
            events=(BoxesCame(frozenset(given)),) if is_present and given else (),
            remember_until=now + REMEMBER_MS,
        )

    return await accept(house, call, BoxesReply, lock=LOCK, decide=decide)
