"""The catalogues hold what is said, in every language, with the same gaps and the plurals that people use."""

import ast
import importlib.util
import io
import re
from pathlib import Path
from string import Formatter

import pytest
from babel import Locale
from babel.messages.pofile import read_po, write_po

from utils.emotions import ALL_EMOTIONS, CERTAINTY, SAMPLE_SENTENCES, STRENGTH
from utils.language import LANGUAGES, Language

ROOT = Path(__file__).parents[1]
OTHERS = [code for code in LANGUAGES if code != "en"]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def update():
    return load(ROOT / "translations" / "update.py")


@pytest.fixture(scope="module")
def said(update):
    return update.extract()


def catalogue(code):
    return read_po(io.BytesIO((ROOT / "translations" / f"{code}.po").read_bytes()), locale=code)


def forms(sentence):
    return (sentence,) if isinstance(sentence, str) else tuple(sentence)


def gaps(sentence):
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


def test_there_is_a_catalogue_for_each_language(update):
    assert list(update.PLURALS) == OTHERS
    assert {path.stem for path in (ROOT / "translations").glob("*.po")} == set(OTHERS)


@pytest.mark.parametrize("code", OTHERS)
def test_the_catalogues_are_up_to_date(update, said, code):
    path = ROOT / "translations" / f"{code}.po"
    assert update.updated(code, said) == path.read_bytes(), "run python translations/update.py"


@pytest.mark.parametrize("code", OTHERS)
def test_everything_is_translated(update, code):
    assert update.untranslated(catalogue(code)) == []
    assert b"fuzzy" not in (ROOT / "translations" / f"{code}.po").read_bytes()


@pytest.mark.parametrize("code", OTHERS)
def test_the_gaps_are_the_same(code):
    for message in catalogue(code):
        if not message.id:
            continue
        english = forms(message.id)
        for form in forms(message.string):
            missing = gaps(english[-1]) ^ gaps(form)
            spelt_out = missing == {"count"} and form == forms(message.string)[0]  # "One file", without a figure
            assert not missing or (len(english) == 2 and spelt_out), f"{code}: {form}"
            assert form[-1] == english[-1][-1] or english[-1][-1] not in "…:", f"{code}: {form} ends otherwise"
            assert form == form.strip()


@pytest.mark.parametrize("code", OTHERS)
def test_the_languages_count_as_their_browsers_do(code):
    """words.js picks a form by its place in one, few, many, other: gettext must agree."""
    order = ("one", "few", "many", "other")
    last = catalogue(code).num_plurals - 1
    language, rule = Language(code)._words, Locale(code).plural_form
    for count in range(1200):
        assert language.plural(count) == min(order.index(rule(count)), last), f"{code}: {count}"


def test_polish_plurals():
    polish = Language("pl")
    found = [polish.say_many("{count} clip listed.", "{count} clips listed.", count) for count in (1, 2, 5, 12, 22, 25)]
    assert found == [
        "1 klip na liście.",
        "2 klipy na liście.",
        "5 klipów na liście.",
        "12 klipów na liście.",
        "22 klipy na liście.",
        "25 klipów na liście.",
    ]


@pytest.mark.parametrize("code", OTHERS)
def test_emotions_certainty_and_sentences_have_their_words(code):
    language = Language(code)
    emotions = [language.say(name) for name in ALL_EMOTIONS]
    assert len(set(emotions)) == len(ALL_EMOTIONS)
    assert not any(len(word) > 15 for word in emotions), "too long for the bars"
    graded = {words for _, words in (*CERTAINTY, *STRENGTH) if words}
    assert len({language.say(words) for words in graded} - graded) == len(graded)
    assert not {language.say(sentence) for sentence in SAMPLE_SENTENCES} & set(SAMPLE_SENTENCES)


def test_french_points_never_begin_a_line():
    """What stands before : ; ! ? in French is a space that doesn't break."""
    said = [form for message in catalogue("fr") if message.id for form in forms(message.string)]
    said.append((ROOT / "translations" / "privacy.fr.md").read_text(encoding="utf-8"))
    assert [form for form in said if re.search("[ \u202f][:;!?»]|« ", form)] == []


def test_updating_keeps_translations_and_drops_what_nobody_says(update, said, tmp_path, monkeypatch):
    (tmp_path / "translations").mkdir()
    monkeypatch.setattr(update, "ROOT", tmp_path)
    path = tmp_path / "translations" / "de.po"
    old = catalogue("de")
    old.delete("Undo")
    old.add("Nobody says this.", "Das sagt niemand.")
    with path.open("wb") as file:
        write_po(file, old)
    new = read_po(io.BytesIO(update.updated("de", said)), locale="de")
    assert new["Undo"].string == ""
    assert new["Delete"].string == "Löschen"
    assert "Nobody says this." not in new
    assert update.untranslated(new) == ["Undo"]


# What can't be found by those who translate


def test_errors_are_raised_with_sentences_that_the_catalogues_can_have(update):
    """A literal, or a name that `marked` knows: never put together on the way."""
    errors = update.errors()
    assert {"TooShortError", "OverloadedError", "AudioDeviceError"} <= errors
    assert "ConfigurationError" not in errors
    for path in update.sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") not in errors or not node.args:
                continue
            first = node.args[0]
            literal = not isinstance(first, ast.JoinedStr | ast.BinOp)
            assert literal, f"{path.name}:{node.lineno}: gaps go in braces: XError('... {{name}} ...', name=name)"


WORDS = re.compile(r"[A-Za-z]{2,}[^<>{}]*")
SAID = re.compile(r"{#.*?#}|{%.*?%}|{{.*?}}|<(?:script|code|symbol)\b.*?</\w+>", re.S)
ATTRIBUTES = re.compile(r'(?:aria-label|placeholder|alt|title|content)="([^"{]*[A-Za-z]{3}[^"{]*)"')
ENGLISH = {"docs.html"}  # for programmers


@pytest.mark.parametrize("path", sorted((ROOT / "templates").glob("*.html")), ids=lambda path: path.name)
def test_no_template_says_something_that_isnt_marked(path):
    if path.name in ENGLISH:
        pytest.skip("is in English only")
    text = SAID.sub("", path.read_text(encoding="utf-8"))
    shown = [words.strip() for words in re.findall(r">([^<>]*)<", re.sub(r'"[^"]*"', '""', text))]
    assert [words for words in shown if WORDS.match(words)] == []
    assert [words for words in ATTRIBUTES.findall(text) if not re.match("width=|light|#", words)] == []


SPOKEN = re.compile(r'(?<!t\()(?<!y\()(?<!, )"([A-Z][a-z]+(?: [^"]*)?)"|`([^`\n]*\b[A-Z][a-z]{2,} [^`\n]*)`')
NAMES = {"Retry-After", "Content-Type", "Content-Language", "Escape", "Files", "Enter"}


@pytest.mark.parametrize("path", sorted((ROOT / "static").rglob("*.js")), ids=lambda path: path.name)
def test_no_module_of_the_page_says_something_that_isnt_marked(path):
    code = re.sub(r"^\s*(?://|/?\*).*$", "", path.read_text(encoding="utf-8"), flags=re.M)
    found = {first or second for first, second in SPOKEN.findall(code)}
    unmarked = {words for words in found if not re.fullmatch(r"[A-Z]\w+Error", words)} - NAMES
    assert unmarked == set()
