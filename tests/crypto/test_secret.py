from __future__ import annotations

from mifeng_crypto.secret import Secret


def test_a_secret_shows_only_its_length() -> None:
    secret = Secret(b"attack at dawn")
    for shown in (repr(secret), str(secret), f"{secret}", f"{(secret,)}"):
        assert "14 bytes" in shown
        assert "dawn" not in shown


def test_a_secret_is_parsed_once_and_its_parsed_form_lives_no_longer() -> None:
    calls = []

    def parse(raw: bytes) -> int:
        calls.append(raw)
        return len(raw)

    secret = Secret(b"key")
    assert secret.parsed(parse) == secret.parsed(parse) == 3
    assert len(calls) == 1
    assert Secret(b"key").parsed(parse) == 3
    assert len(calls) == 2


def test_another_parser_gets_its_own_result() -> None:
    secret = Secret(b"key")
    assert secret.parsed(len) == 3
    assert secret.parsed(bytes.hex) == b"key".hex()
    assert secret.parsed(len) == 3
