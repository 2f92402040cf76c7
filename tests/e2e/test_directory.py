"""The directory: what people say of themselves reaches the others, who find them by it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

import mifeng
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from mifeng_crypto.ledger.roster_entry import Role
from mifeng_server.domain import directory
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.rows import PictureRow
from tests.e2e.people import PASSPHRASE, cast
from tests.support.server import running_server


async def test_who_changes_name_or_title_is_seen_and_found_so_by_the_others(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        now = await ben.set_profile(name="  张三丰 ", title="工程师", department="研发部")
        assert (now.name, now.title, now.department) == ("张三丰", "工程师", "研发部")
        assert ben.me == now
        await ben.set_profile(title="总经理")
        await ada.sync()
        (found,) = ada.people("zsf")
        assert (found.id, found.title, found.department) == (ben.me.id, "总经理", "研发部")
        assert ada.people("yanfa zong") == [found]
        assert [person.name for person in ada.people()] == ["Ada", "张三丰"]
        assert ada.people("Ben") == []
        with pytest.raises(ProtocolError, match="CARD-1"):
            await ben.set_profile(name=" ")
        assert ben.me.name == "张三丰"

        await ada.remove(found)
        assert ada.people("zsf") == []  # the card stays, for the sake of old messages
        assert story.adas.members()[0].person.name == "Ada"


async def test_a_directory_of_many_pages_is_read_to_its_end_and_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "PAGE", 1)
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        invitation = await story.ada.invite()
        async with mifeng.join(
            invitation.link, profile=story.home("cai"), name="Cai", passphrase=PASSPHRASE
        ) as cai:
            assert [person.name for person in cai.people()] == ["Ada", "Ben", "Cai"]
            mine = cai.id
        await story.ben.set_profile(title="Keeper of bees")
        asked = []
        read = directory.read_cards

        async def counted(house: House, caller: Caller, *, after: int) -> m.CardsReply:
            asked.append(after)
            return await read(house, caller, after=after)

        monkeypatch.setattr(directory, "read_cards", counted)
        async with mifeng.open(story.home("cai"), passphrase=PASSPHRASE) as cai:
            assert cai.id == mine
            assert cai.person("Ben").title == "Keeper of bees"
            assert min(asked) > 1


async def test_invites_are_listed_until_they_are_used_or_revoked(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        first, second = await ada.invite(), await ada.invite(Role.GUEST)
        (one, two) = ada.invites()
        assert (one.person.id, one.role, one.state) == (first.person.id, Role.MEMBER, "open")
        assert (two.expires_at, two.issued_by) == (second.expires_at, ada.me)
        with pytest.raises(mifeng.NotFoundError):
            await ada.revoke_invite("zz")
        await ben.sync()
        with pytest.raises(ProtocolError):  # a member governs nobody
            await ben.revoke_invite(first.person.id.hex())
        await ada.revoke_invite(first.person.id.hex()[:12])
        with pytest.raises(mifeng.InviteSpentError):
            await _join(first.link, story.home("cai"))
        await _join(second.link, story.home("dan"))
        await ada.sync()
        assert ada.invites() == []


async def test_the_tree_of_units_shows_what_each_may_know(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        lab = await ada.create_unit("Lab", parent=story.adas)
        hives = await ada.create_unit("Hives", parent=lab)
        await ada.create_unit("Accounting")
        await ada.create_unit("Lunch", kind=UnitKind.GROUP)
        await ada.sync()
        shown = [(unit.depth, unit.title) for unit in ada.org()]
        assert shown == [(0, "Accounting"), (0, "Research"), (1, "Lab"), (2, "Hives")]

        assert await hives.grant(ada.person("Ben"))
        await ben.sync()
        tree = [(unit.depth, unit.title, unit.people) for unit in ben.org()]
        # Of the units that he is not in he knows what their cards say.
        assert tree == [
            (0, "Accounting", 1),
            (0, "Research", 2),
            (1, "Lab", 1),
            (2, "Hives", 2),
        ]
        assert [unit.title for unit in ben.org("la")] == ["Lab"]
        assert [unit.title for unit in ben.org("h")] == ["Hives"]
        assert ben.org("nothing") == []
        above = ben.org()[2]
        assert (above.id, above.unit, above.managers) == (lab.id, None, (ben.person("Ada"),))

        await lab.grant(ada.person("Ben"), UnitRole.MANAGER)
        await lab.revoke(ada.person("Ben"))
        await hives.grant(ada.person("Ben"), UnitRole.MANAGER)
        guest = await ada.invite(Role.GUEST)
        await ada.sync()
        async with mifeng.join(
            guest.link, profile=story.home("guest"), name="Guest", passphrase=PASSPHRASE
        ) as visitor:
            assert visitor.org() == []
            assert [person.name for person in visitor.people()] == ["Ada", "Ben", "Guest"]


async def test_a_picture_reaches_the_others_and_goes_again(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "red").save(out, "PNG")
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        await ben.set_profile(title="Beekeeper", picture=out.getvalue())
        assert ben.me.title == "Beekeeper"
        await ada.sync()
        image = await ada.picture(ada.person("Ben"))
        assert image is not None
        assert Image.open(io.BytesIO(image)).size == (256, 256)
        assert image == await ben.picture(ben.me)
        stored = await server.house.store.get(PictureRow, ben.me.id)
        assert stored is not None
        assert image[:100] not in stored.sealed
        assert await ada.picture(ada.me) is None

        await ben.set_profile(name="Benedikt")  # leaves it as it is
        await ada.sync()
        assert await ada.picture(ada.person("Benedikt")) == image
        with pytest.raises(UsageError):
            await ben.set_profile(picture=b"none")
        await ben.set_profile(picture=b"")
        await ada.sync()
        assert await ada.picture(ada.person("Benedikt")) is None
        assert await server.house.store.get(PictureRow, ben.me.id) is None


async def test_people_who_look_the_same_are_told_apart_everywhere(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        assert story.adas.members()[1].person.name == "Ben"
        await ben.set_profile(name="Ada")
        await ada.sync()
        assert {person.name for person in ada.people()} == {
            f"Ada ·{ada.me.id.hex()[:4]}",
            f"Ada ·{ben.me.id.hex()[:4]}",
        }
        with pytest.raises(UsageError):
            ada.person("Ada")
        assert ada.person(f"Ada ·{ben.me.id.hex()[:4]}").id == ben.me.id
        await story.bens.send("who am I?")
        await ada.sync()
        (said,) = await story.adas.history(last=1)
        assert str(said.sender) == f"Ada ·{ben.me.id.hex()[:4]}"


async def test_safety_numbers_are_equal_on_both_sides(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, ben = story.ada, story.ben
        await ada.sync()
        assert ada.safety_number() == ben.safety_number()
        assert [len(group) for group in ada.safety_number().split()] == [5] * 12
        assert ada.safety_number(ada.person("Ben")) == ben.safety_number(ben.me)
        assert ada.safety_number(ada.me) == ben.safety_number(ben.person("Ada"))
        assert len({ada.safety_number(who) for who in (None, ada.me, ada.person("Ben"))}) == 3
        invitation = await ada.invite()
        with pytest.raises(UsageError):
            ada.safety_number(invitation.person)


async def _join(link: str, home: Path) -> None:
    async with mifeng.join(link, profile=home, name="Somebody", passphrase=PASSPHRASE):
        pass
