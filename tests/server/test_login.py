"""Logins and tokens: the rules LOGIN-1 to LOGIN-6, and when a token ends."""

from __future__ import annotations

import os
from typing import Any

import pytest

from mifeng_crypto.api import messages as m
from mifeng_crypto.ids import MemberId
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.roster_entry import InviteAuthor, RemoveMember, RevokeDevice
from mifeng_crypto.tls import encode
from tests.support.peer import Peer, RefusedError, founded, peer_of
from tests.support.server import ManualClock, RunningServer, running_server


async def _refused(peer: Peer, **bent: Any) -> str:  # noqa: ANN401
    with pytest.raises(RefusedError) as caught:
        await peer.login(**bent)
    return caught.value.code


async def test_a_nonce_works_once(founder: Peer) -> None:
    """LOGIN-1."""
    nonce = (await founder.call("login_nonce", m.NonceReply)).nonce
    tbs = encode(founder.login_tbs(nonce))
    request = m.LoginRequest(tbs=tbs, signature=sign_mifeng(founder.key, "Login", tbs))
    await founder.call("login", m.LoginReply, request)
    assert (await founder.refused("login", request)).code == "unauthenticated"


async def test_a_nonce_is_used_up_by_a_login_that_fails(founder: Peer) -> None:
    """LOGIN-1."""
    nonce = (await founder.call("login_nonce", m.NonceReply)).nonce
    tbs = encode(founder.login_tbs(nonce))
    wrong = m.LoginRequest(tbs=tbs, signature=bytes(64))
    right = m.LoginRequest(tbs=tbs, signature=sign_mifeng(founder.key, "Login", tbs))
    assert (await founder.refused("login", wrong)).code == "unauthenticated"
    assert (await founder.refused("login", right)).code == "unauthenticated"


async def test_a_nonce_lasts_a_minute(founder: Peer, clock: ManualClock) -> None:
    """LOGIN-1."""
    nonce = (await founder.call("login_nonce", m.NonceReply)).nonce
    clock.advance(61)
    tbs = encode(founder.login_tbs(nonce))
    request = m.LoginRequest(tbs=tbs, signature=sign_mifeng(founder.key, "Login", tbs))
    assert (await founder.refused("login", request)).code == "unauthenticated"


async def test_a_nonce_that_the_server_never_gave_is_none(founder: Peer) -> None:
    """LOGIN-1."""
    tbs = encode(founder.login_tbs(os.urandom(32)))
    request = m.LoginRequest(tbs=tbs, signature=sign_mifeng(founder.key, "Login", tbs))
    assert (await founder.refused("login", request)).code == "unauthenticated"


@pytest.mark.parametrize(
    "origin",
    [
        "http://127.0.0.1:1",
        "https://127.0.0.1",
        "http://localhost:80",
        "https://evil.example",
        "nonsense",
        "",
    ],
)
async def test_a_login_for_another_origin_is_refused(founder: Peer, origin: str) -> None:
    """LOGIN-2: what somebody in between made a device sign is of no use here."""
    assert await _refused(founder, origin=origin) == "unauthenticated"


async def test_a_login_over_another_tls_key_is_refused(founder: Peer) -> None:
    """LOGIN-3."""
    assert await _refused(founder, tls_pin=os.urandom(32)) == "unauthenticated"


async def test_a_login_without_the_pin_of_a_server_that_has_one_is_refused(
    server: RunningServer, founder: Peer
) -> None:
    """LOGIN-3."""
    object.__setattr__(server.house.doors, "tls_pin", os.urandom(32))
    assert await _refused(founder) == "unauthenticated"


@pytest.mark.parametrize("bent", [{"version": 2}, {"workspace_id": b"w" * 16}])
async def test_a_login_to_another_workspace_or_version_is_refused(
    founder: Peer, bent: dict[str, Any]
) -> None:
    """LOGIN-4."""
    assert await _refused(founder, **bent) == "unauthenticated"


async def test_a_login_is_signed_by_the_device_that_it_names(founder: Peer) -> None:
    """LOGIN-5."""
    assert await _refused(founder, key=os.urandom(32)) == "unauthenticated"
    founder.member_id = MemberId(os.urandom(16))
    assert await _refused(founder) == "unauthenticated"


async def test_a_clock_that_is_off_is_named(founder: Peer) -> None:
    """LOGIN-6."""
    for off in (-601_000, 601_000):
        assert await _refused(founder, time=founder.now + off) == "clock"
    await founder.login(time=founder.now - 599_000)


async def test_bytes_that_are_no_login_are_malformed(founder: Peer) -> None:
    request = m.LoginRequest(tbs=b"nothing", signature=b"")
    assert (await founder.refused("login", request)).code == "malformed"


async def test_a_token_lasts_an_hour(founder: Peer, clock: ManualClock) -> None:
    clock.advance(3599)
    await founder.call("units", m.UnitsReply)
    clock.advance(1)
    assert (await founder.refused("units")).code == "unauthenticated"
    await founder.login()
    await founder.call("units", m.UnitsReply)


async def test_a_token_outlives_a_restart_of_the_server(tmp_path: Any, clock: ManualClock) -> None:  # noqa: ANN401
    async with running_server(tmp_path, clock=clock, tls=False) as server, founded(server) as peer:
        token, roster = peer.token, peer.roster
    async with (
        running_server(tmp_path, clock=clock, tls=False, restart=True) as again,
        peer_of(again) as peer,
    ):
        peer.token, peer.roster = token, roster
        await peer.call("units", m.UnitsReply)


async def test_tokens_are_stored_hashed(server: RunningServer, founder: Peer) -> None:
    assert founder.token
    stored = b"".join(p.read_bytes() for p in server.folder.glob("server.db*"))
    assert founder.token.encode() not in stored


async def test_an_invite_may_read_the_roster_and_nothing_else(
    server: RunningServer, founder: Peer
) -> None:
    member_id, key = await founder.invite()
    async with peer_of(server) as invited:
        invited.roster = founder.roster
        await invited.login(author=InviteAuthor(member_id), key=key)
        await invited.fetch_roster()
        for name in ("units", "cards", "welcomes", "count_key_packages"):
            assert (await invited.refused(name)).code == "forbidden"
        status, _, _ = await invited.raw("GET", f"/v1/files/{'0' * 32}")
        assert status == 403


async def test_a_used_or_expired_invite_does_not_log_in(
    server: RunningServer, founder: Peer, clock: ManualClock
) -> None:
    member_id, key = await founder.invite()
    expired_id, expired_key = await founder.invite()
    async with peer_of(server) as joined, peer_of(server) as late:
        await joined.join_workspace(member_id, key, founder.known)
        late.roster = founder.roster
        assert await _refused(late, author=InviteAuthor(member_id), key=key) == "unauthenticated"
        clock.advance(3 * 86_400 + 1)
        author = InviteAuthor(expired_id)
        assert await _refused(late, author=author, key=expired_key) == "unauthenticated"


async def test_a_revoked_device_is_out_at_once(server: RunningServer, founder: Peer) -> None:
    member_id, key = await founder.invite()
    async with peer_of(server) as leaver:
        await leaver.join_workspace(member_id, key, founder.known)
        await founder.fetch_roster()
        await founder.append_roster(RevokeDevice(leaver.device_id))
        assert (await leaver.refused("units")).code == "unauthenticated"
        assert await _refused(leaver) == "unauthenticated"


async def test_a_removed_member_is_out_at_once(server: RunningServer, founder: Peer) -> None:
    member_id, key = await founder.invite()
    async with peer_of(server) as leaver:
        await leaver.join_workspace(member_id, key, founder.known)
        await leaver.call("units", m.UnitsReply)
        await founder.fetch_roster()
        await founder.append_roster(RemoveMember(member_id))
        assert (await leaver.refused("units")).code == "unauthenticated"
        assert await _refused(leaver) == "unauthenticated"
