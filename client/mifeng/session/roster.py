"""The roster from the server: fetched, verified, told. And what it says of the server itself: its
addresses and the TLS keys by which it is known (protocol.md, "Another server key").
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from mifeng.core import alarms
from mifeng.core.changes import read_changes
from mifeng.core.events import RosterChanged
from mifeng.core.roster import check_arrival, follow
from mifeng.core.rows import Changes
from mifeng.errors import ServerIdentityError, ServerProblem
from mifeng.net import Api
from mifeng.session import notary, roster_store
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import CodecError, CryptoError, ProtocolError, TransportError
from mifeng_crypto.ledger.head import EMPTY
from mifeng_crypto.ledger.roster_entry import Found, RosterEntry, ServerIdentity
from mifeng_crypto.tls import decode

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["fetch", "recognise"]


async def fetch(session: Session) -> None:
    """Fetch and verify what is new. The caller has the turn of the ledgers.

    Raises:
        ServerProblem, TransportError: the server declined, or was not reached.
        ProtocolError, CodecError, CryptoError: what it shows breaks a rule; nothing was taken.
    """
    first, roster = session.roster, session.roster
    changes = dict[tuple[str, bytes], bytes | None]()
    entries = list[bytes]()
    while True:
        known = roster.head.sequence if roster else 0
        reply = await session.api.call("roster", m.EntriesReply, query={"after": known})
        entries += reply.entries
        try:
            roster, more = follow(roster, reply.entries, session.profile)
            is_all = roster is None or roster.head.sequence >= reply.head_sequence
            if first is None and roster is not None and (is_all or not reply.entries):
                check_arrival(roster, session.profile)
        except (CodecError, CryptoError, ProtocolError) as err:
            head = roster.head if roster else EMPTY
            evidence = alarms.refused_entries("roster", head, reply.entries)
            await notary.raise_alarm(session, err, evidence, unit_id=None)
            raise
        changes |= more
        if is_all or not reply.entries:
            break
    await session.save(changes)
    session.roster = roster
    session.people = session.people.by(roster)
    if roster is None:
        return
    if first is not None and session.is_heard:
        for change in read_changes(entries, roster, after=first.head.sequence):
            session.tell(RosterChanged(change))
    await roster_store.keep(session)
    before = first.server if first is not None else _founding_server(entries[0])
    now = roster.server
    if now != before:
        pin = session.profile.tls_pin
        await _go_by(session, now, pin if pin in now.tls_pins else next(iter(now.tls_pins), None))


def _founding_server(entry: bytes) -> ServerIdentity | None:
    body = decode(RosterEntry, entry).tbs.body
    return body.server if isinstance(body, Found) else None


async def recognise(session: Session, err: ServerIdentityError) -> None:
    """The server holds another TLS key than this device knows. Go on with it if an owner says so.

    What was fetched until now may say it already. Else that server is asked for roster entries
    after this device's head, and for nothing else, over a connection that is trusted with nothing:
    they prove themselves, and the login's signature is of use with that very key only.

    Raises:
        ServerIdentityError: the same: no owner has named this key. Nothing was learnt or changed.
    """
    async with session.turn(None):
        roster, changes, pin = (
            session.known_roster,
            dict[tuple[str, bytes], bytes | None](),
            err.pin,
        )
        if pin is None or session.profile.tls_pin is None:
            raise err
        if pin not in roster.server.tls_pins:
            async with Api(
                session.profile.addresses,
                pin,
                signer=session.api.signer,
                now=session.now,
                rng=session.rng,
            ) as api:
                try:
                    while True:
                        known = roster.head.sequence
                        reply = await api.call("roster", m.EntriesReply, query={"after": known})
                        grown, more = follow(roster, reply.entries, session.profile)
                        assert grown is not None, "it grew out of one"
                        roster, changes = grown, {**changes, **more}
                        if not reply.entries or roster.head.sequence >= reply.head_sequence:
                            break
                except (
                    CodecError,
                    CryptoError,
                    ProtocolError,
                    ServerProblem,
                    TransportError,
                ) as why:
                    raise err from why
        if pin not in roster.server.tls_pins:
            raise err
        session.roster = roster
        session.people = session.people.by(roster)
        await _go_by(session, roster.server, pin, changes)


async def _go_by(
    session: Session, server: ServerIdentity, pin: bytes | None, changes: Changes | None = None
) -> None:
    """Know the server by this from now on; what was a link's is forgotten."""
    profile = dataclasses.replace(session.profile, addresses=server.addresses, tls_pin=pin)
    await session.save_profile(profile, changes)
    await session.api.serve_at(server.addresses, pin)
