"""`make interop`: this project in one group with others, as a table and as build/interop.json."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

from tests.interop import history, steps
from tests.interop.peer import HERE, NAMES, ROOT, Peer, PeerError, missing

# The suites that both have. ts-mls encodes the public keys of suites 2, 5 and 7 as compressed
# points, where RFC 9420 section 5.1.1 says uncompressed; no two have one number for X-Wing.
SUITES = {"ts-mls": (1, 3), "rine": (1,)}
RESULT = ROOT / "build/interop.json"


def thirteen_steps(first: str, second: str, suite: int) -> dict[str, Any]:
    """Run the steps in fresh processes."""
    start = time.perf_counter()
    with Peer(first) as a, Peer(second) as b:
        done = steps.run(a, b, suite)
    failed = [f"{step}: {how}" for step, how in done.items() if how not in ("ok", "-")]
    lacking = [step for step, how in done.items() if how == "-"]
    summary = f"{sum(how == 'ok' for how in done.values())} of {len(done)} steps"
    if lacking:
        summary += f"; not offered: {', '.join(lacking)}"
    return result("13 steps", (first, second), suite, start=start, failed=failed, summary=summary)


def random_history(other: str, suite: int, length: int, seed: int) -> dict[str, Any]:
    """Run a history in fresh processes."""
    start, failed, summary = time.perf_counter(), list[str](), ""
    with Peer("mifeng") as a, Peer(other) as b:
        try:
            done = history.run(a, b, suite, steps=length, seed=seed)
            summary = ", ".join(f"{n} {what}" for what, n in done.items() if n)
        except PeerError as err:
            failed.append(str(err))
    what, peers = f"history of {length}", ("mifeng", other)
    return result(what, peers, suite, start=start, failed=failed, summary=summary)


def result(
    what: str,
    peers: tuple[str, str],
    suite: int,
    *,
    start: float,
    failed: list[str],
    summary: str,
) -> dict[str, Any]:
    """Put one line of the table together, and print it."""
    seconds = round(time.perf_counter() - start, 1)
    names, verdict = " with ".join(peers), "FAILED" if failed else "passed"
    print(
        f"{what:15} {names:20} suite {suite}  {verdict}  {seconds:5.1f} s  "
        + "; ".join(failed or [summary]),
        flush=True,
    )
    return {
        "what": what,
        "peers": peers,
        "suite": suite,
        "passed": not failed,
        "seconds": seconds,
        "notes": failed or [summary],
    }


def main() -> int:
    """Run everything; the exit code is 1 if anything failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop", description=__doc__)
    parser.add_argument("--steps", type=int, default=200, help="length of the random histories")
    parser.add_argument("--seed", type=int, default=9420, help="of the random histories")
    options = parser.parse_args()
    install = subprocess.run([HERE / "install.sh"], check=False)
    if install.returncode:
        print("the peers were not all installed: is there a network?")
    results, skipped = [], []
    for other in NAMES:
        lack = missing(other)
        if lack is not None:
            print(f"skipped: {lack}")
            skipped.append(lack)
            continue
        for suite in SUITES[other]:
            results.append(thirteen_steps("mifeng", other, suite))
            results.append(thirteen_steps(other, "mifeng", suite))
            results.append(random_history(other, suite, options.steps, options.seed))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"results": results, "skipped": skipped}, indent=2) + "\n")
    return int(any(not each["passed"] for each in results))


if __name__ == "__main__":
    sys.exit(main())
