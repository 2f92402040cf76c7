"""A real S3 server of a test's own: SeaweedFS from PyPI, on loopback, without telemetry."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import obstore
import pytest

from mifeng_server.blobs.s3 import open_bucket
from tests.support.ports import free_port

__all__ = ["KEYS", "Seaweed", "seaweed"]

KEYS = {"AWS_ACCESS_KEY_ID": "mifeng", "AWS_SECRET_ACCESS_KEY": "mifengmifeng"}


@dataclass(slots=True)
class Seaweed:
    """An S3 server."""

    endpoint: str
    command: list[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, also again with what it has."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        _wait(self.endpoint, self.process, self.log)

    def kill(self) -> None:
        """`kill -9`."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(20)

    def new_address(self) -> str:
        """Make an empty bucket, and return its address."""
        address = f"s3://b{uuid.uuid4().hex[:20]}"
        bucket = open_bucket(address, "made", endpoint=self.endpoint, region="us-east-1")
        obstore.put(bucket, "by", b"a test")  # it makes buckets that are written to
        return address


@contextlib.contextmanager
def seaweed(folder: Path) -> Iterator[Seaweed]:
    """Run one while this is entered; skip where it is not installed."""
    beside = Path(sys.executable).parent / "weed"
    program = str(beside) if beside.exists() else shutil.which("weed")
    if program is None:
        pytest.skip("SeaweedFS is not installed (scripts/ci_setup.sh installs it)")
    credentials = [
        {"accessKey": KEYS["AWS_ACCESS_KEY_ID"], "secretKey": KEYS["AWS_SECRET_ACCESS_KEY"]}
    ]
    identity = {"name": "mifeng", "credentials": credentials, "actions": ["Admin"]}
    config = folder / "s3.json"
    config.write_text(json.dumps({"identities": [identity]}), encoding="ascii")
    # Each has one for its gRPC as well, which is 10,000 higher.
    master, volume, filer, s3 = (free_port(beside=10_000) for _ in range(4))
    made = Seaweed(
        f"http://127.0.0.1:{s3}",
        [
            *(program, "server", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *("-master.telemetry=false", f"-master.port={master}", f"-volume.port={volume}"),
            *(f"-filer.port={filer}", "-s3", f"-s3.port={s3}", f"-s3.config={config}"),
            *("-master.volumeSizeLimitMB=64", "-volume.max=400", "-s3.autoCreateBucket"),
            *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        ],
        folder / "log",
    )
    try:
        made.start()
        yield made
    finally:
        made.kill()  # what it has is thrown away


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it answers
        except OSError:
            time.sleep(0.1)
    raise AssertionError("SeaweedFS does not start")
