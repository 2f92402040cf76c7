"""Which profiles there are; unlocking and locking; founding and joining a workspace."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import msgspec

from mifeng import text
from mifeng.content import printable
from mifeng.errors import ProfileBusyError
from mifeng.web.calls.table import Desk, Done, Nothing, OfProfile, call
from mifeng.web.enrolling import Enrolling, EnrolStep, opening_of
from mifeng.web.facts import PersonFacts, person_facts
from mifeng.web.house import profile_id
from mifeng.web.keeper import Keeper
from mifeng_crypto.errors import MifengError, UsageError
from mifeng_crypto.ledger.charter_entry import UnitKind
from mifeng_crypto.ledger.charter_rules import MAY_CREATE, Standing
from mifeng_crypto.links import DeviceLink, FoundLink, InviteLink, RecoveryLink, parse_link

__all__ = ["MeFacts", "ProfileFacts", "StateReply"]

KINDS = {FoundLink: "found", InviteLink: "join", DeviceLink: "link", RecoveryLink: "recover"}
LINK = re.compile(r"mifeng:\w+#[\w-]+")
CODE = re.compile(r"\b(?:[0-9A-Za-z]{4}-){6}[0-9A-Za-z]{4}\b")


class MeFacts(msgspec.Struct, kw_only=True, frozen=True):
    """Who one is in an open profile; `warnings` say what is to be set right, or should not be."""

    me: PersonFacts
    workspace: str
    device: str
    server: str
    is_online: bool
    ended: str
    warnings: list[str]
    may_invite: bool
    may_create: list[str]


class ProfileFacts(msgspec.Struct, kw_only=True, frozen=True):
    """A profile; `me` is there while it is open."""

    id: str
    folder: str
    state: str
    needs_passphrase: bool
    problem: str
    me: MeFacts | None


class StateReply(msgspec.Struct, kw_only=True, frozen=True):
    """All that the page needs to know at first."""

    language: str
    theme: str
    notify: bool
    preview: bool
    lock_after_min: int
    profiles: list[ProfileFacts]


class UnlockRequest(OfProfile, frozen=True, kw_only=True):
    """`passphrase` is null for a profile whose key is in the system's keyring."""

    passphrase: str | None


class LookAtLinkRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A link that somebody was given."""

    link: str


class BeginReply(msgspec.Struct, frozen=True):
    """The profile that a window is to show, and the link that it begins with; or empty."""

    profile: str
    link: str


class LinkFacts(msgspec.Struct, kw_only=True, frozen=True):
    """What a link is for: `found`, `join`, `link` or `recover`; and where it leads.

    `has_code` says that a recovery sheet's code stood beside it.
    """

    kind: str
    address: str
    has_code: bool


class EnrolRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Into a workspace, by a link of any kind.

    `code` is that of a recovery sheet, where the link is one's; `passphrase` is null for the
    system's keyring; `device` is what the device is to be called, or empty.
    """

    link: str
    code: str
    name: str
    title: str
    device: str
    passphrase: str | None


@call
async def state(desk: Desk, request: Nothing) -> StateReply:
    """Return what there is: settings and profiles."""
    del request
    settings = desk.house.settings
    return StateReply(
        language=text.language_in_use(),
        theme=settings.theme,
        notify=settings.notify,
        preview=settings.preview,
        lock_after_min=settings.lock_after_min,
        profiles=[await _facts(name, keeper) for name, keeper in desk.house.keepers.items()],
    )


async def _facts(name: str, keeper: Keeper) -> ProfileFacts:
    await keeper.settled()
    needs, problem = False, keeper.problem
    with contextlib.suppress(ProfileBusyError):
        if keeper.exists:
            try:
                needs = await keeper.needs_passphrase()
            except MifengError as err:
                problem = text.explain(err)
    return ProfileFacts(
        id=name,
        folder=printable(str(keeper.folder)),
        state="open" if keeper.is_open else "locked" if keeper.exists else "empty",
        needs_passphrase=needs,
        problem=problem,
        me=_me(keeper) if keeper.is_open else None,
    )


def _me(keeper: Keeper) -> MeFacts:
    me = keeper.workspace
    role = me.role.name if me.role else ""
    return MeFacts(
        me=person_facts(me.me, me),
        workspace=me.id.hex(),
        device=me.device_id.hex(),
        server=me.server,
        is_online=me.is_online,
        ended=keeper.ended,
        warnings=[one for one in (keeper.clock, keeper.alarm) if one],
        may_invite=role in ("OWNER", "ADMIN"),
        may_create=[
            kind.name.lower()
            for kind, standings in MAY_CREATE.items()
            if kind is not UnitKind.DIRECT and role and Standing[role] in standings
        ],
    )


@call
async def unlock(desk: Desk, request: UnlockRequest) -> Done:
    """Open a profile and go online."""
    await desk.keeper(request).open(request.passphrase)
    return Done()


@call
async def lock(desk: Desk, request: OfProfile) -> Done:
    """Close a profile: its key leaves this process."""
    await desk.keeper(request).close()
    return Done()


@call
async def active(desk: Desk, request: OfProfile) -> Done:
    """Say that somebody is there, so that the profile stays open; too late, it is locked."""
    keeper = desk.keeper(request)
    await desk.house.lock_if_idle(keeper)
    keeper.touch()
    return Done()


@call
async def begin(desk: Desk, request: Nothing) -> BeginReply:
    """Say what a window was opened for: once, so that it is that window's."""
    del request
    wish, desk.entrance.wish = desk.entrance.wish, None
    if wish is None:
        return BeginReply("", "")
    folder = Path(wish.profile)
    desk.house.add(folder)
    return BeginReply(profile_id(folder), wish.link)


@call
async def look_at_link(_desk: Desk, request: LookAtLinkRequest) -> LinkFacts:
    """Say what a link is for, before anything is done with it."""
    found = LINK.search(request.link)
    link = parse_link(found[0] if found else request.link.strip())
    return LinkFacts(
        kind=KINDS[type(link)],
        address=printable(link.addresses[0]),
        has_code=CODE.search(request.link) is not None,
    )


@call
async def enrol(desk: Desk, request: EnrolRequest) -> EnrolStep:
    """Begin a way into a workspace, as a new profile of this process; return its first step."""
    house = desk.house
    if house.enrolling is not None:
        await house.enrolling.cancel()
    keeper = house.room_for_one_more()
    found = LINK.search(request.link)
    is_sheet = found is not None and found[0].startswith("mifeng:recover#")
    opening = opening_of(
        found[0] if found and not is_sheet else request.link.strip(),
        request.code,
        keeper,
        name=request.name,
        title=request.title,
        device_name=request.device or None,
        passphrase=request.passphrase,
    )
    house.enrolling = Enrolling(profile_id(keeper.folder), keeper, opening)
    return await house.enrolling.next()


@call
async def enrol_next(desk: Desk, request: Nothing) -> EnrolStep:
    """Say that the last step was seen to, and wait for the next one."""
    del request
    if desk.house.enrolling is None:
        raise UsageError("this way in has come to its end; begin again")
    return await desk.house.enrolling.next()
