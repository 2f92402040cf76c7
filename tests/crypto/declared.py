"""Every struct that the code base declares, and values of each, made from the declarations."""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib
import pkgutil
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

import mifeng_crypto
from mifeng_crypto import kinds
from mifeng_crypto.mls.wire import framing


def declared_structs() -> list[type]:
    """Return all wire structs in `mifeng_crypto` that can be read by themselves."""
    found: dict[str, type] = {}
    for module in pkgutil.walk_packages(mifeng_crypto.__path__, "mifeng_crypto."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and hasattr(value, "_tag") and hasattr(value, "_read"):
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return [found[name] for name in sorted(found)]


@functools.cache
def values_of(kind: object) -> st.SearchStrategy[Any]:
    """Return a strategy for values of a declared kind."""
    base, mark = kinds.parts_of(kind)
    if base is framing.AuthenticatedContent:
        return _authenticated()
    if base is framing.PublicMessage:
        return _public_message()
    if isinstance(mark, kinds.Width):
        if issubclass(base, enum.IntEnum):
            return st.sampled_from(base)
        return st.integers(0, 256**mark.n - 1)
    if isinstance(mark, kinds.Size):
        return st.binary(min_size=mark.n, max_size=mark.n)
    if base is str:
        return st.text(max_size=80)
    if isinstance(base, type) and issubclass(base, bytes):
        return st.binary(max_size=80).map(base)
    if get_origin(base) is tuple:
        return st.lists(values_of(get_args(base)[0]), max_size=3).map(tuple)
    if variants := kinds.variants_of(base):
        return st.one_of([st.none() if v is type(None) else values_of(v) for v in variants])
    hints = get_type_hints(base, include_extras=True)
    fields = [values_of(hints[field.name]) for field in dataclasses.fields(base)]
    return st.builds(base, *fields)


# These two depend on something outside of themselves (see `framing.py`).


def _auth(content: framing.FramedContent) -> st.SearchStrategy[framing.FramedContentAuthData]:
    is_commit = isinstance(content.content, framing.CommitContent)
    tag = st.binary(max_size=80) if is_commit else st.none()
    return st.builds(framing.FramedContentAuthData, st.binary(max_size=80), tag)


@st.composite
def _authenticated(draw: st.DrawFn) -> framing.AuthenticatedContent:
    content = draw(values_of(framing.FramedContent))
    wire_format = draw(st.integers(0, 65_535))
    return framing.AuthenticatedContent(wire_format, content, draw(_auth(content)))


@st.composite
def _public_message(draw: st.DrawFn) -> framing.PublicMessage:
    content = draw(values_of(framing.FramedContent))
    tag = draw(st.binary(max_size=80)) if isinstance(content.sender, framing.Member) else None
    return framing.PublicMessage(content, draw(_auth(content)), tag)
