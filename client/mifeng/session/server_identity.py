"""How the server is known: what an owner announces of it in the roster (`set_server`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mifeng.net.pin import check_address
from mifeng.session import ledgers
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ledger.roster_entry import SetServer

if TYPE_CHECKING:
    from mifeng.session.session import Session

__all__ = ["announce"]

HASH_BYTES = KEY_BYTES = 32


async def announce(
    session: Session,
    *,
    addresses: Sequence[str] | None,
    tls_pins: Sequence[bytes] | None,
    log_key: bytes | None,
) -> None:
    """Sign what changes; None leaves it as it is. See `Workspace.set_server`.

    Raises:
        UsageError: that is no address, no hash, or no key.
        ProtocolError, ServerProblem, TransportError: it was not accepted.
    """
    now = session.known_roster.server
    pins = now.tls_pins if tls_pins is None else tuple(tls_pins)
    named = now.addresses if addresses is None else tuple(addresses)
    if any(len(pin) != HASH_BYTES for pin in pins):
        raise UsageError("a TLS pin is a SHA-256: 64 hexadecimal digits")
    for address in named:
        check_address(address, pins[0] if pins else None)
    key = now.checkpoint_key if log_key is None else log_key
    if key is not None and len(key) != KEY_BYTES:
        raise UsageError("a log key is 64 hexadecimal digits")
    body = dataclasses.replace(now, addresses=named, tls_pins=pins, checkpoint_key=key)
    await ledgers.sign_roster(session, SetServer(body))
