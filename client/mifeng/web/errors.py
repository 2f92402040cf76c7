"""The errors of the local screen's own."""

from __future__ import annotations

from mifeng_crypto.errors import MifengError

__all__ = ["LockedError", "RefusedError"]


class RefusedError(MifengError):
    """A request that this process does not answer."""


class LockedError(MifengError):
    """The profile is locked: its key is not in this process."""
