"""Frozen, slotted dataclasses whose constructor is compiled when the first one is made.

`dataclasses` writes and compiles six methods of each class while that is imported: for the structs
of the wire, of which a process needs a few, that was a tenth of every start. Here the fields are
its own, equality, hash and representation are shared, and the constructor, which writes the slots
directly, is made at its first call.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar, cast

__all__ = ["frozen"]

T = TypeVar("T")


def frozen(cls: type[T]) -> type[T]:
    """Return the class as `dataclass(frozen=True, slots=True)` makes it, as seen from outside.

    Its fields are plain: with a default value or without, and nothing else.

    Raises:
        TypeError: one has an option that would be passed over here, such as `repr=False`.
    """
    own = frozenset(cls.__dict__)
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    for field in dataclasses.fields(made):
        is_plain = field.init and field.repr and field.compare and not field.kw_only
        if not is_plain or field.default_factory is not dataclasses.MISSING:
            raise TypeError(f"{cls.__name__}.{field.name} is no plain field; use `dataclass`")
    if hasattr(made, "__post_init__"):
        raise TypeError(f"{cls.__name__} has a __post_init__; use `dataclass`")
    made.__dataclass_params__.frozen = True
    names = made.__match_args__
    values: Callable[[Any], Any] = operator.attrgetter(*names) if names else lambda _: ()

    def init_(self: Any, *args: Any, **named: Any) -> None:
        made.__init__ = _constructor(made)
        made.__init__(self, *args, **named)

    def eq_(self: Any, other: object) -> Any:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return values(self) == values(other)

    def hash_(self: Any) -> int:
        return hash(values(self))

    def repr_(self: Any) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{self.__class__.__qualname__}({shown})"

    methods = {"__init__": init_, "__eq__": eq_, "__hash__": hash_, "__repr__": repr_}
    for name, method in methods.items():
        if name not in own:
            setattr(made, name, method)
    made.__setattr__ = made.__delattr__ = _refuse
    return cast("type[T]", made)


def _refuse(_: object, name: str, *_value: object) -> NoReturn:
    raise dataclasses.FrozenInstanceError(f"cannot change field {name!r}")


def _constructor(cls: Any) -> Callable[..., None]:
    """Generate `__init__`; the slots' own descriptors are faster than what a frozen one does."""
    names: dict[str, Any] = {}
    parameters, lines = ["self"], []
    for field in dataclasses.fields(cls):
        names[f"set_{field.name}"] = getattr(cls, field.name).__set__
        has_default = field.default is not dataclasses.MISSING
        names[f"default_{field.name}"] = field.default
        parameters.append(field.name + (f"=default_{field.name}" if has_default else ""))
        lines.append(f"    set_{field.name}(self, {field.name})")
    text = f"def __init__({', '.join(parameters)}):\n" + "\n".join(lines or ["    pass"])
    exec(text, names)  # noqa: S102 - our own text, as in dataclasses
    made: Callable[..., None] = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made
