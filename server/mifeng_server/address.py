"""Addresses under which clients reach a server."""

from __future__ import annotations

from urllib.parse import urlsplit

from mifeng_crypto.errors import UsageError

__all__ = ["check_address", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    return host in ("127.0.0.1", "::1", "localhost")


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
    if parts.scheme == "http" and not is_loopback(host):
        raise UsageError(
            "{address} would be served without encryption; use https, or http on 127.0.0.1 only",
            address=address,
        )
    if port is None:
        port = 443 if parts.scheme == "https" else 80
    return parts.scheme, host, port
