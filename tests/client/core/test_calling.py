"""What somebody types means whom it says, whatever others call themselves."""

from __future__ import annotations

from mifeng.core.calling import called

ADA, BEN, EVE = (bytes([n]) * 16 for n in (0x3F, 0x4A, 0xAD))


def meant(text: str, **names: str) -> list[bytes]:
    known = {ADA: "Ada", BEN: "Ben", EVE: "Eve"} | {
        {"ada": ADA, "ben": BEN, "eve": EVE}[who]: name for who, name in names.items()
    }
    return called(text, known, name=known.__getitem__, id_of=bytes)


def test_an_id_means_its_own_whatever_others_are_called() -> None:
    assert meant(ADA.hex(), eve=ADA.hex()) == [ADA]
    assert meant(ADA.hex().upper(), eve=ADA.hex()) == [ADA]


def test_a_name_that_is_the_beginning_of_anothers_id_means_no_one_alone() -> None:
    assert meant("3f3f", eve="3f3f") == [EVE, ADA]
    assert meant("3f3f") == [ADA]


def test_a_name_means_its_own_also_where_it_begins_others() -> None:
    assert meant("ada", ben="Adam") == [ADA]
    assert meant("ad", ben="Adam") == [ADA, BEN, EVE]  # an id begins so, too


def test_nothing_means_nobody() -> None:
    assert meant("") == meant("Zoe") == []
