"""The recovery sheet, as it is shown and kept: where and who by a link, and the code (protocol.md,
"Recovery"). The code is in no row of the profile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from mifeng_crypto import signature
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId
from mifeng_crypto.links import RecoveryLink, format_link, parse_link
from mifeng_crypto.recovery import format_code, parse_code, recovery_seed
from mifeng_crypto.secret import Secret

__all__ = ["RecoverySheet", "recovery_key_of"]


def recovery_key_of(code: bytes, member_id: MemberId) -> bytes:
    """Return the public key that the roster knows a sheet by."""
    return signature.public_of(recovery_seed(code, member_id))


@dataclass(frozen=True, slots=True, repr=False)
class RecoverySheet:
    """What brings its owner back when all devices are lost.

    Attributes:
        link: `mifeng:recover#...`: which server, workspace and member. No secret.
        code: seven groups of four: the secret. Keep it on paper, off all devices.
    """

    link: str
    code: str

    def __repr__(self) -> str:
        return "RecoverySheet(...)"

    @classmethod
    def make(
        cls,
        code: bytes,
        *,
        addresses: tuple[str, ...],
        tls_pin: bytes | None,
        genesis: bytes,
        member_id: MemberId,
    ) -> Self:
        """Write a sheet."""
        link = RecoveryLink(PROTOCOL_VERSION, addresses, tls_pin, genesis, member_id)
        return cls(format_link(link), format_code(code))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a sheet that was saved: the link and the code stand somewhere in the text.

        Raises:
            UsageError: one of them is missing or damaged.
        """
        link = re.search(r"mifeng:recover#[\w-]+", text)
        code = re.search(r"\b(?:[0-9A-Za-z]{4}-){6}[0-9A-Za-z]{4}\b", text)
        if link is None or code is None:
            raise UsageError(
                "this is no recovery sheet: it has a link that begins with mifeng:recover# "
                "and a code of seven groups of four"
            )
        sheet = cls(link[0], code[0].upper())
        sheet.read()
        return sheet

    def read(self) -> tuple[RecoveryLink, Secret]:
        """Return link and code, checked as far as that goes without a server.

        Raises:
            UsageError: one of them is damaged, or the link is another's.
        """
        link = parse_link(self.link)
        if not isinstance(link, RecoveryLink):
            raise UsageError("this is not the link of a recovery sheet; it is used elsewhere")
        return link, parse_code(self.code)
