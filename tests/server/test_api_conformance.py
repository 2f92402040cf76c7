"""The API keeps to its own document: generated requests meet no fault, no undeclared answer, and no
way in without a token. `python -m tests.server.test_api_conformance 100` plays many by hand.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest

from bench.load.parts import serve
from bench.load.stage import make_stage

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_schema_conformance,ignored_auth"
)


def _play(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("schemathesis is not installed (scripts/ci_setup.sh installs it)")
    stage = make_stage(path / "data", 2, tls=False)
    with serve(stage, tls=False) as server:
        url = f"http://127.0.0.1:{server.port}"
        with urllib.request.urlopen(f"{url}/openapi.json") as got:
            document = json.load(got)
        _without_message_pack(document)
        (path / "openapi.json").write_text(json.dumps(document), encoding="utf-8")
        return subprocess.run(
            [program, "run", str(path / "openapi.json"), "--url", url,
             "--header", f"Authorization: Bearer {stage.tokens[0]}",
             "--header", "Mifeng-Protocol: 1", "--seed", "1", "--checks", CHECKS,
             "--no-color", "--exclude-operation-id", "append_upload", *options],
            check=False, capture_output=True, text=True, cwd=path,
        )  # fmt: skip


def _without_message_pack(part: object) -> None:
    """The other form of the same bodies: the tool writes and reads JSON."""
    if isinstance(part, dict):
        if "application/json" in part:
            part.pop("application/msgpack", None)
        for inner in part.values():
            _without_message_pack(inner)


def test_generated_requests_find_no_fault(tmp_path: Path) -> None:
    done = _play(tmp_path, "--phases", "fuzzing", "--max-examples", "1")
    assert done.returncode == 0, done.stdout[-4000:]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        played = _play(
            Path(name), "--phases", "examples,coverage,fuzzing", "--max-examples", sys.argv[1]
        )
        print(played.stdout[-6000:])
        sys.exit(played.returncode)
