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
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mifeng.core.events import AlarmRaised, NewEntry, UnitClosed, UnitJoined, UnitLeft
    from mifeng.errors import (
        AccessEndedError,
        InviteSpentError,
        NotFoundError,
        ProfileBusyError,
        ServerIdentityError,
        ServerProblem,
        UnitClosedError,
        WrongPassphraseError,
    )
    from mifeng.keychain import Passphrase
    from mifeng.sdk import (
        File,
        Governed,
        Invitation,
        Membership,
        Message,
        Offboarding,
        OpenInvite,
        OrgUnit,
        Person,
        Reaction,
        Unit,
        Workspace,
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
    "CryptoError",
    "File",
    "Governed",
    "Invitation",
    "InviteSpentError",
    "Membership",
    "Message",
    "MifengError",
    "NewEntry",
    "NotFoundError",
    "Offboarding",
    "OpenInvite",
    "OrgUnit",
    "Passphrase",
    "Person",
    "ProfileBusyError",
    "ProtocolError",
    "Reaction",
    "ServerIdentityError",
    "ServerProblem",
    "StorageError",
    "TransportError",
    "Unit",
    "UnitClosed",
    "UnitClosedError",
    "UnitJoined",
    "UnitLeft",
    "UsageError",
    "Workspace",
    "WrongPassphraseError",
    "found",
    "join",
    "open",
]

_HOMES = (
    "mifeng.sdk",
    "mifeng.core.events",
    "mifeng.errors",
    "mifeng_crypto.errors",
    "mifeng.keychain",
    "mifeng_crypto.audit.evidence",
)


def __getattr__(name: str) -> object:
    if name in __all__:
        for home in _HOMES:
            module = importlib.import_module(home)
            if hasattr(module, name):
                return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


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
    passphrase: str | Passphrase | None = None,
) -> AbstractAsyncContextManager[Workspace]:
    """Found a workspace with the link that `mifeng-server init` printed, and open the new profile.

    Args:
        link: `mifeng:found#...`
        profile: the folder to make.
        name: what the others see; only members can read it.
        title: the person's position, likewise.
        passphrase: what will open the profile; None for the operating system's keyring.

    Raises:
        UsageError: the link is damaged or another's.
        ServerProblem: the server refuses it.
        MifengError: as `open`.
    """
    from mifeng import sdk  # noqa: PLC0415

    return sdk.found(link, profile, name=name, title=title, passphrase=passphrase)


def join(
    link: str,
    *,
    profile: str | Path,
    name: str,
    title: str = "",
    passphrase: str | Passphrase | None = None,
) -> AbstractAsyncContextManager[Workspace]:
    """Join a workspace by an invite, and open the new profile. The arguments are those of `found`.

    Raises:
        UsageError: the link is damaged or another's.
        InviteSpentError: it was used, or has expired.
        ProtocolError: the server is not the one that the link names.
        MifengError: as `open`.
    """
    from mifeng import sdk  # noqa: PLC0415

    return sdk.join(link, profile, name=name, title=title, passphrase=passphrase)
