"""Mifeng for users: the SDK, the command line and the local page.

    import asyncio
    import mifeng

    async def main() -> None:
        async with mifeng.open("~/.mifeng", passphrase="...") as me:
            unit = me.unit("Research")
            await unit.send("Good morning")
            async for message in unit.messages():
                print(message.sender, message.text)
                if message.text == "Goodbye":
                    break

    asyncio.run(main())

Nothing here switches a check off. All errors are `MifengError`s and say what to do. Importing this
is cheap: what needs the network or the cryptography is loaded by the first call.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mifeng.bot import Bot, Filter, Happening, filters
    from mifeng.core.events import (
        AlarmRaised,
        ContentExpired,
        Delivered,
        DeviceStuck,
        FileEnding,
        HistoryGiven,
        HistoryTaken,
        NewEntry,
        NotDelivered,
        RosterChanged,
        UnitClosed,
        UnitJoined,
        UnitLeft,
        UnitRestarted,
    )
    from mifeng.errors import (
        AccessEndedError,
        CallBrokenOffError,
        DiskFullError,
        InviteSpentError,
        LinkSpentError,
        NotFoundError,
        ProfileBusyError,
        ProfileDamagedError,
        ProfileMissingError,
        ProfileRestoredError,
        ReadOnlyError,
        ServerIdentityError,
        ServerProblem,
        SheetSpentError,
        UnitClosedError,
        WaitingError,
        WrongPassphraseError,
    )
    from mifeng.keychain import Passphrase, read_passphrase
    from mifeng.sdk import (
        Announcement,
        Approval,
        ApprovalStep,
        Cascade,
        Change,
        DecisionMade,
        Device,
        DeviceChange,
        DeviceOffer,
        FeedSettings,
        File,
        Found,
        Governed,
        HandedOver,
        Invitation,
        Membership,
        Message,
        NewDevice,
        Offboarding,
        OpenInvite,
        OrgUnit,
        Person,
        Poll,
        PollChoice,
        Reaction,
        RecoverySheet,
        SharedFile,
        Unit,
        Unsent,
        Workspace,
        Written,
    )
    from mifeng_crypto.audit.evidence import Alarm
    from mifeng_crypto.errors import (
        CryptoError,
        MifengError,
        ProtocolError,
        StorageError,
        TransportError,
        UsageError,
    )

__all__ = [
    "AccessEndedError",
    "Alarm",
    "AlarmRaised",
    "Announcement",
    "Approval",
    "ApprovalStep",
    "Bot",
    "CallBrokenOffError",
    "Cascade",
    "Change",
    "ContentExpired",
    "CryptoError",
    "DecisionMade",
    "Delivered",
    "Device",
    "DeviceChange",
    "DeviceOffer",
    "DeviceStuck",
    "DiskFullError",
    "FeedSettings",
    "File",
    "FileEnding",
    "Filter",
    "Found",
    "Governed",
    "HandedOver",
    "Happening",
    "HistoryGiven",
    "HistoryTaken",
    "Invitation",
    "InviteSpentError",
    "LinkSpentError",
    "Membership",
    "Message",
    "MifengError",
    "NewDevice",
    "NewEntry",
    "NotDelivered",
    "NotFoundError",
    "Offboarding",
    "OpenInvite",
    "OrgUnit",
    "Passphrase",
    "Person",
    "Poll",
    "PollChoice",
    "ProfileBusyError",
    "ProfileDamagedError",
    "ProfileMissingError",
    "ProfileRestoredError",
    "ProtocolError",
    "Reaction",
    "ReadOnlyError",
    "RecoverySheet",
    "RosterChanged",
    "ServerIdentityError",
    "ServerProblem",
    "SharedFile",
    "SheetSpentError",
    "StorageError",
    "TransportError",
    "Unit",
    "UnitClosed",
    "UnitClosedError",
    "UnitJoined",
    "UnitLeft",
    "UnitRestarted",
    "Unsent",
    "UsageError",
    "WaitingError",
    "Workspace",
    "Written",
    "WrongPassphraseError",
    "filters",
    "found",
    "join",
    "link",
    "open",
    "read_passphrase",
    "recover",
]

_HOMES = (
    "mifeng.sdk",
    "mifeng.core.events",
    "mifeng.errors",
    "mifeng_crypto.errors",
    "mifeng.keychain",
    "mifeng_crypto.audit.evidence",
    "mifeng.bot",
)


def __getattr__(name: str) -> object:
    if name in __all__:
        for home in _HOMES:
            module = importlib.import_module(home)
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What a shell completes: also what is loaded only when it is asked for."""
    return sorted({*globals(), *__all__})


def open(  # noqa: A001 - `mifeng.open`, like `io.open`
    profile: str | Path, *, passphrase: str | Passphrase | None = None
) -> AbstractAsyncContextManager[Workspace]:
    """Open a profile, catch up with the server, and send what was left to send.

    Args:
        profile: its folder.
        passphrase: what opens it; None for the operating system's keyring.

    Raises:
        WrongPassphraseError, ProfileBusyError, StorageError: the profile does not open.
        AccessEndedError: the server does not let this device in any longer.
        ServerIdentityError: another server answers at its address.
        TransportError: the server is not reached.
    """
    from mifeng.sdk import open_profile  # noqa: PLC0415 - see above: importing is cheap

    return open_profile(profile, passphrase=passphrase)


def found(
    link: str,
    *,
    profile: str | Path,
    name: str,
    title: str = "",
    device_name: str | None = None,
    keep_sheet: Callable[[RecoverySheet], Awaitable[None]] | None = None,
    passphrase: str | Passphrase | None = None,
) -> AbstractAsyncContextManager[Workspace]:
    """Found a workspace with the link that `mifeng-server init` printed, and open the new profile.

    Args:
        link: `mifeng:found#...`
        profile: the folder to make.
        name: what the others see; only members can read it.
        title: the person's position, likewise.
        device_name: what this device is called, likewise; else what the machine is.
        keep_sheet: is given the recovery sheet, to be shown or stored off this device, before
            anything is sent. Without it no sheet is made, and none can be made later.
        passphrase: what will open the profile; None for the operating system's keyring.

    Raises:
        UsageError: the link is damaged or another's.
        ServerProblem: the server refuses it.
        MifengError: as `open`.
    """
    from mifeng import sdk  # noqa: PLC0415

    return sdk.found(
        link,
        profile,
        name=name,
        title=title,
        device_name=device_name,
        keep_sheet=keep_sheet,
        passphrase=passphrase,
    )


def join(
    link: str,
    *,
    profile: str | Path,
    name: str,
    title: str = "",
    device_name: str | None = None,
    keep_sheet: Callable[[RecoverySheet], Awaitable[None]] | None = None,
    kind: str = "person",
    passphrase: str | Passphrase | None = None,
) -> AbstractAsyncContextManager[Workspace]:
    """Join a workspace by an invite, and open the new profile.

    Args:
        link, profile, name, title, device_name, keep_sheet, passphrase: as of `found`.
        kind: `person`, `bot` or `archive`: what the others see that this member is, for good.

    Raises:
        UsageError: the link is damaged or another's.
        InviteSpentError: it was used, or has expired.
        ProtocolError: the server is not the one that the link names.
        MifengError: as `open`.
    """
    from mifeng import sdk  # noqa: PLC0415
    from mifeng_crypto.ledger.roster_entry import MemberKind  # noqa: PLC0415

    return sdk.join(
        link,
        profile,
        name=name,
        title=title,
        device_name=device_name,
        keep_sheet=keep_sheet,
        kind=MemberKind[kind.upper()],
        passphrase=passphrase,
    )


def recover(
    sheet: RecoverySheet,
    *,
    profile: str | Path,
    keep_sheet: Callable[[RecoverySheet], Awaitable[None]],
    device_name: str | None = None,
    passphrase: str | Passphrase | None = None,
) -> AbstractAsyncContextManager[Workspace]:
    """Come back by a recovery sheet, on a new device. All older devices are out from then on.

    Args:
        sheet: `RecoverySheet.parse` reads one that was saved.
        profile: the folder to make.
        keep_sheet: is given the next sheet, as in `found`; the one that is used is void.
        device_name: as in `found`.
        passphrase: as in `found`.

    Raises:
        UsageError: the sheet is damaged.
        SheetSpentError: it was used, or its member was removed.
        ProtocolError: the server is not the one that the sheet names.
        MifengError: as `open`.
    """
    from mifeng import sdk  # noqa: PLC0415

    return sdk.recover(
        sheet,
        profile,
        device_name=device_name,
        keep_sheet=keep_sheet,
        passphrase=passphrase,
    )


def link(
    link: str,
    *,
    profile: str | Path,
    show: Callable[[str], Awaitable[None]],
    device_name: str | None = None,
    passphrase: str | Passphrase | None = None,
) -> AbstractAsyncContextManager[Workspace]:
    """Become one more device of somebody who is in, by the link that another of her devices shows.

    Args:
        link: `mifeng:link#...`
        profile: the folder to make.
        show: is given twelve digits to show; the other device asks for them.
        device_name: as in `found`; the other device shows it.
        passphrase: as in `found`.

    Raises:
        UsageError: the link is damaged or another's.
        LinkSpentError: it was used, declined, or is older than ten minutes.
        ProtocolError: LINK-2, LINK-4: somebody is in between.
        MifengError: as `open`.
    """
    from mifeng import sdk  # noqa: PLC0415

    return sdk.link(link, profile, show=show, device_name=device_name, passphrase=passphrase)
