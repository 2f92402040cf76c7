"""Rights that were taken are gone at the door, whatever older head an entry names."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mifeng_crypto.ledger.charter_entry import Grant, UnitRole
from mifeng_crypto.ledger.roster_entry import Role, SetRole
from tests.support.connection import RefusedError
from tests.support.peer import Peer, founded, peer_of
from tests.support.server import RunningServer


@pytest.fixture
async def owner(server: RunningServer) -> AsyncIterator[Peer]:
    async with founded(server) as peer:
        await peer.publish()
        yield peer


async def _demoted_admin(server: RunningServer, owner: Peer, admin: Peer) -> None:
    """Somebody who was an admin, and whose client has not heard that he is none any more."""
    member_id, key = await owner.invite(Role.ADMIN)
    await admin.join_workspace(member_id, key, owner.known)
    await admin.login()
    await admin.fetch_roster()
    await owner.fetch_roster()
    await owner.append_roster(SetRole(admin.member_id, Role.MEMBER))


async def test_a_demoted_admin_opens_no_unit_under_the_roster_before_unit_3(
    server: RunningServer, owner: Peer
) -> None:
    async with peer_of(server) as admin:
        await _demoted_admin(server, owner, admin)
        with pytest.raises(RefusedError) as caught:
            await admin.create_unit()
        assert (caught.value.code, caught.value.rule) == ("stale_head", "UNIT-3")


async def test_a_demoted_admin_grants_himself_nothing_under_the_roster_before_unit_3(
    server: RunningServer, owner: Peer
) -> None:
    async with peer_of(server) as admin:
        unit_id = await owner.create_unit()
        member_id, key = await owner.invite(Role.ADMIN)
        await admin.join_workspace(member_id, key, owner.known)
        await admin.login()
        await owner.fetch_roster()
        await owner.append_charter(unit_id, Grant(admin.member_id, UnitRole.READER))
        await admin.fetch_roster()
        await owner.fetch_roster()
        await owner.append_roster(SetRole(admin.member_id, Role.MEMBER))
        admin.units[unit_id] = owner.units[unit_id]  # he has read the charter
        with pytest.raises(RefusedError) as caught:
            await admin.append_charter(unit_id, Grant(admin.member_id, UnitRole.MANAGER))
        assert (caught.value.code, caught.value.rule) == ("stale_head", "UNIT-3")
