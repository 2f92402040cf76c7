"""Structured logs: one JSON object a line on standard error.

No identifier, address, link, token or body is ever logged: what is logged of a request is its
method, the route's pattern, the status, the bytes and the time it took.
"""

from __future__ import annotations

import sys

import structlog

__all__ = ["configure_logs"]


def configure_logs() -> None:
    """Send the logs of this process to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
