"""Every error that this project raises on purpose, in one tree.

The message of an error is shown to a person: it says what happened and what to do next. It never
contains a key, a secret or a plaintext.

    MifengError
      UsageError       the caller's fault: a wrong argument, a call out of order
      CodecError       bytes that are not the one canonical encoding of the declared type
      ProtocolError    well-formed, but a peer broke a rule; carries the rule's id
      CryptoError      an authentication failed; says nothing more
      TransportError   the other side was not reached or was busy; try again
      StorageError     a disk, a database or a profile is not in order
"""

from __future__ import annotations

__all__ = [
    "CodecError",
    "CryptoError",
    "MifengError",
    "ProtocolError",
    "StorageError",
    "TransportError",
    "UsageError",
]


class MifengError(Exception):
    """The root: `except MifengError` catches all that this project raises on purpose.

    The message is English. Its parameters are given by name, so that whoever shows it can look
    its template up in a catalogue: `UsageError("there is no unit {title}", title=title)`.

    Attributes:
        template: the message, with its parameters as `{name}`.
        values: the parameters.
    """

    def __init__(self, template: str = "", /, **values: object) -> None:
        super().__init__(template.format(**values) if values else template)
        self.template = template
        self.values = values


class UsageError(MifengError):
    """The caller asked for something that cannot be done; the message names the remedy."""


class CodecError(MifengError):
    """The bytes are not the canonical encoding of the declared type.

    Attributes:
        offset: where in the input the decoder stopped, in bytes; -1 where there is no one place.
    """

    def __init__(self, message: str, offset: int = -1) -> None:
        super().__init__(message)
        self.offset = offset
        if offset >= 0:
            self.args = (f"{message} (at byte {offset})",)


class ProtocolError(MifengError):
    """A peer broke a rule of RFC 9420 or of protocol.md.

    Attributes:
        rule: the id of the rule, as it stands in `protocol.md`, at the check and in its test.
    """

    def __init__(self, rule: str, message: str, /, **values: object) -> None:
        super().__init__(message, **values)
        self.rule = rule
        self.args = (f"{self} [{rule}]",)


class CryptoError(MifengError):
    """A signature, a MAC or an authenticated ciphertext did not verify."""

    def __init__(self, message: str = "authentication failed") -> None:
        super().__init__(message)


class TransportError(MifengError):
    """The other side could not be reached, or asked to be left alone for a while.

    Attributes:
        retry_after_s: seconds to wait before the next attempt; None where it did not say.
    """

    def __init__(
        self, message: str, /, retry_after_s: float | None = None, **values: object
    ) -> None:
        super().__init__(message, **values)
        self.retry_after_s = retry_after_s


class StorageError(MifengError):
    """What is on the disk cannot be used as it is; the message names the repair."""
