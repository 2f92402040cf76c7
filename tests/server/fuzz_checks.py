"""What schemathesis checks besides its own: loaded by its command line (SCHEMATHESIS_HOOKS)."""

from __future__ import annotations

from typing import Any

import schemathesis

BEFORE_THE_LOGIN = frozenset({400, 401, 404, 405, 426, 429, 503})
"""What the door may answer to somebody whom it does not know."""


@schemathesis.check  # type: ignore[untyped-decorator,unused-ignore]
def a_stranger_stays_outside(_: object, response: Any, case: Any) -> None:  # noqa: ANN401
    """With a token that nobody was given, whatever is declared as secured answers only so."""
    if case.operation.definition.raw.get("security"):
        assert response.status_code in BEFORE_THE_LOGIN, response.status_code


@schemathesis.serializer("application/offset+octet-stream")  # type: ignore[untyped-decorator,unused-ignore]
def as_they_are(_: object, value: Any) -> bytes:  # noqa: ANN401
    """The bytes of an upload."""
    raw = getattr(value, "data", value)
    return raw if isinstance(raw, bytes) else str(raw).encode()
