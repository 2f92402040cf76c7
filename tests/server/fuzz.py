"""`make fuzz`: the API against its own OpenAPI document, with requests that schemathesis makes up.

python -m tests.server.fuzz --cases 20000

Three callers take turns, seed after seed, until there were so many cases: a member with made-up
identifiers, the same with those of a unit and a file that there are, and a stranger with a token
that nobody was given. build/fuzz.json gets the counts. Exits with 1 if anything is not as declared.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from bench.load.parts import Server, serve
from bench.load.stage import Stage, make_stage
from tests.support.connection import Connection

__all__ = ["CALLERS", "Played", "has_schemathesis", "play"]

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "build" / "fuzz.json"
PROGRAM = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)
CALLERS = {
    "member": "ignored_auth",
    "insider": "ignored_auth",
    "stranger": "a_stranger_stays_outside",
}
"""Each with the check that is its own."""
HOOKS = {"SCHEMATHESIS_HOOKS": "tests.server.fuzz_checks", "PYTHONPATH": str(ROOT)}
EXAMPLES = 40
"""Made-up requests of an operation in a turn, besides those of the corners of its schema."""


@dataclass(slots=True)
class Played:
    """What was seen in a turn."""

    caller: str
    seed: int
    cases: int
    failed: bool
    said: str


def has_schemathesis() -> bool:
    """Whether it is installed."""
    return PROGRAM is not None


def play(
    folder: Path,
    caller: str,
    *,
    seed: int,
    phases: str,
    examples: int,
    stage: Stage,
    server: Server,
) -> Played:
    """Let one caller have a turn at a server."""
    assert PROGRAM is not None, "somebody looked"
    url = f"http://127.0.0.1:{server.port}"
    with urllib.request.urlopen(f"{url}/openapi.json") as got:
        document = json.load(got)
    _without_message_pack(document)
    (folder / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
    token = stage.tokens[0]
    if caller == "stranger":
        token = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    ids = asyncio.run(_ids(stage, url)) if caller == "insider" else {}
    (folder / "schemathesis.toml").write_text(
        "[parameters]\n" + "".join(f'"path.{name}" = "{value}"\n' for name, value in ids.items()),
        encoding="utf-8",
    )
    done = subprocess.run(
        [PROGRAM, "--config-file", str(folder / "schemathesis.toml"),
         "run", str(folder / "openapi.json"), "--url", url,
         "--header", f"Authorization: Bearer {token}", "--header", "Mifeng-Protocol: 1",
         "--seed", str(seed), "--checks", f"{CHECKS},{CALLERS[caller]}", "--no-color",
         "--warnings", "off", "--generation-database", ":memory:",
         "--phases", phases, "--max-examples", str(examples)],
        check=False, capture_output=True, text=True, cwd=folder, env=os.environ | HOOKS,
    )  # fmt: skip
    cases = re.search(r"(\d+) generated", done.stdout)
    return Played(
        caller,
        seed,
        int(cases[1]) if cases else 0,
        done.returncode != 0 or server.process.poll() is not None,
        done.stdout + done.stderr,
    )


async def _ids(stage: Stage, url: str) -> dict[str, str]:
    """Identifiers of what there is: the unit, a colleague, and an upload that is half there."""
    unit_id = stage.unit.unit_id
    async with aiohttp.ClientSession() as session:
        line = Connection(session=session, url=url, token=stage.tokens[0])
        file_id = await line.open_upload(unit_id, 1_000)
        await line.patch(file_id, 0, bytes(500))
    return {
        "unit_id": unit_id.hex(),
        "member_id": stage.people[1].member_id.hex(),
        "file_id": file_id.hex(),
    }


def _without_message_pack(part: object) -> None:
    """The other form of the same bodies: the tool writes and reads JSON."""
    if isinstance(part, dict):
        if "application/json" in part:
            part.pop("application/msgpack", None)
        for inner in part.values():
            _without_message_pack(inner)


def _turns(folder: Path, cases: int) -> list[Played]:
    played: list[Played] = []
    stage = make_stage(folder / "data", 2, tls=False)
    with serve(stage, tls=False) as server:
        seed = 0
        while sum(one.cases for one in played) < cases:
            seed += 1
            for caller in CALLERS:
                one = play(
                    folder, caller, seed=seed, phases="coverage,fuzzing", examples=EXAMPLES,
                    stage=stage, server=server,
                )  # fmt: skip
                played.append(one)
                total = sum(p.cases for p in played)
                print(f"{caller:8} seed {seed}: {one.cases} cases, {total} in all", flush=True)
                if one.failed or not one.cases:
                    print(one.said[-8000:])
                    return played
    return played


def main(arguments: Sequence[str] | None = None) -> int:
    """Play as many cases as are asked for, and write what was seen."""
    parser = argparse.ArgumentParser(prog="python -m tests.server.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    cases = parser.parse_args(arguments).cases
    if not has_schemathesis():
        print("schemathesis is not installed (scripts/ci_setup.sh installs it)")
        return 1
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        played = _turns(Path(name), cases)
    failed = any(one.failed or not one.cases for one in played)
    report = {
        "cases": sum(one.cases for one in played),
        "by_caller": {c: sum(one.cases for one in played if one.caller == c) for c in CALLERS},
        "seeds": max(one.seed for one in played),
        "checks": [*CHECKS.split(","), *sorted(set(CALLERS.values()))],
        "failed": failed,
        "seconds": round(time.perf_counter() - began, 1),
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
