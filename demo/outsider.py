"""What a removed person's device can do with a message of the unit it was in: nothing.

Opens the profile as it was before it heard of the removal, with all the keys it ever had, and
tries to decrypt the message that it is handed (hex, on standard input): as it is, and relabelled as
one of the epoch whose keys it has. Prints a line of JSON for each attempt; no word to a server.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
import time
from pathlib import Path

from mifeng.home import Home
from mifeng.keychain import Passphrase
from mifeng.session import Session
from mifeng_crypto.errors import MifengError
from mifeng_crypto.ids import UnitId, UnixMillis
from mifeng_crypto.mls.group import Epoch, decrypt
from mifeng_crypto.mls.wire.framing import PrivateMessage
from mifeng_crypto.mls.wire.message import MLSMessage, encode_message
from mifeng_crypto.tls import decode

__all__ = ["main"]


async def main(profile: Path, passphrase_fd: int, unit_id: UnitId) -> int:
    """Try; return 1 if anything decrypts."""
    passphrase = os.read(passphrase_fd, 1024).decode().strip()
    home = await Home.open(profile, Passphrase(passphrase), rng=os.urandom)
    session = await Session.load(
        home, now=lambda: UnixMillis(time.time_ns() // 1_000_000), rng=os.urandom
    )
    epoch = session.units[unit_id].active_epoch
    await session.close()
    message = bytes.fromhex(sys.stdin.read())
    private = decode(MLSMessage, message).message
    assert isinstance(private, PrivateMessage), "messages of units are"
    relabelled = encode_message(dataclasses.replace(private, epoch=epoch.public.epoch))
    opened = [_try("as it is", epoch, message), _try("relabelled", epoch, relabelled)]
    return 1 if any(opened) else 0


def _try(how: str, epoch: Epoch, message: bytes) -> bool:
    try:
        text = decrypt(epoch, message).received.data.hex()
    except MifengError as err:
        facts = {"how": how, "opened": False, "error": str(err)}
    else:
        facts = {"how": how, "opened": True, "text": text}
    facts["epoch_of_keys"] = epoch.public.epoch
    print(json.dumps(facts))
    return bool(facts["opened"])


if __name__ == "__main__":
    sys.exit(
        asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), UnitId(bytes.fromhex(sys.argv[3]))))
    )
