"""The languages people read: which one somebody wants, and the program's sentences, figures and dates in it.

English sentences are the keys; translations/LANGUAGE.po holds the others and is read when a language is first asked
for. Gaps are written {so}, in Python, templates and JavaScript alike. docs/translating.md says how to add to it.
"""

import gettext
import io
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from utils.errors import VoiceError

if TYPE_CHECKING:
    from babel.messages import Catalog

FOLDER = Path(__file__).parents[1] / "translations"
ENGLISH = "en"
LANGUAGES = {"en": "English", "de": "Deutsch", "es": "Español", "fr": "Français", "pl": "Polski", "bn": "বাংলা"}
"""The languages by their codes, each with its own name."""

_DIGITS = {"beng": str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")}


def choose(wanted: Iterable[str | None]) -> str:
    """The first of the tags in `wanted` whose language the program speaks, else English.

    Args:
        wanted: as browsers and systems write them, most wanted first: "de-AT", "pl_PL.UTF-8", "C", None.

    Returns:
        The tag with its region, as BCP 47: "de-AT", "pl-PL"; "en" where none fits.
    """
    for tag in wanted:
        parts = (tag or "").partition(".")[0].replace("_", "-").split("-")
        if parts[0].lower() in LANGUAGES:
            regions = [part.upper() for part in parts[1:] if len(part) == 2 and part.isascii() and part.isalpha()]
            return "-".join([parts[0].lower(), *regions[:1]])
    return ENGLISH


@lru_cache
def catalogue(code: str) -> "Catalog":
    """The sentences of one of LANGUAGES, as they lie in its file."""
    with open(FOLDER / f"{code}.po", "rb") as file:
        return read_po(file, locale=code)


@lru_cache
def _translations(code: str) -> gettext.NullTranslations:
    if code == ENGLISH:
        return gettext.NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(code))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


@lru_cache(1000)
def _locale(tag: str) -> Locale | None:
    """What is known of a BCP 47 tag; None where nothing is."""
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return None


@lru_cache(1000)
def _name(tag: str, reader: Locale) -> str | None:
    locale = _locale(tag)
    return locale.get_display_name(reader) if locale else None


class Language:
    """How the program speaks to one person.

    Attributes:
        code: one of LANGUAGES.
        tag: with the region, where it is known: "de-AT".
    """

    def __init__(self, tag: str = ENGLISH) -> None:
        """Speak the language of `tag`, as `choose` gives it."""
        self.tag, self.code = tag, tag.partition("-")[0]
        self._words = _translations(self.code)
        self._locale = _locale(tag) or Locale(self.code)
        self._digits = _DIGITS.get(self._locale.default_numbering_system or "", {})

    def say(self, sentence: str, /, **gaps: object) -> str:
        """`sentence` in this language, its {gaps} filled."""
        return self._fill(self._words.gettext(sentence) if sentence else "", gaps)

    def say_many(self, one: str, many: str, count: int, /, **gaps: object) -> str:
        """`one` or `many`, as this language counts; both have the gap {count}."""
        sentence = self._words.ngettext(one, many, count)
        return self._fill(sentence, {"count": self.number(count), **gaps})

    def error(self, error: VoiceError) -> str:
        """The error's sentence."""
        return self.say(error.sentence, **error.gaps)

    def capital(self, sentence: str, /) -> str:
        """`sentence` in this language, with a capital."""
        said = self.say(sentence)
        return said[:1].upper() + said[1:]

    def percent(self, share: float) -> str:
        """0.72 -> "72%"."""
        return self._own_digits(format_percent(share, locale=self._locale))

    def number(self, value: float, decimals: int = 0) -> str:
        """A figure with so many decimals."""
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return self._own_digits(format_decimal(value, format=pattern, locale=self._locale))

    def when(self, moment: datetime) -> str:
        """Day and time, in the time zone of `moment`: "3 Nov 2026, 14:05"."""
        day = format_date(moment, "medium", locale=self._locale)
        return self._own_digits(f"{day}, {format_time(moment, 'short', locale=self._locale)}")

    def language(self, tag: str) -> str:
        """The name of the language with this BCP 47 tag; the tag itself where nobody knows it."""
        return _name(tag, self._locale) or tag

    def _own_digits(self, text: str) -> str:
        return text.translate(self._digits)

    def _fill(self, sentence: str, gaps: dict[str, object]) -> str:
        if not gaps:  # braces may mean themselves
            return sentence
        said = {name: self._own_digits(str(gap)) if isinstance(gap, int) else gap for name, gap in gaps.items()}
        return sentence.format(**said)
