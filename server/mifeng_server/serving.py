"""A server process: everything that `make_app` is handed, a socket with TLS, and a clean end."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from mifeng_crypto.errors import StorageError, UsageError
from mifeng_crypto.ids import PROTOCOL_VERSION
from mifeng_crypto.links import FoundLink, format_link
from mifeng_crypto.rand import Rng
from mifeng_server.address import is_loopback
from mifeng_server.admin import make_admin_app
from mifeng_server.app import make_app
from mifeng_server.config import (
    Config,
    Folder,
    Storage,
    check_address,
    check_config,
    read_config,
    write_config,
)
from mifeng_server.domain.house import Doors
from mifeng_server.domain.limits import Limits
from mifeng_server.domain.protocols import Clock
from mifeng_server.domain.quota import Quotas
from mifeng_server.domain.rows import RosterRow
from mifeng_server.domain.workspace import make_founding_token
from mifeng_server.folder import all_or_nothing
from mifeng_server.listener import make_runner, open_port
from mifeng_server.notary import (
    KeyNotary,
    make_checkpoint_key,
    next_checkpoint_key,
    read_checkpoint_key,
)
from mifeng_server.opening import check_database, open_ground, open_store
from mifeng_server.self_test import check_random
from mifeng_server.tls_key import make_tls_key, read_pin, ssl_context

__all__ = ["Serving", "initialise", "serving"]


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
    folder: Folder,
    address: str,
    *,
    clock: Clock,
    rng: Rng,
    listen: str | None = None,
    certificate: tuple[Path, Path] | None = None,
    storage: Storage | None = None,
) -> str:
    """Make a data folder, and return the founding link. Port 0 of the address means a free one.

    Raises:
        UsageError: there is a server in it already, or the address is none.
        StorageError: the folder cannot be made.
    """
    address = _with_port(address)
    scheme, host, port = check_address(address)
    if listen is None:
        listen = host if is_loopback(host) else "0.0.0.0"  # noqa: S104 - a server is for all
    cert, key = map(str, certificate or ("", ""))
    config = Config(
        addresses=(address.rstrip("/"),),
        listen=listen,
        port=port,
        tls=scheme == "https",
        cert=cert,
        key=key,
        storage=storage or Storage(),
    )
    check_config(config, folder.config)
    if folder.config.exists():
        raise UsageError(
            "{folder} holds a server already; choose another folder, or remove it first",
            folder=folder.path,
        )
    with _making(folder):
        tls_pin = None
        if certificate is not None:
            ssl_context(*certificate)
        elif config.tls:
            tls_pin = make_tls_key(folder, (host,), now_s=clock.now() // 1000)
        make_checkpoint_key(folder, rng=rng)
        store = await open_store(config.storage, folder)
        try:
            if await store.count(RosterRow):
                raise UsageError(
                    "this database holds a workspace already; for one more node copy its folder, "
                    "for a new workspace make another database"
                )
            token = await make_founding_token(store, rng=rng)
        finally:
            await store.close()
        # Last: a folder with a configuration is a whole one.
        write_config(folder, config)
    link = FoundLink(
        version=PROTOCOL_VERSION, addresses=config.addresses, tls_pin=tls_pin, token=token
    )
    return format_link(link)


@contextmanager
def _making(folder: Folder) -> Iterator[None]:
    """Make a folder; what fails leaves it as it was, so that the next try need clear nothing."""
    existed = folder.path.exists()
    try:
        folder.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with all_or_nothing(folder.path):
                yield
        except BaseException:
            if not existed:
                folder.path.rmdir()
            raise
    except (FileExistsError, NotADirectoryError) as err:
        raise UsageError(
            "{folder} is a file, or was left by an `init` that was cut off; "
            "remove it, or choose another folder",
            folder=folder.path,
        ) from err
    except OSError as err:
        raise StorageError(
            "{folder} cannot be made: {reason}", folder=folder.path, reason=err.strerror
        ) from err


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


@asynccontextmanager
async def serving(
    folder: Folder, *, clock: Clock, rng: Rng, port: int | None = None, config: Config | None = None
) -> AsyncIterator[Serving]:
    """Serve while this is entered.

    Args:
        folder: the data folder that `initialise` made.
        clock: the time.
        rng: randomness for shares, tokens and ids.
        port: another port than the configured one; 0 for any that is free.
        config: other settings than the folder's.

    Raises:
        UsageError: the configuration is absent or wrong, or another process serves this folder.
        StorageError: something in the folder cannot be used.
    """
    config = config or read_config(folder)
    async with AsyncExitStack() as stack:
        stack.callback(os.close, _lock(folder))
        check_database(config.storage, folder)
        context, tls_pin = _tls(config, folder)
        ground = await open_ground(stack, config.storage, folder, rng=rng)
        check_random(rng)
        app = make_app(
            Doors(config.addresses, tls_pin),
            ground,
            notary=KeyNotary(
                read_checkpoint_key(folder), following=lambda: next_checkpoint_key(folder)
            ),
            clock=clock,
            rng=rng,
            quotas=Quotas(
                member_bytes=config.limits.member_mib << 20,
                unit_bytes=config.limits.unit_mib << 20,
            ),
            limits=_limits(config),
            proxies=config.proxies,
            log_requests=config.log.requests,
        )
        runner = make_runner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        chosen = config.port if port is None else port
        bound = await _listen(
            stack, runner, config.listen, chosen, context=context, most=config.limits.connections
        )
        if config.admin.port:
            admin = make_runner(make_admin_app(app, folder.path))
            await admin.setup()
            stack.push_async_callback(admin.cleanup)
            await _listen(
                stack, admin, config.admin.listen, config.admin.port, context=None, most=100
            )
        folder.port.write_text(f"{bound}\n", encoding="ascii")
        scheme = "https" if config.tls else "http"
        host = f"[{config.listen}]" if ":" in config.listen else config.listen
        yield Serving(f"{scheme}://{host}:{bound}", tls_pin, app)


def _tls(config: Config, folder: Folder) -> tuple[ssl.SSLContext | None, bytes | None]:
    """The context, and the pin that clients know: a certificate that others vouch for has none."""
    if not config.tls:
        return None, None
    if config.cert:
        return ssl_context(Path(config.cert), Path(config.key)), None
    return ssl_context(folder.tls_cert, folder.tls_key), read_pin(folder)


def _limits(config: Config) -> Limits:
    """The settings in the domain's own terms."""
    given = config.limits
    return Limits(
        per_address=given.per_address,
        per_device=given.per_device,
        per_member=given.per_member,
        logins=given.logins,
        burst_s=given.burst_s,
        streams=given.streams,
        in_flight=given.in_flight,
    )


async def _listen(
    stack: AsyncExitStack,
    runner: web.AppRunner,
    host: str,
    port: int,
    *,
    context: ssl.SSLContext | None,
    most: int,
) -> int:
    """Open a port until the stack is left; return its number."""
    try:
        server = await open_port(runner, host, port, context=context, most=most)
    except OSError as err:
        reason = os.strerror(err.errno) if err.errno else str(err)
        if isinstance(err, socket.gaierror) or err.errno == errno.EADDRNOTAVAIL:
            raise UsageError(
                "{listen} is no network address of this machine; correct `listen`", listen=host
            ) from err
        if err.errno == errno.EACCES:
            raise UsageError(
                "port {port} is not for everybody ({reason}); use one above 1023, or let systemd "
                "give the server CAP_NET_BIND_SERVICE",
                port=port,
                reason=reason,
            ) from err
        raise UsageError(
            "cannot listen on {listen}, port {port}: {reason}; stop whatever listens there, or "
            "correct it in the settings",
            listen=host,
            port=port,
            reason=reason,
        ) from err
    stack.callback(server.close)
    number: int = server.sockets[0].getsockname()[1]
    return number


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
