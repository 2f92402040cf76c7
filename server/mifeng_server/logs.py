"""Structured logs: one JSON object a line on standard error.

No identifier, address, link, token or body is ever logged: what is logged of a request is its
method, the route's pattern, the status, the bytes and the time it took.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog

__all__ = ["AIOHTTP", "configure_logs"]

AIOHTTP = logging.getLogger("mifeng_server.aiohttp")
"""What aiohttp logs to. It quotes what it could not parse, and that may be a token."""


def configure_logs(level: str = "info") -> None:
    """Send the logs of this process to standard error, from this level on."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Patient(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    for logger in (AIOHTTP, logging.getLogger("asyncpg")):
        logger.handlers = [_WithoutWords(logger.name)]
        logger.propagate = False


class _Patient:
    """A stream whose disk may be full: a request does not fail because nobody can be told of it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


class _WithoutWords(logging.Handler):
    """Logs that something happened, and of which kind, in none of its words."""

    def __init__(self, library: str) -> None:
        super().__init__()
        self._library = library.rpartition(".")[2]

    def emit(self, record: logging.LogRecord) -> None:
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        structlog.get_logger(self._library).warning("connection failed", kind=kind)
