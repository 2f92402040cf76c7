"""The house keeps its form: what CONTRIBUTING.md says about folders and files, as tests."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"crypto": "mifeng_crypto", "client": "mifeng", "server": "mifeng_server"}
SOURCE_FOLDERS = [*ROOMS, "bench", "demo", "scripts", "tests"]
MAX_LINES = 500
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "common", "misc", "base", "manager"}
# Written in two halves, so that this file passes its own test.
MACHINE_PATHS = [b"/" + word for word in (b"work/", b"home/", b"root/", b"Users/")]


def _project_files() -> list[Path]:
    """What git tracks or would track; everything but caches where there is no git."""
    command = [
        "git",
        "-C",
        str(ROOT),
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return [path for path in paths if path.is_file()]


PROJECT_FILES = _project_files()
SOURCES = [
    path
    for path in PROJECT_FILES
    if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in SOURCE_FOLDERS
]


def _relative(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize(("room", "package"), ROOMS.items())
def test_a_room_holds_exactly_its_one_package(room: str, package: str) -> None:
    # In an editable install each room is on sys.path: anything else in it would be importable.
    tops = {path.relative_to(ROOT / room).parts[0] for path in PROJECT_FILES if _is_in(path, room)}
    assert tops == {package}


@pytest.mark.parametrize(("room", "package"), ROOMS.items())
def test_a_package_says_that_it_is_typed(room: str, package: str) -> None:
    assert (ROOT / room / package / "py.typed").is_file()


def test_no_source_file_is_longer_than_500_lines() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert _relative([path for path, length in lengths.items() if length > MAX_LINES]) == []


def test_a_file_is_named_after_what_it_holds() -> None:
    stems = {path: path.stem.strip("_") for path in SOURCES}
    assert _relative([path for path, stem in stems.items() if stem in NAMES_THAT_SAY_NOTHING]) == []


def test_every_folder_of_a_room_is_a_package() -> None:
    packages = [ROOT / room / package for room, package in ROOMS.items()]
    folders = {
        folder
        for path in SOURCES
        for folder in path.parents
        if any(folder.is_relative_to(package) for package in packages)
    }
    missing = [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()]
    assert _relative(missing) == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    def names_one(path: Path) -> bool:
        content = path.read_bytes()
        return any(machine_path in content for machine_path in MACHINE_PATHS)

    assert _relative([path for path in PROJECT_FILES if names_one(path)]) == []


def test_the_import_contracts_cover_every_room() -> None:
    contracts = _contracts()
    assert set(_import_linter()["root_packages"]) == set(ROOMS.values())
    for package in [*ROOMS.values(), "mifeng_crypto.mls"]:
        floors = [c for c in contracts if c.get("containers") == [package]]
        assert [c["type"] for c in floors] == ["layers"], package
        assert floors[0]["exhaustive"], package


def test_the_lock_holds_hashes_and_no_index() -> None:
    lock = (ROOT / "requirements/dev.txt").read_text(encoding="ascii")
    lines = [line for line in lock.splitlines() if line and not line.lstrip().startswith("#")]
    options = [line for line in lines if line.startswith("-")]
    assert options == ["--only-binary :all:"]
    assert "://" not in lock
    pins = [line for line in lines if "==" in line]
    assert pins
    assert all(line.endswith("\\") for line in pins), "a pin without a hash"


def _is_in(path: Path, room: str) -> bool:
    return path.is_relative_to(ROOT / room)


def _import_linter() -> dict[str, Any]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    settings: dict[str, Any] = tomllib.loads(text)["tool"]["importlinter"]
    return settings


def _contracts() -> list[dict[str, Any]]:
    contracts: list[dict[str, Any]] = _import_linter()["contracts"]
    return contracts
