"""The recovery sheet: a code of 128 bits, kept off all devices (protocol.md, "Recovery").

    code, 16 random bytes -> HKDF -> the Ed25519 key that signs one `recover`

The server holds the public key and nothing else of it: there is nothing to guess at but 128 bits.
"""

from __future__ import annotations

import hashlib

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mifeng_crypto.errors import UsageError
from mifeng_crypto.ids import MemberId
from mifeng_crypto.secret import Secret

__all__ = ["CODE_BYTES", "format_code", "parse_code", "recovery_seed"]

CODE_BYTES = 16
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U. A reader takes I and L for 1, and O for 0."""
LETTERS = 28
"""140 bits: 128 of the code, and 12 that catch a slip of the pen."""


def recovery_seed(code: bytes, member_id: MemberId) -> Secret:
    """Return the seed of the key that a sheet's code stands for."""
    info = b"Mifeng 1.0 recovery" + member_id
    return Secret(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(code))


def format_code(code: bytes) -> str:
    """Write a code as it stands on the sheet: seven groups of four letters and digits."""
    number = int.from_bytes(code, "big") << 12 | _check(code)
    letters = "".join(ALPHABET[number >> 5 * n & 31] for n in reversed(range(LETTERS)))
    return "-".join(letters[n : n + 4] for n in range(0, LETTERS, 4))


def parse_code(text: str) -> Secret:
    """Read a code, however it was typed.

    Raises:
        UsageError: a letter is wrong or missing.
    """
    letters = "".join(c for c in text.upper() if not c.isspace() and c not in "-–_")
    letters = letters.translate(str.maketrans("ILO", "110"))
    if len(letters) == LETTERS and not set(letters) - set(ALPHABET):
        number = 0
        for letter in letters:
            number = number << 5 | ALPHABET.index(letter)
        code = (number >> 12).to_bytes(CODE_BYTES, "big")
        if number & 0xFFF == _check(code):
            return Secret(code)
    raise UsageError(
        "this is not the code of a recovery sheet: seven groups of four; look for a slip of the pen"
    )


def _check(code: bytes) -> int:
    digest = hashlib.sha256(b"Mifeng 1.0 recovery code" + code).digest()
    return int.from_bytes(digest[:2], "big") >> 4
