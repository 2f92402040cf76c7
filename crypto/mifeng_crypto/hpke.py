"""HPKE (RFC 9180), base mode, with empty aad: `cryptography` seals and opens.

This file adds what the library lacks: export (for external commits), and sealing to many under one
info (for a Welcome). Nothing here knows MLS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from mifeng_crypto.errors import CryptoError
from mifeng_crypto.kem import Encapsulated, Kem, LabeledKdf
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret

__all__ = ["Aead", "Hpke"]

Aead: TypeAlias = type[AESGCM] | type[ChaCha20Poly1305]

# What `cryptography` raises for a wrong tag, a malformed or low-order key, a key of another KEM.
_REFUSALS = (InvalidTag, ValueError, TypeError)

# RFC 9180 sections 7.2 and 7.3.
_KDFS: dict[int, tuple[hpke.KDF, hashes.HashAlgorithm]] = {
    1: (hpke.KDF.HKDF_SHA256, hashes.SHA256()),
    2: (hpke.KDF.HKDF_SHA384, hashes.SHA384()),
    3: (hpke.KDF.HKDF_SHA512, hashes.SHA512()),
}
_AEADS: dict[int, tuple[hpke.AEAD, Aead, int]] = {
    1: (hpke.AEAD.AES_128_GCM, AESGCM, 16),
    2: (hpke.AEAD.AES_256_GCM, AESGCM, 32),
    3: (hpke.AEAD.CHACHA20_POLY1305, ChaCha20Poly1305, 32),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hpke:
    """One (KEM, KDF, AEAD)."""

    kem: Kem
    hash: hashes.HashAlgorithm
    aead: Aead
    key_bytes: int
    kdf: LabeledKdf
    library: hpke.Suite

    # AEAD.Nn, the same for each of them.
    nonce_bytes: int = 12

    @classmethod
    def of(cls, kem: Kem, kdf_id: int, aead_id: int) -> Hpke:
        """Put a scheme together from the numbers of RFC 9180 section 7."""
        kdf, algorithm = _KDFS[kdf_id]
        library_aead, aead, key_bytes = _AEADS[aead_id]
        ids = b"".join(number.to_bytes(2, "big") for number in (kem.id, kdf_id, aead_id))
        return cls(
            kem=kem,
            hash=algorithm,
            aead=aead,
            key_bytes=key_bytes,
            kdf=LabeledKdf(algorithm, b"HPKE" + ids),
            library=hpke.Suite(kem.library, kdf, library_aead),
        )

    def seal(self, public: bytes, info: bytes, plaintext: bytes) -> tuple[bytes, bytes]:
        """SealBase with empty aad: return (kem_output, ciphertext).

        Raises:
            CryptoError: `public` is no public key of this KEM.
        """
        try:
            sealed = self.library.encrypt(plaintext, self.kem.load_public(public), info)
        except _REFUSALS as err:
            raise CryptoError("this is no public key of the suite") from err
        return sealed[: self.kem.enc_bytes], sealed[self.kem.enc_bytes :]

    def seal_to_many(
        self, recipients: Iterable[tuple[bytes, bytes]], info: bytes, *, rng: Rng
    ) -> list[tuple[bytes, bytes]]:
        """SealBase for each (public, plaintext) under one `info`, which is hashed only once.

        The library hashes it for each recipient: for a Welcome whose info holds a whole ratchet
        tree that takes longer than all the rest.

        Raises:
            CryptoError: one of them is no public key of this KEM.
        """
        kdf, context = self.kdf, self._context(info)
        sealed = []
        for public, plaintext in recipients:
            shared_secret, kem_output = self._encapsulate(public, rng)
            secret = kdf.extract(shared_secret, b"secret", b"")
            key = kdf.expand(secret, b"key", context, self.key_bytes)
            base_nonce = kdf.expand(secret, b"base_nonce", context, self.nonce_bytes)
            sealed.append((kem_output, self.aead(key).encrypt(base_nonce, plaintext, b"")))
        return sealed

    def open(self, private: bytes, info: bytes, kem_output: bytes, ciphertext: bytes) -> bytes:
        """OpenBase with empty aad.

        Raises:
            CryptoError: it was not sealed like this to this key.
        """
        # The library cuts kem_output || ciphertext itself: a shifted boundary must not pass.
        if len(kem_output) != self.kem.enc_bytes:
            raise CryptoError
        try:
            key = self.kem.load_private(private)
            return self.library.decrypt(kem_output + ciphertext, key, info)
        except _REFUSALS as err:
            raise CryptoError from err

    def export_to(
        self, public: bytes, info: bytes, exporter_context: bytes, n: int, *, rng: Rng
    ) -> Encapsulated:
        """SetupBaseS, then Export (RFC 9180 section 5.3): the export, and the kem_output for it.

        Raises:
            CryptoError: `public` is no public key of this KEM.
        """
        shared_secret, kem_output = self._encapsulate(public, rng)
        return Encapsulated(self._export(shared_secret, info, exporter_context, n), kem_output)

    def _encapsulate(self, public: bytes, rng: Rng) -> Encapsulated:
        try:
            return self.kem.encapsulate(public, rng)
        except _REFUSALS as err:
            raise CryptoError("this is no public key of the suite") from err

    def export_from(
        self, private: bytes, info: bytes, kem_output: bytes, exporter_context: bytes, n: int
    ) -> Secret:
        """SetupBaseR, then Export.

        Raises:
            CryptoError: `kem_output` does not fit this KEM.
        """
        if len(kem_output) != self.kem.enc_bytes:
            raise CryptoError
        try:
            shared_secret = self.kem.decapsulate(private, kem_output)
        except _REFUSALS as err:
            raise CryptoError from err
        return self._export(shared_secret, info, exporter_context, n)

    def _export(self, shared_secret: bytes, info: bytes, exporter_context: bytes, n: int) -> Secret:
        kdf, context = self.kdf, self._context(info)
        secret = kdf.extract(shared_secret, b"secret", b"")
        exporter_secret = kdf.expand(secret, b"exp", context, self.hash.digest_size)
        return kdf.expand(exporter_secret, b"sec", exporter_context, n)

    def _context(self, info: bytes) -> bytes:
        """key_schedule_context of section 5.1, in mode_base."""
        psk_id_hash = self.kdf.extract(b"", b"psk_id_hash", b"")
        return b"\x00" + psk_id_hash + self.kdf.extract(b"", b"info_hash", info)
