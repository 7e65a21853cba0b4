"""Brings the catalogues up to date with what the page and the programs say.

`python translations/update.py`: new sentences come in without a translation, those that nobody says any more go.
docs/translating.md tells the rest.
"""

import ast
import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from utils import emotions  # noqa: E402 - the repository is on the path only now

PLURALS = {
    "de": "nplurals=2; plural=(n != 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "pl": "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);",
    "bn": "nplurals=2; plural=(n > 1);",
}
"""How each language counts: one, few, many, as CLDR orders them, which is how the browser does it."""

SAID_IN_ENGLISH = {
    "DataError",
    "ConfigurationError",
    "AddressError",
    "WorkersError",
    "OutputError",
    "MessageError",
    "StreamOver",
}
"""Errors for those who train, run a server, analyze thousands of files or write a program that streams."""
MANY = (1, 2)  # one, many
TEMPLATES = {"_": None, "say_many": MANY}
SCRIPTS = {"t": None, "tMany": MANY}
PROGRAMS = {"say": None, "_say": None, "capital": None, "marked": None, "say_many": MANY}


def sources() -> Iterator[Path]:
    """The Python files whose sentences people read."""
    yield ROOT / "app.py"
    for folder in ("utils", "web", "cli"):
        yield from sorted((ROOT / folder).glob("*.py"))


def errors() -> set[str]:
    """The names of all errors that are raised for people."""
    bases = {
        node.name: {ast.unparse(base) for base in node.bases}
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    found = {"VoiceError"}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return found - SAID_IN_ENGLISH


def extract() -> Catalog:
    """Everything that is said, in English."""
    catalogue = Catalog()
    spoken_of = PROGRAMS | dict.fromkeys(errors())
    jobs = [
        *((path, babel_extract, TEMPLATES) for path in sorted((ROOT / "templates").glob("*.html"))),
        *((path, "javascript", SCRIPTS) for path in sorted((ROOT / "static").rglob("*.js"))),
        *((path, "python", spoken_of) for path in sources()),
    ]
    for path, method, keywords in jobs:
        for _, sentence, _, _ in extract_from_file(method, path, keywords=keywords):
            catalogue.add(sentence, locations=[(path.relative_to(ROOT).as_posix(), 0)])
    graded = [name for _, name in (*emotions.CERTAINTY, *emotions.STRENGTH) if name]
    for words in (emotions.ALL_EMOTIONS, graded, emotions.SAMPLE_SENTENCES):
        for sentence in words:
            catalogue.add(sentence, locations=[("utils/emotions.py", 0)])
    return catalogue


def updated(code: str, said: Catalog) -> bytes:
    """The catalogue of a language for what is `said`, with the translations it has."""
    path = ROOT / "translations" / f"{code}.po"
    old = read_po(io.BytesIO(path.read_bytes()), locale=code) if path.exists() else Catalog(locale=code)
    new = Catalog(locale=code)
    new.mime_headers = [("Plural-Forms", PLURALS[code])]  # as many as we fill in: versions of Babel differ
    for message in said:
        if message.id:
            known = old.get(message.id)
            string = known.string if known and not known.fuzzy else ""
            new.add(message.id, string, locations=sorted(set(message.locations)))
    header = ("Content-Type: text/plain; charset=utf-8", f"Language: {code}", f"Plural-Forms: {PLURALS[code]}")
    file = io.BytesIO()
    file.write(b'msgid ""\nmsgstr ""\n' + "".join(f'"{line}\\n"\n' for line in header).encode() + b"\n")
    write_po(file, new, width=120, omit_header=True, include_lineno=False, sort_by_file=True)
    return file.getvalue()


def untranslated(catalogue: Catalog) -> list[str]:
    """The English of what has no translation, or not all its plural forms."""
    return [
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalogue
        if message.id and not all([message.string] if isinstance(message.string, str) else message.string)
    ]


if __name__ == "__main__":
    said = extract()
    for code in PLURALS:
        content = updated(code, said)
        (ROOT / "translations" / f"{code}.po").write_bytes(content)
        missing = untranslated(read_po(io.BytesIO(content), locale=code))
        print(f"{code}: {len(said)} sentences, {len(missing)} without a translation", *missing, sep="\n    ")
