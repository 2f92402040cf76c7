"""Into a workspace: found it, join it, come back to it, or be linked; and on from wherever that was
interrupted.

The server is asked first, then the profile is saved with its keys, then the server is told. If it
refuses for good, the profile is deleted; if it is not reached, `Session.sync` goes on later.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from mifeng.core import linking, people
from mifeng.core import profile as profiles
from mifeng.core.profile import Enrolled, Founding, Joining, Linking, Profile, Recovering
from mifeng.core.roster import follow
from mifeng.core.sheet import RecoverySheet
from mifeng.errors import (
    InviteSpentError,
    LinkSpentError,
    ProfileMissingError,
    ServerIdentityError,
    ServerProblem,
    SheetSpentError,
    WrongPassphraseError,
)
from mifeng.home import Home
from mifeng.keychain import KeySource
from mifeng.net import Api, Signer
from mifeng.session.session import Session
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import MifengError, ProtocolError, TransportError, UsageError
from mifeng_crypto.ids import UnixMillis, WorkspaceId
from mifeng_crypto.ledger.roster_entry import Author, InviteAuthor, MemberKind, RecoveryAuthor
from mifeng_crypto.linking import Mailbox, check_grant, check_nonce, code_of, open_grant
from mifeng_crypto.links import DeviceLink, FoundLink, InviteLink, Link, RecoveryLink, parse_link
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode

__all__ = ["enrol", "found", "join", "link_device", "recover"]

Clock = Callable[[], UnixMillis]
Keep = Callable[[RecoverySheet], Awaitable[None]]
Show = Callable[[str], Awaitable[None]]
L = TypeVar("L", FoundLink, InviteLink, DeviceLink, RecoveryLink)
ATTEMPTS = 12
POLL_S = 0.5
"""How often a device that waits to be linked looks whether the other one has answered."""


async def found(
    folder: Path,
    source: KeySource,
    text: str,
    *,
    name: str,
    title: str,
    device_name: str,
    keep: Keep | None,
    now: Clock,
    rng: Rng,
) -> Session:
    """Found the workspace of a new server.

    Args:
        keep: shows and keeps the recovery sheet, before anything is sent; None makes no sheet.

    Raises:
        UsageError: the link is not one, or not for founding.
        ServerProblem: the server refuses: it is founded already, or the link is another's.
        MifengError: as `Session.sync`.
    """
    link = parse_link(text)
    if not isinstance(link, FoundLink):
        raise _of_another_kind(link)
    info, _ = await _ask(link, now=now, rng=rng)
    if info.workspace_id is not None:
        raise ServerProblem(409, ProblemCode.ALREADY_FOUNDED)
    founder, sheet = profiles.found(
        link,
        info.checkpoint_key,
        name=name,
        title=title,
        device_name=device_name,
        with_sheet=keep is not None,
        now=now(),
        rng=rng,
    )
    return await _begin(folder, source, founder, sheet, keep, now=now, rng=rng)


async def join(
    folder: Path,
    source: KeySource,
    text: str,
    *,
    name: str,
    title: str,
    device_name: str,
    keep: Keep | None,
    kind: MemberKind = MemberKind.PERSON,
    now: Clock,
    rng: Rng,
) -> Session:
    """Join a workspace by an invite.

    Args:
        keep: as in `found`.
        kind: a person's, a bot's or an archive's profile.

    Raises:
        UsageError: the link is not one, or not an invite.
        InviteSpentError: it was used, or has expired.
        ProtocolError: the server is not the one of this invite.
        MifengError: as `Session.sync`.
    """
    link = parse_link(text)
    if not isinstance(link, InviteLink):
        raise _of_another_kind(link)
    info, link = await _ask(link, now=now, rng=rng)
    workspace_id = _check_workspace(info, link.genesis)
    joiner, sheet = profiles.join(
        link,
        workspace_id,
        name=name,
        title=title,
        device_name=device_name,
        with_sheet=keep is not None,
        kind=kind,
        rng=rng,
    )
    if keep is not None:  # nobody writes down a sheet for an invite that is void
        await _check_open(joiner, now=now, rng=rng)
    return await _begin(folder, source, joiner, sheet, keep, now=now, rng=rng)


async def recover(
    folder: Path,
    source: KeySource,
    sheet: RecoverySheet,
    *,
    device_name: str,
    keep: Keep,
    now: Clock,
    rng: Rng,
) -> Session:
    """Come back by a recovery sheet, on a new device; all older ones are out.

    Args:
        keep: shows and keeps the next sheet, before anything is sent.

    Raises:
        UsageError: the sheet is not one.
        SheetSpentError: it was used, or is not of this workspace.
        ProtocolError: the server is not the one of this sheet.
        MifengError: as `Session.sync`.
    """
    link, code = sheet.read()
    info, link = await _ask(link, now=now, rng=rng)
    workspace_id = _check_workspace(info, link.genesis)
    profile, following = profiles.recover(
        link, code, workspace_id, device_name=device_name, rng=rng
    )
    await _check_open(profile, now=now, rng=rng)
    return await _begin(folder, source, profile, following, keep, now=now, rng=rng)


async def link_device(
    folder: Path,
    source: KeySource,
    text: str,
    *,
    device_name: str,
    system: str,
    show: Show,
    now: Clock,
    rng: Rng,
) -> Session:
    """Become one more device of somebody who is in, by the link that another device shows.

    A folder in which this was interrupted goes on, where it can: with the same link, or because
    the other device has said yes meanwhile. Else it begins anew.

    Args:
        show: shows the digits that the other device asks for.

    Raises:
        UsageError: the link is not one, or not for this.
        LinkSpentError: it was used, declined, or is too old.
        ProtocolError: the server is not the one of this link; or LINK-n.
        MifengError: as `Session.sync`.
    """
    link = parse_link(text)
    if not isinstance(link, DeviceLink):
        raise _of_another_kind(link)
    begun = await _go_on(folder, source, link, show=show, now=now, rng=rng)
    if begun is not None:
        return begun
    info, link = await _ask(link, now=now, rng=rng)
    workspace_id = _check_workspace(info, link.genesis)
    profile = linking.begin(link, workspace_id, device_name=device_name, system=system, rng=rng)
    linking.request_of(profile)
    return await _begin(folder, source, profile, None, None, show=show, now=now, rng=rng)


async def _go_on(
    folder: Path, source: KeySource, link: DeviceLink, *, show: Show, now: Clock, rng: Rng
) -> Session | None:
    """Bring a linking that was interrupted to its end; None if there is none, or it was in vain.

    Whatever else is in the folder is left to `Home.create`, which says that there is a profile.
    """
    try:
        home = await Home.open(folder, source, rng=rng)
    except (ProfileMissingError, WrongPassphraseError):
        return None
    try:
        session = await Session.load(home, now=now, rng=rng)
    except BaseException:
        await home.close()
        raise
    stage = session.profile.stage
    if not isinstance(stage, Linking):
        await session.close()
        return None
    try:
        await enrol(session, show if stage.secret == link.secret else None)
        await session.sync()
    except LinkSpentError:
        await session.api.close()
        await home.destroy()
        if stage.secret == link.secret:
            raise
        return None
    except BaseException:
        await session.close()
        raise
    return session


def _of_another_kind(link: Link) -> UsageError:
    """Say which command takes a link; none takes another's, least of all that of a new device."""
    match link:
        case FoundLink():
            return UsageError("this link founds a workspace; use it with `mifeng found`")
        case InviteLink():
            return UsageError("this is an invite; use it with `mifeng join`")
        case DeviceLink():
            return UsageError(
                "this link makes a device one of somebody's who is in; "
                "if it is your own, use it with `mifeng link`, else throw it away"
            )
        case RecoveryLink():
            return UsageError("this is of a recovery sheet; use it with `mifeng recover`")


def _check_workspace(info: m.ServerInfo, genesis: bytes) -> WorkspaceId:
    if info.workspace_id is None or info.genesis != genesis:
        raise ProtocolError(
            "CLIENT-1", "the server has the roster of another workspace; ask for a new invite"
        )
    return WorkspaceId(info.workspace_id)


async def _check_open(profile: Profile, *, now: Clock, rng: Rng) -> None:
    """Log in with the key of an invite or sheet, to see whether it is open still."""
    signer, spent = _one_time(profile)
    async with Api(profile.addresses, profile.tls_pin, signer=signer, now=now, rng=rng) as api:
        try:
            await api.token()
        except ServerProblem as err:
            if err.code is not ProblemCode.UNAUTHENTICATED:
                raise
            raise spent from err


def _one_time(profile: Profile) -> tuple[Signer, MifengError]:
    """Return who signs the entry by which a device comes in, and what it means if he may not."""
    match profile.stage:
        case Joining(invite_key=key):
            author: Author = InviteAuthor(profile.member_id)
            spent: MifengError = InviteSpentError(
                "this invite was used or has expired; ask for a new one"
            )
        case Recovering(seed=key):
            author = RecoveryAuthor(profile.member_id)
            spent = SheetSpentError(
                "this recovery sheet was used, or its member was removed; use the newest sheet, "
                "or ask an administrator for an invite"
            )
        case _:
            raise AssertionError("the others sign no entry with a key of one use")
    return Signer(profile.workspace_id, author, Secret(key)), spent


async def _ask(link: L, *, now: Clock, rng: Rng) -> tuple[m.ServerInfo, L]:
    """Ask which workspace a server has, and return the link with the TLS key that it holds.

    A server that has another key than the link names is gone on with only as far as the roster:
    that begins and goes on as the link says, and must name this key (CLIENT-10). A workspace that
    is being founded has no roster to say so.
    """
    try:
        async with Api(link.addresses, link.tls_pin, now=now, rng=rng) as api:
            return await api.call("server", m.ServerInfo), link
    except ServerIdentityError as err:
        if isinstance(link, FoundLink) or err.pin is None:
            raise
        met = dataclasses.replace(link, tls_pin=err.pin)
        async with Api(met.addresses, met.tls_pin, now=now, rng=rng) as api:
            return await api.call("server", m.ServerInfo), met


async def _begin(
    folder: Path,
    source: KeySource,
    profile: Profile,
    sheet: RecoverySheet | None,
    keep: Keep | None,
    *,
    show: Show | None = None,
    now: Clock,
    rng: Rng,
) -> Session:
    # A name that is none is refused before anything is made; and a sheet is kept before its key is
    # in the roster: there would be no other one.
    if profile.name or profile.directory_key is not None:
        people.seal(profile, people.first_card(profile), key_number=0, rng=rng)
    if sheet is not None:
        assert keep is not None, "who keeps none makes none"
        await keep(sheet)
    home = await Home.create(folder, source, rng=rng)
    session = Session(home, profile, now=now, rng=rng)
    try:
        await session.save_profile(profile)
        session.use_device()
        await enrol(session, show)
    except BaseException as err:
        # Interrupted, or out of room: the server may have taken these keys, and nobody has others.
        if _is_final(err):
            await session.api.close()
            await home.destroy()
        else:
            await session.close()
        raise
    try:
        await session.sync()
    except BaseException:
        await session.close()
        raise
    return session


def _is_final(err: BaseException) -> bool:
    """Whether these keys were refused for good: nothing of them is on the server."""
    if isinstance(err, ServerProblem):
        return err.status < 500 or err.code is ProblemCode.STORAGE_FULL
    return isinstance(err, InviteSpentError | LinkSpentError | SheetSpentError | ProtocolError)


async def enrol(session: Session, show: Show | None = None) -> None:
    """Bring the device into the roster, whatever was reached so far.

    Raises:
        InviteSpentError, SheetSpentError: it was used by another device, or is void.
        LinkSpentError: the other device has not answered, or declined.
        ServerProblem, TransportError, ProtocolError: it did not come to that.
    """
    match session.profile.stage:
        case Founding() as stage:
            await _send_founding(session, stage)
        case Joining() | Recovering():
            await _send_entry(session)
        case Linking() as stage:
            await _be_linked(session, stage, show)
        case Enrolled():
            return


async def _send_founding(session: Session, stage: Founding) -> None:
    request = m.FoundRequest(token=stage.token, entry=stage.entry)
    await session.api.call("found", m.HeadReply, request, key=session.profile.member_id)
    session.roster, changes = follow(None, [stage.entry], session.profile)
    await session.save_profile(session.profile.enrolled(), changes)


async def _send_entry(session: Session) -> None:
    signer, spent = _one_time(session.profile)
    try:
        await _enter(session, signer, spent)
    except ServerProblem as err:
        if err.code is not ProblemCode.UNAUTHENTICATED:
            raise
        # Used up, perhaps by this very device, whose answer was lost.
        await _be_in(session, spent)
    await session.save_profile(session.profile.enrolled())


async def _enter(session: Session, signer: Signer, spent: MifengError) -> None:
    session.api.use(signer)
    try:
        for _ in range(ATTEMPTS):
            if await _try_to_enter(session, spent):
                return
        raise TransportError("the roster is too busy; try again in a moment")
    finally:
        # However it ended: the key of one use may be used up, and says nothing of the device.
        session.use_device()


async def _try_to_enter(session: Session, spent: MifengError) -> bool:
    await session.fetch_roster()
    profile = session.profile
    if session.known_roster.device(profile.device_id) is not None:
        return True
    sign = (
        profiles.add_member_entry if isinstance(profile.stage, Joining) else profiles.recover_entry
    )
    try:
        entry = sign(profile, session.known_roster, now=session.now())
        session.known_roster.append(entry)
    except ProtocolError as err:
        raise spent from err
    request = m.LedgerAppendRequest(entry=encode(entry))
    try:
        await session.api.call("roster_append", m.HeadReply, request)
    except ServerProblem as err:
        if err.code is not ProblemCode.STALE_HEAD:
            raise
        return False
    session.use_device()
    await session.fetch_roster()
    return True


async def _be_in(session: Session, otherwise: MifengError) -> None:
    """Log in as the device: the roster may have it already."""
    try:
        await session.fetch_roster()
    except ServerProblem as err:
        if err.code is ProblemCode.UNAUTHENTICATED:
            raise otherwise from err
        raise


async def _be_linked(session: Session, stage: Linking, show: Show | None) -> None:
    """Ask to be linked, show the code, and come in once the other device has said yes."""
    profile, mailbox = session.profile, Mailbox(stage.secret)
    request, shown = linking.request_of(profile), False
    letter = m.LinkLetter(sealed=mailbox.seal("request", encode(request), rng=session.rng))
    path = {"link_id": mailbox.id}
    over = LinkSpentError(
        "this device was not added: its link was used, declined or is too old; make a new one on "
        "your other device, and use it here with `mifeng link`"
    )
    grant = None
    try:
        state = await session.api.call("link", m.LinkState, path=path)
        if not state.request:
            state = await session.api.call("link_request", m.LinkState, letter, path=path)
        elif mailbox.open("request", state.request) != encode(request):
            raise over
        while not state.grant:
            if show is None:  # interrupted: the digits are not seen any more, or were typed
                break
            if state.reveal and not shown:
                nonce = mailbox.open("reveal", state.reveal)
                check_nonce(nonce, stage.commitment)
                await show(code_of(request, nonce))
                shown = True
            await asyncio.sleep(POLL_S)
            state = await session.api.call("link", m.LinkState, path=path)
        if state.grant:
            grant = open_grant(mailbox.open("grant", state.grant), request, profile.hpke_key)
    except ServerProblem as err:
        if err.code not in (ProblemCode.NOT_FOUND, ProblemCode.FORBIDDEN):
            raise
    session.use_device()
    await _be_in(session, over)
    if session.known_roster.device(profile.device_id) is None:
        raise over
    if grant is not None:
        check_grant(grant, request, session.known_roster)
        key = grant.tbs.directory_key
        profile = dataclasses.replace(
            profile, directory_key=Secret(key) if key is not None else None
        )
    await session.save_profile(profile.enrolled())
