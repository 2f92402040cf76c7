"""Every word that a user reads, in the user's language: English, or Simplified Chinese.

English stands in the code, the translation in `locale/`; `make catalogue` brings the two together.
Nothing but the standard library is loaded here, and for English not even the catalogue.

Errors are raised in English everywhere, with a template and values, and translated only where
they are shown, by `explain`.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import gettext
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path

from mifeng_crypto.errors import (
    CodecError,
    CryptoError,
    MifengError,
    ProtocolError,
    StorageError,
    TransportError,
)

__all__ = [
    "LANGUAGES",
    "_",
    "explain",
    "language_in_use",
    "language_of",
    "ngettext",
    "reasons",
    "retold",
    "size",
    "speaking",
    "use",
    "use_from",
    "words",
]

LANGUAGES = ("en", "zh_CN")

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")

_DOMAIN = "mifeng"
_LOCALE = Path(__file__).parent / "locale"
# Where the user may say it, the strongest first. The last three are POSIX's.
_VARIABLES = ("MIFENG_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


class _Chosen:
    """The language in use and its catalogue."""

    language = "en"
    translations: gettext.NullTranslations = gettext.NullTranslations()


_here: ContextVar[tuple[str, gettext.NullTranslations] | None] = ContextVar("_here", default=None)
"""The language of one call among several; see `speaking`."""


def _spoken() -> tuple[str, gettext.NullTranslations]:
    return _here.get() or (_Chosen.language, _Chosen.translations)


def _(message: str) -> str:
    """Return the translation of a literal; parameters are filled in afterwards by `.format`."""
    return _spoken()[1].gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """Return the translation of the form that fits `n`."""
    return _spoken()[1].ngettext(singular, plural, n)


def language_of(wanted: str) -> str:
    """Return which of `LANGUAGES` serves a locale's name: `zh_CN.UTF-8`, `zh-Hans`, `C`, `de`."""
    return "zh_CN" if wanted.replace("-", "_").split("_")[0].lower() == "zh" else "en"


def language_from(environ: Mapping[str, str]) -> str:
    """Return the language that the first of `MIFENG_LANG`, `LC_ALL`, ... to be set asks for."""
    wanted = next((environ[name] for name in _VARIABLES if environ.get(name)), "")
    return language_of(wanted.split(".")[0])


def use(language: str) -> None:
    """Speak this language from now on."""
    _Chosen.language, _Chosen.translations = _loaded(language_of(language))


@contextlib.contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak this language within; what runs beside it goes on in its own."""
    before = _here.set(_loaded(language_of(language)))
    try:
        yield
    finally:
        _here.reset(before)


def _loaded(language: str) -> tuple[str, gettext.NullTranslations]:
    if language == "en":
        return language, gettext.NullTranslations()
    return language, gettext.translation(_DOMAIN, _LOCALE, [language])


def use_from(argv: Sequence[str], environ: Mapping[str, str] = os.environ) -> None:
    """Speak what `--lang` in a command line says, else the environment.

    For the command line only, before it loads typer: the help is made of texts that are looked up
    while modules load, and typer's and click's own words come from the process's text domain.
    """
    words = [*argv, ""]
    named = [after for word, after in itertools.pairwise(words) if word == "--lang"]
    named += [word.removeprefix("--lang=") for word in words if word.startswith("--lang=")]
    language = language_of(named[0]) if named and named[0] else language_from(environ)
    use(language)
    os.environ["LANGUAGE"] = language
    gettext.bindtextdomain(_DOMAIN, str(_LOCALE))
    gettext.textdomain(_DOMAIN)


def language_in_use() -> str:
    """Return which of `LANGUAGES` is spoken."""
    return _spoken()[0]


def words() -> dict[str, str]:
    """Return every text and its translation, for a page that translates by itself; none in English.

    A text with a plural stands under its singular.
    """
    catalogue: Mapping[object, str] = getattr(_spoken()[1], "_catalog", {})
    return {
        key if isinstance(key, str) else str(key[0]): said
        for key, said in catalogue.items()
        if key and isinstance(key, str | tuple)
    }


def explain(error: MifengError) -> str:
    """Return an error's message for a person; in English it is `str(error)`.

    What has no translation (an inner rule of MLS, say) keeps its English words behind a translated
    sentence about what kind of error it is.
    """
    english = str(error)
    if _spoken()[0] == "en":
        return english
    translated = _(error.template)
    if translated == error.template:
        kind = next((text for cls, text in _kinds().items() if isinstance(error, cls)), "")
        return kind + english
    message = error.template
    if error.values:
        message = message.format(**error.values)
        values = {k: _value(v) for k, v in error.values.items()}
        if "detail" in error.values:  # a server's sentence, in English; a rule's id may follow
            detail = str(error.values["detail"])
            rule = re.search(r" \[([^][ ]+)\]$", detail)
            values["detail"] = retold(detail, rule[1] if rule else "")
        translated = translated.format(**values)
    return translated + english.removeprefix(message)  # a rule's id may follow


def retold(problem: str, rule: str) -> str:
    """Return what a line of a timeline, or an alarm, says is wrong, for a person.

    It is an error's message as it was when the line came, in English: a sentence of the catalogue
    with its values, and the id of the rule. So is the message of an alarm.
    """
    sentence = problem.removesuffix(f" [{rule}]")
    said = _(sentence)
    if said == sentence:
        for shape, template in _shapes(language_in_use()):
            if found := shape.fullmatch(sentence):
                values = zip(_NAME.findall(template), found.groups(), strict=True)
                said = _(template).format(**{name: _value(value) for name, value in values})
                break
    return said + problem[len(sentence) :]


_NAME = re.compile(r"\{(\w+)\}")


@functools.cache
def _shapes(language: str) -> list[tuple[re.Pattern[str], str]]:
    """What the sentences with values look like, those that say most by themselves first."""
    del language  # it is the one in use
    templates = sorted(filter(_NAME.search, words()), key=lambda one: -len(_NAME.sub("", one)))
    made = []
    for template in templates:
        fixed = [re.escape(part) for part in _NAME.split(template)[::2]]
        made.append((re.compile("(.+)".join(fixed), re.DOTALL), template))
    return made


def size(n: float) -> str:
    """Write a number of bytes for people: `64.0 MiB`."""
    value, unit = float(n), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def _value(value: object) -> object:
    """Translate what is itself a text of ours, such as the remedy of a problem."""
    return _(value) if isinstance(value, str) and value else value


def reasons() -> dict[int, str]:
    """Why a system refuses a file: `OSError.strerror` is a text of ours as well."""
    return {
        errno.EACCES: _("Permission denied"),
        errno.EBUSY: _("Device or resource busy"),
        errno.EEXIST: _("File exists"),
        errno.EIO: _("Input/output error"),
        errno.EISDIR: _("Is a directory"),
        errno.ELOOP: _("Too many levels of symbolic links"),
        errno.EMFILE: _("Too many open files"),
        errno.ENAMETOOLONG: _("File name too long"),
        errno.ENOENT: _("No such file or directory"),
        errno.ENOSPC: _("No space left on device"),
        errno.ENOTDIR: _("Not a directory"),
        errno.EPERM: _("Operation not permitted"),
        errno.EROFS: _("Read-only file system"),
    }


def _kinds() -> dict[type[MifengError], str]:
    return {
        CodecError: _("What arrived is damaged: "),
        ProtocolError: _("Somebody broke a rule of the protocol: "),
        CryptoError: _("It is not authentic: "),
        TransportError: _("The other side was not reached: "),
        StorageError: _("Something on the disk is not in order: "),
    }


use(language_from(os.environ))
