"""Is this the server that the link named? protocol.md, "TLS".

With a pin, the SHA-256 of the certificate's SubjectPublicKeyInfo must equal it, and nothing else
about the certificate counts: the link or the roster vouches for the key. Without one, the public
authorities decide; and plain HTTP is spoken to this very machine only.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from urllib.parse import urlsplit

import aiohttp
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mifeng_crypto.errors import UsageError

__all__ = ["SpkiPin", "check_address"]

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class SpkiPin(aiohttp.Fingerprint):
    """aiohttp's hook on a fresh connection, before any request is written to it."""

    def check(self, transport: asyncio.Transport) -> None:
        ssl_object = transport.get_extra_info("ssl_object")
        host, port, *_ = transport.get_extra_info("peername") or ("?", 0)
        try:
            certificate = ssl_object.getpeercert(binary_form=True) if ssl_object else None
        except ValueError as err:  # how `ssl` says that the line broke meanwhile
            raise ConnectionResetError(str(err)) from err
        got = spki_hash(certificate) if certificate else b""
        if not hmac.compare_digest(got, self.fingerprint):
            raise aiohttp.ServerFingerprintMismatch(self.fingerprint, got, host, port)


def spki_hash(certificate: bytes) -> bytes:
    """Return the SHA-256 of the SubjectPublicKeyInfo of a DER certificate."""
    from cryptography import x509  # noqa: PLC0415 - it takes long to load, and a start goes first

    key = x509.load_der_x509_certificate(certificate).public_key()
    return hashlib.sha256(
        key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).digest()


def check_address(address: str, tls_pin: bytes | None) -> None:
    """Refuse to speak to an address in the clear, unless it is this machine.

    Raises:
        UsageError: neither https, nor http on loopback and without a pin.
    """
    url = urlsplit(address)
    if url.scheme == "https" and url.hostname:
        return
    if url.scheme == "http" and url.hostname in LOOPBACK and tls_pin is None:
        return
    raise UsageError(
        "{address} is not https; ask for a link with an https address", address=address
    )
