"""What each setting means, in the operator's language (`mifeng-server config --explain`)."""

from __future__ import annotations

from mifeng_server.text import _

__all__ = ["explanations"]


def explanations() -> dict[str, str]:
    """Return the meaning of every setting, by its name."""
    return {
        "addresses": _(
            "Scheme, host and port under which clients reach the server. They are in every link."
        ),
        "listen": _("The network address to listen on."),
        "port": _("The port to listen on."),
        "tls": _("Whether to serve TLS. Without it, only on loopback, behind a proxy that does."),
        "cert": _("A certificate chain (PEM) instead of the server's own key, which links pin."),
        "key": _("The certificate's private key (PEM)."),
        "proxies": _("Addresses of reverse proxies whose X-Forwarded-For is believed."),
        "storage.database": _(
            "Empty for SQLite in the data folder, or postgresql://user@host/name."
        ),
        "storage.blobs": _("Empty for a folder in the data folder, or s3://bucket/prefix."),
        "storage.s3_endpoint": _("The address of an S3-compatible store; empty for Amazon's."),
        "storage.s3_region": _("The region of the S3 store."),
        "admin.listen": _("The network address for health and metrics."),
        "admin.port": _("The port for /healthz, /readyz and /metrics; 0 for none."),
        "admin.drain_s": _(
            "How many seconds to go on after a signal to stop, while /readyz says no."
        ),
        "limits.per_address": _("Requests a second from one address (of IPv6, one /64)."),
        "limits.per_device": _("Requests a second by one device."),
        "limits.per_member": _("Requests a second by all devices of one member."),
        "limits.logins": _("Failed logins a minute from one address."),
        "limits.burst_s": _("How many seconds' worth of requests may come at once."),
        "limits.connections": _("Open connections of this process."),
        "limits.streams": _("Open WebSockets of one device; the oldest gives way."),
        "limits.in_flight": _("Requests under way in this process; above it the answer is 429."),
        "limits.member_mib": _("Files that one member may have on the server, in MiB."),
        "limits.unit_mib": _("Files that one unit may have on the server, in MiB."),
        "log.level": _("The least that is logged: debug, info, warning or error."),
        "log.requests": _("Whether each request is a line in the log, without who or what."),
    }
