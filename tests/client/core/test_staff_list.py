"""A list is read as spreadsheets write it, and every fault is named with its line."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mifeng.core.staff_list import Place, StaffList, read_staff_list
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.roster_entry import Role

CHINESE = """工号,姓名,职务,部门,角色,单位,手机
1001,张三,工程师,研发部,,总部/研发部,138
1002,李四,总监,研发部,管理员,总部/研发部=负责人；总部,139

1003,Anna Weber,Consultant,,guest,总部/研发部=reader,
"""


def read(text: str) -> StaffList:
    staff, faults = read_staff_list(text.encode())
    assert staff is not None, faults
    return staff


def faults(data: str | bytes) -> list[tuple[int, str]]:
    staff, found = read_staff_list(data.encode() if isinstance(data, str) else data)
    assert (staff is None) == bool(found)
    return [(fault.line, str(fault.error)) for fault in found]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (CHINESE.encode(), "utf-8"),
        (codecs.BOM_UTF8 + CHINESE.encode(), "utf-8"),
        (CHINESE.replace("单位", "单元").encode(), "utf-8"),
        (CHINESE.encode("gbk"), "gb18030"),
        (CHINESE.replace("\n", "\r\n").encode("gb18030"), "gb18030"),
        (CHINESE.encode("utf-16"), "utf-16"),
        (CHINESE.replace(",", ";").replace("；", "\n").encode(), None),
        (CHINESE.replace(",", "\t").encode("gbk"), "gb18030"),
    ],
)
def test_a_list_is_read_however_a_spreadsheet_wrote_it(data: bytes, encoding: str | None) -> None:
    if encoding is None:  # semicolons between cells, then not within them
        data = data.replace("负责人\n总部".encode(), '"负责人;总部"'.encode())
        data = data.replace('研发部="负责人;总部"'.encode(), "研发部=负责人".encode())
        encoding = "utf-8"
        expected_places = 1
    else:
        expected_places = 2
    staff, found = read_staff_list(data)
    assert staff is not None, found
    assert staff.encoding == encoding
    assert staff.unused == ("手机",)
    zhang, li, anna = staff.people
    assert (zhang.line, zhang.external_id, zhang.name, zhang.title) == (2, "1001", "张三", "工程师")
    assert (zhang.role, li.role, anna.role) == (Role.MEMBER, Role.ADMIN, Role.GUEST)
    assert zhang.places == (Place(("总部", "研发部"), UnitRole.MEMBER),)
    assert li.places[0] == Place(("总部", "研发部"), UnitRole.MANAGER)
    assert len(li.places) == expected_places
    assert (anna.line, anna.department) == (5, "")
    assert staff.units == (("总部",), ("总部", "研发部"))


def test_english_headings_in_any_order_and_a_column_for_the_role() -> None:
    staff = read("Unit Role,Full Name,units\nmanager,Ada,A/B; C=reader\n,Ben,A\n")
    ada, ben = staff.people
    assert ada.external_id == "Ada"
    assert ada.places == (Place(("A", "B"), UnitRole.MANAGER), Place(("C",), UnitRole.READER))
    assert ben.places == (Place(("A",), UnitRole.MEMBER),)


def test_somebody_in_several_lines_is_one_person() -> None:
    (ada,) = read("id,name,unit\n1,Ada,A\n1,Ada,B=manager\n1,Ada,A\n").people
    assert ada.places == (Place(("A",), UnitRole.MEMBER), Place(("B",), UnitRole.MANAGER))


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 1, "empty"),
        ("\n\n", 1, "empty"),
        ("name\n", 2, "nobody"),
        ("mail,phone\na,b\n", 1, "headed `name`"),
        ("name,姓名\na,b\n", 1, "two columns"),
        ("id,name\n,Ada\n", 2, "`id` is empty"),
        ("id,name\n1,\n", 2, "CARD-1"),
        ("name\n\u0410nna\n", 2, "CARD-4"),
        ("name\nAd\u202ea\n", 2, "CARD-1"),
        ("name\n" + "x" * 201 + "\n", 2, "CARD-1"),
        ("name,role\nAda,king\n", 2, "no role king"),
        ("name,role\nAda,owner\n", 2, "no role owner"),
        ("name,unit\nAda,A=boss\n", 2, "no role boss in a unit"),
        ("name,unit\nAda,A//B\n", 2, "no path"),
        ("name,unit\nAda," + "/".join("abcdefghijk") + "\n", 2, "no path"),
        ("name,unit\nAda," + "x" * 201 + "\n", 2, "title"),
        ("name\nAda\nAda\n", 3, "line 2 already"),
        ("id,name\n1,Ada\n1,Ben\n", 3, "line 2 already"),
        ("id,name,unit\n1,Ada,A\n1,Ada,A=reader\n", 3, "two roles"),
        ("name,title\nAda,Chief, of all\n", 2, "3 cells"),
        ('name\n"Ada\n', 2, "no CSV"),
        ('name\n"Ada"x\n', 2, "no CSV"),
        ("name\nA\0da\n", 1, "zero bytes"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, line: int, words: str) -> None:
    (first, *_) = faults(text)
    assert first[0] == line
    assert words in first[1]


def test_all_faults_are_named_at_once_in_order() -> None:
    found = faults("id,name,role,unit\n1,Ada,king,A\n,Ben,,B\n3,Cy,,C/\n4,Di,,D\n")
    assert [line for line, _ in found] == [2, 3, 4]


def test_a_unit_of_more_than_a_thousand_is_a_fault() -> None:
    rows = "".join(f"P{n},All\n" for n in range(1001))
    ((line, words),) = faults("name,unit\n" + rows)
    assert (line, "more than 1000" in words) == (1002, True)


def test_bytes_that_are_no_text_are_a_fault() -> None:
    ((line, words),) = faults(b"name\n\xff\xff\xff\n")
    assert (line, "no known encoding" in words) == (1, True)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_a_list_or_faults(data: bytes) -> None:
    staff, found = read_staff_list(data)
    assert (staff is None) == bool(found)


@given(st.text(alphabet=',;"\n姓名ab/=', max_size=80))
def test_arbitrary_text_under_a_heading_is_a_list_or_faults(text: str) -> None:
    staff, found = read_staff_list(f"name,unit\n{text}".encode())
    assert (staff is None) == bool(found)
