"""New keys. A key is made first, then announced in the roster by an owner, and used only then: so
clients know it before they meet it (protocol.md, `set_server`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from mifeng_crypto import signature
from mifeng_crypto.errors import UsageError
from mifeng_crypto.ledger.roster import Roster
from mifeng_crypto.rand import Rng
from mifeng_crypto.secret import Secret
from mifeng_server.address import check_address
from mifeng_server.config import Config
from mifeng_server.domain.protocols import Clock
from mifeng_server.folder import Folder
from mifeng_server.notary import make_checkpoint_key, read_checkpoint_key
from mifeng_server.tls_key import make_tls_key, read_pin

__all__ = ["Which", "announcing", "prepare", "switch"]

Which = Literal["tls", "log"]


def prepare(folder: Folder, config: Config, which: Which, *, clock: Clock, rng: Rng) -> str:
    """Make the next key, or find the one that was made; return what the roster has to name.

    Raises:
        UsageError: the server has a certificate that clients trust: it has no pin.
    """
    following = folder.next
    following.path.mkdir(mode=0o700, exist_ok=True)
    if which == "log":
        if not following.checkpoint_key.exists():
            make_checkpoint_key(following, rng=rng)
        return signature.public_of(read_checkpoint_key(following)).hex()
    if not config.tls or config.cert:
        raise UsageError("this server's key is in no link; renew its certificate where it is made")
    if not following.tls_cert.exists():
        following.tls_key.unlink(missing_ok=True)
        hosts = tuple(check_address(address)[1] for address in config.addresses)
        make_tls_key(following, hosts, now_s=clock.now() // 1000)
    return read_pin(following).hex()


def switch(folder: Folder, which: Which, roster: Roster | None) -> None:
    """Use the next key from the next start on.

    Raises:
        UsageError: there is none, or the roster does not name it yet.
    """
    following = folder.next
    names = ("checkpoint.key",) if which == "log" else ("tls.crt", "tls.key")
    if not all((following.path / name).exists() for name in names):
        raise UsageError("there is no next key; make one first, without --switch")
    if not _is_announced(following, which, roster):
        raise UsageError(
            "the roster does not name the next key yet: clients would refuse the server; "
            "let an owner announce it first: {command}",
            command=announcing(folder, which, _public(following, which).hex()),
        )
    for name in names:
        _replace(following.path / name, folder.path / name)


def announcing(folder: Folder, which: Which, public: str) -> str:
    """Return the command by which an owner announces the next key."""
    if which == "log":
        return f"mifeng server set --log-key {public}"
    return f"mifeng server set --pin {read_pin(folder).hex()} --pin {public}"


def _public(following: Folder, which: Which) -> bytes:
    if which == "log":
        key: Secret = read_checkpoint_key(following)
        return signature.public_of(key)
    return read_pin(following)


def _is_announced(following: Folder, which: Which, roster: Roster | None) -> bool:
    if roster is None:
        return False
    public = _public(following, which)
    if which == "log":
        return roster.server.checkpoint_key == public
    return public in roster.server.tls_pins


def _replace(source: Path, target: Path) -> None:
    """The old key stays beside it for as long as somebody may want to go back."""
    os.link(target, target.with_suffix(target.suffix + ".old.new"))
    target.with_suffix(target.suffix + ".old.new").replace(
        target.with_suffix(target.suffix + ".old")
    )
    source.replace(target)
