"""What is frozen so is, from outside, what `dataclass(frozen=True, slots=True)` makes."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from mifeng_crypto.frozen import frozen


class Told:
    """A place: where, and what it is called."""

    x: int
    y: int = 2
    name: str = ""


class Empty:
    """Nothing."""


class Hidden:
    """It does not show itself."""

    secret: bytes

    def __repr__(self) -> str:
        return "Hidden(...)"


def both(cls: type) -> tuple[Any, Any]:
    """The class, frozen by ours and by the library."""
    mine, theirs = (type(cls.__name__, (), dict(cls.__dict__)) for _ in range(2))
    return frozen(mine), dataclasses.dataclass(frozen=True, slots=True)(theirs)


@pytest.mark.parametrize(("cls", "args"), [(Told, (1,)), (Told, (1, 3, "a")), (Empty, ())])
def test_it_is_made_compared_hashed_shown_and_matched_in_the_same_way(
    cls: type, args: tuple[Any, ...]
) -> None:
    mine, theirs = both(cls)
    a, b = mine(*args), theirs(*args)
    assert repr(a) == repr(b)
    assert a == mine(*args)
    assert hash(a) == hash(mine(*args))
    assert a != b
    assert a != args
    assert mine.__match_args__ == theirs.__match_args__
    assert [f.name for f in dataclasses.fields(a)] == [f.name for f in dataclasses.fields(b)]
    assert dataclasses.asdict(a) == dataclasses.asdict(b)


def test_equal_is_what_has_equal_fields_and_the_same_class() -> None:
    mine, _ = both(Told)
    assert mine(1) == mine(x=1, y=2, name="")
    assert len({mine(1), mine(1, 2), mine(1, 3)}) == 2
    assert dataclasses.replace(mine(1), y=3) == mine(1, 3)


@pytest.mark.parametrize("args", [(), (1, 2, "a", 4)])
def test_what_lacks_a_field_or_has_too_many_is_refused(args: tuple[Any, ...]) -> None:
    mine, _ = both(Told)
    for _ in range(2):  # the first call makes the constructor
        with pytest.raises(TypeError, match="argument"):
            mine(*args)
    with pytest.raises(TypeError, match="unexpected"):
        mine(1, z=1)


def test_nothing_in_it_changes_and_nothing_is_added() -> None:
    mine, _ = both(Told)
    one = mine(1)
    for name in ("x", "y", "other"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, name, 5)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(one, name)
    assert one == mine(1)
    assert not hasattr(one, "__dict__")


def test_how_a_class_shows_itself_is_its_own() -> None:
    mine, _ = both(Hidden)
    assert repr(mine(b"key")) == "Hidden(...)"
    assert mine(b"key") == mine(b"key")


@pytest.mark.parametrize(
    "option",
    [
        {"repr": False},
        {"compare": False},
        {"init": False},
        {"kw_only": True},
        {"default_factory": list},
    ],
    ids=lambda option: next(iter(option)),
)
def test_what_would_be_passed_over_is_refused(option: dict[str, Any]) -> None:
    made = type("Odd", (), {"__annotations__": {"x": int}, "x": dataclasses.field(**option)})
    with pytest.raises(TypeError, match=r"Odd\.x is no plain field"):
        frozen(made)


def test_what_is_to_be_done_after_the_constructor_is_refused() -> None:
    made = type("Odd", (), {"__annotations__": {"x": int}, "__post_init__": lambda _: None})
    with pytest.raises(TypeError, match="__post_init__"):
        frozen(made)
