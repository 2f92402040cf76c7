"""Signed entries out: invites, grants, removals. A lost race is signed again on the new head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from mifeng.core.charters import sign
from mifeng.errors import ServerProblem
from mifeng.session import charters
from mifeng.session.patience import patiently
from mifeng.session.session import Session
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import TransportError
from mifeng_crypto.ids import UnitId
from mifeng_crypto.ledger.charter import Charter
from mifeng_crypto.ledger.charter_entry import CharterBody
from mifeng_crypto.ledger.roster import Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import RosterBody, RosterEntry
from mifeng_crypto.tls import encode

__all__ = [
    "append_many_to_charter",
    "append_many_to_roster",
    "append_to_charter",
    "append_to_roster",
    "sign_roster",
]

ATTEMPTS = 12


async def append_to_roster(session: Session, make: Callable[[Roster], RosterEntry | None]) -> bool:
    """Sign an entry on the newest roster and have it accepted.

    Args:
        session: of its author.
        make: signs the entry, or says by None that it is not needed; called again after a lost
            race.

    Returns:
        Whether anything had to be signed.

    Raises:
        ProtocolError: the rules do not allow it; nothing was sent.
        ServerProblem, TransportError: it was not accepted.
    """
    for _ in range(ATTEMPTS):
        await session.follow_roster()
        entry = make(session.known_roster)
        if entry is None:
            return False
        session.known_roster.append(entry)  # what the others would refuse is not sent
        request = m.LedgerAppendRequest(entry=encode(entry))
        try:
            await session.api.call("roster_append", m.HeadReply, request)
        except ServerProblem as err:
            if err.code is not ProblemCode.STALE_HEAD:
                raise
            continue
        await session.follow_roster()
        return True
    raise TransportError("the roster is too busy; try again in a moment")


async def sign_roster(session: Session, body: RosterBody) -> None:
    """Sign this on the newest roster, as this device, and have it accepted.

    Raises:
        ProtocolError, ServerProblem, TransportError: as `append_to_roster`.
    """
    profile = session.profile
    await append_to_roster(
        session,
        lambda roster: sign_roster_entry(
            roster, body, profile.author, profile.signature_key, now=session.now()
        ),
    )


async def append_to_charter(
    session: Session, unit_id: UnitId, make: Callable[[Charter], CharterBody | None]
) -> bool:
    """Sign an entry on a unit's newest charter and have it accepted. The caller has the turn.

    Args:
        session: of its author.
        unit_id: which unit.
        make: says what to sign, or None if that is so already.

    Returns:
        Whether anything had to be signed.

    Raises:
        ProtocolError: the rules do not allow it; nothing was sent.
        ServerProblem, TransportError: it was not accepted.
    """
    for _ in range(ATTEMPTS):
        await session.follow_roster()
        charter = await charters.follow(session, unit_id)
        body = make(charter)
        if body is None:
            return False
        # What the others would refuse is not sent.
        entry, _ = sign(
            charter,
            body,
            session.profile,
            session.known_roster,
            above=await charters.above(session, charter),
            now=session.now(),
        )
        request = m.LedgerAppendRequest(entry=encode(entry))
        try:
            await session.api.call(
                "charter_append", m.HeadReply, request, path={"unit_id": unit_id}
            )
        except ServerProblem as err:
            if err.code is not ProblemCode.STALE_HEAD:
                raise
            continue
        await charters.follow(session, unit_id)
        return True
    raise TransportError("the charter is too busy; try again in a moment")


async def append_many_to_roster(
    session: Session, bodies: Sequence[RosterBody], *, told: Callable[[int], None]
) -> None:
    """Sign entries one after the other, each on the one before, and have them accepted.

    Args:
        session: of their author.
        bodies: what they say.
        told: called with how many have been accepted.

    Raises:
        ProtocolError: the rules do not allow one; it and those after it were not sent.
        ServerProblem, TransportError: one was not accepted; those before it were.
    """
    profile, done, lost = session.profile, 0, 0
    await patiently(session.follow_roster)
    roster = session.known_roster
    while done < len(bodies):
        entry = sign_roster_entry(
            roster, bodies[done], profile.author, profile.signature_key, now=session.now()
        )
        grown = roster.append(entry)
        request = m.LedgerAppendRequest(entry=encode(entry))
        try:
            await patiently(partial(session.api.call, "roster_append", m.HeadReply, request))
        except ServerProblem as err:
            if err.code is not ProblemCode.STALE_HEAD or lost >= ATTEMPTS:
                raise
            lost += 1
            await patiently(session.follow_roster)
            roster = session.known_roster
            continue
        roster, done, lost = grown, done + 1, 0
        told(done)
    await patiently(session.follow_roster)


async def append_many_to_charter(
    session: Session, unit_id: UnitId, bodies: Sequence[CharterBody], *, told: Callable[[], None]
) -> None:
    """The same for a unit's charter. The caller has the turn.

    Raises:
        ProtocolError, ServerProblem, TransportError: as `append_many_to_roster`.
    """
    done = lost = 0
    charter = await patiently(partial(charters.follow, session, unit_id))
    above = await patiently(partial(charters.above, session, charter))
    while done < len(bodies):
        entry, grown = sign(
            charter,
            bodies[done],
            session.profile,
            session.known_roster,
            above=above,
            now=session.now(),
        )
        request = m.LedgerAppendRequest(entry=encode(entry))
        try:
            await patiently(
                partial(
                    session.api.call,
                    "charter_append",
                    m.HeadReply,
                    request,
                    path={"unit_id": unit_id},
                )
            )
        except ServerProblem as err:
            if err.code is not ProblemCode.STALE_HEAD or lost >= ATTEMPTS:
                raise
            lost += 1
            await patiently(session.follow_roster)
            charter = await patiently(partial(charters.follow, session, unit_id))
            continue
        charter, done, lost = grown, done + 1, 0
        told()
    await patiently(partial(charters.follow, session, unit_id))
