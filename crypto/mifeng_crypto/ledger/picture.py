"""A member's picture, sealed under a key of its own that stands in the card.

So a card can be sealed anew under another directory key without its picture being sent again.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mifeng_crypto.errors import ProtocolError
from mifeng_crypto.ledger.card import NONCE_BYTES, Picture
from mifeng_crypto.rand import Rng

__all__ = ["open_picture", "seal_picture"]

KEY_BYTES = 32


def seal_picture(image: bytes, *, rng: Rng) -> tuple[Picture, bytes]:
    """Return what the card says of a picture, and its sealed bytes."""
    key, nonce = rng(KEY_BYTES), rng(NONCE_BYTES)
    sealed = nonce + AESGCM(key).encrypt(nonce, image, None)
    return Picture(hashlib.sha256(sealed).digest(), key), sealed


def open_picture(sealed: bytes, picture: Picture) -> bytes:
    """Return the picture that a verified card names.

    Raises:
        ProtocolError: CARD-7: it is another one, or was altered.
    """
    try:
        if hashlib.sha256(sealed).digest() != picture.sealed_hash:
            raise InvalidTag
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        return AESGCM(picture.key).decrypt(nonce, ciphertext, None)
    except (InvalidTag, ValueError) as err:
        raise ProtocolError("CARD-7", "this picture is not the one that the card names") from err
