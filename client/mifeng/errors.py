"""The client's own errors, below those of `mifeng_crypto.errors` (protocol.md, "Client").

Each names its remedy; `cli/exit.py` maps them to exit codes. This file knows nothing else.
"""

from __future__ import annotations

from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import CryptoError, MifengError, StorageError, UsageError

__all__ = [
    "AccessEndedError",
    "DiskFullError",
    "InviteSpentError",
    "LinkSpentError",
    "NotFoundError",
    "ProfileBusyError",
    "ProfileDamagedError",
    "ProfileMissingError",
    "ProfileRestoredError",
    "ReadOnlyError",
    "ServerIdentityError",
    "ServerProblem",
    "SheetSpentError",
    "UnitClosedError",
    "WaitingError",
    "WrongPassphraseError",
]


class NotFoundError(UsageError):
    """No unit, person, message or file goes by that name."""


class AccessEndedError(MifengError):
    """The server no longer lets this device in, or the unit has removed it."""


class WaitingError(AccessEndedError):
    """This device was taken out of the unit, and will be let in again: nobody has to be asked."""


class UnitClosedError(MifengError):
    """The unit is over: nothing is sent in it any more."""


class ReadOnlyError(MifengError):
    """One may read, react and confirm in this unit, and not post."""


class InviteSpentError(MifengError):
    """An invite was used, has expired, or its issuer lost the right to it."""


class LinkSpentError(MifengError):
    """A link to be one's device was used, declined, or its ten minutes are over."""


class SheetSpentError(MifengError):
    """A recovery sheet was used, or its member is not in the workspace any more."""


class ServerIdentityError(CryptoError):
    """The server holds another TLS key than the link or the roster names.

    Attributes:
        pin: SHA-256 of the key that was met, where one was compared.
    """

    def __init__(self, host: str, pin: bytes | None = None) -> None:
        MifengError.__init__(
            self,
            "the server at {host} is not the one that you were given a link to; "
            "do not go on, ask your administrator",
            host=host,
        )
        self.pin = pin


class ServerProblem(MifengError):  # noqa: N818 - a problem is what RFC 9457 calls it
    """The server was reached and declined.

    Attributes:
        code: the stable code; None if this version does not know it.
        status: the HTTP status.
        detail: what the server said of it, in its own words.
        rule: the rule of protocol.md that was broken, where the server named one.
        head_sequence: what the ledger or log has meanwhile, with `stale_head`,
            `wrong_epoch` and `refused`.
        retry_after_s: how long to wait, where the server said so.
    """

    def __init__(
        self,
        status: int,
        code: ProblemCode | None,
        *,
        detail: str = "",
        rule: str | None = None,
        head_sequence: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        what = code.code if code else f"HTTP {status}"
        remedy = code.remedy if code else "update this client, or tell the operator"
        if detail and detail != remedy:
            super().__init__(
                "the server declined ({what}, {detail}): {remedy}",
                what=what,
                detail=detail,
                remedy=remedy,
            )
        else:
            super().__init__("the server declined ({what}): {remedy}", what=what, remedy=remedy)
        self.status = status
        self.code = code
        self.detail = detail
        self.rule = rule
        self.head_sequence = head_sequence
        self.retry_after_s = retry_after_s


class ProfileBusyError(StorageError):
    """Another process has this profile open.

    Attributes:
        pid: that process; 0 if it did not say.
    """

    def __init__(self, path: object, pid: int) -> None:
        super().__init__(
            "the profile {path} is in use by process {pid}; stop that one first"
            if pid
            else "the profile {path} is in use by another process; stop that one first",
            path=path,
            pid=pid,
        )
        self.pid = pid


class CallBrokenOffError(ProfileBusyError):
    """The process that has the profile open did not do this to its end."""

    def __init__(self, path: object) -> None:
        StorageError.__init__(
            self,
            "the process that has the profile {path} open ended before this was done; "
            "see what was done of it, and do the rest again",
            path=path,
        )
        self.pid = 0


class ProfileMissingError(StorageError):
    """There is no profile in this folder."""


class ProfileDamagedError(StorageError):
    """What is on the disk is not what was saved."""


class ProfileRestoredError(StorageError):
    """Another copy of this profile is, or was, in use: this one must not go on."""

    def __init__(self) -> None:
        super().__init__(
            "this is not the newest copy of the profile: it was restored, or copied and the copy "
            "is in use; link this device anew (or join with a new invite), and if you have made no "
            "copy, have the device revoked"
        )


class WrongPassphraseError(StorageError):
    """The store key does not open with this passphrase."""


class DiskFullError(StorageError):
    """Nothing of this step was saved; what was saved before is whole."""
