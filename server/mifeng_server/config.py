"""What an operator decides: one TOML file and `MIFENG_*` variables, checked before anything starts.

A variable is a setting's name in capitals, its parts joined by `_`: `limits.per_device` is
`MIFENG_LIMITS_PER_DEVICE`. It rules over the file. Lists are separated by commas. One that is
misspelt would do nothing and say nothing, so a variable that is nobody's is refused.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_origin, get_type_hints

import msgspec

from mifeng_crypto.errors import UsageError
from mifeng_server.address import check_address, is_loopback
from mifeng_server.folder import Folder

__all__ = [
    "Admin",
    "Config",
    "Folder",
    "Limits",
    "Logs",
    "Setting",
    "Storage",
    "check_address",
    "check_config",
    "read_config",
    "settings",
    "variable_of",
    "write_config",
]

Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
Some = Annotated[int, msgspec.Meta(ge=1, le=10**9)]

NOT_SETTINGS = frozenset(
    {
        "MIFENG_DATA",  # the commands' own
        "MIFENG_LANG",
        "MIFENG_PROFILE",  # the client's
        "MIFENG_EXPIRY_CASES",  # the tests'
        "MIFENG_VECTORS",
        "MIFENG_WEBHOOK_TOKEN",  # an example's
    }
)
"""Variables that others of this project read."""


class Storage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where things are kept.

    Attributes:
        database: empty for SQLite in the data folder, or `postgresql://user@host/name`. More than
            one host, separated by commas: the one that takes writes is used.
        blobs: empty for a folder in the data folder, or `s3://bucket/prefix`.
        s3_endpoint: the address of an S3-compatible store; empty for Amazon's own.
        s3_region: its region.
    """

    database: str = ""
    blobs: str = ""
    s3_endpoint: str = ""
    s3_region: str = "us-east-1"


class Admin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Health and metrics, apart from what clients reach.

    Attributes:
        listen: the network address.
        port: the port; 0 for none.
        drain_s: how long to go on after a signal to stop, while /readyz says no.
    """

    listen: str = "127.0.0.1"
    port: Port = 0
    drain_s: Count = 0


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one caller may ask of this server; above it the answer is 429.

    Attributes:
        per_address: requests a second from one address (of IPv6, one /64).
        per_device: requests a second by one device.
        per_member: requests a second by all devices of one member.
        logins: failed logins a minute from one address.
        burst_s: how many seconds' worth may come at once.
        connections: open connections of this process.
        streams: open WebSockets of one device; the oldest one gives way.
        in_flight: requests under way in this process; above it the answer is 429.
        member_mib: files that one member may have on the server.
        unit_mib: files that one unit may have on the server.
    """

    per_address: Some = 1_000
    per_device: Some = 100
    per_member: Some = 200
    logins: Some = 60
    burst_s: Some = 10
    connections: Some = 20_000
    streams: Some = 4
    in_flight: Some = 2_000
    member_mib: Some = 20_480
    unit_mib: Some = 204_800


class Logs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is logged.

    Attributes:
        level: of `debug`, `info`, `warning`, `error` the least that is logged.
        requests: whether each request is a line.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    requests: bool = True


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings.

    Attributes:
        addresses: scheme, host and port under which clients reach the server; they are in every
            link, and a login must name one of them.
        listen: the network address to listen on.
        port: the port to listen on.
        tls: whether to serve TLS. Without it the server listens on loopback only: something in
            front of it has to do TLS.
        cert: a certificate chain in PEM instead of the server's own, which is pinned.
        key: its private key.
        proxies: addresses of reverse proxies whose `X-Forwarded-For` is believed.
    """

    addresses: tuple[str, ...]
    listen: str = "127.0.0.1"
    port: Port
    tls: bool = True
    cert: str = ""
    key: str = ""
    proxies: tuple[str, ...] = ()
    storage: Storage = Storage()
    admin: Admin = Admin()
    limits: Limits = Limits()
    log: Logs = Logs()


class Setting(msgspec.Struct, frozen=True):
    """One setting: its name as in the file, its value, and where that comes from."""

    name: str
    value: Any
    source: str


# ------------------------------------------------------------------ reading


def read_config(folder: Folder, environ: Mapping[str, str] = os.environ) -> Config:
    """Read and check the configuration.

    Raises:
        UsageError: it is absent or wrong; the message names the line or the variable.
    """
    return _read(folder, environ)[0]


def settings(folder: Folder, environ: Mapping[str, str] = os.environ) -> list[Setting]:
    """Return every setting, and where its value comes from: a line, a variable, or the default.

    Raises:
        UsageError: as `read_config`.
    """
    config, text = _read(folder, environ)
    found = []
    for name, _ in _names():
        value: Any = config
        for part in name.split("."):
            value = getattr(value, part)
        line, source = _line_of(text, name), "default"
        if variable_of(name) in environ:
            source = variable_of(name)
        elif line:
            source = f"{folder.config.name}:{line}"
        found.append(Setting(name, value, source))
    return found


def _read(folder: Folder, environ: Mapping[str, str]) -> tuple[Config, str]:
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
        reason = getattr(err, "strerror", None) or err
        raise UsageError(
            "{path} cannot be read: {reason}; correct it", path=path, reason=reason
        ) from err
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise UsageError("{path} is wrong: {reason}; correct it", path=path, reason=err) from err
    _convert(values, str(path), text)
    _check_variables(environ)
    for name, kind in _names():
        if (given := environ.get(variable_of(name))) is not None:
            _set(values, name, _parse(name, kind, given))
    config = _convert(values, str(path), text)
    check_config(config, path)
    return config, text


def _convert(values: dict[str, Any], path: str, text: str) -> Config:
    try:
        return msgspec.convert(values, Config)
    except msgspec.ValidationError as err:
        line = _line_of(text, _name_in(str(err)))
        if line:
            raise UsageError(
                "{path}, line {line} is wrong: {reason}; correct it",
                path=path,
                line=line,
                reason=err,
            ) from err
        raise UsageError("{path} is wrong: {reason}; correct it", path=path, reason=err) from err


def _name_in(message: str) -> str:
    """Which setting a message of msgspec is about, as `table.key`."""
    unknown = re.search(r"unknown field `(\w+)`", message)
    place = re.search(r"`\$\.?([\w.]*)", message)
    table = place.group(1) if place else ""
    if unknown is None:
        return table
    return f"{table}.{unknown.group(1)}" if table else unknown.group(1)


def _line_of(text: str, name: str) -> int:
    """The line on which a setting stands, 0 if it does not."""
    table, _, key = name.rpartition(".")
    at = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([\w.]+)\s*\]", line):
            at = header.group(1)
            if at == name:
                return number
        elif at == table and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return 0


def _names() -> Iterator[tuple[str, Any]]:
    """Every setting's name, and its type."""
    for name, kind in get_type_hints(Config, include_extras=True).items():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from (
                (f"{name}.{key}", inner)
                for key, inner in get_type_hints(kind, include_extras=True).items()
            )
        else:
            yield name, kind


def variable_of(name: str) -> str:
    """The variable that rules over a setting."""
    return "MIFENG_" + name.upper().replace(".", "_")


def _check_variables(environ: Mapping[str, str]) -> None:
    """Refuse `MIFENG_*` variables that nobody reads: a limit that is misspelt is none."""
    known = [variable_of(name) for name, _ in _names()]
    for name in sorted(environ):
        if name.startswith("MIFENG_") and name not in NOT_SETTINGS and name not in known:
            (nearest,) = difflib.get_close_matches(name, known, n=1, cutoff=0)
            raise UsageError(
                "{variable} is no setting; is it {nearest}? Correct it, or unset it",
                variable=name,
                nearest=nearest,
            )


def _parse(name: str, kind: Any, given: str) -> Any:  # noqa: ANN401 - as the setting's type is
    value: Any = [part.strip() for part in given.split(",") if part.strip()]
    if get_origin(kind) is not tuple:
        value = given
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as err:
        raise UsageError(
            "{variable} is wrong: {reason}; correct it", variable=variable_of(name), reason=err
        ) from err


def _set(values: dict[str, Any], name: str, value: Any) -> None:  # noqa: ANN401 - any setting's
    table, _, key = name.rpartition(".")
    (values.setdefault(table, {}) if table else values)[key] = value


def check_config(config: Config, path: Path) -> None:
    """Check what no type says.

    Args:
        config: the settings.
        path: the file that holds them, or shall.

    Raises:
        UsageError: something is wrong.
    """
    if not config.addresses:
        raise UsageError("{path} names no address; add one to `addresses`", path=path)
    for address in config.addresses:
        check_address(address)
    if not config.tls and not is_loopback(config.listen):
        raise UsageError(
            "{path} switches TLS off and listens on {listen}; listen on 127.0.0.1 behind a proxy",
            path=path,
            listen=config.listen,
        )
    if bool(config.cert) != bool(config.key):
        raise UsageError("{path} names only one of `cert` and `key`; name both", path=path)
    storage = config.storage
    if storage.database and not storage.database.startswith(("postgresql://", "postgres://")):
        raise UsageError(
            "{path}: `storage.database` is not like postgresql://user@host/name", path=path
        )
    if storage.blobs and not re.fullmatch(r"s3://[\w.-]+(/[\w./-]*)?", storage.blobs):
        raise UsageError("{path}: `storage.blobs` is not like s3://bucket/prefix", path=path)
    if storage.s3_endpoint and not re.match(r"https?://\w", storage.s3_endpoint):
        raise UsageError(
            "{path}: `storage.s3_endpoint` is not like https://s3.example.com", path=path
        )


def write_config(folder: Folder, config: Config) -> None:
    """Write the file that `read_config` reads."""
    listed = ", ".join(f'"{address}"' for address in config.addresses)
    quoted = (("cert", config.cert), ("key", config.key))
    certificate = "".join(f"{k} = {msgspec.json.encode(v).decode()}\n" for k, v in quoted if v)
    kept = {k: v for k, v in msgspec.structs.asdict(config.storage).items() if v}
    lines = "".join(f"{k} = {msgspec.json.encode(v).decode()}\n" for k, v in kept.items())
    storage = f"\n[storage]\n{lines}" if config.storage != Storage() else ""
    folder.config.write_text(
        "# The Mifeng server. Restart it after a change.\n"
        "# `mifeng-server config --explain` lists every setting.\n\n"
        "# Under these addresses clients reach the server; they are in every link.\n"
        f"addresses = [{listed}]\n\n"
        "# Where to listen. Without TLS only loopback is allowed, for a proxy in front.\n"
        f'listen = "{config.listen}"\n'
        f"port = {config.port}\n"
        f"tls = {'true' if config.tls else 'false'}\n{certificate}{storage}",
        encoding="utf-8",
    )
