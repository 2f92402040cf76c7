"""The search of the demo finds what is there in every form, and nothing else."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.scan import forms_of, scan

RNG = random.Random(3)
SECRETS = ["Anna Schmidt", "王秀英 的计划", 'quarterly "figures" 2026']
WAYS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "UTF-16LE": lambda s: s.encode("utf-16-le"),
    "UTF-16BE": lambda s: s.encode("utf-16-be"),
    "hex": lambda s: s.encode().hex().encode(),
    "HEX": lambda s: s.encode().hex().upper().encode(),
    "JSON": lambda s: json.dumps({"a": s}).encode(),
    "JSON, upper": lambda s: re.sub(
        r"\\u....", lambda m: "\\u" + m[0][2:].upper(), json.dumps([s])
    ).encode(),
    "base64 at 0": lambda s: base64.b64encode(s.encode()),
    "base64 at 1": lambda s: base64.b64encode(b"\xff" + s.encode() + b"\xff"),
    "base64 at 2": lambda s: base64.b64encode(b"\xfb\xff" + s.encode() + b"\xfb\xff"),
    "base64url": lambda s: base64.urlsafe_b64encode(b"\xff" + s.encode() + b"\xff?"),
    "base64 in base64url's place": lambda s: base64.b64encode(s.encode() + b"\xff\xff"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_planted_secret_is_found_in_every_form(
    tmp_path: Path, secret: str, way: Callable[[str], bytes]
) -> None:
    noise = RNG.randbytes(5_000)
    (tmp_path / "a").write_bytes(noise + way(secret) + noise)
    hits, searched = scan([tmp_path], [secret, "something else"])
    assert {hit.secret for hit in hits} == {secret}
    assert searched > 10_000


def test_nothing_is_found_in_noise(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "noise").write_bytes(RNG.randbytes(1 << 20))
    (tmp_path / "empty").touch()
    assert scan([tmp_path], SECRETS) == ([], 1 << 20)


def test_a_secret_across_the_border_of_two_windows_is_found_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("demo.scan._WINDOW_BYTES", 1000)
    for at in (980, 990, 995, 1000, 1005):
        (tmp_path / "a").write_bytes(bytes(at) + b"Anna Schmidt" + bytes(1500))
        hits, _ = scan([tmp_path], ["Anna Schmidt"])
        assert [(hit.form, hit.offset) for hit in hits] == [("UTF-8", at)]


def test_no_form_is_so_short_that_chance_would_find_it() -> None:
    assert all(len(form) >= 6 for secret in ["Bo", *SECRETS] for form in forms_of(secret))
    assert forms_of(b"\x00\x01\x02\x03\x04\x05\x06\x07")
