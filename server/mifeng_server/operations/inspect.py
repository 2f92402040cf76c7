"""All that the server knows: of one member, of one unit, or of itself."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields
from enum import Enum
from typing import Any

from mifeng_crypto.errors import UsageError
from mifeng_crypto.gate import NO_DEVICE
from mifeng_crypto.ids import MemberId
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.log import LogHeader
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.tls import decode
from mifeng_server.clock import utc
from mifeng_server.config import Config
from mifeng_server.domain import rows
from mifeng_server.domain.protocols import Store
from mifeng_server.domain.purge import ENDING
from mifeng_server.domain.roster_load import load_roster
from mifeng_server.domain.rows import KEYS, FileRow, GrantRow, LogRow, Row, TokenRow, UnitRow
from mifeng_server.domain.unit import ALL, Unit, load_unit
from mifeng_server.storage.tables import FIELDS

__all__ = ["due", "inspect", "quota", "stats", "users"]

TOKEN_MS = 3_600_000
PAGE = 1000
Facts = dict[str, Any]


async def inspect(store: Store, what: bytes) -> list[Facts]:
    """Return every fact about a member or a unit.

    Raises:
        UsageError: there is neither of this id.
    """
    roster = await _roster(store)
    member = roster.member(MemberId(what))
    if member is not None or roster.was_ever_named(MemberId(what)):
        return await _member(store, roster, MemberId(what))
    unit = await load_unit(store, what, roster)
    if unit is None:
        raise UsageError("the server knows no member and no unit of this id")
    return await _unit(store, unit)


async def _roster(store: Store) -> Roster:
    roster = await load_roster(store)
    if roster is None:
        raise UsageError("the workspace is not founded yet; use the link that `init` printed")
    return roster


async def _member(store: Store, roster: Roster, member_id: MemberId) -> list[Facts]:
    member = roster.member(member_id)
    found = [
        _fact("member", member_id.hex()),
        _fact("role", member.role.name.lower() if member else "removed"),
        _fact("kind", member.kind.name.lower() if member else ""),
    ]
    ever = roster.devices_ever(member_id)
    for device in ever:
        is_valid = roster.device(device.device_id) is not None
        found.append(_fact("device" if is_valid else "device, revoked", device.device_id.hex()))
        unused = await store.count(rows.KeyPackageRow, device_id=device.device_id)
        found.append(_fact("unused KeyPackages", unused))
    grants = await store.find(GrantRow, order="unit_id", limit=ALL, member_id=member_id)
    found += [_fact("unit", grant.unit_id.hex()) for grant in grants]
    stays = await store.find(rows.StayRow, order="unit_id", limit=ALL, member_id=member_id)
    for stay in stays:
        left = f"out by commit {stay.left}" if stay.left else "in"
        found.append(_fact("tree of unit", f"{stay.unit_id.hex()} {left}"))
    tokens = await store.find(TokenRow, order="deadline", limit=ALL, member_id=member_id)
    found += [_fact("logged in until", row.deadline) for row in tokens]
    found += await _files(store, member_id=member_id)
    card = await store.get(rows.CardRow, member_id)
    if card is not None:
        found.append(_fact("sealed card", f"version {card.version}, {len(card.sealed)} bytes"))
    devices = {device.device_id for device in ever}
    for unit in {grant.unit_id for grant in grants} | {stay.unit_id for stay in stays}:
        found += [f for d, f in (await _wrote(store, unit)).items() if d in devices]
    return [*found, *await _rows(store, member_id=[member_id], device_id=devices, author=devices)]


async def _unit(store: Store, unit: Unit) -> list[Facts]:
    charter, row = unit.charter, unit.row
    waiting = await store.count(rows.WelcomeRow, unit_id=unit.unit_id)
    identities = [
        leaf.credential.identity.hex()
        for _, leaf in unit.public.leaves()
        if isinstance(leaf.credential, BasicCredential)
    ]
    return [
        _fact("unit", unit.unit_id.hex()),
        _fact("kind", charter.kind.name.lower()),
        _fact("parent", charter.parent.hex() if charter.parent else ""),
        *(
            _fact(f"policy: {field.name}", _plain(getattr(charter.policy, field.name)))
            for field in fields(charter.policy)
        ),
        *(
            _fact("granted", f"{m.hex()} {role.name.lower()}")
            for m in charter.members()
            if (role := charter.role_of(m)) is not None
        ),
        *(_fact("in the tree: member and device", name) for name in identities),
        *(
            _fact(name, getattr(row, name))
            for name in ("generation", "epoch", "log_sequence", "accepted_at", "rotated_at")
        ),
        _fact("live entries", await store.count(rows.ContentRow, unit_id=unit.unit_id)),
        _fact("Welcomes waiting", waiting),
        *await _files(store, unit_id=unit.unit_id),
        *(await _wrote(store, unit.unit_id)).values(),
        *await _rows(store, unit_id=[unit.unit_id], member_id=[unit.unit_id]),  # its card
    ]


async def _wrote(store: Store, unit_id: bytes) -> dict[bytes, Facts]:
    """How much each device wrote into a unit's log, and when last: headers stay."""
    written: dict[bytes, tuple[int, int]] = {}
    for generation in itertools.count():
        after = -1
        while page := await store.find(
            LogRow, order="sequence", after=after, limit=PAGE, unit_id=unit_id,
            generation=generation,
        ):  # fmt: skip
            for row in page:
                header = decode(LogHeader, row.header)
                n, _ = written.get(header.device_id, (0, 0))
                written[header.device_id] = n + 1, header.accepted_at
            after = page[-1].sequence
        if after < 0:
            break
    return {
        device: _fact("wrote", f"{device.hex()} {n} in {unit_id.hex()}, last {utc(at)}")
        for device, (n, at) in written.items()
        if device != NO_DEVICE
    }


async def _rows(store: Store, **whose: Iterable[bytes]) -> list[Facts]:
    """How many rows of each kind name this member or unit: nothing that is kept is left out.

    Of a kind that has several of the fields the first one counts.
    """
    found = []
    for kind in KEYS:
        field = next((name for name in whose if name in FIELDS[kind]), None)
        values = whose[field] if field else ()
        count = sum([await store.count(kind, **{str(field): value}) for value in values])
        if count:
            found.append(_fact(f"rows: {_name(kind)}", count))
    return found


async def _files(store: Store, **whose: bytes) -> list[Facts]:
    return [
        _fact("files", await store.count(FileRow, **whose)),
        _fact("bytes of files", await store.total(FileRow, "length", **whose)),
    ]


def _plain(value: Any) -> Any:  # noqa: ANN401 - a policy's
    return value.name.lower() if isinstance(value, Enum) else value


def _fact(name: str, value: Any) -> Facts:  # noqa: ANN401 - whatever is known
    return {"fact": name, "value": value}


async def users(store: Store) -> list[Facts]:
    """Every member: pseudonyms, for the server knows no names."""
    roster = await _roster(store)
    found = []
    for member in roster.members():
        tokens = await store.find(TokenRow, order="deadline", limit=ALL, member_id=member.member_id)
        found.append(
            {
                "member": member.member_id.hex(),
                "role": member.role.name.lower(),
                "kind": member.kind.name.lower(),
                "devices": len(roster.devices_of(member.member_id)),
                "units": await store.count(GrantRow, member_id=member.member_id),
                "bytes": await store.total(FileRow, "length", member_id=member.member_id),
                "last_login": tokens[-1].deadline - TOKEN_MS if tokens else None,
            }
        )
    return found


async def quota(store: Store, config: Config) -> list[Facts]:
    """What members and units use of what they may have; the fullest first."""
    roster = await _roster(store)
    limits = config.limits
    found: list[Facts] = []
    names = [("member", m.member_id) for m in roster.members()]
    names += [("unit", u.unit_id) for u in await store.find(UnitRow, order="unit_id", limit=ALL)]  # type: ignore[misc]
    for whose, name in names:
        most = (limits.member_mib if whose == "member" else limits.unit_mib) << 20
        used = await store.total(FileRow, "length", **{f"{whose}_id": name})
        found.append({"of": whose, "id": name.hex(), "used": used, "limit": most,
                      "percent": round(100 * used / most, 1)})  # fmt: skip
    return sorted(found, key=lambda row: -row["percent"])


async def stats(store: Store) -> list[Facts]:
    """Numbers of everything, and what ends next."""
    roster = await load_roster(store)
    kinds = Counter(m.kind.name.lower() for m in roster.members()) if roster else Counter[str]()
    found = [_fact(f"members: {kind}", n) for kind, n in sorted(kinds.items())]
    found += [_fact(f"rows: {_name(kind)}", await store.count(kind)) for kind in KEYS]
    found.append(_fact("bytes of files", await store.total(FileRow, "length")))
    for kind, field in _ending():
        ending = await store.find(kind, order=field, after=0, limit=1)
        if ending:
            found.append(_fact(f"next to end: {_name(kind)}", getattr(ending[0], field)))
    return found


def _ending() -> tuple[tuple[type[Row], str], ...]:
    return (*ENDING, (FileRow, "deadline"))


def _name(kind: type[Row]) -> str:
    return kind.__name__.removesuffix("Row")


async def due(store: Store, now: int) -> list[Facts]:
    """What a purge would destroy now."""
    found = []
    for kind, field in _ending():
        some = await store.find(kind, order=field, after=0, until=now, limit=ALL)
        size = sum(getattr(row, "length", 0) or len(getattr(row, "content", b"")) for row in some)
        found.append({"kind": _name(kind), "due": len(some), "bytes": size})
    return found
