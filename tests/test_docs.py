"""Every block of code in the guides runs, and their links lead somewhere."""

from __future__ import annotations

import ast
import re
import sys
import types
from pathlib import Path

import pytest

import mifeng
import mifeng.testing
from mifeng.testing import company
from tests.test_readme import ROOT, blocks_in, run_commands

DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.zh-CN.md", ROOT / "examples/README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


RUN = {
    "company.md": {"sh"},
    "company.zh-CN.md": {"sh"},
    "quickstart.md": {"sh"},
    "reviewer.md": {"sh"},
    "sdk.md": {"python"},
    "README.zh-CN.md": {"sh"},
}
"""The languages of whose blocks a test runs every one."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_block_of_a_guide_is_left_out(page: Path) -> None:
    if page.name in RUN:
        assert set(re.findall(r"^```(\w+)$", page.read_text(), re.MULTILINE)) <= RUN[page.name]


async def test_the_developers_guide_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.pdf").write_bytes(b"%PDF-1.4 a plan")
    async with company("Ada", "Ben") as c:
        names: dict[str, object] = {"mifeng": mifeng, "me": c["Ada"]}
        for block in blocks_in(DOCS / "sdk.md", "python"):
            code = compile(block, "sdk.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            done = eval(code, names)
            if isinstance(done, types.CoroutineType):
                await done
    assert (tmp_path / "copy.pdf").read_bytes() == b"%PDF-1.4 a plan"


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
@pytest.mark.parametrize("name", ["company", "quickstart", "reviewer"])
def test_a_guides_commands_run_as_they_stand(name: str, tmp_path: Path) -> None:
    run_commands(DOCS / f"{name}.md", tmp_path)


@pytest.mark.parametrize(
    ("english", "chinese"),
    [("README.md", "README.zh-CN.md"), ("docs/company.md", "docs/company.zh-CN.md")],
)
def test_the_chinese_page_has_the_same_commands_and_the_two_are_linked(
    english: str, chinese: str
) -> None:
    assert blocks_in(ROOT / english, "sh") == blocks_in(ROOT / chinese, "sh")
    assert f"]({Path(chinese).name})" in (ROOT / english).read_text()
    assert f"]({Path(english).name})" in (ROOT / chinese).read_text()
