"""A list of people and units, as a spreadsheet writes it: read and judged as a whole, line by line.

    bytes -> text (UTF-8, UTF-16 or GB 18030) -> rows -> StaffList, or all faults at once

Nothing is made here; `session/onboarding.py` carries a list out (docs/import.md).
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mifeng_crypto.errors import ProtocolError, UsageError
from mifeng_crypto.ledger.card import MAX_TEXT, check_script, check_text
from mifeng_crypto.ledger.charter_entry import UnitRole
from mifeng_crypto.ledger.roster_entry import Role

__all__ = ["Employee", "Fault", "Place", "StaffList", "read_staff_list"]

MAX_BYTES = 32 << 20
MAX_ROWS = 20_000
MAX_DEPTH = 10
MAX_PEOPLE = 1000
"""In one unit, whatever its policy says."""

COLUMNS: Mapping[str, frozenset[str]] = {
    "id": frozenset(
        {"id", "external id", "employee id", "staff number", "工号", "员工编号", "编号", "员工号"}
    ),
    "name": frozenset({"name", "full name", "姓名", "名字", "员工姓名"}),
    "title": frozenset({"title", "position", "job title", "职务", "职位", "岗位"}),
    "department": frozenset({"department", "dept", "部门", "所属部门"}),
    "role": frozenset({"role", "workspace role", "角色", "权限"}),
    "unit": frozenset({"unit", "units", "单元", "所属单元", "单位", "所属单位", "群组"}),
    "unit role": frozenset({"unit role", "role in unit", "单元角色", "单位角色", "单位职责"}),
}
ROLES: Mapping[str, Role] = {
    **dict.fromkeys(("", "member", "成员", "员工", "普通成员"), Role.MEMBER),
    **dict.fromkeys(("admin", "administrator", "管理员"), Role.ADMIN),
    **dict.fromkeys(("guest", "访客", "外部", "客人"), Role.GUEST),
}
UNIT_ROLES: Mapping[str, UnitRole] = {
    **dict.fromkeys(("", "member", "成员"), UnitRole.MEMBER),
    **dict.fromkeys(("manager", "负责人", "主管", "经理", "管理者"), UnitRole.MANAGER),
    **dict.fromkeys(("publisher", "发布者"), UnitRole.PUBLISHER),
    **dict.fromkeys(("reader", "只读", "读者"), UnitRole.READER),
}

Path = tuple[str, ...]
"""A unit by the titles from the top of the tree down to it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong in a line, and what to do about it; a template with values, as errors have."""

    line: int
    error: UsageError | ProtocolError


@dataclass(frozen=True, slots=True)
class Place:
    """A unit that somebody is to be granted, and as what."""

    path: Path
    role: UnitRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Employee:
    """A person of the list; `line` is the first that names it."""

    line: int
    external_id: str
    name: str
    title: str
    department: str
    role: Role
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffList:
    """A list without a fault.

    Attributes:
        people: in order of their first lines.
        units: all units, those above before those below.
        unused: columns that say nothing here.
        encoding: how the file was written.
    """

    people: tuple[Employee, ...]
    units: tuple[Path, ...]
    unused: tuple[str, ...]
    encoding: str


@dataclass(slots=True)
class _Reading:
    faults: list[Fault] = field(default_factory=list)
    people: dict[str, Employee] = field(default_factory=dict)

    def add(self, line: int, error: UsageError | ProtocolError) -> None:
        self.faults.append(Fault(line, error))


def read_staff_list(data: bytes) -> tuple[StaffList | None, tuple[Fault, ...]]:
    """Read a CSV file.

    Returns:
        The list, or None and all that is wrong with it.
    """
    reading = _Reading()
    if len(data) > MAX_BYTES:
        reading.add(1, UsageError("the file has more than {n} MiB; split it", n=MAX_BYTES >> 20))
        return None, tuple(reading.faults)
    text, encoding = _decoded(data)
    if text is None:
        reading.add(
            1,
            UsageError("the file is in no known encoding; save it as `CSV UTF-8` and do it again"),
        )
        return None, tuple(reading.faults)
    rows = _rows(reading, text)
    columns, unused = _columns(reading, rows)
    if not reading.faults:
        for line, row in rows[1:]:
            _take(reading, line, row, columns, len(rows[0][1]))
        if not reading.people and not reading.faults:
            reading.add(
                2, UsageError("the file names nobody; write one person a line below the headings")
            )
    units = _units(reading)
    if reading.faults:
        return None, tuple(sorted(reading.faults, key=lambda fault: fault.line))
    people = tuple(reading.people.values())
    return StaffList(people=people, units=units, unused=unused, encoding=encoding), ()


def _decoded(data: bytes) -> tuple[str | None, str]:
    """The text, and its encoding: what says so itself, else UTF-8, else what Excel writes in China.

    Bytes that are UTF-8 are hardly ever anything else; GB 18030 contains GBK and GB 2312.
    """
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            candidates = [name]
            break
    else:
        candidates = ["utf-8", "gb18030"]
    for name in candidates:
        try:
            return data.decode(name), {"utf-8-sig": "utf-8"}.get(name, name)
        except UnicodeDecodeError:
            continue
    return None, ""


def _rows(reading: _Reading, text: str) -> list[tuple[int, list[str]]]:
    """All rows that are not empty, with the number of the line on which they begin."""
    first = text.partition("\n")[0]
    delimiter = max(",;\t，", key=first.count) if first else ","
    if "\0" in text:
        reading.add(
            1, UsageError("the file holds zero bytes; save it as `CSV UTF-8` and do it again")
        )
        return []
    found, begins = list[tuple[int, list[str]]](), 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                found.append((begins, [cell.strip() for cell in row]))
            begins = reader.line_num + 1
            if len(found) > MAX_ROWS:
                reading.add(
                    begins, UsageError("the file has more than {n} lines; split it", n=MAX_ROWS)
                )
                break
    except csv.Error:
        reading.add(
            begins,
            UsageError(
                "this line is no CSV: a quotation mark does not end, or stands inside a word; "
                "write it twice to mean it"
            ),
        )
    return found


def _columns(
    reading: _Reading, rows: list[tuple[int, list[str]]]
) -> tuple[dict[str, int], tuple[str, ...]]:
    found, unused = dict[str, int](), list[str]()
    if not rows:
        if not reading.faults:
            reading.add(1, UsageError("the file is empty; its first line names the columns"))
        return found, ()
    line, headings = rows[0]
    for at, heading in enumerate(headings):
        plain = re.sub(r"[\s_-]+", " ", heading.strip().casefold())
        column = next((c for c, names in COLUMNS.items() if plain in names), None)
        if column is None:
            unused += [heading] if heading else []
        elif column in found:
            reading.add(
                line,
                UsageError("two columns are headed {heading}; keep one of them", heading=heading),
            )
        else:
            found[column] = at
    if "name" not in found:
        reading.add(
            line,
            UsageError("no column is headed `name` or `姓名`; the first line names the columns"),
        )
    return found, tuple(unused)


def _take(
    reading: _Reading, line: int, row: list[str], columns: Mapping[str, int], width: int
) -> None:
    if len(row) > width and any(row[width:]):
        reading.add(
            line,
            UsageError(
                "this line has {n} cells, and the headings have {m}; put a cell with a comma in "
                "quotation marks",
                n=len(row),
                m=width,
            ),
        )
        return

    def cell(column: str) -> str:
        at = columns.get(column)
        return row[at] if at is not None and at < len(row) else ""

    name = cell("name")
    external_id = cell("id") or name
    if "id" in columns and not cell("id"):
        reading.add(line, UsageError("the cell `id` is empty; every person has one of its own"))
        return
    try:
        check_text(name, cell("title"), cell("department"), external_id)
        check_script(name)
    except ProtocolError as err:
        reading.add(line, err)
        return
    role = ROLES.get(cell("role").casefold())
    if role is None:
        reading.add(
            line,
            UsageError("there is no role {role}; write member, admin or guest", role=cell("role")),
        )
        return
    places = _places(reading, line, cell("unit"), cell("unit role"))
    if places is None:
        return
    said = Employee(
        line=line,
        external_id=external_id,
        name=name,
        title=cell("title"),
        department=cell("department"),
        role=role,
        places=places,
    )
    before = reading.people.get(external_id)
    if before is None:
        reading.people[external_id] = said
    elif "id" not in columns or _facts(before) != _facts(said):
        reading.add(
            line,
            UsageError(
                "{id} stands on line {line} already, with other words; give each person an `id` of "
                "its own, or write the same in both lines but for the unit",
                id=external_id,
                line=before.line,
            ),
        )
    else:
        _merge(reading, before, said)


def _facts(one: Employee) -> tuple[str, str, str, Role]:
    return one.name, one.title, one.department, one.role


def _merge(reading: _Reading, before: Employee, said: Employee) -> None:
    known = {place.path: place.role for place in before.places}
    for place in said.places:
        if known.get(place.path, place.role) is not place.role:
            reading.add(
                said.line,
                UsageError(
                    "{id} has two roles in {unit}; keep one",
                    id=said.external_id,
                    unit="/".join(place.path),
                ),
            )
        known[place.path] = place.role
    reading.people[before.external_id] = Employee(
        line=before.line,
        external_id=before.external_id,
        name=before.name,
        title=before.title,
        department=before.department,
        role=before.role,
        places=tuple(Place(path, role) for path, role in known.items()),
    )


def _places(reading: _Reading, line: int, units: str, role: str) -> tuple[Place, ...] | None:
    """Read `Head office/Lab=manager; Choir`; the column `unit role` is for those without a `=`."""
    found = dict[Path, UnitRole]()
    for part in re.split(r"[;；\n]", units):
        if not part.strip():
            continue
        where, _, said = part.replace("\uff1d", "=").partition("=")
        wanted = (said or role).strip().casefold()
        unit_role = UNIT_ROLES.get(wanted)
        if unit_role is None:
            reading.add(
                line,
                UsageError(
                    "there is no role {role} in a unit; write manager, member, publisher or reader",
                    role=wanted,
                ),
            )
            return None
        path = tuple(title.strip() for title in re.split("[/\uff0f]", where))
        if not all(path) or len(path) > MAX_DEPTH:
            reading.add(
                line,
                UsageError(
                    "{unit} is no path of a unit: write the titles from the top down with `/` "
                    "between them, {n} at most",
                    unit=where.strip(),
                    n=MAX_DEPTH,
                ),
            )
            return None
        try:
            for title in path:
                check_text(title)
        except ProtocolError:
            reading.add(
                line,
                UsageError(
                    "a unit's title has at most {n} printable characters; shorten it", n=MAX_TEXT
                ),
            )
            return None
        found[path] = unit_role
    return tuple(Place(path, unit_role) for path, unit_role in found.items())


def _units(reading: _Reading) -> tuple[Path, ...]:
    """All units and those above them; none with more people than a unit may have."""
    counts = dict[Path, int]()
    for person in reading.people.values():
        for place in person.places:
            counts[place.path] = counts.get(place.path, 0) + 1
            if counts[place.path] == MAX_PEOPLE + 1:
                reading.add(
                    person.line,
                    UsageError(
                        "{unit} has more than {n} people; make units below it",
                        unit="/".join(place.path),
                        n=MAX_PEOPLE,
                    ),
                )
    return _with_those_above(counts)


def _with_those_above(paths: Iterable[Path]) -> tuple[Path, ...]:
    every = {path[:n]: None for path in paths for n in range(1, len(path) + 1)}
    return tuple(sorted(every, key=len))
