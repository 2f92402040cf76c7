"""What the demo says of the server's database."""

from __future__ import annotations

from demo.stored import Item, summary


def test_things_of_one_kind_are_counted_together() -> None:
    items = [
        Item(kind="roster entry", size=225, sequence=2),
        Item(kind="commit", size=600, epoch=0, sequence=3),
        Item(kind="roster entry", size=1_000, sequence=3),
        Item(kind="sealed card", size=150),
    ]
    assert summary(items) == (
        "2 roster entries, 1,225 bytes, sequence 2-3 · "
        "commit, 600 bytes, epoch 0, sequence 3 · sealed card, 150 bytes"
    )


def test_nothing_is_nothing() -> None:
    assert summary([]) == ""
