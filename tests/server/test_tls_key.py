"""The server's own key is tried before anybody needs it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mifeng_crypto.errors import StorageError
from mifeng_server.config import Folder
from mifeng_server.tls_key import make_tls_key, ssl_context


def test_a_key_whose_private_half_is_another_one_is_named_at_the_start(tmp_path: Path) -> None:
    """One bit is flipped in it; the public half beside it is still that of the certificate."""
    folder = Folder(tmp_path)
    make_tls_key(folder, ("127.0.0.1",), now_s=1_700_000_000)
    assert ssl_context(folder.tls_cert, folder.tls_key).minimum_version is ssl.TLSVersion.TLSv1_3
    key = serialization.load_pem_private_key(folder.tls_key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    der = key.private_bytes(serialization.Encoding.DER, *form)
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    other = scalar[:-1] + bytes([scalar[-1] ^ 8])
    assert der.count(scalar) == 1
    damaged = ssl.DER_cert_to_PEM_cert(der.replace(scalar, other))
    folder.tls_key.write_text(damaged.replace("CERTIFICATE", "PRIVATE KEY"))
    with pytest.raises(StorageError, match=r"tls\.key.*damaged; restore it"):
        ssl_context(folder.tls_cert, folder.tls_key)
