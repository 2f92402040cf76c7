"""A server process: everything that `make_app` is handed, a socket with TLS, and a clean end."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from mifeng_crypto.errors import StorageError, UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION
from mifeng_crypto.links import FoundLink, format_link
from mifeng_crypto.rand import Rng
from mifeng_server.app import make_app
from mifeng_server.blobs.folder import FolderBlobs
from mifeng_server.config import Config, Folder, check_address, read_config, write_config
from mifeng_server.domain.house import Doors
from mifeng_server.domain.protocols import Clock
from mifeng_server.domain.quota import Quotas
from mifeng_server.domain.workspace import make_founding_token
from mifeng_server.logs import AIOHTTP
from mifeng_server.storage.sqlite import open_sqlite
from mifeng_server.tls_key import make_tls_key, read_pin, ssl_context
from mifeng_server.vault import Vault

__all__ = ["Serving", "initialise", "serving"]

SHUTDOWN_S = 10
"""How long requests under way may take to end."""


@dataclass(frozen=True, slots=True)
class Serving:
    """A server that accepts connections.

    Attributes:
        url: how to reach it on this machine.
        tls_pin: its key, None without TLS.
        app: what it serves.
    """

    url: str
    tls_pin: bytes | None
    app: web.Application


async def initialise(
    folder: Folder, address: str, *, clock: Clock, rng: Rng, listen: str | None = None
) -> str:
    """Make a data folder, and return the founding link. Port 0 of the address means a free one.

    Raises:
        UsageError: there is a server in it already, or the address is none.
        StorageError: the folder cannot be made.
    """
    address = _with_port(address)
    scheme, host, port = check_address(address)
    if folder.config.exists():
        raise UsageError(
            "{folder} holds a server already; choose another folder, or remove it first",
            folder=folder.path,
        )
    tls_pin = None
    try:
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if scheme == "https":
            tls_pin = make_tls_key(folder, (host,), now_s=clock.now() // 1000)
    except FileExistsError as err:
        raise UsageError(
            "{folder} is a file, or was left by an `init` that was cut off; "
            "remove it, or choose another folder",
            folder=folder.path,
        ) from err
    except OSError as err:
        raise StorageError(
            "{folder} cannot be made: {reason}", folder=folder.path, reason=err.strerror
        ) from err
    if listen is None:
        listen = host if _is_loopback(host) else "0.0.0.0"  # noqa: S104 - for a server that is it
    addresses = (address.rstrip("/"),)
    store = await open_sqlite(folder.database)
    try:
        token = await make_founding_token(store, rng=rng)
    finally:
        await store.close()
    # Last: a folder with a configuration is a whole one.
    write_config(
        folder, Config(addresses=addresses, listen=listen, port=port, tls=tls_pin is not None)
    )
    link = FoundLink(version=PROTOCOL_VERSION, addresses=addresses, tls_pin=tls_pin, token=token)
    return format_link(link)


def _with_port(address: str) -> str:
    """Put a free port in place of port 0: the address is in links, so it is chosen once."""
    _, host, port = check_address(address)
    if port:
        return address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        free = probe.getsockname()[1]
    return address.rstrip("/").removesuffix(":0") + f":{free}"


def _is_loopback(host: str) -> bool:
    return host in ("127.0.0.1", "::1", "localhost")


@asynccontextmanager
async def serving(
    folder: Folder, *, clock: Clock, rng: Rng, port: int | None = None
) -> AsyncIterator[Serving]:
    """Serve while this is entered.

    Args:
        folder: the data folder that `initialise` made.
        clock: the time.
        rng: randomness for shares, tokens and ids.
        port: another port than the configured one; 0 for any that is free.

    Raises:
        UsageError: the configuration is absent or wrong, or another process serves this folder.
        StorageError: something in the folder cannot be used.
    """
    config = read_config(folder)
    async with AsyncExitStack() as stack:
        stack.callback(os.close, _lock(folder))
        tls_pin = read_pin(folder) if config.tls else None
        context = ssl_context(folder) if config.tls else None
        store = await open_sqlite(folder.database)
        stack.push_async_callback(store.close)
        shares = Vault(folder.vault, rng=rng)
        stack.push_async_callback(shares.close)
        app = make_app(
            Doors(config.addresses, tls_pin),
            store=store,
            blobs=FolderBlobs(folder.blobs),
            shares=shares,
            clock=clock,
            rng=rng,
            quotas=Quotas(
                member_bytes=config.member_quota_mib << 20, unit_bytes=config.unit_quota_mib << 20
            ),
        )
        runner = web.AppRunner(app, access_log=None, logger=AIOHTTP, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(
            runner, config.listen, config.port if port is None else port, ssl_context=context
        )
        try:
            await site.start()
        except OSError as err:
            raise UsageError(
                "cannot listen on {listen}, port {port}: {reason}; is another server running?",
                listen=config.listen,
                port=config.port if port is None else port,
                reason=err.strerror,
            ) from err
        bound = runner.addresses[0][1]
        folder.port.write_text(f"{bound}\n", encoding="ascii")
        scheme = "https" if config.tls else "http"
        host = f"[{config.listen}]" if ":" in config.listen else config.listen
        yield Serving(f"{scheme}://{host}:{bound}", tls_pin, app)


def _lock(folder: Folder) -> int:
    """Be the only process that serves this folder; the lock ends with the process."""
    try:
        fd = os.open(folder.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as err:
        raise StorageError(
            "{folder} cannot be used: {reason}", folder=folder.path, reason=err.strerror
        ) from err
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as err:
        os.close(fd)
        raise UsageError(
            "another mifeng-server is serving {folder}; stop that one first", folder=folder.path
        ) from err
    return fd
