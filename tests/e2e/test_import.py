"""An organisation from one file: units, invites, names and grants; and again without doubles."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import mifeng
from mifeng.core.staff_list import StaffList, read_staff_list
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ledger.roster_entry import Role
from tests.e2e.people import PASSPHRASE, cast
from tests.e2e.shell import Shell
from tests.support.server import running_server

LIST = """工号,姓名,职务,部门,角色,单位
1,张三,工程师,研发部,,总部/研发部
2,李四,总监,研发部,管理员,总部/研发部=负责人;总部
3,Anna Weber,,,guest,总部=reader
"""


def staff(text: str = LIST) -> StaffList:
    found, faults = read_staff_list(text.encode())
    assert found is not None, faults
    return found


def sequence(me: mifeng.Workspace) -> int:
    return me._session.known_roster.head.sequence


async def test_a_list_is_carried_out_and_who_comes_in_is_where_the_list_says(
    tmp_path: Path,
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, told = story.ada, list[tuple[str, int, int]]()
        plan = await ada.onboarding.plan(staff())
        assert [len(plan.invites), len(plan.cards), len(plan.grants)] == [3, 3, 4]
        assert plan.units == (("总部",), ("总部", "研发部"))
        assert ada.invites() == []  # only looked

        people = await ada.onboarding.carry_out(staff(), told=lambda *step: told.append(step))
        assert [one.state for one in people] == ["invited"] * 3
        assert ("grants", 4, 4) in told
        zhang = people[0]
        assert zhang.link not in repr(zhang)
        assert ada.person("张三").title == "工程师"
        tree = [(unit.depth, unit.title, unit.people) for unit in ada.org()]
        assert (0, "总部", 3) in tree
        assert (1, "研发部", 3) in tree
        assert {invite.role for invite in ada.invites()} == {Role.MEMBER, Role.ADMIN, Role.GUEST}

        async with mifeng.join(
            zhang.link, profile=story.home("zhang"), name="张三丰", passphrase=PASSPHRASE
        ) as he:
            await ada.sync()  # a member of the unit who is online
            for unit in ada.units():
                await ada._session.catch_up(unit.id)
            assert he.people()[0].name == "Ada"
            assert he.me.name == "张三"  # until he says something else
            await he.set_profile(name="张三丰")
            await ada.sync()
            assert ada.person("张三丰").title == "工程师"
        assert not (await ada.onboarding.plan(staff())).cards


async def test_the_same_list_again_makes_nothing_and_more_lines_make_more(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada = story.ada
        first = await ada.onboarding.carry_out(staff())
        before = sequence(ada)
        again = await ada.onboarding.carry_out(staff())
        assert sequence(ada) == before
        assert [one.member_id for one in first] == [one.member_id for one in again]
        plan = await ada.onboarding.plan(staff(LIST + "4,王五,,,,总部/财务部\n"))
        assert [len(plan.invites), len(plan.grants), plan.units] == [1, 1, (("总部", "财务部"),)]
        await ada.revoke_invite(first[2].member_id.hex())
        third = (await ada.onboarding.carry_out(staff()))[2]
        assert (third.state, third.link) == ("gone", "")


@pytest.mark.parametrize("at", [0, 1, 2])
async def test_an_import_that_was_cut_off_goes_on_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    class CutError(Exception):
        pass

    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada, calls = story.ada, 0

        def told(kind: str, done: int, total: int) -> None:
            nonlocal calls
            calls += 1
            if (kind, done) == [("invites", 2), ("cards", 1), ("grants", 2)][at]:
                raise CutError

        with pytest.raises(CutError):
            await ada.onboarding.carry_out(staff(), told=told)
        people = await ada.onboarding.carry_out(staff())
        assert len({one.member_id for one in people}) == 3
        assert len(ada.invites()) == 3
        plan = await ada.onboarding.plan(staff())
        assert (plan.invites, plan.units, plan.cards, plan.grants) == ((), (), (), ())
        assert [unit.title for unit in ada.org()].count("总部") == 1


async def test_a_link_that_has_expired_is_replaced_with_its_grants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        ada = story.ada
        first = await ada.onboarding.carry_out(staff())
        session = ada._session
        later = session.now() + 4 * 86_400_000
        monkeypatch.setattr(type(session), "now", lambda _: later)
        plan = await ada.onboarding.plan(staff())
        assert len(plan.invites) == 3
        assert len(first) == 3


async def test_who_may_not_invite_imports_nothing(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as story:
        await story.ben.sync()
        with pytest.raises(ProtocolError):
            await story.ben.onboarding.carry_out(staff("name\nEve\n"))
        await story.ada.sync()
        assert story.ada.invites() == []
        with pytest.raises(mifeng.UsageError):
            await story.ada.onboarding.carry_out(staff("name\nEve\n"), days=31)


async def test_the_command_shows_what_it_would_make_makes_it_and_writes_the_links(
    tmp_path: Path, shell: Shell
) -> None:
    file, links = tmp_path / "staff.csv", tmp_path / "staff.links.csv"
    file.write_bytes(LIST.encode("gbk"))
    async with running_server(tmp_path) as server:
        async with cast(tmp_path, server):
            pass
        dry = (await shell.run("ada", "--json", "import", str(file), "--dry-run")).json
        assert (dry["encoding"], dry["people"], dry["invites"]) == ("gb18030", 3, ["1", "2", "3"])
        assert dry["units"] == ["总部", "总部/研发部"]
        assert not links.exists()
        shown = await shell.run("ada", "import", str(file), "--dry-run")
        assert "张三" in shown.out
        assert "3 invites, 3 cards, 2 units, 4 grants" in shown.out

        *people, last = (await shell.run("ada", "--json", "import", str(file))).lines
        assert [one["state"] for one in people] == ["invited"] * 3
        assert last == {"links": str(links), "invited": 3, "people": 3}
        with links.open(encoding="utf-8-sig", newline="") as opened:
            rows = list(csv.DictReader(opened))
        assert [row["name"] for row in rows] == ["张三", "李四", "Anna Weber"]
        async with mifeng.join(
            rows[0]["link"], profile=tmp_path / "zhang", name="Zhang", passphrase=PASSPHRASE
        ) as zhang:
            assert zhang.me.name == "张三"
        *people, last = (await shell.run("ada", "--json", "import", str(file))).lines
        assert [one["state"] for one in people] == ["joined", "invited", "invited"]
        assert last["invited"] == 2
        tree = (await shell.run("ada", "--json", "org", "yf")).json
        assert (tree["title"], tree["members"]) == ("研发部", 3)
