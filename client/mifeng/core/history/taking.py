"""What a device believes of what was handed over to it: from whom, when, and message by message."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from mifeng.content import Message
from mifeng.content.documents import HandedHistory, decode_document, encode_document
from mifeng.content.mimi import SinglePart, decode_mimi, encode_mimi
from mifeng.core.arrival import check_past_arrival
from mifeng.core.history.rows import context_of, part_row, take_key
from mifeng.core.profile import Profile
from mifeng.core.rows import Changes, Condition, JoinRecord, TakeRecord, TimelineRecord
from mifeng.core.unit import Unit
from mifeng_crypto import gate, history
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate import Past
from mifeng_crypto.ids import MemberId
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import LogHeader
from mifeng_crypto.tls import encode

__all__ = ["Gift", "accept", "gift_in", "judge", "without_keys"]


@dataclass(frozen=True, slots=True)
class Gift:
    """A history that was handed over to this device, as the log brought it."""

    header: LogHeader
    member_id: MemberId
    said: HandedHistory


def gift_in(message: Message | None) -> HandedHistory | None:
    """Return the history that a message hands over, if it is of those."""
    document = message.document if message is not None else None
    return document if isinstance(document, HandedHistory) else None


def without_keys(content: bytes) -> bytes:
    """Return such a message without what opens the history: this is what is stored of it."""
    mimi = decode_mimi(content)
    body = mimi.body
    assert isinstance(body, SinglePart), "a document without files stands alone"
    document = decode_document(body.content_type, body.content)
    assert isinstance(document, HandedHistory), "`gift_in` has found it"
    kept = dataclasses.replace(body, content=encode_document(document.without_keys()))
    return encode_mimi(dataclasses.replace(mimi, body=kept))


def accept(gift: Gift, join: JoinRecord | None, *, profile: Profile) -> tuple[JoinRecord, Changes]:
    """Decide whether a history is taken at all.

    Args:
        gift: as the log brought it.
        join: how this device came in.
        profile: of this device.

    Returns:
        The joining, with this giver noted; and the rows of what is to be fetched.

    Raises:
        ProtocolError: HISTORY-2 to HISTORY-5.
    """
    header, said = gift.header, gift.said
    join = check_giver(join, header)
    check_joining(join, header, said)
    check_once(join, header)
    sealed = said.sealed_to(profile.device_id)
    assert sealed is not None, "the caller has looked"
    context = context_of(
        profile.workspace_id,
        header.group,
        said.joined,
        giver=header.device_id,
        receiver=profile.device_id,
        keys=said.keys,
    )
    secrets = history.open_keys(
        sealed, said.keys, said.parts, context=context, hpke_key=profile.hpke_key
    )
    unit_id = header.group.unit_id
    rows = {
        ("history", take_key(unit_id, header.sequence, part.first)): part_row(
            unit_id, TakeRecord(part, secret, gift.member_id)
        )
        for part, secret in zip(said.parts, secrets, strict=True)
        if part.deadline > header.accepted_at
    }
    heard = (*join.heard, header.device_id)
    return dataclasses.replace(join, heard=heard), rows


def check_giver(join: JoinRecord | None, header: LogHeader) -> JoinRecord:
    """HISTORY-2: it comes from the device that linked this one or, if newcomers may, let it in."""
    if join is None or header.device_id not in join.givers:
        raise ProtocolError(
            "HISTORY-2",
            "what was said before was handed over by somebody who had no business to; "
            "it is not shown",
        )
    return join


def check_joining(join: JoinRecord, header: LogHeader, said: HandedHistory) -> None:
    """HISTORY-3: it is for this coming in, and comes within a day of it."""
    late = header.accepted_at - join.accepted_at > history.OUT_OF_TIME_MS
    if late or (header.group.generation, said.joined) != (join.generation, join.joined):
        raise ProtocolError(
            "HISTORY-3",
            "what was said before was handed over for another time that this device came in, "
            "or too late; it is not shown",
        )


def check_once(join: JoinRecord, header: LogHeader) -> None:
    """HISTORY-4: a device hands a history over once."""
    if header.device_id in join.heard:
        raise ProtocolError(
            "HISTORY-4", "what was said before was handed over a second time; it is not shown"
        )


def judge(
    data: bytes, take: TakeRecord, past: Past, join: JoinRecord, *, unit: Unit, roster: Roster
) -> Mapping[int, TimelineRecord]:
    """Judge a part, all of it: a single message that does not pass leaves nothing of it.

    Args:
        data: the part, opened.
        take: what was said of it.
        past: the log before this device came in.
        join: how it did.
        unit: the unit.
        roster: at least up to what the messages refer to.

    Returns:
        The entries of the timeline, by their sequence.

    Raises:
        NeedLedgerError: it refers to ledgers that are not here yet.
        ProtocolError: HISTORY-6 to HISTORY-10, GATE-n, CONTENT-n, LEDGER-8, LOG-8.
        CodecError: a content is malformed.
    """
    part = take.part
    records = dict[int, TimelineRecord]()
    for handed in history.open_blob(data, part, group=past.group, before=join.joined.sequence):
        judged = gate.check_handed(past, handed, part, roster=roster, charter=unit.charter)
        header = judged.header
        check_past_arrival(
            judged.ledgers,
            handed.content,
            purpose=judged.said.purpose,
            sender=judged.member_id,
            device_id=header.device_id,
        )
        records[header.sequence] = TimelineRecord(
            entry_hash=judged.entry_hash,
            kind=header.kind,
            condition=Condition.READ,
            epoch=header.epoch,
            accepted_at=header.accepted_at,
            deadline=judged.deadline,
            member_id=judged.member_id,
            device_id=header.device_id,
            size=judged.size,
            content=handed.content,
            files=judged.said.files,
            reason="",
            added=(),
            removed=(),
            strict=judged.strict,
            original=encode(handed.original),
        )
    return records
