"""The page's files, as they are in the installed package: read once, changed by nobody.

What no browser needs stays behind: comments, indentation, blanks and line ends around punctuation,
parentheses around one parameter, that a name is assigned once (tsc has seen to that), and what a
class calls that which nobody else can name: its private parts are numbered.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["PAGE", "Asset", "assets", "bare"]

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}

_TYPE = re.compile(r"/\*\* @(?:type|param) [^*\n]*\*/ ?")
_COMMENT = re.compile(r"^[ \t]*(?://.*|/\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.MULTILINE)
_INDENT = re.compile(r"^[ \t]+", re.MULTILINE)
_IN_STYLE = re.compile(r"\s*([{}>])\s*|(?<=[:;,])\s+")
_IN_SCRIPT = re.compile(r" ?(=>|===|!==|&&|\|\||\?\?|[{}(),;:?=<>*]) ?")
_ONE_PARAMETER = re.compile(r"(?<!\w)\((\w+)\)(?==>)")
_CONST = re.compile(r"(?<![\w.])const ")
_PRIVATE = re.compile(r"(\bthis\.|^(?:async |get )?)#(\w+)", re.MULTILINE)
_LINE_END = re.compile(r"(?<=[{}(,;\[])\n+|\n(?=[\n.:?&|])")
_LAST = re.compile(r";(?=\})")
_REGEX = r"/(?![/*])(?:[^/\\\n\[]|\\.|\[(?:[^\]\\]|\\.)*\])+/[a-z]*"
_LITERAL = re.compile(
    r'("(?:[^"\\\n]|\\.)*"'
    r"|'(?:[^'\\\n]|\\.)*'"
    r"|`(?:[^`\\]|\\.)*`"
    rf"|(?<=[(,=:!&|?{{\[;] ){_REGEX}|(?<=[(,=:!&|?{{\[;]){_REGEX})"
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file of the page."""

    body: bytes
    content_type: str
    digest: str


def bare(text: str, suffix: str) -> str:
    """Return a file of the page without what no browser needs."""
    if suffix not in (".js", ".css"):
        return text
    text = _INDENT.sub("", _COMMENT.sub("", _TYPE.sub("", text)))
    if suffix == ".css":
        return _LAST.sub("", _IN_STYLE.sub(r"\1", text))
    parts = enumerate(_LITERAL.split(_numbered(text)))
    return "".join(part if n % 2 else _squeezed(part) for n, part in parts)


def _numbered(text: str) -> str:
    """Only `this` has a private part, at the beginning of a line or behind `this.`."""
    names = dict[str, str]()
    return _PRIVATE.sub(lambda m: f"{m[1]}#{names.setdefault(m[2], f'p{len(names)}')}", text)


def _squeezed(code: str) -> str:
    code = _CONST.sub("let ", _ONE_PARAMETER.sub(r"\1", _IN_SCRIPT.sub(r"\1", code)))
    return _LAST.sub("", _LINE_END.sub("", code))


@cache
def assets() -> dict[str, Asset]:
    """Return all files of the page, by the path under which they are served."""
    found = {}
    for file in sorted(PAGE.rglob("*")):
        if file.suffix in TYPES and file.is_file():
            body = bare(file.read_text(encoding="utf-8"), file.suffix).encode()
            digest = hashlib.sha256(body).hexdigest()
            path = "/" + file.relative_to(PAGE).as_posix()
            found[path] = Asset(body, TYPES[file.suffix], digest)
    found["/"] = _preloading(found.pop("/index.html"), found)
    return found


def _preloading(index: Asset, others: Iterable[str]) -> Asset:
    """Name all scripts at once, so that a browser need not find them one behind the other."""
    links = (f'<link rel="modulepreload" href="{one}">' for one in others if one.endswith(".js"))
    body = index.body.replace(b"</head>", "".join(links).encode() + b"</head>")
    return Asset(body, index.content_type, hashlib.sha256(body).hexdigest())
