"""Group E, and A5, A17: linking a device, recovering, and roster changes that nobody may miss."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from pathlib import Path

import pytest

import mifeng
from mifeng.core import profile as profiles
from mifeng.core.profile import Joining
from mifeng.core.sheet import recovery_key_of
from mifeng.session import linking as approving
from mifeng_crypto import linking
from mifeng_crypto.gate import removes_due
from mifeng_crypto.ids import PROTOCOL_VERSION, DeviceId, WorkspaceId
from mifeng_crypto.ledger.roster_entry import Device, RevokeDevice
from mifeng_crypto.linking import LinkRequest
from mifeng_crypto.links import InviteLink
from mifeng_crypto.sealing import hpke_public_of
from mifeng_crypto.signature import public_of
from tests.attacks.adversary import Adversary, attack
from tests.attacks.stage import Stage
from tests.e2e.people import PASSPHRASE, cast
from tests.e2e.test_devices import linking_to
from tests.support.quiet import Quiet
from tests.support.server import running_server


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the attacker's device to come into the units."""
    monkeypatch.setattr(approving, "WAIT_S", 0)


def _rogue() -> Device:
    return Device(DeviceId(os.urandom(16)), public_of(os.urandom(32)), hpke_public_of(bytes(32)))


@attack("the digits of the request")
async def test_a5_the_device_is_swapped_between_question_and_signature(
    adversary: Adversary, tmp_path: Path
) -> None:
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        c.ben.devices.link() as offer,
        linking_to(tmp_path / "laptop", offer.link) as (new, _ready),
    ):
        await offer.requested()
        code = await new.code()
        shown = offer._approval._request
        assert shown is not None
        if adversary.on:
            offer._approval._request = dataclasses.replace(shown, device=_rogue())
        with adversary.refused("LINK-3"):
            await offer.approve(code)
        devices = await c.ben.devices.list()
        assert len(devices) == (1 if adversary.on else 2), "O3"


@attack("the digits of the request")
async def test_e1_a_link_is_relayed_to_a_device_of_the_attackers(
    adversary: Adversary, tmp_path: Path
) -> None:
    # Ben was talked into handing his link on; his own new device was given one of the attacker's.
    async with (
        running_server(tmp_path) as server,
        cast(tmp_path, server) as c,
        c.ben.devices.link() as offer,
        linking_to(tmp_path / "rogue", offer.link, "Laptop") as (rogue, _ready),
    ):
        await offer.requested()
        code = await rogue.code()
        if adversary.on:  # what his own device shows: other keys, and the attacker's nonce
            request = offer._approval._request
            assert request is not None
            code = linking.code_of(dataclasses.replace(request, device=_rogue()), os.urandom(32))
        with adversary.refused("LINK-3"):
            await offer.approve(code)
        assert len(await c.ben.devices.list()) == (1 if adversary.on else 2), "O3"
        await c.ada.sync()
        told = [change.kind for change in await c.ada.changes()]
        assert ("add_device" in told) is not adversary.on, "O4"


@attack("the nonce of the link")
def test_e2_somebody_in_between_searches_for_the_same_digits(
    adversary: Adversary, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linking, "CODE_DIGITS", 3)  # so that a search is worth it at all
    ada, roster = stage.ada, stage.company.roster

    def request(device: Device) -> LinkRequest:
        return LinkRequest(
            PROTOCOL_VERSION, roster.genesis, ada.member_id, device, "Laptop", "Linux"
        )

    own = request(stage.company.on_new_device(ada).device)
    nonce = os.urandom(32)  # the new device has its hash, in the link that it was given
    asked = own
    if adversary.on:  # the attacker's request to the old device; then he sees the real nonce
        asked = request(_rogue())
    commitment, revealed = linking.commit_to(nonce), nonce
    wanted = linking.code_of(asked, nonce)
    while adversary.on and linking.code_of(own, revealed) != wanted:
        revealed = os.urandom(32)
    with adversary.refused("LINK-2"):
        linking.check_nonce(revealed, commitment)
        linking.check_code(asked, nonce, linking.code_of(own, revealed))


@attack("the length of a recovery code")
def test_e4_codes_are_guessed_from_what_the_server_has(adversary: Adversary, stage: Stage) -> None:
    company, di = stage.company, stage.company.person("Di")
    link = InviteLink(
        version=PROTOCOL_VERSION,
        addresses=("https://mifeng.test",),
        tls_pin=bytes(32),
        genesis=company.roster.genesis,
        roster=company.roster.head,
        member_id=di.member_id,
        secret_key=di.invite_key,
        directory_key=bytes(32),
    )
    joiner, sheet = profiles.join(
        link,
        WorkspaceId(company.workspace_id),
        name="Di",
        title="",
        device_name="Laptop",
        with_sheet=True,
        rng=company.rng,
    )
    assert sheet is not None
    assert isinstance(joiner.stage, Joining)
    known = joiner.stage.recovery_key  # all that the roster, and so the server, has of it
    if adversary.on:
        if any(recovery_key_of(bytes([n]), di.member_id) == known for n in range(256)):
            adversary.succeeds()
        guesses = (bytes(15) + bytes([n]) for n in range(256))
        assert not any(recovery_key_of(guess, di.member_id) == known for guess in guesses)
        adversary.refused_by.append("128 bits")
        return
    link_read, code = sheet.read()
    assert recovery_key_of(code, link_read.member_id) == known


@attack("the signature of an entry")
def test_e5_an_older_recovery_sheet_brings_a_device_back(
    adversary: Adversary, stage: Stage
) -> None:
    company, cy = stage.company, stage.cy
    new = company.on_new_device(cy)
    company.append(company.recover_entry(cy, new))
    # The thief kept a copy of the sheet that was used; its owner has the next one.
    owner = dataclasses.replace(cy, recovery_key=new.recovery_key)
    entry = company.recover_entry(cy if adversary.on else owner, company.on_new_device(cy))
    head = company.roster.head
    with adversary.refused("LEDGER-4"):
        company.append(entry)
    if adversary.on:
        assert company.roster.head == head, "O3"
        assert company.roster.device(cy.device_id) is None


@attack("nothing while a Remove is due")
def test_e9_a_revoked_device_is_kept_in_the_unit(adversary: Adversary, stage: Stage) -> None:
    unit, company = stage.unit, stage.company
    company.append(company.sign(RevokeDevice(stage.cy.device_id), stage.cy))
    unit.write_heads()

    def take_out() -> None:
        unit.send_commit(stage.bo, unit.commit(stage.bo, remove=removes_due(unit.server)))

    if not adversary.on:
        take_out()
    stage.posts(stage.ada, unit.encrypt(stage.ada, b"not for the thief"), "GATE-23")
    if adversary.on:
        take_out()
    stage.goes_on()


@attack("changes are told")
async def test_a17_a_stolen_admin_key_lets_somebody_in_and_all_see_it(
    adversary: Adversary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = Quiet(monkeypatch)
    async with running_server(tmp_path) as server, cast(tmp_path, server) as c:
        with c.ben.events() as seen:
            await c.ben._session.live.wait()
            if not adversary.on:
                return
            link = (await c.ada.invite()).link  # whoever has Ada's key can do this: by the rules
            async with mifeng.join(
                link, profile=tmp_path / "ghost", name="Ghost", passphrase=PASSPHRASE
            ) as ghost:
                told = list[tuple[str, bytes | None]]()

                async def hear() -> None:
                    async for event in seen:
                        if isinstance(event, mifeng.RosterChanged):
                            told.append((event.change.kind, event.change.subject))

                hearing = asyncio.create_task(hear())
                await quiet()  # all that is told has been told
                hearing.cancel()
                if not told:
                    adversary.succeeds()
                assert [kind for kind, _ in told] == ["invite", "add_member"]
                assert told[-1][1] == ghost.me.id
                listed = await c.ben.changes()
                assert (listed[-1].kind, listed[-1].subject) == (
                    "add_member",
                    c.ben.person("Ghost"),
                )
                adversary.refused_by.append("RosterChanged")
