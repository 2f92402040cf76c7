"""The README's commands run as they stand, and its Python is the SDK's own quickstart."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import mifeng
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PLAN = b"%PDF-1.4 a plan"


def blocks_in(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def blocks(language: str) -> list[str]:
    return blocks_in(ROOT / "README.md", language)


def test_its_python_is_the_quickstart() -> None:
    lines = [x for x in (mifeng.__doc__ or "").splitlines() if x.startswith("    ")]
    in_readme = [line for line in blocks("python")[0].splitlines() if line]
    assert textwrap.dedent("\n".join(lines)).splitlines() == in_readme


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a POSIX shell")
def test_its_commands_run_as_they_stand(tmp_path: Path) -> None:
    said = run_commands(ROOT / "README.md", tmp_path)
    assert "大家好!" in next(v for k, v in said.items() if " read " in k)
    assert (tmp_path / "copy.pdf").read_bytes() == PLAN


def run_commands(page: Path, tmp_path: Path) -> dict[str, str]:
    """Run a page's commands as they stand, links filled in; return what each said."""
    (tmp_path / "plan.pdf").write_bytes(PLAN)
    port, links = str(free_port()), dict[str, str]()
    said: dict[str, str] = {}
    server: subprocess.Popen[bytes] | None = None
    try:
        for command in "".join(blocks_in(page, "sh")).strip().splitlines():
            words = shlex.split(command.replace("8443", port))
            words = [links[w[:-3]] if w.endswith("#...") else w for w in words]
            if words[-1] == "&":
                server = _start(words[:-1], tmp_path)
                continue
            done = _run(words, tmp_path)
            said[command] = done
            for kind, link in re.findall(r"(mifeng:\w+#)([A-Za-z0-9_-]+)", done):
                links[kind] = kind + link
    finally:
        if server is not None:
            server.send_signal(signal.SIGTERM)
            assert server.wait(PATIENCE_S) == 0
    return said


def _start(words: list[str], folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(_found(words), cwd=folder, stdout=log, stderr=log)
    deadline = time.monotonic() + PATIENCE_S
    while not (folder / "server.log").read_bytes():
        assert time.monotonic() < deadline, "the server says nothing"
        time.sleep(0.05)
    return process


def _run(words: list[str], folder: Path) -> str:
    """Run one command; a client's passphrase, which it asks a person for, comes by descriptor."""
    read, write = os.pipe()
    os.write(write, b"correct horse battery staple\n")
    os.close(write)
    if words[0] == "mifeng":
        words = ["mifeng", "--passphrase-fd", str(read), *words[1:]]
    try:
        done = subprocess.run(
            _found(words),
            cwd=folder,
            pass_fds=[read],
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
    finally:
        os.close(read)
    assert done.returncode == 0, f"{words}\n{done.stderr.decode()}"
    return done.stdout.decode() + done.stderr.decode()


def _found(words: list[str]) -> list[str]:
    """Take the programs of the environment that runs the tests."""
    return [str(Path(sys.executable).parent / words[0]), *words[1:]]
