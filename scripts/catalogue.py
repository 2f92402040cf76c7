"""Bring the catalogues of translations up to date: extract, update, compile (`make catalogue`).

Strings of Python are found in the syntax tree: the arguments of `_`, `ngettext`, and the messages
of errors (`raise XError("...")`, `raise malformed("...")`, or `super().__init__("...")` in an
error's class), in which parameters stand as `{name}`. Nothing else is looked at, so a string that
is put together at run time is not found, and a test of the language will show it. In the page's
scripts they are the literals in double quotes that `t` and `tn` are given.

Chinese is written by hand into the `.po`; this leaves it alone. Catalogues carry no date, so that
they change only when a text does.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import datetime as dt
import io
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from mifeng_crypto.api.problems import ProblemCode

__all__ = ["DOMAINS", "Domain", "compiled", "extract", "main"]

ROOT = Path(__file__).resolve().parent.parent
LOCALE = "zh_CN"
_NO_DATE = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)

Found = tuple[str | tuple[str, str], str]
"""A text, or singular and plural; and where it stands."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One catalogue: whose texts it holds.

    `libraries` are packages whose own words a user sees; they are translated, but another version
    of them may have others, so no test insists on them. `declined_by` is whose refusals come to
    this one's users in English, over the network, and are told to them in their language.
    """

    name: str
    package: Path
    sources: tuple[str, ...]
    libraries: tuple[str, ...] = ()
    problems: bool = False
    declined_by: str = ""

    @property
    def po(self) -> Path:
        """The catalogue that is written by hand; the compiled one lies beside it."""
        return self.package / "locale" / LOCALE / "LC_MESSAGES" / f"{self.name}.po"


# With the click that it brings along.
_TYPER = ("typer", "typer._click")

DOMAINS = (
    Domain(
        name="mifeng",
        package=ROOT / "client/mifeng",
        # Of the errors of MLS and of the codec only the kind is translated: they name inner rules.
        sources=(
            "client/mifeng",
            *(f"crypto/mifeng_crypto/{room}" for room in ("errors.py", "login.py")),
            *(
                f"crypto/mifeng_crypto/{room}.py"
                for room in ("history", "linking", "links", "recovery")
            ),
            *(
                f"crypto/mifeng_crypto/{room}"
                for room in ("audit", "files", "gate", "ledger", "expiry")
            ),
        ),
        libraries=_TYPER,
        problems=True,
        declined_by="server/mifeng_server",
    ),
    Domain(
        name="mifeng_server",
        package=ROOT / "server/mifeng_server",
        # What an operator sees. Errors of `domain` and `routes` go over the network, in English.
        sources=tuple(
            f"server/mifeng_server/{part}"
            for part in (
                *("cli", "blobs", "operations", "storage", "config.py"),
                *(
                    "address.py",
                    "locks.py",
                    "notary.py",
                    "opening.py",
                    "self_test.py",
                    "serving.py",
                    "tls_key.py",
                    "vault.py",
                ),
            )
        ),
        libraries=_TYPER,
    ),
)


def extract(domain: Domain, *, libraries: bool = False) -> Iterator[Found]:
    """Yield every text of a domain."""
    for source in domain.sources:
        path = ROOT / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if file.is_file():
                yield from _texts_of(file, str(file.relative_to(ROOT)), errors=True)
        for file in sorted(path.rglob("*.js")) if path.is_dir() else []:
            yield from _texts_of_script(file, str(file.relative_to(ROOT)))
    if domain.problems:
        for code in ProblemCode:
            yield code.remedy, "crypto/mifeng_crypto/api/problems.py"
    if domain.declined_by:
        for file in sorted((ROOT / domain.declined_by).rglob("*.py")):
            yield from _refusals_of(file, str(file.relative_to(ROOT)))
    for library in domain.libraries if libraries else ():
        spec = find_spec(library)
        assert spec is not None, f"{library} is installed"
        assert spec.origin is not None, f"{library} has a folder"
        for file in sorted(Path(spec.origin).parent.glob("*.py")):
            yield from _texts_of(file, library, errors=False)


def _texts_of(file: Path, name: str, *, errors: bool) -> Iterator[Found]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = getattr(node.func, "attr", getattr(node.func, "id", ""))
        texts = [[*_literals(argument)] for argument in node.args]
        if called in {"_", "gettext"} and texts:
            yield from ((text, name) for text in texts[0])
        elif called == "ngettext" and len(texts) > 1 and texts[0] and texts[1]:
            yield (texts[0][0], texts[1][0]), name
        elif errors and (_is_our_error(called) or called in {"__init__", "malformed"}):
            # A rule's id may stand before the message; it has no blank.
            yield from ((text, name) for some in texts for text in some if " " in text)


def _refusals_of(file: Path, name: str) -> Iterator[Found]:
    """What a server's refusals say; what is put into them stands as `{v0}`, `{v1}`."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Refusal":
            for detail in node.args[1:]:
                parts = detail.values if isinstance(detail, ast.JoinedStr) else [detail]
                count = itertools.count()
                text = "".join(
                    f"{{v{next(count)}}}"
                    if isinstance(part, ast.FormattedValue)
                    else str(part.value)
                    for part in parts
                    if isinstance(part, ast.FormattedValue | ast.Constant)
                )
                if " " in text:
                    yield text, name


_LITERAL = r'"((?:[^"\\\n]|\\.)*)"'
_TEXT = re.compile(rf"\bt\(\s*{_LITERAL}")
_PLURAL = re.compile(rf"\btn\(\s*{_LITERAL},\s*{_LITERAL}")


def _texts_of_script(file: Path, name: str) -> Iterator[Found]:
    text = file.read_text(encoding="utf-8")
    for literal in _TEXT.findall(text):
        yield json.loads(f'"{literal}"'), name
    for one, many in _PLURAL.findall(text):
        yield (json.loads(f'"{one}"'), json.loads(f'"{many}"')), name


def _is_our_error(name: str) -> bool:
    return name.endswith("Error") and not hasattr(builtins, name)


def _literals(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
    elif isinstance(argument, ast.IfExp):
        yield from _literals(argument.body)
        yield from _literals(argument.orelse)


def compiled(po: bytes) -> bytes:
    """Return the `.mo` of a `.po`."""
    out = io.BytesIO()
    write_mo(out, read_po(io.BytesIO(po), locale=LOCALE))
    return out.getvalue()


def _updated(domain: Domain, found: Iterable[Found]) -> bytes:
    template = Catalog(domain=domain.name, creation_date=_NO_DATE)
    for text, place in found:
        if text:
            template.add(text, locations=[(place, 1)])
    if domain.po.exists():
        catalogue = read_po(io.BytesIO(domain.po.read_bytes()), locale=LOCALE)
    else:
        catalogue = Catalog(locale=LOCALE, domain=domain.name)
    # No guesses: a text that changed is translated anew.
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    catalogue.fuzzy = False
    catalogue.project, catalogue.version = domain.name, "1"
    catalogue.last_translator = catalogue.language_team = "The Mifeng authors"
    catalogue.msgid_bugs_address = "see CONTRIBUTING.md"
    catalogue.creation_date = catalogue.revision_date = _NO_DATE
    catalogue.header_comment = (
        "# What users read, in Simplified Chinese. `make catalogue` adds what is new."
    )
    out = io.BytesIO()
    write_po(out, catalogue, sort_output=True, include_lineno=False, width=100)
    return out.getvalue()


def main() -> int:
    """Update and compile every catalogue; print what still has no translation."""
    missing = 0
    for domain in DOMAINS:
        if not any(extract(domain)):
            continue
        po = _updated(domain, extract(domain, libraries=True))
        domain.po.parent.mkdir(parents=True, exist_ok=True)
        domain.po.write_bytes(po)
        domain.po.with_suffix(".mo").write_bytes(compiled(po))
        empty = [m for m in read_po(io.BytesIO(po)) if m.id and not _is_translated(m.string)]
        missing += len(empty)
        print(f"{domain.po.relative_to(ROOT)}: {len(empty)} texts without a translation")
        for message in empty:
            print(f"    {message.id}")
    return 1 if missing else 0


def _is_translated(string: str | Iterable[str] | None) -> bool:
    return bool(string) if isinstance(string, str) else all(string or [""])


if __name__ == "__main__":
    sys.exit(main())
