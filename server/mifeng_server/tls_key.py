"""The server's own TLS key: clients know it by its pin, which is in every link.

The pin is SHA-256 of the SubjectPublicKeyInfo in DER (as in RFC 7469 section 2.4), so that a
certificate can be renewed without a change for anybody.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mifeng_crypto.errors import StorageError
from mifeng_server.config import Folder

__all__ = ["make_tls_key", "read_pin", "ssl_context"]

LIFETIME = timedelta(days=3650)


def make_tls_key(folder: Folder, hosts: tuple[str, ...], *, now_s: int) -> bytes:
    """Make a P-256 key and a self-signed certificate for it; return the pin."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Mifeng server")])
    start = datetime.fromtimestamp(now_s, UTC) - timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([_name(host) for host in hosts]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write_private(folder.tls_key, private)
    folder.tls_cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return _pin(certificate)


def _name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_private(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)


def _pin(certificate: x509.Certificate) -> bytes:
    spki = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(spki).digest()


def read_pin(folder: Folder) -> bytes:
    """Return the pin of the certificate in the data folder.

    Raises:
        StorageError: there is no readable certificate.
    """
    try:
        return _pin(x509.load_pem_x509_certificate(folder.tls_cert.read_bytes()))
    except (OSError, ValueError) as err:
        raise StorageError(
            "{path} is missing or damaged; restore it from a backup, or all links stop working",
            path=folder.tls_cert,
        ) from err


def ssl_context(cert: Path, key: Path) -> ssl.SSLContext:
    """Return a context for TLS 1.3 with this certificate and key.

    Raises:
        StorageError: key or certificate cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # clients do not resume sessions, and each would be kept
    try:
        context.load_cert_chain(cert, key)
        _shake_hands(context)
    except (OSError, ssl.SSLError) as err:
        raise StorageError(
            "{path} is missing or damaged; restore it from a backup, or all links stop working",
            path=key if cert.exists() else cert,
        ) from err
    return context


def _shake_hands(context: ssl.SSLContext) -> None:
    """Sign with the key as each client will have it signed.

    Loading only compares the public half that stands beside the private one: with a flipped bit in
    that, no client would come in, and none could say why.

    Raises:
        ssl.SSLError: what it signs does not fit the certificate.
    """
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE  # the key is what is tried
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = anybody.wrap_bio(back, there)
    server = context.wrap_bio(there, back, server_side=True)
    for side in (client, server, client, server):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
