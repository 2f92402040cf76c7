"""Who calls: nonces, logins and tokens (protocol.md, "Login").

    LOGIN-1  the nonce is one of this server's, not older than a minute, and used once
    LOGIN-2  the origin is one of this server's addresses
    LOGIN-3  the TLS key that the client met is this server's own
    LOGIN-4  version and workspace are this server's
    LOGIN-5  the signature is that of a valid device, of an invite that is still open, or of a
             member's recovery sheet
    LOGIN-6  the client's clock is within ten minutes of the server's

A stranger who guesses learns nothing: 1 to 5 get the same answer.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from mifeng_crypto.api.messages import LoginReply, LoginRequest, NonceReply
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import CryptoError, UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION, MemberId, UnixMillis
from mifeng_crypto.labels import verify_mifeng
from mifeng_crypto.ledger.chain import CLOCK_TOLERANCE_MS
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.ledger.roster_entry import Author, DeviceAuthor, InviteAuthor, RecoveryAuthor
from mifeng_crypto.login import LoginTBS
from mifeng_crypto.tls import decode
from mifeng_server.address import check_address
from mifeng_server.domain import nonces
from mifeng_server.domain.house import Doors, House
from mifeng_server.domain.protocols import ConflictError
from mifeng_server.domain.refusal import Refusal
from mifeng_server.domain.refused import refusing
from mifeng_server.domain.rows import Put, TokenRow, Write

__all__ = ["Caller", "authenticate", "login", "make_nonce"]

TOKEN_MS = 3_600_000
RECOVERY_KEY_BYTES = 32
"""By this length a token's row tells a sheet's key from the id of a device."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a token belongs to. `device_id` is None for an invite or a recovery sheet: then it may
    use the roster only.

    `deadline`: when the token expires. `token_hash`: which token it is.
    """

    member_id: bytes
    device_id: bytes | None
    deadline: int
    token_hash: bytes = b""


async def make_nonce(house: House, *, now: int) -> NonceReply:
    """Return a nonce to sign."""
    key = await nonces.nonce_key(house)
    return NonceReply(nonce=nonces.make(key, house.rng(8), now=now))


async def login(house: House, body: LoginRequest, *, now: int) -> LoginReply:
    """Exchange a signed nonce for a token.

    Raises:
        Refusal: malformed, unauthenticated, clock.
    """
    with refusing():
        tbs = decode(LoginTBS, body.tbs)
    roster = await house.freshen()
    if roster is None:
        raise _unauthenticated()
    if not nonces.is_ours(await nonces.nonce_key(house), tbs.nonce, now=now):  # LOGIN-1
        raise _unauthenticated()
    try:
        key, deadline = _checked(house.doors, roster, tbs, body, now)
    except Refusal:
        await _use_up(house, nonces.used(tbs.nonce, now=now))
        raise
    author = tbs.author
    token = house.rng(32)
    row = TokenRow(
        token_hash=hashlib.sha256(token).digest(),
        member_id=author.member_id,
        device_id=_token_of(author, key),
        deadline=deadline,
    )
    await _use_up(house, nonces.used(tbs.nonce, now=now), Put(row))
    house.keep_token(row)
    text = base64.urlsafe_b64encode(token).decode().rstrip("=")
    return LoginReply(token=text, expires_at=deadline)


def _unauthenticated() -> Refusal:
    return Refusal(ProblemCode.UNAUTHENTICATED)


async def _use_up(house: House, *writes: Write) -> None:
    """LOGIN-1: a nonce is used once, also by a login that fails."""
    try:
        await house.store.write(writes)
    except ConflictError:
        raise _unauthenticated() from None


def _checked(
    doors: Doors, roster: Roster, tbs: LoginTBS, body: LoginRequest, now: int
) -> tuple[bytes, int]:
    """LOGIN-2 to LOGIN-6; return whose key signed, and until when a token may be valid."""
    _check_doors(doors, tbs)
    if (tbs.version, tbs.workspace_id) != (PROTOCOL_VERSION, roster.workspace_id):  # LOGIN-4
        raise _unauthenticated()
    key, deadline = _signer(roster, tbs, now)
    try:
        verify_mifeng(key, "Login", body.tbs, body.signature)  # LOGIN-5
    except CryptoError:
        raise _unauthenticated() from None
    if abs(tbs.time - now) > CLOCK_TOLERANCE_MS:  # LOGIN-6
        raise Refusal(ProblemCode.CLOCK, rule="LOGIN-6")
    return key, deadline


def _check_doors(doors: Doors, tbs: LoginTBS) -> None:
    """LOGIN-2 and LOGIN-3.

    Where the server's own key is pinned, that key says who it is, and the port may be anything:
    it may be forwarded. Otherwise the origin is all there is.
    """
    try:
        origin = check_address(tbs.origin)
    except UsageError:
        raise _unauthenticated() from None
    known = [check_address(address) for address in doors.addresses]
    if doors.tls_pin is not None:
        origin, known = (*origin[:2], 0), [(*door[:2], 0) for door in known]
    if origin not in known or tbs.tls_pin != doors.tls_pin:
        raise _unauthenticated()


def _signer(roster: Roster, tbs: LoginTBS, now: int) -> tuple[bytes, int]:
    """Return the key that must have signed, and until when a token for it may be valid."""
    if isinstance(tbs.author, DeviceAuthor):
        device = roster.device(tbs.author.device_id)
        if device is None or device.member_id != tbs.author.member_id:
            raise _unauthenticated()
        return device.signature_key, now + TOKEN_MS
    if isinstance(tbs.author, RecoveryAuthor):
        member = roster.member(tbs.author.member_id)
        if member is None or member.recovery_key is None:
            raise _unauthenticated()
        return member.recovery_key, now + TOKEN_MS
    invite = roster.invite(tbs.author.member_id)
    if invite is None or invite.expires_at <= now:
        raise _unauthenticated()
    return invite.public_key, min(UnixMillis(now + TOKEN_MS), invite.expires_at)


async def authenticate(house: House, token: str, *, now: int) -> Caller:
    """Return whose token this is.

    Raises:
        Refusal: unauthenticated: it is none, has expired, or its device or invite is not valid.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _unauthenticated() from None
    # Found by its hash: how long the search takes says nothing about any token.
    token_hash = hashlib.sha256(raw).digest()
    row = house.tokens.get(token_hash)
    if row is None:
        row = await house.store.get(TokenRow, token_hash)
        if row is None:
            raise _unauthenticated()
        house.keep_token(row)
    roster = await house.freshen()
    if roster is None or row.deadline <= now or not _is_valid(roster, row):
        raise _unauthenticated()
    is_device = row.device_id and len(row.device_id) != RECOVERY_KEY_BYTES
    device_id = row.device_id if is_device else None
    return Caller(row.member_id, device_id, row.deadline, token_hash)


def _token_of(author: Author, key: bytes) -> bytes:
    """What a token's row says of an author: an invite is known by its member alone."""
    match author:
        case DeviceAuthor():
            return author.device_id
        case RecoveryAuthor():
            return key
        case InviteAuthor():
            return b""


def _is_valid(roster: Roster, row: TokenRow) -> bool:
    """Whether the roster still holds the device, invite or sheet: a removal works at once."""
    if len(row.device_id) == RECOVERY_KEY_BYTES:
        member = roster.member(MemberId(row.member_id))
        return member is not None and member.recovery_key == row.device_id
    if row.device_id:
        device = roster.device(row.device_id)  # type: ignore[arg-type]
        return device is not None and device.member_id == row.member_id
    return roster.invite(row.member_id) is not None  # type: ignore[arg-type]
