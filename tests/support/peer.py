"""A device that speaks to a server by the letter of the API, for tests of the server alone.

It keeps no state on disk, believes what it is sent, and does whatever a test asks of it: also what
no real client would.
"""

# ruff: noqa: ANN401 - what a test bends can be of any type

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from mifeng_crypto import signature
from mifeng_crypto.api import messages as m
from mifeng_crypto.gate import (
    LogPosition,
    genesis_of_log,
    header_hash,
)
from mifeng_crypto.ids import (
    PROTOCOL_VERSION,
    DeviceId,
    FileId,
    GroupId,
    Identity,
    MemberId,
    UnitId,
    UnixMillis,
    WorkspaceId,
)
from mifeng_crypto.labels import sign_mifeng
from mifeng_crypto.ledger.charter import Charter, sign_charter_entry
from mifeng_crypto.ledger.charter_entry import (
    CharterBody,
    Create,
    Grant,
    Revoke,
    UnitKind,
    UnitRole,
)
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.policy import DEFAULT_POLICY, Policy
from mifeng_crypto.ledger.roster import Roster, sign_roster_entry
from mifeng_crypto.ledger.roster_entry import (
    AddMember,
    Author,
    Device,
    DeviceAuthor,
    Found,
    Invite,
    InviteAuthor,
    MemberKind,
    Role,
    RosterBody,
    ServerIdentity,
)
from mifeng_crypto.links import FoundLink, parse_link
from mifeng_crypto.log import (
    SET_AT_EXTENSION,
    AuthenticatedData,
    EntryKind,
    LogEntry,
    Purpose,
    SetAt,
    UnitState,
)
from mifeng_crypto.login import LoginTBS
from mifeng_crypto.mls import group as mls
from mifeng_crypto.mls.group import Epoch, KeyPackageBundle, LeafIndex, PendingCommit
from mifeng_crypto.mls.wire.credential import BasicCredential
from mifeng_crypto.mls.wire.extension import Extension
from mifeng_crypto.mls.wire.framing import PublicMessage
from mifeng_crypto.mls.wire.leaf_node import Lifetime
from mifeng_crypto.mls.wire.message import MLSMessage, encode_message
from mifeng_crypto.mls.wire.parent_node import RatchetTreeExtension
from mifeng_crypto.sealing import hpke_public_of
from mifeng_crypto.secret import Secret
from mifeng_crypto.suite import MLS_XWING, suite_by_id
from mifeng_crypto.tls import decode, encode
from mifeng_server.domain.protocols import Clock
from tests.support.connection import Connection, RefusedError
from tests.support.server import RunningServer
from tests.support.state import NOTHING_YET, state_after

__all__ = ["SUITE", "Peer", "PeerUnit", "RefusedError", "founded", "pair", "peer_of"]

SUITE = suite_by_id(MLS_XWING)
DAY_S = 86_400


@dataclass(slots=True)
class PeerUnit:
    """A unit as a device holds it."""

    charter: Charter
    epoch: Epoch
    log: LogPosition
    state: UnitState


@dataclass(slots=True, kw_only=True)
class Peer(Connection):
    """A device and its connection. Fields may be bent by tests."""

    clock: Clock
    member_id: MemberId = field(default_factory=lambda: MemberId(os.urandom(16)))
    device_id: DeviceId = field(default_factory=lambda: DeviceId(os.urandom(16)))
    key: Secret = field(default_factory=lambda: Secret(os.urandom(32)))
    recovery_key: bytes | None = None
    roster: Roster | None = None
    tls_pin: bytes | None = None
    bundles: list[KeyPackageBundle] = field(default_factory=list)
    units: dict[bytes, PeerUnit] = field(default_factory=dict)

    @property
    def author(self) -> DeviceAuthor:
        return DeviceAuthor(self.member_id, self.device_id)

    @property
    def device(self) -> Device:
        hpke_key = hpke_public_of(hashlib.sha256(self.key).digest())
        return Device(self.device_id, signature.public_of(self.key), hpke_key)

    @property
    def now(self) -> UnixMillis:
        return UnixMillis(self.clock.now())

    @property
    def known(self) -> Roster:
        assert self.roster is not None
        return self.roster

    # -------------------------------------------------------------- workspace

    async def found(self, link: str) -> None:
        parsed = parse_link(link)
        assert isinstance(parsed, FoundLink)
        body = Found(
            self.member_id,
            self.device,
            None,
            DEFAULT_POLICY,
            ServerIdentity(parsed.addresses, (parsed.tls_pin,) if parsed.tls_pin else (), None),
        )
        entry = sign_roster_entry(
            None, body, self.author, self.key, now=self.now, workspace_id=WorkspaceId(bytes(16))
        )
        self.roster = Roster.from_entries([entry])
        await self.call(
            "found", m.HeadReply, m.FoundRequest(token=parsed.token, entry=encode(entry))
        )

    def login_tbs(self, nonce: bytes, author: Author | None = None, **bent: Any) -> LoginTBS:
        made: dict[str, Any] = {
            "version": PROTOCOL_VERSION,
            "workspace_id": self.known.workspace_id,
            "origin": self.url,
            "tls_pin": self.tls_pin,
            "nonce": nonce,
            "author": author or self.author,
            "time": self.now,
        }
        return LoginTBS(**(made | bent))

    async def login(
        self, *, author: Author | None = None, key: bytes | None = None, **bent: Any
    ) -> m.LoginReply:
        nonce = (await self.call("login_nonce", m.NonceReply)).nonce
        tbs = encode(self.login_tbs(nonce, author, **bent))
        signed = sign_mifeng(key or self.key, "Login", tbs)
        reply = await self.call("login", m.LoginReply, m.LoginRequest(tbs=tbs, signature=signed))
        self.token = reply.token
        return reply

    async def fetch_roster(self) -> None:
        after = self.roster.head.sequence if self.roster else 0
        while True:
            got = await self.call("roster", m.EntriesReply, query=f"?after={after}")
            self.roster = (
                self.roster.extend(got.entries) if self.roster else Roster.from_entries(got.entries)
            )
            after = self.roster.head.sequence
            if after >= got.head_sequence:
                return

    async def append_roster(
        self, body: RosterBody, *, author: Author | None = None, key: bytes | None = None
    ) -> None:
        entry = sign_roster_entry(
            self.known, body, author or self.author, key or self.key, now=self.now
        )
        request = m.LedgerAppendRequest(entry=encode(entry))
        await self.call("roster_append", m.HeadReply, request)
        self.roster = self.known.append(entry)

    async def invite(self, role: Role = Role.MEMBER) -> tuple[MemberId, Secret]:
        """Return whom the invite makes, and its one-time key."""
        key, member_id = Secret(os.urandom(32)), MemberId(os.urandom(16))
        expires = UnixMillis(self.now + 3 * DAY_S * 1000)
        await self.append_roster(Invite(member_id, role, signature.public_of(key), expires))
        return member_id, key

    async def join_workspace(self, member_id: MemberId, invite_key: Secret, known: Roster) -> None:
        """Become a member by an invite, log in, and publish KeyPackages."""
        self.member_id, self.roster = member_id, known
        author = InviteAuthor(member_id)
        await self.login(author=author, key=invite_key)
        await self.fetch_roster()
        await self.append_roster(
            AddMember(MemberKind.PERSON, self.device, self.recovery_key),
            author=author,
            key=invite_key,
        )
        await self.login()
        await self.publish()

    # -------------------------------------------------------------- MLS

    @property
    def _credential(self) -> BasicCredential:
        return BasicCredential(encode(Identity(self.member_id, self.device_id)))

    def _leaf(self) -> dict[str, Any]:
        now_s = self.now // 1000
        return {
            "signature_key": self.key,
            "credential": self._credential,
            "capabilities": mls.default_capabilities(extensions=(SET_AT_EXTENSION,)),
            "lifetime": Lifetime(now_s - 3600, now_s + 7 * DAY_S),
            "leaf_extensions": self._set_at(),
            "rng": os.urandom,
        }

    def _set_at(self) -> tuple[Extension, ...]:
        return (Extension(SET_AT_EXTENSION, encode(SetAt(self.now))),)

    def make_key_package(self, **bent: Any) -> bytes:
        bundle = mls.create_key_package(suite=SUITE, **(self._leaf() | bent))
        self.bundles.append(bundle)
        return encode_message(bundle.key_package)

    async def publish(self, n: int = 2) -> m.KeyPackageCount:
        packages = [self.make_key_package() for _ in range(n)]
        request = m.PublishKeyPackagesRequest(key_packages=packages)
        return await self.call("publish_key_packages", m.KeyPackageCount, request)

    async def create_unit(
        self, policy: Policy = DEFAULT_POLICY, *, kind: UnitKind = UnitKind.BUSINESS
    ) -> bytes:
        unit_id = UnitId(os.urandom(16))
        entry = sign_charter_entry(
            None,
            Create(kind, None, None, SUITE.id, policy),
            self.author,
            self.key,
            roster=self.known,
            now=self.now,
            unit_id=unit_id,
        )
        epoch, info = self._first_group(unit_id, 0)
        request = m.OpenUnitRequest(charter_entry=encode(entry), group_info=info)
        await self.call("create_unit", m.AcceptedReply, request)
        log = LogPosition.begin(genesis_of_log(info))
        charter = Charter.from_entries([entry], self.known)
        self.units[unit_id] = PeerUnit(charter, epoch, log, NOTHING_YET)
        await self.catch_up(unit_id)
        return unit_id

    def _first_group(self, unit_id: bytes, generation: int) -> tuple[mls.Epoch, bytes]:
        group_id = encode(GroupId(UnitId(unit_id), generation))
        epoch = mls.create(suite=SUITE, group_id=group_id, **self._leaf())
        info = mls.group_info(epoch, signature_key=self.key, with_tree=True)
        return epoch, encode_message(info)

    def first_group(self, unit_id: bytes, generation: int) -> bytes:
        """Make the GroupInfo that opens a generation."""
        return self._first_group(unit_id, generation)[1]

    def restart_request(
        self, unit_id: bytes, body: CharterBody, generation: int = 1
    ) -> m.OpenUnitRequest:
        charter = self.units[unit_id].charter
        entry = sign_charter_entry(
            charter, body, self.author, self.key, roster=self.known, now=self.now
        )
        info = self.first_group(unit_id, generation)
        return m.OpenUnitRequest(charter_entry=encode(entry), group_info=info)

    async def restart(self, unit_id: bytes, request: m.OpenUnitRequest) -> m.AcceptedReply:
        return await self.call("restart_unit", m.AcceptedReply, request, path={"unit_id": unit_id})

    async def append_charter(self, unit_id: bytes, body: CharterBody) -> None:
        charter = self.units[unit_id].charter
        entry = sign_charter_entry(
            charter, body, self.author, self.key, roster=self.known, now=self.now
        )
        request = m.LedgerAppendRequest(entry=encode(entry))
        await self.call("charter_append", m.HeadReply, request, path={"unit_id": unit_id})
        await self.catch_up(unit_id)

    async def grant(self, unit_id: bytes, member_id: MemberId) -> None:
        await self.append_charter(unit_id, Grant(member_id, UnitRole.MEMBER))

    async def revoke(self, unit_id: bytes, member_id: MemberId) -> None:
        await self.append_charter(unit_id, Revoke(member_id))

    async def catch_up(self, unit_id: bytes, own: PendingCommit | None = None) -> list[bytes]:
        """Apply what is new in ledgers and log; return the texts of the others."""
        unit, texts = self.units[unit_id], list[bytes]()
        await self.fetch_roster()
        got = await self.call(
            "charter",
            m.EntriesReply,
            path={"unit_id": unit_id},
            query=f"?after={unit.charter.head.sequence}",
        )
        unit.charter = unit.charter.extend(got.entries, self.known)
        for raw in await self.read_log(unit_id, unit.log.sequence):
            entry = decode(LogEntry, raw)
            if entry.header.kind is EntryKind.COMMIT:
                if own is not None and entry.content == own.message:
                    unit.epoch = own.next
                else:
                    staged = mls.stage_commit(
                        unit.epoch.public, entry.content, now_s=entry.header.accepted_at // 1000
                    )
                    unit.epoch = mls.process_commit(unit.epoch, staged)
            elif (
                entry.header.kind is EntryKind.MESSAGE and entry.header.device_id != self.device_id
            ):
                unit.epoch, received = mls.decrypt(unit.epoch, entry.content)
                texts.append(received.data)
            unit.log = unit.log.grown(entry.header)
            unit.state = state_after(unit.state, entry)
        return texts

    async def read_log(self, unit_id: bytes, after: int = 0) -> list[bytes]:
        entries: list[bytes] = []
        while True:
            got = await self.call(
                "log",
                m.LogReply,
                path={"unit_id": unit_id},
                query=f"?generation=0&after={after + len(entries)}",
            )
            entries += got.entries
            if after + len(entries) >= got.head_sequence:
                return entries

    def said(self, unit_id: bytes, files: Sequence[bytes] = (), **bent: Any) -> bytes:
        unit = self.units[unit_id]
        made: dict[str, Any] = {
            "version": PROTOCOL_VERSION,
            "roster": self.known.head,
            "charter": unit.charter.head,
            "log": unit.log.head,
            "time": self.now,
            "files": tuple(FileId(f) for f in files),
            "purpose": Purpose.POST,
            "unit": None,
        }
        return encode(AuthenticatedData(**(made | bent)))

    async def claim(self, unit_id: bytes, *device_ids: bytes) -> list[m.ClaimedKeyPackage]:
        request = m.ClaimRequest(device_ids=list(device_ids))
        path = {"unit_id": unit_id}
        return (
            await self.call("claim_key_packages", m.ClaimReply, request, path=path)
        ).key_packages

    def make_commit(
        self,
        unit_id: bytes,
        *,
        add: Sequence[m.ClaimedKeyPackage] = (),
        remove: Sequence[LeafIndex] = (),
        path: bool = True,
    ) -> tuple[PendingCommit, m.CommitRequest]:
        verified = []
        for claimed in add:
            found = decode(MLSMessage, claimed.key_package).message
            verified.append(mls.verify_key_package(found, now_s=self.now // 1000))  # type: ignore[arg-type]
        pending = mls.commit(
            self.units[unit_id].epoch,
            signature_key=self.key,
            add=verified,
            remove=remove,
            path=path,
            leaf_extensions=self._set_at() if path else None,
            authenticated_data=self.said(unit_id, unit=self.units[unit_id].state),
            now_s=self.now // 1000,
            rng=os.urandom,
        )
        welcome = None
        if pending.welcome is not None:
            ids = [claimed.device_id for claimed in add]
            welcome = m.WelcomeOut(welcome=pending.welcome, device_ids=ids)
        return pending, m.CommitRequest(generation=0, commit=pending.message, welcome=welcome)

    async def commit(self, unit_id: bytes, **what: Any) -> None:
        pending, request = self.make_commit(unit_id, **what)
        await self.call("commit", m.AcceptedReply, request, path={"unit_id": unit_id})
        await self.catch_up(unit_id, pending)

    async def add(self, unit_id: bytes, *others: Peer) -> None:
        """Grant and add other devices, who join."""
        for other in others:
            await self.grant(unit_id, other.member_id)
        claimed = await self.claim(unit_id, *(other.device_id for other in others))
        await self.commit(unit_id, add=claimed, path=False)
        for other in others:
            await other.join_units()

    async def join_units(self) -> None:
        await self.fetch_roster()
        for item in (await self.call("welcomes", m.WelcomesReply)).welcomes:
            where = f"/v1/units/{item.unit_id.hex()}/trees/{item.tree_hash.hex()}"
            status, tree, _ = await self.raw("GET", where)
            assert status == 200
            joined = None
            for bundle in self.bundles:
                try:
                    joined = mls.join(item.welcome, bundle, tree=decode(RatchetTreeExtension, tree))
                except Exception:  # noqa: BLE001 - it is for another KeyPackage
                    continue
            assert joined is not None
            got = await self.call("charter", m.EntriesReply, path={"unit_id": item.unit_id})
            entries = await self.read_log(item.unit_id, item.sequence - 1)
            entry = decode(LogEntry, entries[0])
            commit = decode(MLSMessage, entry.content).message
            assert isinstance(commit, PublicMessage)
            said = decode(AuthenticatedData, commit.content.authenticated_data)
            assert said.unit is not None
            self.units[item.unit_id] = PeerUnit(
                Charter.from_entries(got.entries, self.known),
                joined.epoch,
                LogPosition.begin(Head(item.sequence, header_hash(entry.header))),
                state_after(said.unit, entry),
            )
            await self.call("ack_welcome", None, path={"welcome_id": item.welcome_id})
            await self.catch_up(item.unit_id)

    def make_message(
        self, unit_id: bytes, text: bytes = b"hello", *, files: Sequence[bytes] = (), **bent: Any
    ) -> m.MessageRequest:
        unit = self.units[unit_id]
        unit.epoch, message, _ = mls.encrypt(
            unit.epoch,
            text,
            signature_key=self.key,
            authenticated_data=self.said(unit_id, files, **bent),
            rng=os.urandom,
        )
        return m.MessageRequest(generation=0, message=message)

    async def send(self, unit_id: bytes, text: bytes = b"hello", **more: Any) -> m.AcceptedReply:
        request = self.make_message(unit_id, text, **more)
        return await self.call("message", m.AcceptedReply, request, path={"unit_id": unit_id})


@asynccontextmanager
async def peer_of(server: RunningServer) -> AsyncIterator[Peer]:
    """A device that nobody knows yet."""
    async with aiohttp.ClientSession() as session:
        yield Peer(session=session, url=server.url, clock=server.clock)


@asynccontextmanager
async def founded(server: RunningServer) -> AsyncIterator[Peer]:
    """The founder's device, logged in."""
    async with peer_of(server) as founder:
        await founder.found(server.founding_link)
        await founder.login()
        yield founder


@asynccontextmanager
async def pair(server: RunningServer) -> AsyncIterator[tuple[Peer, Peer, bytes]]:
    """The founder and a colleague in one unit."""
    async with founded(server) as founder, peer_of(server) as colleague:
        member_id, key = await founder.invite()
        await colleague.join_workspace(member_id, key, founder.known)
        await founder.fetch_roster()
        unit_id = await founder.create_unit()
        await founder.add(unit_id, colleague)
        yield founder, colleague, unit_id
