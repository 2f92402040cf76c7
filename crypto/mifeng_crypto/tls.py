"""The TLS presentation language (RFC 9420 section 2.1), declared by type.

A wire struct is a class whose annotations are its bytes; the same declaration is what mypy sees:

    @struct
    class KeyPackage:
        version: UInt16
        init_key: Opaque                    # opaque init_key<V>
        extensions: Vec[Extension]          # Extension extensions<V>
        parent: Bytes32 | None              # optional<...>
        source: FromUpdate | FromCommit     # select: variants are @struct(tag=..., tag_bytes=...)

`encode` and `decode` are each other's inverse on exactly one byte string per value: decoding
consumes all of its input, and refuses lengths that are not minimal, unknown tags and presence
bytes other than 0 and 1. Nothing is allocated before the remaining input is known to cover it, and
no vector has more than `MAX_ELEMENTS`, all together no more than `MAX_ELEMENTS_IN_ALL`.

For each struct two functions are generated as source on first use, `_write(value, out)` and
`_read(data, at, end)`, as `dataclasses` does for `__init__`. The few structs of the RFC whose form
depends on something outside of them write these two by hand (see `mls/wire/framing.py`).

This file knows no struct in particular.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from struct import unpack
from typing import (
    Annotated,
    Any,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_origin,
    get_type_hints,
    overload,
)

from mifeng_crypto.errors import CodecError
from mifeng_crypto.frozen import frozen
from mifeng_crypto.kinds import (
    Size,
    Width,
    element_of,
    is_opaque,
    min_size_of,
    parts_of,
    tag_width_of,
    variants_of,
)

__all__ = [
    "Bytes16",
    "Bytes32",
    "KeepsBytes",
    "Opaque",
    "Shared",
    "Size",
    "Text",
    "UInt8",
    "UInt16",
    "UInt32",
    "UInt64",
    "Vec",
    "Width",
    "decode",
    "encode",
    "read",
    "read_length",
    "struct",
    "write_length",
]

T = TypeVar("T")


UInt8 = Annotated[int, Width(1)]
UInt16 = Annotated[int, Width(2)]
UInt32 = Annotated[int, Width(4)]
UInt64 = Annotated[int, Width(8)]
Opaque = bytes
"""`opaque x<V>`."""
Text = str
"""`opaque x<V>` that holds UTF-8."""
Bytes16 = Annotated[bytes, Size(16)]
Bytes32 = Annotated[bytes, Size(32)]
MAX_ELEMENTS = 16_384
"""Elements that one vector may have when it is read. The longest of the protocol is the tree of a
unit with 5,000 devices, 16,383 nodes; without a bound a few MiB of zeros would be millions."""
MAX_ELEMENTS_IN_ALL = 327_680
"""The same for all vectors of one input together: vectors inside of vectors would multiply. It
counts numbers; any other element, which takes more than eight times as long, counts as eight. The
tree of 5,000 devices needs two thirds of it."""

Vec = tuple[T, ...]
"""`T x<V>`: the length in front counts bytes, not elements."""


class KeepsBytes:
    """Base of structs that remember their encoding, from decoding or from the first `encode`.

    For what is hashed, signed or sent many times over. Sound because structs are immutable and a
    value has one encoding.
    """

    __slots__ = ("_bytes",)
    _bytes: bytes


class Shared(KeepsBytes):
    """Base of structs that are alike in most places: equal bytes decode to the same object.

    All their fields begin with a length, so that the end is found without decoding anything.
    """

    __slots__ = ()


SHARED_MAX, SHARED_MAX_BYTES = 512, 256
"""How many decoded values of a `Shared` struct are remembered, and up to which length."""


def write_length(n: int, out: bytearray) -> None:
    """Append the variable-size integer of RFC 9420 section 2.1.2, in its shortest form."""
    if n < 0x40:
        out.append(n)
    elif n < 0x4000:
        out += (n | 0x4000).to_bytes(2, "big")
    elif n < 0x40000000:
        out += (n | 0x80000000).to_bytes(4, "big")
    else:
        raise CodecError(f"a vector of {n} bytes is longer than the 2^30-1 that can be encoded")


def read_length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Read a variable-size integer and check that as many bytes follow it.

    Returns:
        The length, and where the vector's content begins.
    """
    if at >= end:
        raise CodecError("the input ends where a length should be", at)
    first = data[at]
    size = 1 << (first >> 6)
    if size == 8:  # the prefix 0b11
        raise CodecError("a length begins with the invalid prefix 0b11", at)
    if at + size > end:
        raise CodecError("the input ends inside a length", at)
    n = int.from_bytes(data[at : at + size], "big") & ((1 << (8 * size - 2)) - 1)
    if size > 1 and n < (0x40 if size == 2 else 0x4000):
        raise CodecError("a length is not in its shortest form", at)
    if n > end - at - size:
        raise CodecError(f"a vector of {n} bytes is longer than its input", at)
    return n, at + size


# ------------------------------------------------------------------ the public face


@overload
def struct(cls: type[T], /) -> type[T]: ...
@overload
def struct(*, tag: int, tag_bytes: int) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(frozen_default=True)
def struct(
    cls: type[T] | None = None, /, *, tag: int | None = None, tag_bytes: int = 0
) -> type[T] | Callable[[type[T]], type[T]]:
    """Declare a wire struct: a frozen, slotted dataclass that knows its bytes.

    Args:
        cls: the class, when used without arguments.
        tag: the value that selects this struct where it is a variant of a union. It is written
            only there; as a plain field the struct has no tag.
        tag_bytes: how many bytes the tag has.
    """

    def declare(cls: type[T]) -> type[T]:
        made = cast("Any", frozen(cls))
        made._tag, made._tag_bytes = tag, tag_bytes
        if "_write" not in cls.__dict__:
            made._write = _compile_on_first_use(made, "_write")
            made._read = staticmethod(_compile_on_first_use(made, "_read"))
        return cast("type[T]", made)

    return declare if cls is None else declare(cls)


def encode(value: object) -> bytes:
    """Return the one encoding of a wire struct.

    Raises:
        CodecError: a field does not fit its declaration.
    """
    if isinstance(value, KeepsBytes):
        try:
            return value._bytes
        except AttributeError:
            pass
    out = bytearray()
    try:
        value._write(out)  # type: ignore[attr-defined]  # `struct` has made it
    except (OverflowError, AttributeError, TypeError, UnicodeEncodeError) as err:
        name = type(value).__name__
        raise CodecError(f"this {name} has a field that does not fit its declaration") from err
    return bytes(out)


def decode(cls: type[T], data: bytes) -> T:
    """Read exactly one `cls` from all of `data`.

    Raises:
        CodecError: `data` is not the encoding of a `cls`.
    """
    data = _Input(data)
    value, at = cls._read(data, 0, len(data))  # type: ignore[attr-defined]  # likewise
    if at != len(data):
        raise CodecError(f"{len(data) - at} bytes follow the {cls.__name__}", at)
    return value  # type: ignore[no-any-return]


class _Input(bytes):
    """What is decoded, and how many elements its vectors may still have."""

    left = MAX_ELEMENTS_IN_ALL


def read(cls: type[T], data: bytes, at: int, end: int) -> tuple[T, int]:
    """Read a `cls` at `at`, where something else follows or the struct around it is hand-written.

    Returns:
        The value, and where it ends.

    Raises:
        CodecError: no `cls` is there, or it does not end before `end`.
    """
    if not isinstance(data, _Input):
        data = _Input(data)
    return cls._read(data, at, end)  # type: ignore[attr-defined,no-any-return]  # likewise


# ------------------------------------------------------------------ the compiler


def _compile_on_first_use(cls: Any, name: str) -> Callable[..., Any]:
    def first_use(*args: Any) -> Any:
        _compile(cls)
        return getattr(cls, name)(*args)

    return first_use


def _compile(cls: Any) -> None:
    """Generate and attach `_write` and `_read` of one struct."""
    gen = _Generator()
    hints = get_type_hints(cls, include_extras=True)
    fields = [(f.name, hints[f.name]) for f in dataclasses.fields(cls)]
    gen.bind("new", object.__new__)
    gen.bind("cls", cls)
    keeps = issubclass(cls, KeepsBytes)
    gen.bind("keep", KeepsBytes.__dict__["_bytes"].__set__)
    gen.lines.append("def _write(self, out):")
    if keeps:
        gen.put(1, "try:", "    out += self._bytes", "    return", "except AttributeError:")
        gen.put(2, "start = len(out)")
    for name, kind in fields:
        gen.write(kind, f"self.{name}", "out", 1)
    gen.lines.append("    keep(self, bytes(out[start:]))" if keeps else "    return None")
    gen.lines.append("def _read(data, at, end):")
    gen.lines.append("    start = at")
    if issubclass(cls, Shared):
        gen.find_shared(len(fields))
    for name, kind in fields:
        gen.read(kind, f"f_{name}", "end", 1)
    gen.lines.append("    o = new(cls)")
    for name, _ in fields:
        # The slot's own descriptor: the frozen dataclass's __init__ is three times slower.
        gen.lines.append(f"    {gen.bind(f'set_{name}', getattr(cls, name).__set__)}(o, f_{name})")
    if keeps:
        gen.lines.append("    keep(o, data[start:at])")
    if issubclass(cls, Shared):
        gen.put(1, f"if at - start <= {SHARED_MAX_BYTES}:")
        gen.put(2, f"if len(shared) >= {SHARED_MAX}: shared.clear()", "shared[o._bytes] = o")
    gen.lines.append("    return o, at")
    exec("\n".join(gen.lines), gen.names)  # noqa: S102 - our own text, as in dataclasses
    cls._write = gen.names["_write"]
    cls._read = staticmethod(gen.names["_read"])


class _Generator:
    """Emits the source of one struct's two functions, field by field."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {
            "CodecError": CodecError,
            "write_length": write_length,
            "read_length": read_length,
            "unpack": unpack,
        }

    def bind(self, name: str, value: object) -> str:
        """Make `value` known to the generated source, under `name` or the like."""
        while self.names.get(name, value) is not value:
            name += "_"
        self.names[name] = value
        return name

    def put(self, depth: int, *lines: str) -> None:
        self.lines += ["    " * depth + line for line in lines]

    def find_shared(self, n_fields: int) -> None:
        """Emit what returns the value that was decoded from the same bytes before, if any."""
        self.bind("shared", {})
        for _ in range(n_fields):
            self.put(1, "if at < end and data[at] < 64: at += 1 + data[at]")
            self.put(1, "elif at < end: n, at = read_length(data, at, end); at += n")
        # Beyond the end: reading the fields says where and why.
        self.put(1, "o = shared.get(data[start:at]) if at <= end else None")
        self.put(1, "if o is not None: return o, at", "at = start")

    # -------------------------------------------------------------- writing

    def write(self, kind: Any, value: str, out: str, depth: int) -> None:
        """Emit what appends `value` of the declared `kind` to the bytearray `out`."""
        base, mark = parts_of(kind)
        if isinstance(mark, Width):
            self.put(depth, f"{out} += {value}.to_bytes({mark.n}, 'big')")
        elif isinstance(mark, Size):
            self.put(
                depth,
                f"if len({value}) != {mark.n}: raise OverflowError",
                f"{out} += {value}",
            )
        elif is_opaque(base):
            raw = f"{value}.encode()" if base is str else value
            self.put(depth, f"b = {raw}", f"write_length(len(b), {out})", f"{out} += b")
        elif get_origin(base) is tuple:
            inner, item = f"{out}_", f"x{depth}"
            self.put(depth, f"{inner} = bytearray()", f"for {item} in {value}:")
            self.write(element_of(base), item, inner, depth + 1)
            self.put(depth, f"write_length(len({inner}), {out})", f"{out} += {inner}")
        elif variants := variants_of(base):
            self.write_union(variants, value, out, depth)
        else:
            self.put(depth, f"{value}._write({out})")

    def write_union(self, variants: list[Any], value: str, out: str, depth: int) -> None:
        if type(None) in variants:
            rest = [v for v in variants if v is not type(None)]
            self.put(
                depth,
                f"if {value} is None: {out}.append(0)",
                "else:",
                f"    {out}.append(1)",
            )
            self.write(Union[tuple(rest)], value, out, depth + 1)  # noqa: UP007
            return
        width = tag_width_of(variants)
        tags = self.bind("tags", {v: v._tag.to_bytes(width, "big") for v in variants})
        self.put(
            depth,
            f"if type({value}) not in {tags}: raise TypeError",
            f"{out} += {tags}[type({value})]",
            f"{value}._write({out})",
        )

    # -------------------------------------------------------------- reading

    def read(self, kind: Any, target: str, end: str, depth: int) -> None:
        """Emit what reads a `kind` at `at`, before `end`, into the variable `target`."""
        base, mark = parts_of(kind)
        if isinstance(mark, Width | Size):
            n = mark.n
            self.put(
                depth,
                f"if at + {n} > {end}: raise CodecError('the input ends inside a field', at)",
            )
            if n == 1 and isinstance(mark, Width):
                self.put(depth, f"{target} = data[at]")
            elif isinstance(mark, Width):
                self.put(depth, f"{target} = int.from_bytes(data[at:at + {n}], 'big')")
            else:
                self.put(depth, f"{target} = data[at:at + {n}]")
            if isinstance(base, type) and issubclass(base, enum.IntEnum):
                known = self.bind(f"known_{base.__name__}", {int(m): m for m in base})
                self.put(
                    depth,
                    f"if {target} not in {known}: "
                    f"raise CodecError(f'{base.__name__} has no value {{{target}}}', at)",
                    f"{target} = {known}[{target}]",
                )
            self.put(depth, f"at += {n}")
        elif base is bytes:
            # Inlined for lengths of one and two bytes: this is the inner loop of decoding a tree.
            self.put(
                depth,
                f"if at < {end} and (n := data[at]) < 64 and at + n < {end}:",
                "    at += 1",
                f"elif at + 1 < {end} and 64 <= data[at] < 128 and "
                f"63 < (n := data[at] << 8 & 0x3fff | data[at + 1]) < {end} - at - 1:",
                "    at += 2",
                "else:",
                f"    n, at = read_length(data, at, {end})",
                f"{target} = data[at:at + n]",
                "at += n",
            )
        elif base is not str and is_opaque(base):
            self.put(
                depth,
                f"n, at = read_length(data, at, {end})",
                f"{target} = {self.bind(base.__name__, base)}(data[at:at + n])",
                "at += n",
            )
        elif base is str:
            self.put(
                depth,
                f"n, at = read_length(data, at, {end})",
                f"try: {target} = data[at:at + n].decode()",
                "except UnicodeDecodeError: raise CodecError('a text is not UTF-8', at) from None",
                "at += n",
            )
        elif get_origin(base) is tuple:
            self.read_vector(base, target, end, depth)
        elif variants := variants_of(base):
            self.read_union(variants, target, end, depth)
        else:
            name = self.bind(f"t_{base.__name__}", base)
            self.put(depth, f"{target}, at = {name}._read(data, at, {end})")

    def read_vector(self, kind: Any, target: str, end: str, depth: int) -> None:
        element = element_of(kind)
        if min_size_of(element) == 0:
            raise TypeError(f"a vector of {element} could be endless: its elements can be empty")
        base, mark = parts_of(element)
        self.put(depth, f"n, at = read_length(data, at, {end})")
        if base is int:
            width, code = mark.n, _NUMBERS[mark.n]
            self.put(
                depth,
                f"if n % {width}: raise CodecError('the input ends inside a field', at + n)",
                *_check_length(f"n // {width}"),
                *_spend(f"n // {width}"),
                f"{target} = unpack('>%d{code}' % (n // {width}), data[at:at + n])",
                "at += n",
            )
            return
        items, stop, item = f"{target}_v", f"{target}_e", f"{target}_x"
        self.put(
            depth,
            f"{items} = []",
            f"{stop} = at + n",
            f"while at < {stop}:",
        )
        self.read(element, item, stop, depth + 1)
        self.put(depth + 1, f"{items}.append({item})", *_check_length(f"len({items})"))
        self.put(depth, *_spend(f"8 * len({items})"), f"{target} = tuple({items})")

    def read_union(self, variants: list[Any], target: str, end: str, depth: int) -> None:
        if type(None) in variants:
            rest = [v for v in variants if v is not type(None)]
            self.put(
                depth,
                f"if at >= {end} or data[at] > 1: "
                "raise CodecError('an optional field begins with neither 0 nor 1', at)",
                "at += 1",
                f"if data[at - 1] == 0: {target} = None",
                "else:",
            )
            self.read(Union[tuple(rest)], target, end, depth + 1)  # noqa: UP007
            return
        width = tag_width_of(variants)
        names = " or ".join(v.__name__ for v in variants)
        known = self.bind("variants", {v._tag: v for v in variants})
        self.put(
            depth,
            f"if at + {width} > {end}: raise CodecError('the input ends inside a tag', at)",
            f"v = {known}.get(int.from_bytes(data[at:at + {width}], 'big'))",
            f"if v is None: raise CodecError('this tag is no {names}', at)",
            f"{target}, at = v._read(data, at + {width}, {end})",
        )


# ------------------------------------------------------------------ the bounds

_NUMBERS = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""What `struct.unpack` calls integers of so many bytes: it reads a vector of them at once."""


def _check_length(count: str) -> tuple[str, ...]:
    why = f"a vector has more than {MAX_ELEMENTS} elements"
    return (f"if {count} > {MAX_ELEMENTS}: raise CodecError({why!r}, at)",)


def _spend(cost: str) -> tuple[str, ...]:
    why = f"the input has more than {MAX_ELEMENTS_IN_ALL} elements"
    return (f"data.left -= {cost}", f"if data.left < 0: raise CodecError({why!r}, at)")
