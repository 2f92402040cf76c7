"""The page's files: what they may weigh, that their types and words are right."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mifeng.web.assets import PAGE, assets, bare
from scripts.page_types import OUTPUT, declarations

LARGEST = 150_000
TOOLS = Path(os.environ.get("PAGE_TOOLS_DIR", Path.home() / ".cache/mifeng-page")) / "node_modules"
SCRIPTS = sorted(PAGE.rglob("*.js"))


def test_scripts_and_styles_weigh_no_more_than_150_kb() -> None:
    parts = {
        path: len(one.body) for path, one in assets().items() if path.endswith((".js", ".css"))
    }
    assert sum(parts.values()) <= LARGEST


def test_the_types_of_the_local_api_are_those_of_its_structs() -> None:
    assert OUTPUT.read_text(encoding="utf-8") == declarations(), (
        "run `.venv/bin/python -m scripts.page_types`"
    )


def test_the_scripts_are_well_typed() -> None:
    if shutil.which("node") is None or not (TOOLS / "typescript").is_dir():
        pytest.skip(f"typescript is not in {TOOLS}: run scripts/page_tools.sh")
    command = ["node", str(TOOLS / "typescript/bin/tsc"), "-p", str(PAGE / "jsconfig.json")]
    told = subprocess.run(command, check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(PAGE)))
def test_a_script_makes_no_markup_and_fetches_from_nowhere_else(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert word not in text
    for source in re.findall(r'(?:from|import) "([^"]+)"', text):
        assert source.startswith((".", "..")), source
        assert (script.parent / source).is_file(), source


def test_a_comment_has_a_line_of_its_own_so_that_it_stays_behind() -> None:
    for script in SCRIPTS:
        for line in script.read_text(encoding="utf-8").splitlines():
            assert " // " not in line.strip(), f"{script.name}: {line}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(PAGE)))
def test_texts_are_literals_so_that_the_catalogue_finds_them(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    if script.name != "words.js":
        assert re.findall(r"\bt\((?!\")", text) == []
        assert re.findall(r"\btn\((?!\")", text) == []


def test_what_no_browser_needs_stays_behind() -> None:
    written = (
        '  /** a\n   * b */\n  let x = "a, b"; // c\n\n'
        "  y = / = , /.test(`${x} , `) ? f(1,\n    2) : 2;\n  if (y) { z(); }\n"
        '  #place = "#place";\n  async #go() { return `${this.#place}#place`; }\n'
    )
    assert bare(written, ".js") == (
        'let x="a, b";// c\ny=/ = , /.test(`${x} , `)?f(1,2):2;if(y){z()}'
        '#p0="#place";async #p1(){return `${this.#p0}#place`}'
    )
    assert bare("a :hover {\n  color: red; margin: 0 1px;\n}\n", ".css") == (
        "a :hover{color:red;margin:0 1px}"
    )


def test_a_browser_reads_every_script_as_it_is_served(tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is missing: the served scripts are not parsed")
    for path, asset in assets().items():
        if path.endswith(".js"):
            (tmp_path / f"{path.strip('/').replace('/', '-')}.mjs").write_bytes(asset.body)
    check = (
        "import vm from 'vm'; import fs from 'fs';"
        "for (const f of process.argv.slice(1))"
        "new vm.SourceTextModule(fs.readFileSync(f, 'utf8'), { identifier: f });"
    )
    command = ["node", "--experimental-vm-modules", "--input-type=module", "-e", check]
    files = [str(file) for file in sorted(tmp_path.iterdir())]
    told = subprocess.run([*command, *files], check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr


def test_every_file_of_the_page_is_used() -> None:
    text = "".join(one.body.decode() for path, one in assets().items() if not path.endswith(".svg"))
    for path in assets():
        assert path == "/" or path.rpartition("/")[2] in text, path
