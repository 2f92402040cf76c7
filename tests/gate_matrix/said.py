"""What is said in the matrix, as a device makes it that breaks the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mifeng.content import Origin, encode_reaction, encode_text
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.log import AuthenticatedData, Purpose
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.group import Epoch
from mifeng_crypto.mls.message.original import Original
from mifeng_crypto.tls import decode, encode
from tests.client.core.world import Desk

__all__ = ["Said", "Sayer", "time_of"]

FOUR_DAYS_MS = 4 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Said:
    """A message with what its author keeps of it."""

    message: bytes
    original: Original
    data: bytes


@dataclass(frozen=True, slots=True)
class Sayer:
    """`ended` is where the log stood when the epoch before was over, `before` the keys of that."""

    ended: Head
    before: Mapping[str, Epoch]

    def say(self, actor: str, desk: Desk, action: str) -> Said:
        """Encrypt what an action calls for."""
        company, unit = desk.company, desk.unit
        origin = Origin(
            workspace_id=company.workspace_id, unit_id=unit.unit_id, member_id=desk.person.member_id
        )
        data = encode_text(action, origin=origin, rng=company.rng)
        if action == "respond":
            data = encode_reaction("👍", bytes(32), origin=origin, rng=company.rng)
        says_state = action == "post what only commits say"
        said = unit.authenticated_data(
            company.roster,
            purpose=Purpose.RESPONSE if "respon" in action else Purpose.POST,
            state=unit.view(company.roster).state if says_state else None,
            now=time_of(action, company.now),
        )
        seen = {
            "post in the epoch before": self.ended,
            "post without having seen its epoch begin": self.ended,
            "post having seen what is to come": Head(unit.log.sequence + 2, bytes(32)),
        }
        if action in seen:
            said = encode(replace(decode(AuthenticatedData, said), log=seen[action]))
        is_late = action == "post in the epoch before"
        _, message, original = mls.encrypt(
            self.before[actor] if is_late else unit.active_epoch,
            data,
            signature_key=desk.profile.signature_key,
            authenticated_data=said,
            rng=company.rng,
        )
        return Said(message, original, data)


def time_of(action: str, now: UnixMillis) -> UnixMillis:
    """When it is done."""
    return UnixMillis(now + (FOUR_DAYS_MS if action == "post under expired keys" else 0))
