"""What is installed: locked by hashes, few names, and a wheel that anybody can build again."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from scripts import release
from scripts.build_wheel import build
from tests.attacks.adversary import Adversary, OracleError, attack

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("server.txt", "dev.txt", "ci.txt")


@attack()
def test_i1_a_dependency_is_replaced(adversary: Adversary, tmp_path: Path) -> None:
    """pip takes nothing whose bytes are not the locked ones."""
    wheel = tmp_path / "locked_thing-1.0-py3-none-any.whl"
    _write_wheel(wheel, b"honest = True\n")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (tmp_path / "lock.txt").write_text(f"locked-thing==1.0 --hash=sha256:{digest}\n")
    if adversary.on:
        _write_wheel(wheel, b"honest = False\n")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--require-hashes",
         "--find-links", str(tmp_path), "--target", str(tmp_path / "out"), "-r",
         str(tmp_path / "lock.txt")],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    if not adversary.on:
        assert done.returncode == 0, done.stderr
        _everything_is_locked()
        return
    if done.returncode == 0:
        raise OracleError("another wheel was installed under the locked name")
    assert "DO NOT MATCH THE HASHES" in done.stderr
    adversary.refused_by.append("another hash")


def _everything_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["server"], *extras["scale"]]
    for name in LOCKS:
        lock = (ROOT / "requirements" / name).read_text(encoding="ascii")
        pin = r"(?m)^([\w.-]+)==\S+(?: ;[^\\\n]+)? \\\n((?:    --hash=\S+(?: \\)?\n?)+)"
        pins = re.findall(pin, lock)
        assert len(pins) == len(re.findall(r"(?m)^[\w.-]+==", lock)), f"{name}: without a hash"
    server = (ROOT / "requirements" / "server.txt").read_text(encoding="ascii").lower()
    for requirement in wanted:
        name = re.split(r"[\[><=]", requirement)[0].lower()
        assert re.search(rf"(?m)^{re.escape(name)}==", server), f"{name} is not locked"


def _write_wheel(path: Path, module: bytes) -> None:
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("locked_thing.py", module)
        info = "locked_thing-1.0.dist-info"
        wheel.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: locked-thing\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@attack()
def test_i2_a_release_is_tampered_with(adversary: Adversary, tmp_path: Path) -> None:
    """Whoever builds the tagged source gets the same bytes, or knows."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first = build(folders[0], zone="UTC", umask=0o022)
    second = build(folders[1], zone="Asia/Shanghai", umask=0o077)
    if adversary.on:
        with zipfile.ZipFile(second, "a") as wheel:
            wheel.writestr("mifeng/backdoor.py", "")
    same = first.read_bytes() == second.read_bytes()
    if not adversary.on:
        assert same, "the same source gives the same bytes, anywhere and at any time"
        return
    if same:
        raise OracleError("nobody would notice")
    adversary.refused_by.append("other bytes")


@attack("enough signers")
def test_i4_a_maintainers_account_is_taken_over(adversary: Adversary, tmp_path: Path) -> None:
    """Whoever has one account, and even the key of its owner, makes no release."""
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "mifeng-1.0-py3-none-any.whl").write_bytes(b"honest" if not adversary.on else b"evil")
    secrets = {name: release.new_key(name) for name in ("ada", "bo", "cy")}
    keys = release.read_keys("threshold 2\n" + "".join(line for _, line in secrets.values()))
    note = release.make_text("1.0", list(dist.iterdir())).encode()
    # He has ada's key, signs twice with it, and with one of his own under bo's name.
    signers = [secrets["ada"], secrets["bo"]]
    if adversary.on:
        signers = [secrets["ada"], secrets["ada"], release.new_key("bo")]
    for secret, _ in signers:
        note = release.sign(note, secret)
    with adversary.refused("ReleaseError"):
        release.check_files(release.check_signers(note, keys), dist)


@attack()
def test_i4_a_signed_release_is_given_other_files(adversary: Adversary, tmp_path: Path) -> None:
    """What two people signed is what is installed: no byte, and no file, is another."""
    dist = tmp_path / "dist"
    dist.mkdir()
    wheel = dist / "mifeng-1.0-py3-none-any.whl"
    wheel.write_bytes(b"honest")
    secrets = [release.new_key(name) for name in ("ada", "bo")]
    keys = release.read_keys("threshold 2\n" + "".join(line for _, line in secrets))
    note = release.make_text("1.0", [wheel]).encode()
    for secret, _ in secrets:
        note = release.sign(note, secret)
    text = release.check_signers(note, keys)
    if adversary.on:
        wheel.write_bytes(b"hones!")
    with adversary.refused("ReleaseError"):
        release.check_files(text, dist)
    wheel.write_bytes(b"honest")
    if adversary.on:
        (dist / "mifeng-1.1-py3-none-any.whl").write_bytes(b"evil")
    with adversary.refused("ReleaseError"):
        release.check_files(text, dist)


def test_a_list_of_keys_with_which_one_person_would_do_is_none() -> None:
    lines = [release.new_key(name)[1] for name in ("ada", "bo")]
    for text in (
        "threshold 1\n" + "".join(lines),
        "threshold 2\n" + lines[0],
        "threshold 2\n" + lines[0] * 2,
        "".join(lines),
    ):
        with pytest.raises(release.ReleaseError):
            release.read_keys(text)
