"""Everything a user reads is in the catalogue, and the catalogue is compiled."""

from __future__ import annotations

import io
import os
import string
import subprocess
import sys
from collections.abc import Iterator

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from mifeng import text
from mifeng.content.documents.words import malformed
from mifeng.errors import ServerProblem
from mifeng_crypto.api.problems import ProblemCode
from mifeng_crypto.errors import CodecError, ProtocolError, StorageError, UsageError
from mifeng_server.domain.memory import MemoryStore
from mifeng_server.domain.quota import Quotas, check_quota
from mifeng_server.domain.refusal import Refusal
from scripts.catalogue import DOMAINS, Domain, compiled, extract

FILLED = [domain for domain in DOMAINS if any(extract(domain))]
domains = pytest.mark.parametrize("domain", FILLED, ids=lambda domain: domain.name)


@pytest.fixture
def chinese() -> Iterator[None]:
    text.use("zh_CN")
    yield
    text.use("en")


def _messages(domain: Domain) -> dict[str, Message]:
    catalogue = read_po(io.BytesIO(domain.po.read_bytes()), locale="zh_CN")
    return {_first(message.id): message for message in catalogue if message.id}


def _first(forms: str | tuple[str, ...] | list[str] | None) -> str:
    return forms if isinstance(forms, str) else forms[0] if forms else ""


def _parameters(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@domains
def test_every_text_has_a_chinese_translation(domain: Domain) -> None:
    messages = _messages(domain)
    texts = {_first(found): place for found, place in extract(domain)}
    missing = {
        f"{place}: {found}"
        for found, place in texts.items()
        if found not in messages or not _first(messages[found].string)
    }
    assert missing == set(), "run `make catalogue` and translate what it lists"


@domains
def test_a_translation_has_the_parameters_of_its_text(domain: Domain) -> None:
    for message in _messages(domain).values():
        forms = [message.id] if isinstance(message.id, str) else [*message.id]
        known = set().union(*(_parameters(form) for form in forms))
        assert _parameters(_first(message.string)) <= known, message.id
        if isinstance(message.id, str):
            assert _parameters(_first(message.string)) == known, message.id


@domains
def test_the_compiled_catalogue_is_that_of_the_written_one(domain: Domain) -> None:
    assert domain.po.with_suffix(".mo").read_bytes() == compiled(domain.po.read_bytes()), (
        "run `make catalogue`"
    )


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN"),
        ({"LANG": "zh-Hans-CN"}, "zh_CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, "en"),
        ({"LANG": "en", "LC_ALL": "zh_CN"}, "zh_CN"),
        ({"LC_ALL": "zh_CN", "MIFENG_LANG": "en"}, "en"),
        ({"MIFENG_LANG": "", "LANG": "zh"}, "zh_CN"),
    ],
)
def test_the_environment_chooses_the_language(environ: dict[str, str], language: str) -> None:
    assert text.language_from(environ) == language


@pytest.mark.parametrize("argv", [["--lang", "zh_CN", "units"], ["units", "--lang=zh"]])
def test_the_command_line_outranks_the_environment(argv: list[str]) -> None:
    code = (
        "import sys; from mifeng import text; text.use_from(sys.argv[1:]); "
        "from typer.core import _ as typers; print(text._('log in again'), typers('Options'))"
    )
    command = [sys.executable, "-c", code, *argv]
    environ = {"MIFENG_LANG": "en", "PYTHONUTF8": "1"}
    out = subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout
    assert out == "请重新登录 选项\n"


@pytest.mark.usefixtures("chinese")
def test_an_error_is_shown_in_the_language_of_its_reader_with_its_values() -> None:
    error = UsageError("this link is damaged; ask for it again and copy it whole")
    assert text.explain(error) == "链接已损坏；请重新索取，并完整复制"
    assert text.explain(CodecError("a text is not UTF-8", 7)) == (
        "收到的数据已损坏：a text is not UTF-8 (at byte 7)"
    )
    broken = ProtocolError("RFC9420-7.3-2", "log in again")
    assert text.explain(broken) == "请重新登录 [RFC9420-7.3-2]"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other words")
@pytest.mark.parametrize("number", text.reasons())
def test_why_a_system_refuses_a_file_is_said_in_the_language_of_its_reader(
    number: int, chinese: None
) -> None:
    del chinese
    reason = os.strerror(number)
    error = StorageError("{path} cannot be read: {reason}", path="a.pdf", reason=reason)
    assert text.explain(error) == f"a.pdf 无法读取：{text.reasons()[number]}"
    assert not text.reasons()[number].isascii()


@pytest.mark.usefixtures("chinese")
def test_what_is_wrong_with_a_message_is_retold_in_the_language_of_its_reader() -> None:
    amount = malformed("an amount is in a currency that is not known")
    assert text.retold(str(amount), amount.rule) == (
        "文档与其所称不符：金额的币种不被支持 [CONTENT-5]"
    )
    plain = ProtocolError("POLL-1", "the poll was closed when this vote came")
    assert text.retold(str(plain), "POLL-1") == text._(plain.template) + " [POLL-1]"
    assert text.retold("of no catalogue: x [X-1]", "X-1") == "of no catalogue: x [X-1]"
    split = ProtocolError(
        "LOG-8",
        "somebody was shown another entry {sequence} of the {ledger} than this device; "
        "stop, and tell your administrator",
        sequence=7,
        ledger="log",
    )
    assert text.retold(str(split), "LOG-8") == text.explain(split), "an alarm's, with its values"


@pytest.mark.usefixtures("chinese")
async def test_what_a_server_says_of_a_refusal_is_told_in_the_language_of_its_reader() -> None:
    with pytest.raises(Refusal) as met:
        await check_quota(
            MemoryStore(), Quotas(member_bytes=1 << 30), member_id=b"", length=2 << 30
        )
    full = ServerProblem(413, met.value.code, detail=met.value.detail)
    remedy = text._(met.value.code.remedy)
    assert text.explain(full) == (
        "服务器拒绝了请求（quota_exceeded，您的文件已占用 1.0 GiB 中的 0 B，"
        f"这个文件需要 2.0 GiB）：{remedy}"
    )
    broken = ProtocolError("POLL-1", "the poll was closed when this vote came")
    refused = ServerProblem(422, None, detail=str(broken), rule="POLL-1")
    assert text.explain(broken) in text.explain(refused)
    unknown = ServerProblem(418, None, detail="I'm a teapot")
    assert "I'm a teapot" in text.explain(unknown), "what is in no catalogue stays as it is"


def test_in_english_an_error_is_shown_as_it_is() -> None:
    for error in (UsageError("{n} of {m}", n=3, m=4), ProtocolError("X-1", "no {a}", a="{b}")):
        assert text.explain(error) == str(error)
    assert str(ProtocolError("X-1", "no {a}", a="{b}")) == "no {b} [X-1]"


@pytest.mark.usefixtures("chinese")
def test_every_remedy_of_the_api_is_translated() -> None:
    assert all(text._(code.remedy) != code.remedy for code in ProblemCode)
