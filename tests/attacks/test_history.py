"""C1, C2, C14, E14: what was said before is asked for, pressed upon one, forged, or stolen."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from mifeng.core.history import joining, taking
from mifeng.core.history.joining import LetIn
from mifeng.core.rows import TakeRecord
from mifeng_crypto.api.endpoints import ENDPOINTS
from mifeng_crypto.history import OUT_OF_TIME_MS
from mifeng_crypto.ids import DeviceId, Identity, UnixMillis
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import History
from tests.attacks.adversary import Adversary, attack
from tests.client.core.handing import Handing, Receiver
from tests.e2e.people import cast
from tests.e2e.test_devices import linking_to
from tests.support.history import Before
from tests.support.server import running_server

# ------------------------------------------------------------------ C1


@attack("who is owed a history")
@pytest.mark.parametrize(
    "asker", ["somebody else", "a device that another has linked", "one that lost its keys"]
)
def test_c1_a_device_is_owed_nothing_for_asking(adversary: Adversary, asker: str) -> None:
    """Whoever lets a device in, where newcomers read nothing of before, owes it nothing: not to
    somebody else, not to a colleague's second device, and not to one's own that asks to be added
    again. There is no other way to ask.
    """
    handing = Handing(policy=History.NONE)
    ben, company = handing.world.ben.profile, handing.company
    laptop = company.link(handing.world.ben_person)
    linked = company.entries[-1]
    who, me = Identity(ben.member_id, laptop.device_id), ben
    at = UnixMillis(company.now + 1000)
    if adversary.on:
        match asker:
            case "somebody else":
                cy = company.hire("Cy")
                who = Identity(cy.member_id, cy.device_id)
            case "a device that another has linked":
                me = dataclasses.replace(ben, device_id=DeviceId(b"another of his own"[:16]))
            case _:
                at = UnixMillis(company.now + OUT_OF_TIME_MS + 1)
    let_in = LetIn(handing.world.unit_id, 0, Head(9, bytes(32)), at, me.device_id, (who,), False)
    owed = joining.is_owed(let_in, who, linked, me=me.member_id, device_id=me.device_id)
    if not adversary.on:
        assert owed
    elif owed:
        adversary.succeeds()
    else:
        adversary.refused_by.append("nothing is owed")


@attack()
def test_c1_nothing_can_be_asked_for(adversary: Adversary) -> None:
    """No request, no push and no document asks for keys or for what was said."""
    from mifeng.content.documents import _BODIES  # noqa: PLC0415 - all that there are

    asks = ("history", "key-request", "session", "resend", "backfill")
    names = [*_BODIES, *(f"{one.name} {one.path}" for one in ENDPOINTS.values())]
    found = [name for name in names if any(word in name for word in asks)]
    assert found == ["history"], "the document that hands over; the giver alone begins"
    if adversary.on:
        adversary.refused_by.append("there is no way to ask")


# ------------------------------------------------------------------ C2


def handed(handing: Handing, adversary: Adversary) -> tuple[Receiver, taking.Gift, TakeRecord]:
    """Cy has come in, and Ada hands over; what was accepted of it honestly."""
    cy = handing.hire("Cy")
    [gift] = handing.hand_over(handing.world.ada, cy)
    _, [take] = handing.accept(gift, cy)
    del adversary
    return cy, gift, take


@attack("from whom a history comes")
def test_c2_a_member_presses_keys_upon_a_newcomer(adversary: Adversary) -> None:
    handing = Handing()
    cy = handing.hire("Cy")
    by = handing.world.ben if adversary.on else handing.world.ada
    [gift] = handing.hand_over(by, cy)
    with adversary.refused("HISTORY-2"):
        handing.accept(gift, cy)


@attack("from whom a history comes")
def test_c2_a_member_presses_keys_upon_a_device_that_was_linked(adversary: Adversary) -> None:
    """In a unit whose newcomers read nothing of before; the one that lets it in has no say."""
    handing = Handing(policy=History.NONE)
    laptop = handing.link(handing.world.ben_person)
    by = handing.world.ada if adversary.on else handing.world.ben
    [gift] = handing.hand_over(by, laptop)
    with adversary.refused("HISTORY-2"):
        handing.accept(gift, laptop)


@attack("for which coming in a history is")
def test_c2_a_history_of_another_time_is_shown_again(adversary: Adversary) -> None:
    handing = Handing()
    cy = handing.hire("Cy")
    document = handing.document(handing.world.ada, cy)
    if adversary.on:
        handing.company.tick(OUT_OF_TIME_MS)
    [gift] = handing.hand_over(handing.world.ada, cy, document)
    with adversary.refused("HISTORY-3"):
        handing.accept(gift, cy)


@attack("a history once")
def test_c2_a_second_history_is_pressed_upon_a_device(adversary: Adversary) -> None:
    handing = Handing()
    cy = handing.hire("Cy")
    [gift] = handing.hand_over(handing.world.ada, cy)
    if adversary.on:
        cy.join, _ = handing.accept(gift, cy)
        [gift] = handing.hand_over(handing.world.ada, cy)
    with adversary.refused("HISTORY-4"):
        handing.accept(gift, cy)


@attack()
def test_c2_keys_that_were_sealed_to_another_are_passed_on(adversary: Adversary) -> None:
    handing = Handing()
    cy, di = handing.hire("Cy"), handing.hire("Di")
    document = handing.document(handing.world.ada, cy)
    if adversary.on:  # Di is shown Cy's box under her own name
        [other] = handing.document(handing.world.ada, di).receivers
        [box] = document.receivers
        lying = dataclasses.replace(other, sealed=box.sealed)
        document = dataclasses.replace(document, receivers=(lying,))
        di.join = dataclasses.replace(di.join, joined=cy.join.joined)
    to = di if adversary.on else cy
    [gift] = handing.hand_over(handing.world.ada, to, document)
    with adversary.refused("HISTORY-5"):
        handing.accept(gift, to)


@attack("what the log has")
def test_c2_a_message_is_shown_in_another_place(adversary: Adversary) -> None:
    """The giver changes the order of what one has said: a yes before the question."""
    before = Before()
    first = before.say(before.bo, b"shall we?")
    second = before.say(before.bo, b"yes")
    shown = second._replace(sequence=first.sequence) if adversary.on else first
    with adversary.refused("HISTORY-7"):
        judged = before.judge(shown)
        assert shown.content == before.said[0].content, judged.header.sequence


# ------------------------------------------------------------------ C14


@attack("what the log has + the signature of an original")
def test_c14_whoever_hands_over_rewrites_what_another_said(adversary: Adversary) -> None:
    handing = Handing()
    cy, _, take = handed(handing, adversary)
    ada, ben = handing.world.ada, handing.world.ben
    rows = handing.rows[ada.profile.device_id]
    bens = next(n for n, row in rows.items() if row.member_id == ben.profile.member_id)
    if adversary.on:
        forged = rows[bens].content.replace(b"Ben 0", b"I quit")[: len(rows[bens].content)]
        rows[bens] = dataclasses.replace(rows[bens], content=forged)
    with adversary.refused("HISTORY-7"):
        handing.judge(handing.blob(ada, cy), take, cy)


@attack("the signature of an original")
def test_c14_whoever_hands_over_and_the_server_put_words_under_anothers_name(
    adversary: Adversary,
) -> None:
    """An insider has the keys of the epoch, and the server writes what he likes into the log."""
    before = Before()
    if adversary.on:
        said = before.say(before.bo, b"I quit", as_device=before.ada.device_id, force=True)
    else:
        said = before.say(before.ada, b"I stay")
    with adversary.refused("HISTORY-8"):
        assert before.judge(said).member_id == before.ada.member_id


@attack("who was in the unit then")
def test_c14_a_former_member_goes_on_in_what_is_handed_over(adversary: Adversary) -> None:
    before = Before()
    if adversary.on:
        before.company.revoke(before.unit.unit_id, before.bo)
        before.unit.write_heads()
        said = before.say(before.bo, b"still one of you", force=True)
    else:
        said = before.say(before.bo, b"one of you")
    with adversary.refused("HISTORY-9"):
        before.judge(said)


@attack("how long a history lives")
def test_c14_what_is_handed_over_is_given_a_longer_life(adversary: Adversary) -> None:
    before = Before()
    said = before.say(before.bo, b"for three days")
    part = before.part([said])
    with adversary.refused("HISTORY-10"):
        before.judge(said, part=before.later(part, 86_400_000) if adversary.on else part)


# ------------------------------------------------------------------ E14


@attack("the digits of the request")
async def test_e14_whoever_links_by_fraud_is_handed_nothing(
    adversary: Adversary, tmp_path: Path
) -> None:
    """A stranger has come by the link; the digits that he shows are not those that are compared."""
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.bens.send("not for strangers")
        async with (
            c.ben.devices.link() as offer,
            linking_to(tmp_path / "laptop", offer.link) as (new, ready),
        ):
            await offer.requested()
            code = await new.code()
            typed = f"{(int(code.replace(' ', '')) + 1) % 10**12:012}" if adversary.on else code
            with adversary.refused("LINK-3"):
                await offer.approve(typed)
            if adversary.on:
                assert offer.shared == 0
                assert not [m for m in await c.bens.history() if m.history]
            else:
                await ready
                assert offer.shared == 1


@attack("what was handed over is shown")
async def test_e14_a_history_that_was_handed_over_is_seen_by_all(
    adversary: Adversary, tmp_path: Path
) -> None:
    """A thief at an unlocked device links one of his own: all see what he got."""
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        await c.bens.send("one")
        await c.bens.send("two")
        if not adversary.on:
            return
        async with (
            c.ben.devices.link() as offer,
            linking_to(tmp_path / "thiefs", offer.link) as (new, ready),
        ):
            await offer.requested()
            await offer.approve(await new.code())
            await ready
            assert offer.shared == 2
        await c.ada.sync()
        for unit in (c.bens, c.adas):
            found = [m for m in await unit.history() if m.history]
            if not found:
                adversary.succeeds()
            [line] = found
            assert line.history is not None
            assert (line.sender, line.history.messages) == (c.ben.me, 2)
            assert line.history.people == (c.ben.me,)
        remarks = [d.kind for m in await c.adas.timeline() for d in m.devices]
        assert remarks == ["add_device"]
        adversary.refused_by.append("a line in each unit")
