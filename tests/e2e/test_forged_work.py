"""Clients that look at no rule: what they send stands invalid, with its author, on every device."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import mifeng
from mifeng.content.documents import (
    Decision,
    Document,
    Form,
    Template,
    Vote,
    type_of,
)
from mifeng.content.documents.approval import (
    Amount,
    Answer,
    Field,
    FieldKind,
    Rule,
    Step,
    Verdict,
)
from mifeng.content.mimi import MimiContent, SinglePart, encode_mimi
from mifeng.core import outbox
from mifeng.core.approval import Requested
from mifeng.sdk import talk
from mifeng_crypto.tls import encode
from tests.e2e.people import Cast, cast, colleague
from tests.support.server import running_server


@dataclass
class Scene:
    """Ada asks; Ben decides, then both Cai and Dan; each has an open profile."""

    c: Cast
    units: dict[str, mifeng.Unit]
    others: tuple[mifeng.Workspace, ...]

    async def sync(self) -> None:
        for me in (self.c.ada, self.c.ben, *self.others):
            await me.sync()

    async def request(self) -> mifeng.Message:
        person = self.c.ada.person
        chain = [("one", [person("Ben")]), ("all", [person("Cai"), person("Dan")])]
        sent = await self.c.adas.request("free", "A bicycle", {"text": "please"}, chain)
        await self.sync()
        return sent

    async def decide(
        self, who: str, form: mifeng.Message, step: int, *, subject: bytes = b""
    ) -> None:
        """As a client that asks nobody whether it is its turn."""
        unit = self.units[who]
        line, _ = await unit._find(form)
        assert isinstance(line.state, Requested)
        await unit._say(
            unit._state_as(Decision(step, Verdict.APPROVED, ""), subject or line.state.named),
            to=line,
        )

    async def forge(self, who: str, document: Document) -> None:
        """As a client that looks at no limit."""
        part = SinglePart(content_type=type_of(document), content=encode(document))
        said = encode_mimi(MimiContent(salt=bytes(16), body=part))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(outbox, "addressed", lambda content, *_, **__: content)
            await self.units[who]._send(said)

    async def stands_invalid(self, who: str, rule: str) -> None:
        """The last line, on every device, is of him, names the rule and shows nothing."""
        await self.sync()
        for unit in self.units.values():
            last = (await unit.history())[-1]
            assert str(last.sender) == who
            assert last.rule == rule
            assert last.problem.endswith(f"[{rule}]")
            assert (last.text, last.approval, last.poll, last.notice) == ("", None, None, "")

    async def states(self, form: mifeng.Message) -> list[tuple[str, int, list[str]]]:
        found = []
        for unit in self.units.values():
            now = (await unit.message(form.sequence)).approval
            assert now is not None
            found.append((now.standing, now.step, [str(d.person) for d in now.history]))
        return found


@asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    async with (
        running_server(folder) as server,
        cast(folder, server) as c,
        colleague(c, "Cai") as cai,
        colleague(c, "Dan") as dan,
    ):
        await cai.sync()
        units = {"Ada": c.adas, "Ben": c.bens}
        units |= {"Cai": cai.unit("Research"), "Dan": dan.unit("Research")}
        yield Scene(c, units, (cai, dan))


async def test_decisions_that_do_not_count_change_nothing_anywhere(tmp_path: Path) -> None:
    async with scene(tmp_path) as s:
        form = await s.request()
        untouched = [("pending", 1, list[str]())] * 4

        await s.decide("Cai", form, 1)
        await s.stands_invalid("Cai", "APPROVAL-3")  # out of turn
        await s.decide("Cai", form, 0)
        await s.stands_invalid("Cai", "APPROVAL-4")  # not in the step
        await s.decide("Ben", form, 0, subject=bytes(32))
        await s.stands_invalid("Ben", "APPROVAL-1")  # of another form
        assert await s.states(form) == untouched

        await s.units["Ben"].approve(form.sequence)
        await s.sync()
        await s.units["Cai"].approve(form.sequence)
        await s.sync()
        await s.decide("Cai", form, 1)
        await s.stands_invalid("Cai", "APPROVAL-5")  # twice
        assert await s.states(form) == [("pending", 2, ["Ben", "Cai"])] * 4

        await s.c.adas.withdraw(form)
        await s.sync()
        await s.decide("Dan", form, 1)
        await s.stands_invalid("Dan", "APPROVAL-2")  # after it was withdrawn
        assert await s.states(form) == [("withdrawn", 2, ["Ben", "Cai", "Ada"])] * 4


async def test_a_vote_after_the_end_and_documents_beyond_their_limits_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with scene(tmp_path) as s:
        poll = await s.c.adas.ask("Lunch?", "noodles", "rice")
        await s.c.adas.close_poll(poll)
        await s.sync()
        line, _ = await s.units["Ben"]._find(poll.sequence)
        await s.units["Ben"]._say(Vote((0,)), to=line)
        await s.stands_invalid("Ben", "POLL-1")
        for unit in s.units.values():
            now = (await unit.message(poll.sequence)).poll
            assert now is not None
            assert now.voted == 0

        many = tuple(Field(f"f{n}", FieldKind.TEXT, 0, ()) for n in range(10_000))
        await s.forge("Ada", Template("big", many, ()))
        await s.stands_invalid("Ada", "CONTENT-5")
        assert "big" not in await s.units["Ben"].templates()

        chain = (Step(Rule.ONE, (s.c.ben.me.id,)),)
        amount = Field("amount", FieldKind.AMOUNT, 1, ())
        monkeypatch.setattr(talk, "check_own", lambda _: None)  # an honest client refuses to sign
        for money in (Amount("XXX", "1.00"), Amount("CNY", "9" * 300)):
            form = Form("expense", "Lunch", (Answer(amount, money),), chain, ())
            await s.forge("Ada", s.c.adas._state_as(form))
            await s.stands_invalid("Ada", "CONTENT-5")
        for me in (s.c.ben, *s.others):
            assert await me.requests() == []
