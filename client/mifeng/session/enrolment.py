"""Into a workspace: found it, or join it; and on from wherever that was interrupted.

The server is asked first, then the profile is saved with its keys, then the server is told. If it
refuses for good, the profile is deleted; if it is not reached, `Session.sync` goes on later.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mifeng.core import people
from mifeng.core import profile as profiles
from mifeng.core.profile import Enrolled, Founding, Joining, Profile
from mifeng.core.roster import follow
from mifeng.errors import InviteSpentError, ServerProblem
from mifeng.keychain import KeySource
from mifeng.net import Api, Signer
from mifeng.session.home import Home
from mifeng.session.session import Session
from mifeng_crypto.api import messages as m
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import MifengError, ProtocolError, TransportError, UsageError
from mifeng_crypto.ids import UnixMillis, WorkspaceId
from mifeng_crypto.ledger.roster_entry import InviteAuthor
from mifeng_crypto.links import FoundLink, InviteLink, parse_link
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import encode

__all__ = ["enrol", "found", "join"]

Clock = Callable[[], UnixMillis]
ATTEMPTS = 12


async def found(
    folder: Path,
    source: KeySource,
    text: str,
    *,
    name: str,
    title: str,
    now: Clock,
    rng: Rng,
) -> Session:
    """Found the workspace of a new server.

    Raises:
        UsageError: the link is not one, or not for founding.
        ServerProblem: the server refuses: it is founded already, or the link is another's.
        MifengError: as `Session.sync`.
    """
    link = parse_link(text)
    if not isinstance(link, FoundLink):
        raise UsageError("this is an invite; use it with `mifeng join`")
    info = await _ask(link, now=now, rng=rng)
    if info.workspace_id is not None:
        raise ServerProblem(409, ProblemCode.ALREADY_FOUNDED)
    founder = profiles.found(link, info.checkpoint_key, name=name, title=title, now=now(), rng=rng)
    return await _begin(folder, source, founder, now=now, rng=rng)


async def join(
    folder: Path,
    source: KeySource,
    text: str,
    *,
    name: str,
    title: str,
    now: Clock,
    rng: Rng,
) -> Session:
    """Join a workspace by an invite.

    Raises:
        UsageError: the link is not one, or not an invite.
        InviteSpentError: it was used, or has expired.
        ProtocolError: the server is not the one of this invite.
        MifengError: as `Session.sync`.
    """
    link = parse_link(text)
    if not isinstance(link, InviteLink):
        raise UsageError("this link founds a workspace; use it with `mifeng found`")
    info = await _ask(link, now=now, rng=rng)
    if info.workspace_id is None or info.genesis != link.genesis:
        raise ProtocolError(
            "CLIENT-1", "the server has the roster of another workspace; ask for a new invite"
        )
    workspace_id = WorkspaceId(info.workspace_id)
    joiner = profiles.join(link, workspace_id, name=name, title=title, rng=rng)
    return await _begin(folder, source, joiner, now=now, rng=rng)


async def _ask(link: FoundLink | InviteLink, *, now: Clock, rng: Rng) -> m.ServerInfo:
    async with Api(link.addresses, link.tls_pin, now=now, rng=rng) as api:
        return await api.call("server", m.ServerInfo)


async def _begin(
    folder: Path, source: KeySource, profile: Profile, *, now: Clock, rng: Rng
) -> Session:
    # A name that is none is refused before anything is made.
    people.seal(profile, people.first_card(profile), rng=rng)
    home = await Home.create(folder, source, rng=rng)
    session = Session(home, profile, now=now, rng=rng)
    try:
        await session.save_profile(profile)
        session.use_device()
        await enrol(session)
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
    return isinstance(err, InviteSpentError | ProtocolError)


async def enrol(session: Session) -> None:
    """Bring the device into the roster, whatever was reached so far.

    Raises:
        InviteSpentError: the invite was used by another device, or has expired.
        ServerProblem, TransportError, ProtocolError: it did not come to that.
    """
    match session.profile.stage:
        case Founding() as stage:
            await _send_founding(session, stage)
        case Joining() as stage:
            await _send_joining(session, stage)
        case Enrolled():
            return


async def _send_founding(session: Session, stage: Founding) -> None:
    request = m.FoundRequest(token=stage.token, entry=stage.entry)
    await session.api.call("found", m.HeadReply, request, key=session.profile.member_id)
    session.roster, changes = follow(None, [stage.entry], session.profile)
    await session.save_profile(session.profile.enrolled(), changes)


async def _send_joining(session: Session, stage: Joining) -> None:
    profile = session.profile
    invite = Signer(profile.workspace_id, InviteAuthor(profile.member_id), Secret(stage.invite_key))
    session.api.use(invite)
    try:
        for _ in range(ATTEMPTS):
            if await _try_to_join(session):
                break
        else:
            raise TransportError("the roster is too busy; try again in a moment")
    except ServerProblem as err:
        if err.code is not ProblemCode.UNAUTHENTICATED:
            raise
        # Used up, perhaps by this very device, whose answer was lost.
        session.use_device()
        await _be_in(session, err)
    session.use_device()
    await session.save_profile(session.profile.enrolled())


async def _try_to_join(session: Session) -> bool:
    await session.fetch_roster()
    if session.known_roster.device(session.profile.device_id) is not None:
        return True
    try:
        entry = profiles.add_member_entry(session.profile, session.known_roster, now=session.now())
        session.known_roster.append(entry)
    except ProtocolError as err:
        raise InviteSpentError(SPENT) from err
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


async def _be_in(session: Session, cause: MifengError) -> None:
    try:
        await session.fetch_roster()
    except ServerProblem as err:
        if err.code is ProblemCode.UNAUTHENTICATED:
            raise InviteSpentError(SPENT) from cause
        raise


SPENT = "this invite was used or has expired; ask for a new one"
