"""Reads the declarations of wire structs: what a type annotation says about bytes (see tls.py).

A kind is `Annotated[int, Width(n)]` (also of an `IntEnum`, or a `NewType` of it), `Annotated[bytes,
Size(n)]`, `bytes` or a class of it, `str`, `tuple[kind, ...]`, a union of tagged structs or of one
kind with None, or a struct.
"""

from __future__ import annotations

import dataclasses
import types
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

__all__ = [
    "Size",
    "Width",
    "element_of",
    "is_opaque",
    "min_size_of",
    "parts_of",
    "tag_width_of",
    "variants_of",
]


@dataclasses.dataclass(frozen=True, slots=True)
class Width:
    """Marks an integer (or an `IntEnum`, or a `NewType` of int) as `n` bytes, big endian."""

    n: int


@dataclasses.dataclass(frozen=True, slots=True)
class Size:
    """Marks bytes as `opaque x[n]`: exactly `n`, without a length in front."""

    n: int


def parts_of(kind: Any) -> tuple[Any, Any]:
    """Split `Annotated[base, mark]`; a plain type has the mark None."""
    if get_origin(kind) is Annotated:
        base, *marks = get_args(kind)
        return base, marks[0]
    if hasattr(kind, "__supertype__"):  # a NewType of an annotated type
        return parts_of(kind.__supertype__)
    return kind, None


def is_opaque(base: Any) -> bool:
    """Whether a kind is written as `opaque<V>`: bytes, a class of bytes of its own, or text."""
    return base is str or (isinstance(base, type) and issubclass(base, bytes))


def element_of(vector: Any) -> Any:
    """The kind of a vector's elements."""
    element, *rest = get_args(vector)
    if rest != [...]:
        raise TypeError(f"{vector} is not a vector: declare it as Vec[...]")
    return element


def variants_of(base: Any) -> list[Any]:
    """The members of a union in the order of declaration; empty if `base` is none."""
    if get_origin(base) not in (Union, types.UnionType):
        return []
    return list(get_args(base))


def tag_width_of(variants: list[Any]) -> int:
    """The bytes that the tag of a union of these has."""
    widths = {v._tag_bytes for v in variants}
    tags = {v._tag for v in variants}
    if len(widths) != 1 or 0 in widths or len(tags) != len(variants):
        raise TypeError(f"{variants} need distinct tags of one width to be a union")
    return int(widths.pop())


def min_size_of(kind: Any) -> int:
    """The fewest bytes that a value of this kind can take."""
    base, mark = parts_of(kind)
    if isinstance(mark, Width | Size):
        return mark.n
    if is_opaque(base) or get_origin(base) is tuple or variants_of(base):
        return 1
    if not dataclasses.is_dataclass(base):
        raise TypeError(f"{kind} has no declared encoding")
    hints = get_type_hints(base, include_extras=True)
    return sum(min_size_of(hints[f.name]) for f in dataclasses.fields(base))
