"""A device that cannot go on in a unit says so, and is removed and added again (protocol.md, "What
cannot be processed").

It never joins again by itself, and never goes back: it stands where it is until a member, by the
gate, has let it in anew. What it could read before stays readable. Until then it keeps its keys,
since the server may have told it a tale: should the log go on after all, so does the device.
"""

from __future__ import annotations

from mifeng.core.profile import Profile
from mifeng_crypto.errors import MifengError, ProtocolError
from mifeng_crypto.gate import header_hash
from mifeng_crypto.ids import PROTOCOL_VERSION, UnixMillis
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.head import EMPTY, Head
from mifeng_crypto.log import LogHeader, NeedsReadd, NeedsReaddTBS
from mifeng_crypto.tls import encode

__all__ = ["CannotGoOnError", "state_lost", "statement", "welcome_refused"]


class CannotGoOnError(ProtocolError):
    """CLIENT-11: this device cannot process what is in order for others, or has lost its state.

    Attributes:
        stuck: the entry with the commit; `EMPTY` where the state is lost.
        cause: the rule of RFC 9420 that it breaks here, or the kind of error.
    """

    def __init__(self, stuck: Head, cause: str) -> None:
        super().__init__(
            "CLIENT-11",
            "this device cannot go on in the unit: entry {sequence} cannot be processed here "
            "({cause}); it asks to be added again, and goes on when a member has done so",
            sequence=stuck.sequence,
            cause=cause,
        )
        self.stuck = stuck
        self.cause = cause


def state_lost() -> CannotGoOnError:
    """The device is in the unit and has no keys of it: its profile came out of a backup, say."""
    return CannotGoOnError(EMPTY, "its keys are lost")


def welcome_refused(err: MifengError) -> CannotGoOnError:
    """What was to let the device in does not hold: it is in the tree, and has no keys."""
    return CannotGoOnError(EMPTY, getattr(err, "rule", "") or type(err).__name__)


def statement(
    log: Head, why: CannotGoOnError, profile: Profile, *, head: LogHeader, now: UnixMillis
) -> bytes:
    """Sign what takes this device out and in again, in the epoch that the server shows.

    Args:
        log: the last entry that it has applied, `EMPTY` if it never came in.
        why: what keeps it there.
        profile: whose key signs.
        head: of the log's last entry, as the server shows it.
        now: the time.
    """
    tbs = NeedsReaddTBS(
        version=PROTOCOL_VERSION,
        group=head.group,
        epoch=head.epoch_after,
        device_id=profile.device_id,
        log=log,
        stuck=why.stuck,
        seen=Head(head.sequence, header_hash(head)),
        rule=why.cause,
        time=now,
    )
    return encode(NeedsReadd(tbs, sign_mifeng(profile.signature_key, "NeedsReadd", encode(tbs))))
