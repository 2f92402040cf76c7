"""Units of all kinds by the SDK, against a real server: the tree and who has a say in it, units of
two, channels, and policies.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import mifeng
from mifeng.errors import ServerProblem
from mifeng_crypto.api import messages as m
from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.expiry import retain_until
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.ledger.charter_entry import UnitKind, UnitRole
from mifeng_crypto.ledger.policy import Posting
from tests.e2e.people import PASSPHRASE, Cast, cast
from tests.support.server import running_server

DAY = 86_400


@pytest.fixture
async def c(tmp_path: Path) -> AsyncIterator[Cast]:
    async with running_server(tmp_path) as server, cast(tmp_path, server) as people:
        yield people


@contextlib.asynccontextmanager
async def joined(c: Cast, name: str) -> AsyncIterator[mifeng.Workspace]:
    invitation = await c.ada.invite()
    async with mifeng.join(
        invitation.link, profile=c.home(name.lower()), name=name, passphrase=PASSPHRASE
    ) as workspace:
        for other in (c.ada, c.ben):
            await other.sync()
        yield workspace


async def texts(unit: mifeng.Unit) -> list[str]:
    return [message.text for message in await unit.history()]


# ------------------------------------------------------------------ the tree


async def test_the_manager_of_a_unit_opens_and_manages_the_units_below_it(c: Cast) -> None:
    async with joined(c, "Cem") as cem:
        await c.adas.grant(c.ada.person("Ben"), UnitRole.MANAGER)
        await c.ben.sync()
        lab = await c.ben.create_unit("Lab", parent=c.bens)
        assert lab.parent == c.bens.id
        await lab.grant(c.ben.person("Ada"), UnitRole.MANAGER)
        await c.ada.sync()
        adas_lab = c.ada.unit("Lab")
        await adas_lab.revoke(c.ada.person("Ben"))
        await c.ben.sync()
        assert not c.ben.unit("Lab").is_member
        # Ben is out, and manages it still: by the unit above.
        (found,) = await c.ben.managed()
        assert (found.id, found.title, found.is_member) == (lab.id, "", False)
        governed = await c.ben.governed(lab.id.hex()[:8])
        await governed.grant(c.ben.person("Cem"))
        await c.ada.sync()
        with c.ada.events():
            await adas_lab.send("who is there?")
        await cem.sync()
        await cem.unit("Lab").send("me")
        # Cem has read the charter of the unit above, which he is not in, to judge that grant.
        assert [m.person.name for m in cem.unit("Lab").members()] == ["Ada", "Cem"]


async def test_what_was_signed_from_above_is_judged_again_when_the_profile_is_opened(
    c: Cast,
) -> None:
    await c.adas.grant(c.ada.person("Ben"), UnitRole.MANAGER)
    await c.ben.sync()
    lab = await c.ben.create_unit("Lab", parent=c.bens)
    async with joined(c, "Cem") as cem:
        await lab.grant(c.ben.person("Cem"))
        await cem.sync()
    async with mifeng.open(c.home("cem"), passphrase=PASSPHRASE) as cem:
        await cem.unit("Lab").send("still here")
        above = cem._session.charter(c.adas.id)
        assert above is not None
        assert above.head.sequence > 1


async def test_an_administrator_has_a_say_in_units_of_the_tree_and_in_no_group(c: Cast) -> None:
    await c.adas.grant(c.ada.person("Ben"), UnitRole.MANAGER)
    await c.ben.sync()
    lab = await c.ben.create_unit("Lab", parent=c.bens)
    group = await c.ben.create_unit("Friends", kind=UnitKind.GROUP)
    await lab.grant(c.ben.person("Ada"))
    await lab.revoke(c.ben.person("Ada"))
    assert [unit.id for unit in await c.ada.managed()] == [lab.id]
    with pytest.raises(mifeng.NotFoundError):
        await c.ada.governed(group.id.hex())


async def test_nobody_else_sees_a_charter(c: Cast) -> None:
    async with joined(c, "Cem") as cem:
        friends = await c.ben.create_unit("Friends", kind=UnitKind.GROUP)
        two = await c.ben.direct(c.ben.person("Cem"))
        for who, unit_id in ((cem, c.adas.id), (cem, friends.id), (c.ada, two.id)):
            with pytest.raises(ServerProblem, match="not_found"):
                await who._session.api.call(
                    "charter", m.EntriesReply, path={"unit_id": unit_id}, query={"after": 0}
                )
        assert await cem.managed() == []


async def test_a_unit_stands_under_a_unit_that_its_creator_knows_unit_1(c: Cast) -> None:
    friends = await c.ada.create_unit("Friends", kind=UnitKind.GROUP)
    with pytest.raises(ServerProblem, match="business unit") as caught:
        await c.ada.create_unit("Lab", parent=friends)
    assert caught.value.rule == "UNIT-1"
    nowhere = mifeng.Governed(c.ada._session, UnitId(bytes(16)))
    with pytest.raises(ServerProblem, match="UNIT-1|business unit"):
        await c.ada.create_unit("Lab", parent=nowhere)
    assert [unit.title for unit in c.ada.units()] == ["Friends", "Research"]


async def test_whoever_manages_nothing_has_no_say_below(c: Cast) -> None:
    with pytest.raises(ProtocolError) as caught:
        await c.ben.create_unit("Lab", parent=c.bens)
    assert caught.value.rule == "CHARTER-2"


# ------------------------------------------------------------------ two people


async def test_a_unit_of_two_is_there_for_both_and_is_opened_once(c: Cast) -> None:
    two = await c.ada.direct(c.ada.person("Ben"))
    assert (two.title, two.kind, two.peer) == ("Ben", UnitKind.DIRECT, c.ada.person("Ben"))
    assert (await c.ada.direct(c.ada.person("Ben"))).id == two.id
    await two.send("psst")
    await c.ben.sync()
    bens = c.ben.unit("Ada")
    assert (await c.ben.direct(c.ben.person("Ada"))).id == bens.id == two.id
    assert await texts(bens) == ["psst"]
    await bens.send("what?")
    await c.ada.sync()
    assert await texts(two) == ["psst", "what?"]


async def test_nobody_enters_or_leaves_a_unit_of_two(c: Cast) -> None:
    async with joined(c, "Cem"):
        two = await c.ada.direct(c.ada.person("Ben"))
        for act in (two.grant(c.ada.person("Cem")), two.revoke(c.ada.person("Ben"))):
            with pytest.raises(ProtocolError) as caught:
                await act
            assert caught.value.rule == "CHARTER-11"
    with pytest.raises(UsageError, match="yourself"):
        await c.ada.direct(c.ada.me)
    with pytest.raises(UsageError, match="direct"):
        await c.ada.create_unit("Two", kind=UnitKind.DIRECT)


# ------------------------------------------------------------------ channels, policies


async def test_in_a_channel_publishers_post_and_everybody_reads(c: Cast) -> None:
    news = await c.ada.create_unit("News", kind=UnitKind.CHANNEL)
    await news.grant(c.ada.person("Ben"))
    await news.send("hear, hear")
    await c.ben.sync()
    bens = c.ben.unit("News")
    assert {m.person.name: m.role for m in bens.members()} == {
        "Ada": UnitRole.MANAGER,
        "Ben": UnitRole.READER,
    }
    assert await texts(bens) == ["hear, hear"]
    with pytest.raises(mifeng.ReadOnlyError):
        await bens.send("may I?")
    await news.grant(c.ada.person("Ben"), UnitRole.PUBLISHER)
    await c.ben.sync()
    await bens.send("thank you")


async def test_where_comments_are_open_readers_answer_in_threads_and_begin_none(c: Cast) -> None:
    news = await c.ada.create_unit("News", kind=UnitKind.CHANNEL)
    await news.grant(c.ada.person("Ben"))
    sent = await news.send("hear, hear")
    await c.ben.sync()
    bens = c.ben.unit("News")
    with pytest.raises(mifeng.ReadOnlyError):
        await bens.send("well", thread=sent.sequence)
    await news.set_policy(posting=Posting.COMMENTS)
    await c.ben.sync()
    assert (bens.may_post, bens.may_comment) == (False, True)
    said = await bens.send("well", thread=sent.sequence)
    await bens.edit(said, "very well")
    with pytest.raises(mifeng.ReadOnlyError, match="thread"):
        await bens.send("may I?")
    await c.ada.sync()
    assert [one.text for one in await news.thread(sent.sequence)] == ["hear, hear", "very well"]
    assert [found.message.text for found in await c.ada.feed()] == ["hear, hear"]


async def test_a_policy_holds_for_everybody_from_its_entry_on(c: Cast) -> None:
    await c.adas.set_policy(posting=Posting.PUBLISHERS, cap=2, key_lifetime_s=3_600)
    await c.ben.sync()
    assert c.bens.policy == c.adas.policy
    assert (c.bens.policy.cap, c.bens.policy.key_lifetime_s) == (2, 3_600)
    with pytest.raises(mifeng.ReadOnlyError):
        await c.bens.send("may I?")
    async with joined(c, "Cem"):
        with pytest.raises(ProtocolError) as full:
            await c.adas.grant(c.ada.person("Cem"))
        assert full.value.rule == "CHARTER-9"


async def test_what_was_accepted_keeps_its_deadline_under_another_policy(c: Cast) -> None:
    await c.adas.send("for three days")
    await c.adas.set_policy(retention_s=30 * DAY)
    await c.adas.send("for thirty")
    await c.adas.set_policy(retention_s=4 * DAY)
    await c.ben.sync()
    for workspace, unit in ((c.ada, c.adas), (c.ben, c.bens)):
        session = workspace._session
        three, thirty = (e for e in await unit.timeline() if e.kind == "message")
        at = UnixMillis(int(three.time.timestamp() * 1000))
        over = retain_until(at, 3 * DAY) + 3_600_000
        session._wall = lambda over=over: UnixMillis(over)  # type: ignore[misc]
        shown = [e for e in await unit.timeline() if e.kind == "message"]
        assert [e.problem or e.text for e in shown] == ["expired", "for thirty"]
        assert thirty.sequence > three.sequence


@pytest.mark.parametrize(
    "change",
    [
        {"cap": 0},
        {"cap": 1001},
        {"key_lifetime_s": 3_599},
        {"key_lifetime_s": 259_201},
        {"retention_s": 259_199},
        {"retention_s": 31_536_001},
    ],
)
async def test_no_policy_leaves_its_bounds_policy_1(c: Cast, change: dict[str, int]) -> None:
    before = c.adas.policy
    with pytest.raises(ProtocolError, match="from") as caught:
        await c.adas.set_policy(**change)  # type: ignore[arg-type]
    assert caught.value.rule == "POLICY-1"
    await c.adas.send("as before")
    assert c.adas.policy == before


async def test_a_member_changes_no_policy(c: Cast) -> None:
    with pytest.raises(ProtocolError) as caught:
        await c.bens.set_policy(cap=2)
    assert caught.value.rule == "CHARTER-5"
