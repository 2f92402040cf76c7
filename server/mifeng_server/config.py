"""What an operator decides: `mifeng-server.toml` in the data folder, and the folder's form.

data/
  mifeng-server.toml     this configuration
  tls.key  tls.crt       made by `init`
  server.db              the database (and -wal, -shm while it runs)
  blobs/                 sealed files
  vault                  the server's halves of file keys: never in a backup
  port                   the port that `serve --port 0` was given
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from mifeng_crypto.errors import UsageError

__all__ = ["Config", "Folder", "check_address", "read_config", "write_config"]


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings.

    Attributes:
        addresses: scheme, host and port under which clients reach the server; they are in every
            link, and a login must name one of them.
        listen: the network address to listen on.
        port: the port to listen on.
        tls: whether to serve TLS with the key in the data folder. Without it the server listens on
            loopback only: something in front of it has to do TLS.
        member_quota_mib: how many MiB the live files of one member may take.
        unit_quota_mib: how many MiB the live files of one unit may take.
    """

    addresses: tuple[str, ...]
    listen: str = "127.0.0.1"
    port: int
    tls: bool = True
    member_quota_mib: Annotated[int, Meta(ge=1)] = 20_480
    unit_quota_mib: Annotated[int, Meta(ge=1)] = 204_800


@dataclass(frozen=True, slots=True)
class Folder:
    """Where things are in a data folder."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "mifeng-server.toml"

    @property
    def tls_key(self) -> Path:
        return self.path / "tls.key"

    @property
    def tls_cert(self) -> Path:
        return self.path / "tls.crt"

    @property
    def database(self) -> Path:
        return self.path / "server.db"

    @property
    def blobs(self) -> Path:
        return self.path / "blobs"

    @property
    def vault(self) -> Path:
        return self.path / "vault"

    @property
    def port(self) -> Path:
        return self.path / "port"


def check_address(address: str) -> tuple[str, str, int]:
    """Take an address apart.

    Returns:
        Scheme, host and port.

    Raises:
        UsageError: it is not `https://host:port`, or `http://` and not loopback.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host or parts.path.strip("/") or parts.query:
        raise UsageError(
            "{address} is not an address; write it like https://chat.example.com:8443",
            address=address,
        )
    if parts.scheme == "http" and host not in ("127.0.0.1", "::1", "localhost"):
        raise UsageError(
            "{address} would be served without encryption; use https, or http on 127.0.0.1 only",
            address=address,
        )
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    return parts.scheme, host, port


def read_config(folder: Folder) -> Config:
    """Read and check the configuration.

    Raises:
        UsageError: it is absent or wrong; the message says where.
    """
    path = folder.config
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(
            "{path} is missing; run `mifeng-server init --data {folder}` first",
            path=path,
            folder=folder.path,
        ) from None
    except (OSError, UnicodeDecodeError) as err:
        raise UsageError("{path} cannot be read: {reason}", path=path, reason=err) from err
    try:
        config = msgspec.convert(tomllib.loads(text), Config)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as err:
        raise UsageError("{path} is wrong: {reason}", path=path, reason=err) from err
    if not config.addresses:
        raise UsageError("{path} names no address; add one to `addresses`", path=path)
    for address in config.addresses:
        check_address(address)
    if not config.tls and config.listen not in ("127.0.0.1", "::1", "localhost"):
        raise UsageError(
            "{path} switches TLS off and listens on {listen}; listen on 127.0.0.1 behind a proxy",
            path=path,
            listen=config.listen,
        )
    return config


def write_config(folder: Folder, config: Config) -> None:
    """Write the file that `read_config` reads."""
    listed = ", ".join(f'"{address}"' for address in config.addresses)
    folder.config.write_text(
        "# The Mifeng server. Restart it after a change.\n\n"
        "# Under these addresses clients reach the server; they are in every link.\n"
        f"addresses = [{listed}]\n\n"
        "# Where to listen. Without TLS only loopback is allowed, for a proxy in front.\n"
        f'listen = "{config.listen}"\n'
        f"port = {config.port}\n"
        f"tls = {'true' if config.tls else 'false'}\n\n"
        "# How many MiB of live files one member may have, and one unit.\n"
        f"member_quota_mib = {config.member_quota_mib}\n"
        f"unit_quota_mib = {config.unit_quota_mib}\n",
        encoding="utf-8",
    )
