"""A second device, linked by one's own: what the two say to each other (protocol.md, "Linking").

The device that is in shows a link; the new one takes it. They meet in a mailbox at the server,
which is named by the link's secret and sealed under it.

    old                                          new
    link: secret, H(nonce)  ------ shown ----->  reads it
                            <----- request ----  its keys, its name: fixed from here on
    nonce                   ------ reveal ---->  checks it by the link
    code(request, nonce)         compared        code(request, nonce)
    add_device in the roster
    directory key, signed   ------ grant ----->  sealed to the key in the request

Both sides have fixed what goes into the code before either sees the other's part, so whoever stands
in between, with the link in his hands, meets the same twelve digits once in 10^12 times, and a link
serves one request. What is signed is the request's own device: the very object that was compared.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mifeng_crypto.errors import CryptoError, ProtocolError
from mifeng_crypto.ids import PROTOCOL_VERSION, DeviceId, MemberId, ProtocolVersion
from mifeng_crypto.labels import hash_mifeng, sign_mifeng, verify_mifeng
from mifeng_crypto.ledger.head import Head
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import Device
from mifeng_crypto.rand import Rng
from mifeng_crypto.sealing import open_sealed, seal_to
from mifeng_crypto.secret import Secret
from mifeng_crypto.tls import Bytes32, Opaque, Text, decode, encode, struct

__all__ = [
    "CODE_DIGITS",
    "MAX_NAME",
    "LinkGrant",
    "LinkRequest",
    "Mailbox",
    "SignedLinkGrant",
    "check_code",
    "check_grant",
    "check_nonce",
    "check_request",
    "code_of",
    "commit_to",
    "open_grant",
    "seal_grant",
]

CODE_DIGITS = 12
MAX_NAME = 64
"""Characters of a device's name, and of its system's."""
NONCE_BYTES = 12


@struct
class LinkRequest:
    """What the new device asks for: to be `device` of `member_id`. `genesis` is the link's."""

    version: ProtocolVersion
    genesis: Bytes32
    member_id: MemberId
    device: Device
    name: Text
    system: Text


@struct
class LinkCode:
    """What the code is of: the request, and the nonce that was fixed before it was made."""

    request: LinkRequest
    nonce: Bytes32


@struct
class LinkGrant:
    """What the new device needs. `roster` is the head with its own entry.

    Without `directory_key` the old device had none either.
    """

    version: ProtocolVersion
    request: Bytes32
    roster: Head
    directory_key: Bytes32 | None

    def __repr__(self) -> str:
        """Show no secret."""
        return f"LinkGrant({self.roster})"


@struct
class SignedLinkGrant:
    """What is sealed to the new device, signed by the device that added it. Not yet verified."""

    tbs: LinkGrant
    device_id: DeviceId
    signature: Opaque


class Mailbox:
    """Where the two meet: its name, and the key under which they write."""

    def __init__(self, secret: bytes) -> None:
        self.id = bytes(_derive(secret, "link id", 16))
        self._aead = AESGCM(_derive(secret, "link key", 32))

    def __repr__(self) -> str:
        return f"Mailbox({self.id.hex()})"

    def seal(self, part: str, content: bytes, *, rng: Rng) -> bytes:
        """Seal one part (`request`, `reveal`, `grant`): none can be taken for another."""
        nonce = rng(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, content, part.encode())

    def open(self, part: str, sealed: bytes) -> bytes:
        """Open what the other one has left.

        Raises:
            CryptoError: whoever wrote it does not have the link.
        """
        try:
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], part.encode())
        except (InvalidTag, ValueError) as err:
            raise CryptoError from err


def _derive(secret: bytes, label: str, n: int) -> Secret:
    info = b"Mifeng 1.0 " + label.encode()
    return Secret(HKDF(algorithm=SHA256(), length=n, salt=None, info=info).derive(secret))


# ------------------------------------------------------------------ the rules


def check_request(request: LinkRequest, *, genesis: bytes, member_id: MemberId) -> None:
    """LINK-1: a request is for this workspace and member, and has names that can be shown."""
    ours = (PROTOCOL_VERSION, genesis, member_id)
    names = (request.name, request.system)
    if (request.version, request.genesis, request.member_id) != ours or not all(
        0 < len(text) <= MAX_NAME and text.isprintable() and text.strip() for text in names
    ):
        raise ProtocolError(
            "LINK-1", "what asks to be linked is not for this link; make a new link"
        )


def commit_to(nonce: bytes) -> bytes:
    """Return what the link says of the nonce before it is shown."""
    return hash_mifeng("LinkNonce", nonce)


def check_nonce(nonce: bytes, commitment: bytes) -> None:
    """LINK-2: the nonce is the one that was fixed when the link was made."""
    if commit_to(nonce) != commitment:
        raise ProtocolError(
            "LINK-2", "somebody between the two devices has changed the link; make a new link"
        )


def code_of(request: LinkRequest, nonce: bytes) -> str:
    """Return the twelve digits that both devices show, in three groups of four."""
    number = int.from_bytes(hash_mifeng("LinkCode", encode(LinkCode(request, nonce))), "big")
    digits = f"{number % 10**CODE_DIGITS:0{CODE_DIGITS}}"
    return " ".join(digits[n : n + 4] for n in range(0, CODE_DIGITS, 4))


def check_code(request: LinkRequest, nonce: bytes, said: str) -> None:
    """LINK-3: the other device shows the code of this very request."""
    digits = "".join(c for c in said if not c.isspace() and c not in "-–")
    if digits != code_of(request, nonce).replace(" ", ""):
        raise ProtocolError(
            "LINK-3",
            "the new device shows another code: either it was mistyped, or somebody is in between; "
            "nothing was added, make a new link",
        )


# ------------------------------------------------------------------ the grant


def seal_grant(
    request: LinkRequest,
    roster: Roster,
    *,
    directory_key: bytes | None,
    device_id: DeviceId,
    signing_key: bytes,
) -> bytes:
    """Sign and seal what the new device needs, once `roster` has it.

    Raises:
        CryptoError: the key in the request is none.
    """
    grant = LinkGrant(PROTOCOL_VERSION, hash_request(request), roster.head, directory_key)
    signature = sign_mifeng(signing_key, "LinkGrant", encode(grant))
    signed = encode(SignedLinkGrant(grant, device_id, signature))
    return seal_to(request.device.hpke_key, "LinkGrant", encode(request), signed)


def open_grant(sealed: bytes, request: LinkRequest, hpke_key: bytes) -> SignedLinkGrant:
    """Open a grant; `check_grant` says whether to believe it.

    Raises:
        CryptoError: it was not sealed to this device for this request.
        CodecError: it holds no grant.
    """
    return decode(SignedLinkGrant, open_sealed(hpke_key, "LinkGrant", encode(request), sealed))


def check_grant(signed: SignedLinkGrant, request: LinkRequest, roster: Roster) -> None:
    """LINK-4: another device of the same member's signed it, and the roster has the new one.

    Args:
        signed: as it was opened.
        request: what this device asked for.
        roster: as known now.

    Raises:
        NeedLedgerError: LEDGER-9: the roster is not known that far.
        ProtocolError: LINK-4; or LEDGER-8: it is another roster.
    """
    grant, asked = signed.tbs, request.device
    roster.check_has(grant.roster)
    signer = roster.device(signed.device_id, at=grant.roster.sequence)
    made = roster.device(asked.device_id, at=grant.roster.sequence)
    fits = (
        (grant.version, grant.request) == (PROTOCOL_VERSION, hash_request(request))
        and signer is not None
        and made is not None
        and (signer.member_id, made.member_id) == (request.member_id, request.member_id)
        and (made.signature_key, made.hpke_key) == (asked.signature_key, asked.hpke_key)
        and signer.device_id != made.device_id
    )
    try:
        if fits and signer is not None:
            verify_mifeng(signer.signature_key, "LinkGrant", encode(grant), signed.signature)
            return
    except CryptoError:
        pass
    raise ProtocolError(
        "LINK-4", "what this device was sent is not from the one that linked it; make a new link"
    )


def hash_request(request: LinkRequest) -> bytes:
    """Return the hash by which a grant names its request."""
    return hash_mifeng("LinkRequest", encode(request))
