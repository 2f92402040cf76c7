"""The server, founding, login, roster and directory."""

from __future__ import annotations

from mifeng_crypto.api import messages as m
from mifeng_server.domain import directory, login, offboarding, workspace
from mifeng_server.routes.endpoint import Asked, Function

__all__ = ["FUNCTIONS"]


async def _server(asked: Asked) -> m.ServerInfo:
    return await workspace.server_info(asked.house, now=asked.now)


async def _found(asked: Asked) -> m.HeadReply:
    assert isinstance(asked.body, m.FoundRequest)
    return await workspace.found(asked.house, asked.key, asked.body, now=asked.now)


async def _login_nonce(asked: Asked) -> m.NonceReply:
    return login.make_nonce(asked.house, now=asked.now)


async def _login(asked: Asked) -> m.LoginReply:
    assert isinstance(asked.body, m.LoginRequest)
    return await login.login(asked.house, asked.body, now=asked.now)


async def _roster(asked: Asked) -> m.EntriesReply:
    return await workspace.read_roster(asked.house, after=asked.query.get("after", 0))


async def _roster_append(asked: Asked) -> m.HeadReply:
    assert isinstance(asked.body, m.LedgerAppendRequest)
    return await workspace.append_roster(
        asked.house, asked.device, asked.call, asked.body, now=asked.now
    )


async def _cards(asked: Asked) -> m.CardsReply:
    return await directory.read_cards(asked.house, after=asked.query.get("after", 0))


async def _put_card(asked: Asked) -> m.CardsReply:
    assert isinstance(asked.body, m.Card)
    return await directory.put_card(
        asked.house, asked.device, asked.call, asked.body, now=asked.now
    )


async def _offboarding(asked: Asked) -> m.OffboardingReply:
    return await offboarding.report(asked.house, asked.device, asked.path["member_id"])


FUNCTIONS: dict[str, Function] = {
    "server": _server,
    "found": _found,
    "login_nonce": _login_nonce,
    "login": _login,
    "roster": _roster,
    "roster_append": _roster_append,
    "offboarding": _offboarding,
    "cards": _cards,
    "put_card": _put_card,
}
