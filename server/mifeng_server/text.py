"""What an operator reads on a terminal, in his language: English, or Simplified Chinese.

The client has the same in its own `text.py`; the two never import each other. What goes over the
network or into a log is English.
"""

from __future__ import annotations

import gettext
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mifeng_crypto.errors import MifengError

__all__ = ["LANGUAGES", "_", "explain", "language_of", "ngettext", "use", "use_from"]

LANGUAGES = ("en", "zh_CN")

_DOMAIN = "mifeng_server"
_LOCALE = Path(__file__).parent / "locale"
# Where the user may say it, the strongest first. The last three are POSIX's.
_VARIABLES = ("MIFENG_LANG", "LC_ALL", "LC_MESSAGES", "LANG")


class _Chosen:
    """The language in use and its catalogue."""

    language = "en"
    translations: gettext.NullTranslations = gettext.NullTranslations()


def _(message: str) -> str:
    """Return the translation of a literal; parameters are filled in afterwards by `.format`."""
    return _Chosen.translations.gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """Return the translation of the form that fits `n`."""
    return _Chosen.translations.ngettext(singular, plural, n)


def language_of(wanted: str) -> str:
    """Return which of `LANGUAGES` serves a locale's name: `zh_CN.UTF-8`, `zh-Hans`, `C`, `de`."""
    return "zh_CN" if wanted.replace("-", "_").split("_")[0].lower() == "zh" else "en"


def language_from(environ: Mapping[str, str]) -> str:
    """Return the language that the first of `MIFENG_LANG`, `LC_ALL`, ... to be set asks for."""
    wanted = next((environ[name] for name in _VARIABLES if environ.get(name)), "")
    return language_of(wanted.split(".")[0])


def use(language: str) -> None:
    """Speak this language from now on."""
    _Chosen.language = language = language_of(language)
    _Chosen.translations = (
        gettext.NullTranslations()
        if language == "en"
        else gettext.translation(_DOMAIN, _LOCALE, [language])
    )


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


def explain(error: MifengError) -> str:
    """Return an error's message for a person; without a translation it is `str(error)`."""
    translated, message = _(error.template), error.template
    if error.values:
        message, translated = message.format(**error.values), translated.format(**error.values)
    return translated + str(error).removeprefix(message)  # a rule's id may follow


use(language_from(os.environ))
