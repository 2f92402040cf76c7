"""Whoever has left reads no newer card; everybody else gets the new key, whenever they come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import mifeng
from mifeng.session import Session, directory_key
from mifeng.session.ledgers import sign_roster
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import CryptoError, TransportError
from mifeng_crypto.ids import DeviceId
from mifeng_crypto.ledger.card import open_card
from mifeng_crypto.ledger.directory_key import is_present_key
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import RemoveMember, Role, SetRole
from mifeng_crypto.secret import Secret
from mifeng_server.domain.rows import BoxRow, CardRow, Put
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.support.patience import until
from tests.support.server import RunningServer, running_server


def key_of(me: mifeng.Workspace) -> bytes | None:
    return me._session.profile.directory_key


async def _cards(server: RunningServer) -> dict[bytes, CardRow]:
    rows = await server.house.store.find(CardRow, order="cursor", limit=100)
    return {row.member_id: row for row in rows}


async def _join(story: Cast, link: str, name: str) -> mifeng.Workspace:
    async with mifeng.join(
        link, profile=story.home(name), name=name.title(), passphrase=PASSPHRASE
    ) as me:
        return me


async def test_after_a_removal_the_old_key_opens_nothing_and_the_new_one_everything(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        await _join(story, (await ada.invite()).link, "cai")
        await ada.sync()
        cai = ada.person("Cai")
        old = key_of(ada)
        assert old is not None
        assert key_of(ben) == old
        before = await _cards(server)
        await ada.remove(cai)
        assert key_of(ada) != old
        assert ada._session.known_roster.directory.number == 1
        assert not ada._session.known_roster.is_directory_key_due

        await ben.sync()
        assert key_of(ben) == key_of(ada)
        await ben.set_profile(title="Keeper of bees")
        await ada.sync()
        assert ada.person("Ben").title == "Keeper of bees"

        after = await _cards(server)
        roster = ada._session.known_roster
        for row in after.values():
            assert row.key_number == 1
            if row.kind:
                continue
            with pytest.raises(CryptoError):
                open_card(
                    row.sealed,
                    member_id=row.member_id,  # type: ignore[arg-type]
                    card_version=row.version,
                    roster=roster,
                    directory_key=old,
                )
        unchanged = after[ada.me.id]
        assert unchanged.sealed != before[ada.me.id].sealed
        assert (unchanged.version, unchanged.cursor) == (
            before[ada.me.id].version,
            before[ada.me.id].cursor,
        )


async def test_an_invite_from_before_leads_in_and_the_key_comes_from_whoever_is_online(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada = story.ada
        early, gone = await ada.invite(), await ada.invite()
        await _join(story, gone.link, "cai")
        await ada.sync()
        await ada.remove(ada.person("Cai"))
        async with mifeng.join(
            early.link, profile=story.home("dan"), name="Dan", passphrase=PASSPHRASE
        ) as dan:
            assert dan.people()[0].name == ada.me.id.hex()[:8]  # the link's key is over
            with pytest.raises(TransportError, match="when a colleague is online"):
                await dan.set_profile(title="New")
            await story.ben.sync()  # any member hands it over
            await dan.sync()
            assert key_of(dan) == key_of(ada)
            assert [person.name for person in dan.people()] == ["Ada", "Ben", "Dan"]
            await ada.sync()
            assert ada.person("Dan").name == "Dan"


async def test_who_is_live_hands_the_key_over_and_gets_it_without_being_asked_twice(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        early, gone = await ada.invite(), await ada.invite()
        await _join(story, gone.link, "cai")
        await ada.sync()
        with ben.events(), ada.events():
            await ben._session.live.wait()
            await ada._session.live.wait()
            await ada.remove(ada.person("Cai"))
            await until(lambda: key_of(ben) == key_of(ada))
            async with mifeng.join(
                early.link, profile=story.home("dan"), name="Dan", passphrase=PASSPHRASE
            ) as dan:
                with dan.events():
                    await until(lambda: len(dan._session.people.cards) == 4)
                assert {p.name for p in dan.people()} == {"Ada", "Ben", "Dan"}


async def test_what_a_crashed_remover_left_is_done_by_the_next_admin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        await _join(story, (await ada.invite()).link, "cai")
        await ada.sync()
        await sign_roster(ada._session, SetRole(ben.me.id, Role.ADMIN))
        await sign_roster(ada._session, RemoveMember(ada.person("Cai").id))  # and no more
        assert ada._session.known_roster.is_directory_key_due
        await ben.sync()
        assert ben._session.known_roster.directory.number == 1
        await ada.sync()
        assert key_of(ada) == key_of(ben)


async def test_who_dies_between_boxes_entry_and_cards_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CrashError(Exception):
        pass

    async def crash(*_: object, **__: object) -> None:
        raise CrashError

    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        for name in ("cai", "dan"):
            await _join(story, (await ada.invite()).link, name)
        await ada.sync()
        session = ada._session
        with monkeypatch.context() as patch:  # before the entry: boxes of a key that never was
            patch.setattr(directory_key, "sign_roster_entry", crash_now(CrashError))
            await sign_roster(ada._session, RemoveMember(ada.person("Cai").id))
            with pytest.raises(CrashError):
                await directory_key.rotate(session)
        assert session.known_roster.is_directory_key_due
        with monkeypatch.context() as patch:  # after it: the key is only in its box
            patch.setattr(session, "use_directory_key", crash)
            with pytest.raises(CrashError):
                await directory_key.rotate(session)
        assert session.known_roster.directory.number == 1
        await ada.sync()
        await ben.sync()
        assert key_of(ada) == key_of(ben)
        assert {row.key_number for row in (await _cards(server)).values()} == {1}
        with monkeypatch.context() as patch:  # before the cards
            patch.setattr(directory_key, "reseal", crash)
            await sign_roster(ada._session, RemoveMember(ada.person("Dan").id))
            with pytest.raises(CrashError):
                await directory_key.rotate(session)
        await ada.sync()
        assert {row.key_number for row in (await _cards(server)).values()} == {2}
        boxes = await server.house.store.find(BoxRow, order="device_id", limit=100)
        present = session.known_roster.directory.key_hash
        assert sum(row.key_hash == present for row in boxes) == 2


def crash_now(kind: type[Exception]) -> Callable[..., None]:
    def crash(*_: object, **__: object) -> None:
        raise kind

    return crash


async def test_a_card_under_an_old_key_or_a_false_box_is_refused(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        await _join(story, (await ada.invite()).link, "cai")
        await ada.sync()
        await ada.remove(ada.person("Cai"))
        session = ben._session
        await session.follow_roster()
        old = m.Card(subject=ben.me.id, version=2, sealed=b"old", key_number=0)
        with pytest.raises(mifeng.ServerProblem, match="stale_head"):
            await session.api.call("put_card", m.CardsReply, old)
        # Ben puts something of his own in place of Ada's box; she notices, and asks again.
        present = session.known_roster.directory.key_hash
        row = BoxRow(present, ada.device_id, bytes(1200), 0)
        await server.house.store.write((Put(row),))
        await ada._session.use_directory_key(Secret(bytes(32)))
        await ada.sync()
        assert not is_present_key(key_of(ada), ada._session.known_roster)
        await ben.sync()
        await ada.sync()
        assert key_of(ada) == key_of(ben)
        forbidden = m.ResealRequest(
            cards=[m.Card(subject=ada.me.id, version=1, sealed=b"x", key_number=1)]
        )
        with pytest.raises(mifeng.ServerProblem, match="forbidden"):
            await session.api.call("reseal_cards", m.ResealReply, forbidden)
        boxes = m.PutBoxesRequest(
            key_hash=bytes(range(32)),
            boxes=[m.DirectoryBox(device_id=ada.device_id, sealed=b"x")],
        )
        with pytest.raises(mifeng.ServerProblem, match="forbidden"):
            await session.api.call("put_boxes", m.BoxesReply, boxes)


async def test_a_key_of_which_somebody_has_a_box_who_leaves_meanwhile_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = dict[bytes, set[bytes]]()
    send_boxes, leaving = directory_key._send_boxes, list[bytes]()

    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        for name in ("cai", "dan"):
            await _join(story, (await ada.invite()).link, name)
        await ada.sync()
        await sign_roster(ada._session, SetRole(ben.me.id, Role.ADMIN))
        await ben.sync()
        cai, dan = ada.person("Cai").id, ada.person("Dan").id
        device = ada._session.known_roster.devices_of(dan)[0].device_id

        async def send(
            session: Session, key: Secret, number: int, roster: Roster, sent: set[DeviceId]
        ) -> None:
            await send_boxes(session, key, number, roster, sent)
            given.setdefault(bytes(key), set()).update(sent)
            if not leaving:
                leaving.append(dan)
                await sign_roster(ben._session, RemoveMember(dan))

        monkeypatch.setattr(directory_key, "_send_boxes", send)
        await sign_roster(ada._session, RemoveMember(cai))
        assert await directory_key.rotate(ada._session)
        present = key_of(ada)
        assert present is not None
        assert len(given) == 2
        assert device not in given[bytes(present)]
        assert not ada._session.known_roster.is_directory_key_due
        await ben.sync()
        assert key_of(ben) == present


async def test_a_member_makes_no_key_and_an_admin_does_it_for_her(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        await _join(story, (await ada.invite()).link, "cai")
        await ada.sync()
        await sign_roster(ada._session, RemoveMember(ada.person("Cai").id))
        await ben._session.follow_roster()
        assert not await directory_key.rotate(ben._session)
        boxes = m.PutBoxesRequest(
            key_hash=bytes(range(32)),
            boxes=[m.DirectoryBox(device_id=ada.device_id, sealed=b"x")],
        )
        with pytest.raises(mifeng.ServerProblem, match="forbidden"):
            await ben._session.api.call("put_boxes", m.BoxesReply, boxes)
        await ada.sync()
        assert ada._session.known_roster.directory.number == 1
        await ben.sync()
        assert key_of(ben) == key_of(ada)
