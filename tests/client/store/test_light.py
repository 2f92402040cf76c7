"""What is loaded before a profile is unlocked, on top of which Argon2id takes its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mifeng.store import keeping
from mifeng_crypto.mls.group import epoch


def test_the_parts_with_secrets_are_called_as_the_epoch_calls_them() -> None:
    assert (keeping.SECRETS, keeping.SECRET_TREE) == (epoch.SECRETS, epoch.SECRET_TREE)


LOOK = """
import os, sys
import mifeng.home
from mifeng.cli.main import main

async def look(*_, **__):
    print("loaded:", *sorted({"aiohttp", "mifeng.session", "mifeng_crypto.mls"} & set(sys.modules)))
    sys.stdout.flush()
    os._exit(0)

mifeng.home.Home.open = look
main()
"""


@pytest.mark.parametrize("words", [("upload", "Unit", __file__), ("download", "Unit", "film")])
def test_a_profile_is_unlocked_before_the_network_and_mls_are_loaded(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    command = [sys.executable, "-c", LOOK, "--profile", str(tmp_path), "--passphrase-fd", "0"]
    done = subprocess.run(
        [*command, *words], input="passphrase\n", capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["loaded:"], done.stderr
