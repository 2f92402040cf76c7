"""A server that lies to one client: the lie is named, and the unit stands where it stood."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import mifeng
from mifeng.core.readd import CannotGoOnError
from mifeng.net import Api
from mifeng.session import expiry, readd
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import MifengError, ProtocolError
from mifeng_crypto.ids import UnixMillis
from mifeng_crypto.log import EntryKind, LogEntry, LogHeader, NeedsReadd
from mifeng_crypto.tls import decode, encode
from tests.attacks.test_server import rotate
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.support.server import running_server

Lie = Callable[[Any], Any]


class Lying(Api):
    """Answers of the real server, of which some are changed on the way."""

    lies: dict[str, Lie]

    async def call(self, name: str, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - passed on
        answer = await super().call(name, *args, **named)
        return self.lies[name](answer) if name in self.lies else answer


def lie_to(me: mifeng.Workspace, **lies: Lie) -> None:
    api = me._session.api
    api.__class__ = Lying
    api.lies = lies  # type: ignore[attr-defined]


async def refused(c: Cast, unit: mifeng.Unit) -> str:
    """Sync, and return the rule whose breach keeps Ben's unit from going on."""
    before = unit._state
    await c.ben.sync()
    with pytest.raises(ProtocolError) as caught:
        unit.check_access()
    assert unit._state is before
    return caught.value.rule


async def test_client_3_a_log_that_is_withheld(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("one")
        lie_to(c.ben, log=lambda r: msgspec.structs.replace(r, entries=[]))
        assert await refused(c, c.bens) == "CLIENT-3"
        lie_to(c.ben)
        await c.ben.sync()
        assert [x.text for x in await c.bens.history()] == ["one"]


async def test_client_3_a_log_that_shrinks(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("one")
        await c.ben.sync()
        lie_to(c.ben, log=lambda r: msgspec.structs.replace(r, head_sequence=1))
        assert await refused(c, c.bens) == "CLIENT-3"


async def test_a_log_whose_time_or_content_was_changed(tmp_path: Path) -> None:
    def later(reply: m.LogReply) -> m.LogReply:
        entry = decode(LogEntry, reply.entries[0])
        header = dataclasses.replace(
            entry.header, accepted_at=UnixMillis(entry.header.accepted_at + 1)
        )
        return msgspec.structs.replace(
            reply, entries=[encode(dataclasses.replace(entry, header=header)), *reply.entries[1:]]
        )

    def other(reply: m.LogReply) -> m.LogReply:
        entry = decode(LogEntry, reply.entries[0])
        changed = encode(dataclasses.replace(entry, content=entry.content + b"\0"))
        return msgspec.structs.replace(reply, entries=[changed, *reply.entries[1:]])

    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.adas.send("one")
        await c.adas.send("two")
        lie_to(c.ben, log=later)
        assert (
            await refused(c, c.bens) == "LOG-3"
        )  # the second entry does not follow the forged one
        lie_to(c.ben, log=other)
        assert await refused(c, c.bens) == "LOG-4"


def without_commits(reply: m.LogReply) -> m.LogReply:
    """As if the server had lost every commit's content."""
    entries = [decode(LogEntry, entry) for entry in reply.entries]
    gone = [
        dataclasses.replace(e, content=b"") if e.header.kind is EntryKind.COMMIT else e
        for e in entries
    ]
    return msgspec.structs.replace(reply, entries=[encode(e) for e in gone])


async def keys_of(me: mifeng.Workspace, unit: mifeng.Unit) -> list[tuple[bytes, bytes]]:
    return await me._session.home.database.scan("mls", unit.id)


async def test_client_11_what_the_server_says_is_gone_destroys_no_keys(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.ben.sync()
        await rotate(c)
        await c.adas.send("under the new keys")
        before = await keys_of(c.ben, c.bens)
        lie_to(c.ben, log=without_commits)
        await c.ben.sync()
        with pytest.raises(CannotGoOnError, match="LOG-4"):
            c.bens.check_access()
        assert [alarm.rule for alarm in await c.ben.alarms()] == ["LOG-4"]
        assert await keys_of(c.ben, c.bens) == before
        with pytest.raises(CannotGoOnError):
            await c.bens.send("not now")
    async with (
        running_server(tmp_path, restart=True),
        mifeng.open(tmp_path / "ben", passphrase=PASSPHRASE) as ben,
    ):
        # Nobody has let Ben in again yet; and what "was gone" is here again.
        unit = ben.unit("Research")
        await unit.send("and one more")
        texts = [x.text for x in await unit.history()]
        assert texts == ["under the new keys", "and one more"]


async def test_the_rest_of_a_generation_that_is_over_is_read_once_it_is_given(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.ben.sync()
        await rotate(c)
        await c.adas.send("the last words")
        await c.adas.restart()

        def withheld(reply: m.LogReply) -> m.LogReply:
            return msgspec.structs.replace(reply, entries=[])

        def none_yet(reply: m.WelcomesReply) -> m.WelcomesReply:
            return msgspec.structs.replace(reply, welcomes=[])

        lie_to(c.ben, log=withheld, welcomes=none_yet)
        before = await keys_of(c.ben, c.bens)
        await c.ben.sync()
        with pytest.raises(MifengError):
            c.bens.check_access()
        assert await keys_of(c.ben, c.bens) == before
        lie_to(c.ben)
        await c.ada.sync()
        await c.ben.sync()
        await c.bens.send("first")
        assert [x.text for x in await c.bens.history()] == ["the last words", "first"]


async def test_keys_that_wait_in_vain_go_when_all_is_over_that_they_could_open(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.ben.sync()
        await rotate(c)
        lie_to(c.ben, log=without_commits)
        await c.ben.sync()
        session = c.ben._session
        over = c.bens._state.first_deadline()

        async def after(uptime_ms: int, wall: int) -> bool:
            session._wall = session.api.now = lambda: UnixMillis(wall)
            await expiry.expire(session, uptime_ms=uptime_ms)
            await readd.let_go(session)
            return bool(await keys_of(c.ben, c.bens))

        began = session.clock.started_at
        assert await after(1000, over - 1000)
        assert await after(2000, over + 1000)  # only the device's own clock says so
        assert not await after(over + 1000 - began, over + 1000)  # it ran until then
        with pytest.raises(ProtocolError, match="LOG-4"):
            c.bens.check_access()


async def test_a_server_that_names_epochs_to_come_gets_nothing_that_counts_then(
    tmp_path: Path,
) -> None:
    said = list[bytes]()

    class Hoarding(Lying):
        async def call(self, name: str, *args: Any, **named: Any) -> Any:  # noqa: ANN401
            if name == "readd":
                said.append(args[1].statement)
            return await super().call(name, *args, **named)

    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.ben.sync()
        await rotate(c)
        lie_to(
            c.ben,
            log=without_commits,
            units=lambda r: msgspec.structs.replace(
                r, units=[msgspec.structs.replace(u, epoch=u.epoch + 1) for u in r.units]
            ),
        )
        c.ben._session.api.__class__ = Hoarding
        await c.ben.sync()
        epochs = {decode(NeedsReadd, one).tbs.epoch for one in said}
        assert epochs == {c.adas.epoch}, "it states what the log's own head says"


async def test_a_welcome_of_another_generation_is_refused_and_others_go_on(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        second = await c.ada.create_unit("Second")
        assert await second.grant(c.ada.person("Ben"))
        lie_to(
            c.ben,
            welcomes=lambda r: msgspec.structs.replace(
                r, welcomes=[msgspec.structs.replace(w, generation=1) for w in r.welcomes]
            ),
        )
        await c.ben.sync()
        trouble = c.ben._session.troubles[second.id]
        assert isinstance(trouble, ProtocolError)
        assert trouble.rule == "CLIENT-4"
        assert [unit.title for unit in c.ben.units()] == ["Research"]


async def test_client_7_a_welcome_for_keys_that_are_not_here_is_refused(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        rows = await c.ben._session.home.database.scan("key_packages")
        await c.ben._session.save({("key_packages", key): None for key, _ in rows})
        second = await c.ada.create_unit("Second")
        assert await second.grant(c.ada.person("Ben"))
        await c.ben.sync()
        trouble = c.ben._session.troubles[second.id]
        assert isinstance(trouble, ProtocolError)
        assert trouble.rule == "CLIENT-7"


async def test_client_8_another_message_than_the_one_that_was_sent(tmp_path: Path) -> None:
    def swap(reply: m.AcceptedReply) -> m.AcceptedReply:
        header = dataclasses.replace(decode(LogHeader, reply.header), content_hash=bytes(32))
        return msgspec.structs.replace(reply, header=encode(header))

    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        lie_to(c.ada, message=swap)
        with pytest.raises(ProtocolError) as caught:
            await c.adas.send("one")
        assert caught.value.rule == "CLIENT-8"
        assert c.adas.waiting == 1
        lie_to(c.ada)
        await c.ada.sync()
        assert [x.text for x in await c.adas.history()] == ["one"]


async def test_a_roster_from_the_past_or_without_an_entry_is_not_followed(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.ada.invite()
        before = c.ben._session.known_roster.head

        def without_the_first(reply: m.EntriesReply) -> m.EntriesReply:
            return msgspec.structs.replace(reply, entries=reply.entries[1:] or [b"x"])

        await c.ada.invite()
        lie_to(c.ben, roster=without_the_first)
        with pytest.raises(ProtocolError) as caught:
            await c.ben.sync()
        assert caught.value.rule == "LEDGER-1"
        assert c.ben._session.known_roster.head == before
