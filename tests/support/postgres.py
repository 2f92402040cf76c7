"""A PostgreSQL of a test's own: a new cluster in a temporary folder, on a socket and a free port.

It is found in the PATH or where Debian puts it; without it tests skip, and say so. PostgreSQL does
not run as root, so then it runs as whoever `postgres` (else `nobody`) is.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.ports import free_port

__all__ = ["Cluster", "cluster", "programs"]

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
port = {port}
max_connections = 200
shared_buffers = 64MB
wal_level = replica
max_wal_senders = 4
hot_standby = on
log_destination = 'stderr'
logging_collector = off
"""


@functools.cache
def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs, None if there is none."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: float(p.parts[-3])
    )
    in_path = shutil.which("initdb")
    return found[-1].parent if found else Path(in_path).parent if in_path else None


def _user() -> list[str]:
    """What makes a command run as somebody who is not root."""
    if os.getuid():
        return []
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            who = pwd.getpwnam(name)
            return ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"]
    pytest.skip("PostgreSQL does not run as root, and there is nobody else")


@dataclass(slots=True)
class Cluster:
    """A PostgreSQL server."""

    folder: Path
    port: int
    bin: Path
    user: list[str]
    process: subprocess.Popen[bytes] | None = None
    databases: int = field(default=0)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://mifeng:x@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database, and return its URL."""
        name = f"t{uuid.uuid4().hex}"
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "mifeng", name)
        return self.url(name)

    def sql(self, text: str, database: str = "postgres") -> str:
        return self.run(
            *("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "mifeng", "-At"),
            *("-d", database, "-c", text),
        )

    def run(self, program: str, *args: str) -> str:
        done = subprocess.run(
            [*self.user, str(self.bin / program), *args],
            check=True,
            capture_output=True,
            text=True,
            cwd="/",
            timeout=120,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        )
        return done.stdout

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.user, str(self.bin / "postgres"), "-D", str(self.folder / "data")],
                stdout=log,
                stderr=log,
                cwd="/",
                env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            ready = subprocess.run(
                [
                    str(self.bin / "pg_isready"),
                    "-q",
                    "-U",
                    "mifeng",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    str(self.port),
                ],
                check=False,
            )
            if ready.returncode == 0:
                return
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.05)
        raise AssertionError("PostgreSQL does not start")

    def make_standby(self, other: Cluster) -> None:
        """Let this one become a standby of another, which waits for it with every commit."""
        self.stop()
        data = self.folder / "data"
        shutil.rmtree(data)
        self.run("pg_basebackup", "-h", "127.0.0.1", "-p", str(other.port), "-U", "mifeng",
                 "-D", str(data), "-R", "-X", "stream", "-c", "fast")  # fmt: skip
        with (data / "postgresql.conf").open("a", encoding="ascii") as file:
            file.write(f"\nport = {self.port}\n")
        auto = data / "postgresql.auto.conf"
        text = auto.read_text(encoding="ascii").replace(
            "user=mifeng", "user=mifeng application_name=standby"
        )
        auto.write_text(text, encoding="ascii")
        self.start()
        other.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
        other.sql("SELECT pg_reload_conf()")

    def promote(self) -> None:
        """Take writes from now on."""
        self.sql("SELECT pg_promote()")

    def stop(self, how: str = "immediate") -> None:
        """Stop it: `immediate` as a crash does, `fast` in order."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(signal.SIGQUIT if how == "immediate" else signal.SIGINT)
        process.wait(60)


@contextlib.contextmanager
def _folder(user: list[str]) -> Iterator[Path]:
    """A folder that the other user gets to: pytest's are for their owner only."""
    with tempfile.TemporaryDirectory(prefix="mifeng-pg-", ignore_cleanup_errors=True) as name:
        if user:
            uid, gid = (int(part.partition("=")[2]) for part in user[1:3])
            os.chown(name, uid, gid)
        yield Path(name)


@contextlib.contextmanager
def cluster(*, fsync: bool = False, settings: str = "") -> Iterator[Cluster]:
    """Run a new one while this is entered; skip where there is no PostgreSQL."""
    bin_ = programs()
    if bin_ is None:
        pytest.skip("PostgreSQL is not installed (scripts/ci_setup.sh installs it)")
    user = _user()
    with _folder(user) as folder:
        made = Cluster(folder, free_port(), bin_, user)
        data = folder / "data"
        made.run("initdb", "-D", str(data), "-U", "mifeng", "-A", "trust", "-E", "UTF8",
                 "--locale=C", "--no-sync")  # fmt: skip
        with (data / "postgresql.conf").open("a", encoding="ascii") as file:
            file.write(SETTINGS.format(port=made.port))
            file.write(f"fsync = {'on' if fsync else 'off'}\n{settings}\n")
        made.start()
        try:
            yield made
        finally:
            made.stop()
