"""The server, founding, login, roster and directory."""

from __future__ import annotations

from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_server.domain import (
    directory,
    directory_key,
    linking,
    login,
    notes,
    offboarding,
    slots,
    starts,
    workspace,
)
from mifeng_server.domain.refusal import Refusal
from mifeng_server.routes.endpoint import Asked, Function

__all__ = ["FUNCTIONS"]


async def _server(asked: Asked) -> m.ServerInfo:
    return await workspace.server_info(asked.house, now=asked.now)


async def _found(asked: Asked) -> m.HeadReply:
    assert isinstance(asked.body, m.FoundRequest)
    return await workspace.found(asked.house, asked.key, asked.body, now=asked.now)


async def _login_nonce(asked: Asked) -> m.NonceReply:
    return await login.make_nonce(asked.house, now=asked.now)


async def _login(asked: Asked) -> m.LoginReply:
    assert isinstance(asked.body, m.LoginRequest)
    limiter = asked.house.limiter
    limiter.may_log_in(asked.address, asked.now)
    try:
        return await login.login(asked.house, asked.body, now=asked.now)
    except Refusal as err:
        if err.code is ProblemCode.UNAUTHENTICATED:
            limiter.login_failed(asked.address, asked.now)
        raise


async def _start(asked: Asked) -> m.StartReply:
    assert isinstance(asked.body, m.StartRequest)
    return await starts.start(asked.house, asked.device, asked.call, asked.body, now=asked.now)


async def _slots(asked: Asked) -> m.SlotSharesReply:
    return await slots.read_slots(asked.house, asked.device, now=asked.now)


async def _roster(asked: Asked) -> m.EntriesReply:
    return await workspace.read_roster(asked.house, after=asked.query.get("after", 0))


async def _roster_append(asked: Asked) -> m.HeadReply:
    assert isinstance(asked.body, m.LedgerAppendRequest)
    return await workspace.append_roster(
        asked.house, asked.device, asked.call, asked.body, now=asked.now
    )


async def _open_link(asked: Asked) -> m.LinkState:
    assert isinstance(asked.body, m.LinkOpen)
    return await linking.open_link(asked.house, asked.device, asked.call, asked.body, now=asked.now)


async def _link(asked: Asked) -> m.LinkState:
    return await linking.read(asked.house, asked.path["link_id"], now=asked.now)


async def _link_request(asked: Asked) -> m.LinkState:
    assert isinstance(asked.body, m.LinkLetter)
    return await linking.ask(
        asked.house, asked.path["link_id"], asked.key, asked.body, now=asked.now
    )


async def _link_answer(asked: Asked) -> m.LinkState:
    assert isinstance(asked.body, m.LinkAnswer)
    return await linking.answer(
        asked.house, asked.device, asked.path["link_id"], asked.call, asked.body, now=asked.now
    )


async def _cards(asked: Asked) -> m.CardsReply:
    return await directory.read_cards(asked.house, asked.device, after=asked.query.get("after", 0))


async def _put_card(asked: Asked) -> m.CardsReply:
    assert isinstance(asked.body, m.Card)
    return await directory.put_card(
        asked.house, asked.device, asked.call, asked.body, now=asked.now
    )


async def _picture(asked: Asked) -> m.PictureReply:
    return await directory.read_picture(asked.house, asked.path["member_id"])


async def _stale_cards(asked: Asked) -> m.StaleReply:
    return await directory.stale_cards(asked.house)


async def _reseal_cards(asked: Asked) -> m.ResealReply:
    assert isinstance(asked.body, m.ResealRequest)
    return await directory.reseal_cards(
        asked.house, asked.device, asked.call, asked.body, now=asked.now
    )


async def _box(asked: Asked) -> m.BoxReply:
    return await directory_key.read_box(asked.house, asked.device)


async def _want_box(asked: Asked) -> m.BoxesReply:
    assert isinstance(asked.body, m.WantBoxRequest)
    return await directory_key.want_box(
        asked.house, asked.device, asked.call, asked.body, now=asked.now
    )


async def _put_boxes(asked: Asked) -> m.BoxesReply:
    assert isinstance(asked.body, m.PutBoxesRequest)
    return await directory_key.put_boxes(
        asked.house, asked.device, asked.call, asked.body, now=asked.now
    )


async def _offboarding(asked: Asked) -> m.OffboardingReply:
    return await offboarding.report(asked.house, asked.device, asked.path["member_id"])


async def _checkpoints(asked: Asked) -> m.CheckpointsReply:
    return await notes.checkpoints(asked.house, asked.device)


FUNCTIONS: dict[str, Function] = {
    "server": _server,
    "found": _found,
    "login_nonce": _login_nonce,
    "login": _login,
    "start": _start,
    "slots": _slots,
    "roster": _roster,
    "roster_append": _roster_append,
    "offboarding": _offboarding,
    "open_link": _open_link,
    "link": _link,
    "link_request": _link_request,
    "link_answer": _link_answer,
    "cards": _cards,
    "put_card": _put_card,
    "checkpoints": _checkpoints,
    "picture": _picture,
    "stale_cards": _stale_cards,
    "reseal_cards": _reseal_cards,
    "box": _box,
    "want_box": _want_box,
    "put_boxes": _put_boxes,
}
