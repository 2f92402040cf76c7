"""KeyPackages: stored by their devices, handed out once (RFC 9420 section 10, protocol.md,
"KeyPackages").

    KEYPACKAGE-1  it is of the calling device: identity and signature key as in the roster
    KEYPACKAGE-2  it lives for at most seven days
    KEYPACKAGE-3  a device stores at most 100 unused ones of a suite
    KEYPACKAGE-4  they are handed out only for devices that belong in the unit and are not in it,
                  or have asked to be added again
    KEYPACKAGE-5  a commit adds only what was handed out for this unit
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mifeng_crypto.api.messages import (
    ClaimedKeyPackage,
    ClaimReply,
    ClaimRequest,
    KeyPackageCount,
    PublishKeyPackagesRequest,
)
from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.gate import check_size
from mifeng_crypto.ids import DeviceId, Identity, MemberId
from mifeng_crypto.ledger.charter_rules import SUITES_IN_USE
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.mls.group import key_package_ref, verify_key_package
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.key_package import KeyPackage
from mifeng_crypto.mls.wire.leaf_node import FromKeyPackage
from mifeng_crypto.mls.wire.message import MLSMessage, encode_message
from mifeng_crypto.suite import suite_by_id
from mifeng_crypto.tls import decode, encode
from mifeng_server.domain.accept import Call, Decision, Held, accept
from mifeng_server.domain.events import KeyPackagesCame
from mifeng_server.domain.house import House
from mifeng_server.domain.login import Caller
from mifeng_server.domain.refusal import not_found
from mifeng_server.domain.refused import refusing
from mifeng_server.domain.rows import ClaimRow, Delete, KeyPackageRow, Put, Write
from mifeng_server.domain.unit import ALL, Unit, may_take_part

__all__ = [
    "check_adds",
    "claim",
    "claims_lock",
    "count",
    "forget_silent",
    "key_packages_lock",
    "publish",
]

MAX_LIFETIME_S = 7 * 86_400
MAX_UNUSED = 100
SKEW_S = 3_600
"""Clients date `not_before` a little back, so that clocks may differ."""


def key_packages_lock(device_id: bytes) -> bytes:
    """The lock under which a device's KeyPackages come into being."""
    return b"kp" + device_id


def claims_lock(unit_id: bytes) -> bytes:
    """The lock under which KeyPackages are handed out for a unit; taken before the unit's."""
    return b"claim" + unit_id


async def count(house: House, caller: Caller) -> KeyPackageCount:
    """How many unused ones the calling device has."""
    assert caller.device_id is not None, "the endpoint is for devices"
    return KeyPackageCount(unused=await _unused(house, caller.device_id))


async def _unused(house: House, device_id: bytes) -> dict[int, int]:
    """By cipher suite."""
    return {
        suite: await house.store.count(KeyPackageRow, device_id=device_id, suite=suite)
        for suite in sorted(SUITES_IN_USE)
    }


async def publish(
    house: House, caller: Caller, call: Call, body: PublishKeyPackagesRequest, *, now: int
) -> KeyPackageCount:
    """Store KeyPackages of the calling device.

    Raises:
        Refusal: malformed, refused.
    """
    device_id = caller.device_id
    assert device_id is not None, "the endpoint is for devices"

    async def decide(_: Held) -> Decision:
        # In here: a device that is removed meanwhile leaves none behind.
        roster = await house.roster()
        assert roster is not None, "there are no callers before the founding"
        with refusing():
            rows = [_checked(roster, caller, raw, now // 1000) for raw in body.key_packages]
        await house.store.settle()
        unused = Counter(await _unused(house, device_id))
        unused.update(row.suite for row in rows)
        with refusing():
            for suite in {row.suite for row in rows}:
                _check_room(unused[suite])
        return Decision(
            reply=KeyPackageCount(unused=dict(unused)),
            writes=tuple(Put(row) for row in rows),
            events=(KeyPackagesCame(caller.member_id),),
            remember_until=max(row.not_after for row in rows),
        )

    return await accept(
        house, call, KeyPackageCount, lock=key_packages_lock(device_id), decide=decide
    )


def _checked(roster: Roster, caller: Caller, raw: bytes, now_s: int) -> KeyPackageRow:
    message = decode(MLSMessage, raw).message
    if not isinstance(message, KeyPackage):
        raise ProtocolError("KEYPACKAGE-1", "this is no KeyPackage")
    key_package = verify_key_package(message, now_s=now_s).key_package
    device_id = caller.device_id
    assert device_id is not None, "the endpoint is for devices"
    _check_owner(roster, key_package, Identity(MemberId(caller.member_id), DeviceId(device_id)))
    source = key_package.leaf_node.source
    assert isinstance(source, FromKeyPackage), "verify_key_package saw to it"
    _check_lifetime(source.lifetime.not_before, source.lifetime.not_after)
    check_size(key_package.leaf_node, key_package.extensions)  # a commit with it would be refused
    return KeyPackageRow(
        ref=key_package_ref(suite_by_id(key_package.cipher_suite), key_package),
        device_id=device_id,
        suite=key_package.cipher_suite,
        not_after=source.lifetime.not_after * 1000,
        key_package=raw,
    )


def _check_owner(roster: Roster, key_package: KeyPackage, owner: Identity) -> None:
    """KEYPACKAGE-1."""
    leaf, device = key_package.leaf_node, roster.device(owner.device_id)
    identity = leaf.credential.identity if isinstance(leaf.credential, BasicCredential) else b""
    if device is None or identity != encode(owner) or leaf.signature_key != device.signature_key:
        raise ProtocolError("KEYPACKAGE-1", "this KeyPackage is of another device")


def _check_lifetime(not_before: int, not_after: int) -> None:
    """KEYPACKAGE-2."""
    if not_after - not_before > MAX_LIFETIME_S + SKEW_S:
        raise ProtocolError("KEYPACKAGE-2", "this KeyPackage lives for more than seven days")


def _check_room(unused: int) -> None:
    """KEYPACKAGE-3."""
    if unused > MAX_UNUSED:
        raise ProtocolError(
            "KEYPACKAGE-3",
            "{unused} unused KeyPackages of one suite would be too many; {most} are enough",
            unused=unused,
            most=MAX_UNUSED,
        )


async def claim(
    house: House, caller: Caller, call: Call, unit_id: bytes, body: ClaimRequest, *, now: int
) -> ClaimReply:
    """Hand out one KeyPackage for each device, the same one for as long as it is not used.

    Raises:
        Refusal: not_found; refused: KEYPACKAGE-4.
    """
    device_ids = dict.fromkeys(body.device_ids)

    async def decide(_: Held) -> Decision:
        roster, unit = await house.roster(), await house.unit(unit_id)
        if roster is None or unit is None or not may_take_part(roster, unit, caller.member_id):
            raise not_found()
        with refusing():
            for device_id in device_ids:
                _check_belongs(roster, unit, device_id)
        await house.store.settle()
        claimed: list[ClaimedKeyPackage] = []
        writes: list[Write] = []
        for device_id in device_ids:
            row = await house.store.get(ClaimRow, unit_id, device_id)
            if row is None or row.not_after <= now:
                taken = await house.store.find(
                    KeyPackageRow,
                    order="not_after",
                    after=now,
                    limit=1,
                    device_id=device_id,
                    suite=unit.charter.cipher_suite,
                )
                if not taken:
                    continue
                row = ClaimRow(
                    unit_id=unit_id,
                    device_id=device_id,
                    not_after=taken[0].not_after,
                    key_package=taken[0].key_package,
                )
                writes += [Delete(KeyPackageRow, (taken[0].ref,), must_exist=True), Put(row)]
            claimed.append(ClaimedKeyPackage(device_id=device_id, key_package=row.key_package))
        return Decision(
            reply=ClaimReply(key_packages=claimed), writes=tuple(writes), remember=False
        )

    return await accept(house, call, ClaimReply, lock=claims_lock(unit_id), decide=decide)


def _check_belongs(roster: Roster, unit: Unit, device_id: bytes) -> None:
    """KEYPACKAGE-4."""
    device = roster.device(DeviceId(device_id))
    if (
        device is None
        or not may_take_part(roster, unit, device.member_id)
        or (unit.public.find(device.signature_key) is not None and device_id not in unit.asked)
    ):
        raise ProtocolError(
            "KEYPACKAGE-4", "a device is in the unit already, or does not belong there; catch up"
        )


async def check_adds(
    house: House, unit_id: bytes, added: Iterable[tuple[bytes, KeyPackage]]
) -> tuple[Write, ...]:
    """Check the KeyPackages that a commit adds, by device; return what using them up writes.

    Raises:
        ProtocolError: KEYPACKAGE-5.
    """
    rows = await house.store.find(ClaimRow, order="not_after", limit=ALL, unit_id=unit_id)
    claimed = {row.device_id: row.key_package for row in rows}
    writes: list[Write] = []
    for device_id, key_package in added:
        if claimed.get(device_id) != encode_message(key_package):
            raise ProtocolError(
                "KEYPACKAGE-5", "the commit adds a KeyPackage that was not claimed for this unit"
            )
        writes.append(Delete(ClaimRow, (unit_id, device_id)))
    return tuple(writes)


async def forget_silent(
    house: House, unit_id: bytes, device_ids: Iterable[bytes]
) -> tuple[Write, ...]:
    """Delete the KeyPackages of devices that were removed for their silence.

    So they are added again when they have returned and published new ones, and not before.
    """
    writes: list[Write] = []
    for device_id in device_ids:
        unused = await house.store.find(
            KeyPackageRow, order="not_after", limit=ALL, device_id=device_id
        )
        writes += [Delete(KeyPackageRow, (row.ref,)) for row in unused]
        writes.append(Delete(ClaimRow, (unit_id, device_id)))
    return tuple(writes)
