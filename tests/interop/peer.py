"""A peer from the outside: a process that is started, asked, and ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PEERS = Path(os.environ.get("PEERS_DIR", "~/.cache/peers")).expanduser()
NAMES = ("ts-mls", "rine")


class PeerError(Exception):
    """A peer refused a request, or died; the message is its own."""


def command(name: str) -> list[str]:
    """Return how to start a peer."""
    return {
        "mifeng": [sys.executable, str(HERE / "mifeng_peer.py")],
        "rine": [str(PEERS / "v_rine/bin/python"), "-m", "tests.interop.rine_peer"],
        "ts-mls": ["node", str(HERE / "ts_peer.mjs"), str(PEERS / "ts")],
    }[name]


def missing(name: str) -> str | None:
    """Return what a peer lacks on this machine, or None."""
    if name == "ts-mls":
        if shutil.which("node") is None:
            return "node is not installed"
        installed = (PEERS / "ts/node_modules/ts-mls").is_dir()
    else:
        installed = (PEERS / "v_rine/bin/python").exists()
    return None if installed else f"{name} is not in {PEERS}: run tests/interop/install.sh"


class Peer:
    """One process; `peer("join", name=..., welcome=...)` asks it and returns its answer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            command(name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.hello = self("hello")

    @property
    def _pipes(self) -> tuple[IO[str], IO[str]]:
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None, "opened as a pipe"
        assert answers is not None, "opened as a pipe"
        return requests, answers

    def __call__(self, command: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        requests, answers = self._pipes
        requests.write(json.dumps({"cmd": command, **arguments}) + "\n")
        requests.flush()
        line = answers.readline()
        if not line:
            raise PeerError(f"{self.name} died on {command}")
        answer: dict[str, Any] = json.loads(line)
        if not answer["ok"]:
            raise PeerError(f"{self.name} refuses {command}: {answer['error']}")
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        requests, answers = self._pipes
        requests.close()  # the end of its input ends a peer
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        answers.close()
