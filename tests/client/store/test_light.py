"""What is loaded before a profile is unlocked, on top of which Argon2id takes its memory."""

from __future__ import annotations

import subprocess
import sys

from mifeng.store import keeping
from mifeng_crypto.mls.group import epoch


def test_the_parts_with_secrets_are_called_as_the_epoch_calls_them() -> None:
    assert (keeping.SECRETS, keeping.SECRET_TREE) == (epoch.SECRETS, epoch.SECRET_TREE)


def test_a_profile_is_unlocked_before_the_network_and_mls_are_loaded() -> None:
    code = (
        "import sys, mifeng.cli.main, mifeng.cli.files, mifeng.handover, mifeng.home\n"
        "print(*sorted({'aiohttp', 'mifeng.session', 'mifeng_crypto.mls'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
