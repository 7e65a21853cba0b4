"""Writes what the README would otherwise get wrong: figures from models/bundle.json and docs/benchmark.json, the tree.

python docs/fill_readme.py    fills README.md between its <!-- figures --> and <!-- tree --> marks
"""

import ast
import json
import re
import sys
from pathlib import Path
from statistics import mean

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.accuracy_page import PUBLISHED, chosen, how_many, read, table

ROOT = Path(__file__).resolve().parents[1]
YARDSTICK = "functionals-svm"
FOLDERS = {
    "models/": "the trained bundle that ships, and its model card",
    "templates/ static/": "the page: HTML, CSS and JavaScript modules, no build step",
    "translations/": "what is said, in each language; docs/translating.md",
    "tests/": "one file for each module; browser/, js/ and the real corpora where they are",
    "benchmarks/": "programs that measure; never part of the tests",
    "docs/": "what the README can't hold",
}


def figures() -> str:
    """The table of UAR on unseen speakers, pooled and for each corpus."""
    metrics = json.loads((ROOT / "models" / "bundle.json").read_text(encoding="utf-8"))["metrics"]
    low, high = metrics["uar_interval"]
    columns = {"pooled, with 95% interval": f"**{metrics['uar']:.1%}** ({low:.1%} – {high:.1%})"}
    columns |= {corpus: f"{uar:.1%}" for corpus, uar in metrics["uar_by_corpus"].items()}
    shown = table(["", *columns], [["UAR", *columns.values()]])
    answered, right = metrics["answered"], metrics["right_when_answered"]
    return (
        f"{shown}\n\n{metrics['clips']} clips of {metrics['speakers']} speakers. {answered:.0%} of them got a definite "
        f"answer, the others “uncertain”; {right:.0%} of the definite answers were right.\n\n{elsewhere()}"
    )


def elsewhere() -> str:
    """How the same system does trained anew: on every speaker in turn, and on corpora that it never heard."""
    entries = read()
    shipped = json.loads((ROOT / "models" / "bundle.json").read_text(encoding="utf-8"))["system"]

    def of(protocol: str, voice: str = "0", system: str = shipped) -> dict[tuple[object, object], float]:
        return {(e["fold"], e["seed"]): e["uar"] for e in chosen(entries, system, protocol, voice)}

    def told(figures: dict[tuple[object, object], float]) -> str:
        return f"{mean(figures.values()):.1%}" if figures else "–"

    def row(what: str, protocol: str, beside: str) -> list[str]:
        trained = how_many(chosen(entries, shipped, protocol), protocol)
        return [f"{what}; {trained}", f"**{told(of(protocol))}**", told(of(protocol, "10")), beside]

    def svm(protocol: str) -> str:
        ours = of(protocol)
        return told({key: uar for key, uar in of(protocol, system=YARDSTICK).items() if key in ours})

    (_, people), (_, published), _, (_, pretrained), *_ = PUBLISHED
    rows = (
        row("six emotions, a fifth of the speakers left out", "six", f"support-vector machine (SVM) {svm('six')}"),
        row(
            "eight emotions of RAVDESS, the usual folds of actors",
            "ravdess-8",
            f"human listeners {people:.1f}%; published: from scratch {published:.1f}%, pretrained on AudioSet (81M "
            f"parameters) {pretrained:.1f}%",
        ),
        row("six emotions, a corpus left out, with its microphones and language", "loco", f"SVM {svm('loco')}"),
    )
    return table(
        ["Trained anew, UAR on people it never heard", "voice unknown", "ten clips known", "set against"], rows
    )


def tree() -> str:
    """One line for each program and module: its name and the first line of its docstring."""
    lines = _modules(ROOT)
    for package in ("utils", "web", "cli"):
        lines += [
            f"{package + '/':26}{_phrase(ROOT / package / '__init__.py')}",
            *_modules(ROOT / package, "  "),
        ]
    lines += [f"{name:26}{phrase}" for name, phrase in FOLDERS.items()]
    return "```\n" + "\n".join(lines) + "\n```"


def _modules(folder: Path, indent: str = "") -> list[str]:
    files = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    return [f"{indent + path.name:26}{_phrase(path)}" for path in files]


def _phrase(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0].rstrip(".")


def filled(text: str) -> str:
    """`text` with everything between the marks made anew."""
    for mark, content in (("figures", figures()), ("tree", tree())):
        text = re.sub(
            f"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", lambda m, new=content: f"{m[1]}{new}\n{m[2]}", text, flags=re.S
        )
    return text


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(filled(readme.read_text(encoding="utf-8")), encoding="utf-8")
