"""What is measured of a server that has one thing to do: start, also after a kill; send a file.
And of one that does nothing: what HTTP, TLS and this disk take before any of our work.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.load.parts import Figure, Server, accepted, new_stage, serve
from bench.load.stage import Stage
from bench.load.wire import no_check
from mifeng_server.domain.rows import FileRow, Insert
from mifeng_server.storage.sqlite import open_sqlite

__all__ = ["download", "floor", "start"]

STARTS = 5
"""Of which the median is reported, and the slowest."""
PIECE = 256 << 10


# ------------------------------------------------------------------ nothing


def floor(n: int = 6000) -> Iterator[Figure]:
    """An empty POST, as `small` posts messages; and how long the disk takes to be sure of 4 KiB."""
    for tls in (True, False):
        stage = new_stage(2, tls=tls)
        keys = (str(stage.folder.tls_cert), str(stage.folder.tls_key))
        command = (sys.executable, "-m", "bench.load.empty", *keys)
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            try:
                assert process.stdout is not None, "it is a pipe"
                port = int(process.stdout.readline())
                server = Server(port, process, no_check() if tls else None, 0.0)
                for waiting in (1, 64):
                    got = asyncio.run(accepted(stage, [server], waiting=waiting, n=n))
                    yield {"what": "empty requests", "tls": tls} | got
            finally:
                process.kill()
        if tls:
            yield {"what": "fsync of 4 KiB", "ms": round(1000 * _fsync_s(stage.folder.path), 2)}
        shutil.rmtree(stage.folder.path.parent)


def _fsync_s(folder: Path) -> float:
    """The median of fifty: no message can be acknowledged sooner."""
    taken = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(os.urandom(4096))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


# ------------------------------------------------------------------ start


def start(sizes: tuple[int, ...] = (0, 1000, 10_000), runs: int = STARTS) -> Iterator[Figure]:
    """SQLite, one process: from its start to the first `ready`, after it was killed at work."""
    stage = new_stage(2, tls=True)
    port = _free_port()
    with stage.folder.config.open("a", encoding="utf-8") as file:
        file.write(f"\n[admin]\nport = {port}\n")
    there = 0
    for size in sizes:
        if size > there:
            with serve(stage, tls=True) as server:
                asyncio.run(accepted(stage, [server], waiting=64, n=size - there))
                server.process.kill()
            there = size
        starts = [_start(stage, port) for _ in range(runs)]
        seconds = sorted(s for s, _, _ in starts)
        yield {
            "what": "start after kill -9, to the first /readyz",
            "database": "sqlite",
            "messages": size,
            "ready_after_s": round(statistics.median(seconds), 2),
            "slowest_s": round(seconds[-1], 2),
            "server_cpu_s": round(statistics.median(cpu for _, cpu, _ in starts), 2),
            "server_rss_mib": round(starts[-1][2], 1),
        }
    shutil.rmtree(stage.folder.path.parent)


def _start(stage: Stage, port: int) -> tuple[float, float, float]:
    """Start a server and kill it when it is ready: seconds, CPU seconds, MiB."""
    command = (sys.executable, "-m", "mifeng_server", "serve", "--data", str(stage.folder.path))
    began = time.perf_counter()
    process = subprocess.Popen([*command, "--port", "0"], stderr=subprocess.DEVNULL)
    try:
        while not _is_ready(port):
            assert process.poll() is None, "the server does not start"
            assert time.perf_counter() - began < 60, "the server is not ready"
            time.sleep(0.002)
        took, server = time.perf_counter() - began, Server(0, process, None, 0.0)
        return took, server.cpu_s, server.rss_mib
    finally:
        process.kill()
        process.wait()


def _is_ready(port: int) -> bool:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        line.request("GET", "/readyz")
        return line.getresponse().status == 200
    except OSError:
        return False
    finally:
        line.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


# ------------------------------------------------------------------ download


def download(mib: int = 1024) -> Iterator[Figure]:
    """One file, to a client that does nothing but read, over TLS and without."""
    for tls in (True, False):
        stage = new_stage(2, tls=tls)
        file_id = asyncio.run(_put_file(stage, mib))
        with serve(stage, tls=tls) as server:
            figures = [_fetch(stage, server, file_id, mib) for _ in range(2)]
        best = max(figures, key=lambda figure: figure["mib_per_second"])
        yield {"what": "download", "tls": tls, "mib": mib} | best
        shutil.rmtree(stage.folder.path.parent)


async def _put_file(stage: Stage, mib: int) -> bytes:
    """A file whose objects stand in the folder, as an upload leaves them."""
    file_id, deadline = os.urandom(16), time.time_ns() // 1_000_000 + 72 * 3_600_000
    home = stage.folder.blobs / file_id.hex()
    home.mkdir(parents=True)
    piece = os.urandom(4 << 20)
    for n in range(mib // 4):
        (home / f"{n:08x}").write_bytes(piece)
    store = await open_sqlite(stage.folder.database)
    row = FileRow(
        file_id=file_id,
        unit_id=stage.unit.unit_id,
        member_id=stage.people[0].member_id,
        length=mib << 20,
        created_at=0,
        retain_until=deadline,
        deadline=deadline,
    )
    await store.write([Insert(row)])
    await store.close()
    return file_id


def _fetch(stage: Stage, server: Server, file_id: bytes, mib: int) -> Figure:
    line = socket.create_connection(("127.0.0.1", server.port))
    if server.context is not None:
        line = server.context.wrap_socket(line)
    with line:
        cpu, began = server.cpu_s, time.perf_counter()
        line.sendall(
            f"GET /v1/files/{file_id.hex()} HTTP/1.1\r\nHost: x\r\nMifeng-Protocol: 1\r\n"
            f"Authorization: Bearer {stage.tokens[0]}\r\nConnection: close\r\n\r\n".encode()
        )
        buffer, got, head = bytearray(PIECE), 0, b""
        while n := _receive(line, buffer):
            if not head:
                head = bytes(buffer[:n])
                assert head.startswith(b"HTTP/1.1 200"), head[:200]
                got -= head.index(b"\r\n\r\n") + 4
            got += n
        took = time.perf_counter() - began
    assert got == mib << 20, f"{got} bytes came"
    return {
        "mib_per_second": round(mib / took),
        "server_cpu_s_per_gib": round((server.cpu_s - cpu) * 1024 / mib, 2),
        "server_rss_mib": round(server.rss_mib, 1),
    }


def _receive(line: socket.socket, buffer: bytearray) -> int:
    try:
        return line.recv_into(buffer)
    except ssl.SSLEOFError:
        return 0
