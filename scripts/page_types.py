"""Write the types of the local API for the page's scripts: `python -m scripts.page_types`.

What stands in `client/mifeng/web/page/api.d.ts` is made from the structs of the calls; a test holds
the two together, and `tsc --checkJs` holds the scripts to it.
"""

from __future__ import annotations

import types
import typing
from pathlib import Path

import msgspec

from mifeng.web.calls import CALLS

__all__ = ["OUTPUT", "declarations", "main"]

OUTPUT = Path(__file__).resolve().parent.parent / "client/mifeng/web/page/api.d.ts"
_PLAIN = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def declarations() -> str:
    """Return the whole file."""
    seen: dict[str, str] = {}
    calls = []
    for name, call in CALLS.items():
        calls.append(f"  {name}: [{_named(call.request, seen)}, {_named(call.reply, seen)}];")
    parts = ["// Made by scripts/page_types.py from the structs of mifeng.web.calls."]
    parts += [seen[name] for name in sorted(seen)]
    parts.append("export interface Calls {\n" + "\n".join(calls) + "\n}")
    return "\n\n".join(parts) + "\n"


def _named(struct: type[msgspec.Struct], seen: dict[str, str]) -> str:
    name = struct.__name__
    if name not in seen:
        seen[name] = ""
        hints = typing.get_type_hints(struct)
        fields = []
        for field in msgspec.structs.fields(struct):
            mark = "" if field.required else "?" if _is_request(struct) else ""
            fields.append(f"  {field.name}{mark}: {_type(hints[field.name], seen)};")
        seen[name] = f"export interface {name} {{\n" + "\n".join(fields) + "\n}"
    return name


def _is_request(struct: type[msgspec.Struct]) -> bool:
    return struct.__struct_config__.forbid_unknown_fields


def _type(hint: object, seen: dict[str, str]) -> str:
    if isinstance(hint, type) and hint in _PLAIN:
        return _PLAIN[hint]
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _named(hint, seen)
    origin, inside = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " | ".join(_type(one, seen) for one in inside)
    if origin is list:
        item = _type(inside[0], seen)
        return f"({item})[]" if "|" in item else f"{item}[]"
    if origin is dict:
        return f"Record<{_type(inside[0], seen)}, {_type(inside[1], seen)}>"
    raise TypeError(f"{hint} has no type for the page yet")


def main() -> None:
    """Write the file."""
    OUTPUT.write_text(declarations(), encoding="utf-8")


if __name__ == "__main__":
    main()
