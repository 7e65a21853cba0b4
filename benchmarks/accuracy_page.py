"""docs/benchmark.json, docs/benchmark.md and the plot, from finished figures: generated, never typed."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.protocols import FOUR, PROTOCOLS, strangers
from utils.corpora import CORPORA
from utils.model_bundle import load_bundle
from utils.systems import SYSTEMS, System

ROOT = Path(__file__).resolve().parents[1]
STORE, PAGE, PLOT = (ROOT / "docs" / f"benchmark.{ending}" for ending in ("json", "md", "png"))
KEY = ("protocol", "system", "fold", "seed", "voice")
Entry = dict[str, object]

PUBLISHED = (
    ("human listeners", 67.0),
    ("residual LSTM with soft attention, from scratch, 47k parameters: mean", 62.3),
    ("the same, best run", 65.2),
    ("CNN14, pretrained on AudioSet", 76.6),
    ("wav2vec2-XLSR, fine-tuned, 317M parameters", 81.8),
)
"""UAR of others by the protocol ravdess-8: Luna-Jimenez et al. 2021 and arXiv 2606.03359."""


def gather(results: Path) -> None:
    """Takes finished entries from `results` into docs/benchmark.json; one of the same key is replaced."""
    entries = {_key(entry): entry for entry in read()}
    for path in sorted(results.glob("*.json")):
        entry = json.loads(path.read_text())
        entries[_key(entry)] = entry
    lines = ",\n".join(json.dumps(entries[key], sort_keys=True) for key in sorted(entries))
    STORE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _key(entry: Entry) -> tuple[str, ...]:
    return tuple(str(entry[name]) for name in KEY)


def read() -> list[Entry]:
    """Every entry of docs/benchmark.json."""
    return json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else []


def write() -> None:
    """The page and the plot."""
    entries = read()
    PAGE.write_text(page(entries), encoding="utf-8")
    plot(entries, PLOT)


def page(entries: Sequence[Entry]) -> str:
    """docs/benchmark.md."""
    sections = [_HEAD, _side_by_side(entries)]
    for protocol, title, corpora in (("ravdess-8", _RAVDESS, ()), ("six", _SIX, FOUR), ("loco", _LOCO, FOUR)):
        if rows := _protocol_rows(entries, protocol, corpora):
            sections += [title, rows]
    if voices := _voices(entries):
        sections += [_VOICE, voices]
    sections += [_shipped(entries), _EXPLAINED]
    return "\n\n".join(section for section in sections if section) + "\n"


def chosen(entries: Iterable[Entry], system: str, protocol: str, voice: str = "0") -> list[Entry]:
    """Those of a system by a protocol, so many other clips of each voice known."""
    wanted = {"system": system, "protocol": protocol, "voice": voice}
    return [entry for entry in entries if all(entry[name] == value for name, value in wanted.items())]


def _spread(values: Sequence[object], digits: int = 1) -> str:
    """Mean in percent, with the standard deviation where there are several."""
    numbers = 100 * np.array(values, dtype=float)
    more = f" ± {numbers.std():.{digits}f}" if len(numbers) > 1 else ""
    return f"{numbers.mean():.{digits}f}{more}" if len(numbers) else "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _side_by_side(entries: Sequence[Entry]) -> str:
    rows = []
    for system in SYSTEMS.values():
        own, unseen = chosen(entries, system.name, "own"), chosen(entries, system.name, strangers(system))
        cost = next((entry for entry in [*own, *unseen] if "milliseconds" in entry), {})
        rows.append(
            [
                f"`{system.name}`",
                _claim(system),
                _reached(system, own),
                _spread([entry["uar"] for entry in unseen]),
                _spread([entry["accuracy"] for entry in unseen]),
                _spread([entry["macro_f1"] for entry in unseen]),
                f"{strangers(system)}, {how_many(unseen, strangers(system))}" if unseen else "–",
                f"{cost['parameters']:,}" if cost.get("parameters") else "–",
                f"{cost['megabytes']:.1f}" if cost else "–",
                f"{cost['milliseconds']:.0f}" if cost else "–",
                _seconds([*own, *unseen]),
            ]
        )
    return table(_COLUMNS, rows)


def _seconds(entries: Sequence[Entry]) -> str:
    """Of one training, by the median; runs that were stopped and went on don't tell."""
    told = [entry["seconds"] for entry in entries if entry.get("seconds") is not None]
    return f"{np.median(told):,.0f}" if told else "–"


def _claim(system: System) -> str:
    if not system.own or system.own.accuracy is None:
        return "–"
    f1 = f" (F1 {system.own.macro_f1:.2f})" if system.own.macro_f1 else ""
    return f"{system.own.accuracy:.0%}{f1}".replace("%", "")


def _reached(system: System, own: Sequence[Entry]) -> str:
    if not own:
        return "–"
    f1 = np.mean([entry["macro_f1"] for entry in own])
    accuracy = np.mean([entry["accuracy"] for entry in own])
    claimed = system.own
    missed = claimed and (accuracy < (claimed.accuracy or 0) or round(f1, 2) < (claimed.macro_f1 or 0))
    return f"{_spread([entry['accuracy'] for entry in own])} (F1 {f1:.2f}){' ✗' if missed else ''}"


def how_many(entries: Sequence[Entry], protocol: str) -> str:
    """Of how many folds and seeds entries are, in words."""
    folds, seeds = {entry["fold"] for entry in entries}, {entry["seed"] for entry in entries}
    text = f"{len(folds)} of {len(PROTOCOLS[protocol])} folds"
    return text + (f", {len(seeds)} seeds" if len(seeds) > 1 else "")


def _protocol_rows(entries: Sequence[Entry], protocol: str, corpora: Sequence[str]) -> str:
    """UAR, accuracy and F1 of each system; UAR for each corpus. By loco, a fold is a corpus."""
    rows = []
    for name in SYSTEMS:
        if not (found := chosen(entries, name, protocol)):
            continue
        parts = [[e["by_corpus"][corpus]["uar"] for e in found if corpus in e["by_corpus"]] for corpus in corpora]
        whole = [_spread([entry[figure] for entry in found]) for figure in ("uar", "accuracy", "macro_f1")]
        rows.append([f"`{name}`", how_many(found, protocol), *whole, *map(_spread, parts)])
    if not rows:
        return ""
    if protocol == "ravdess-8":
        rows += [[f"*{name}*", "5 of 5 folds", f"{uar:.1f}", "–", "–"] for name, uar in PUBLISHED]
    titles = [CORPORA[corpus].title for corpus in corpora]
    return table(["system", "folds", "UAR", "accuracy", "macro F1", *titles], rows)


def _voices(entries: Sequence[Entry]) -> str:
    """UAR by how many other clips of the speaker are known, on the folds for which all of them are measured."""
    rows = []
    for name in SYSTEMS:
        for protocol in PROTOCOLS:
            known = [
                {(entry["fold"], entry["seed"]): entry for entry in chosen(entries, name, protocol, voice)}
                for voice in ("0", "1", "3", "10", "all")
            ]
            if common := sorted(set.intersection(*map(set, known))):
                figures = [_spread([found[key]["uar"] for key in common]) for found in known]
                folds = how_many([known[0][key] for key in common], protocol)
                rows.append([f"`{name}`", f"{protocol}, {folds}", *figures])
    return table(["system", "folds", "unknown", "1 clip", "3 clips", "10 clips", "all"], rows) if rows else ""


def _shipped(entries: Sequence[Entry]) -> str:
    metrics = load_bundle(ROOT / "models").metrics
    low, high = metrics["uar_interval"]
    by_corpus = metrics["uar_by_corpus"]
    ours = [f"**{metrics['uar']:.1%}** ({low:.1%} – {high:.1%})", *(f"{uar:.1%}" for uar in by_corpus.values())]
    rows = [["models/", *ours]]
    for entry in chosen(entries, "functionals-svm", "shipped"):
        theirs = [f"{entry['by_corpus'][corpus]['uar']:.1%}" for corpus in by_corpus]
        rows.append(["`functionals-svm`", f"{entry['uar']:.1%}", *theirs])
    return _SHIPPED.format(speakers=metrics["speakers"]) + "\n\n" + table(["UAR", "pooled", *by_corpus], rows)


def plot(entries: Sequence[Entry], path: Path) -> None:
    """What each system claims, reaches on its own terms, and is worth on people it never heard, as PNG."""
    from matplotlib.figure import Figure

    systems = [s for s in SYSTEMS.values() if chosen(entries, s.name, strangers(s)) or chosen(entries, s.name, "own")]
    figure = Figure(figsize=(10, 0.55 * len(systems) + 1.8), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(systems))
    for offset, colour, label, values in (
        (-0.27, "#d9c7ad", "claimed", [s.own.accuracy if s.own else None for s in systems]),
        (0, "#b58a5a", "on its own terms: the same speakers in training and test", _means(entries, systems, "own")),
        (0.27, "#5b3a1e", "people it never heard (UAR)", _means(entries, systems, "strangers")),
    ):
        shown = [(row, value) for row, value in zip(rows, values, strict=True) if value is not None]
        axes.barh([r + offset for r, _ in shown], [100 * v for _, v in shown], 0.25, color=colour, label=label)
        for row, value in shown:
            axes.text(100 * value + 0.8, row + offset, f"{100 * value:.0f}", va="center", fontsize=8, color="#3b2a1a")
    axes.set(yticks=rows, xlim=(0, 100), title="What they claim, and what is left on strangers, in percent")
    axes.set_yticklabels([system.name for system in systems])
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=110)


def _means(entries: Sequence[Entry], systems: Sequence[System], protocol: str) -> list[float | None]:
    figure = "accuracy" if protocol == "own" else "uar"
    found = [chosen(entries, s.name, strangers(s) if protocol == "strangers" else protocol) for s in systems]
    return [float(np.mean([entry[figure] for entry in part])) if part else None for part in found]


_COLUMNS = (
    "system", "claim", "own terms", "UAR on strangers", "accuracy", "macro F1", "protocol", "parameters", "MB",
    "ms a clip", "s of training",
)  # fmt: skip

_HEAD = """# What systems claim, and what is left on strangers

Written by `python benchmarks/accuracy.py` from [benchmark.json](benchmark.json); don't edit it by hand. In percent,
mean ± standard deviation over folds and seeds.

![Claims, own terms and unseen speakers of each system](benchmark.png)

**Claim** is the accuracy that the project a system comes from tells. **Own terms** is the accuracy of our training of
it on that project's terms: random clips of the same speakers are tested, a fifth; augmented copies only train; ✗ where
the claim isn't reached. **On strangers** nobody who is tested was heard in training, nor in choosing the epoch; UAR is
the mean of the emotions' recalls. **ms a clip** is the median through the Predictor that serves, from samples to
answer, and **s of training** the seconds of one; both in time of one core. – is not measured yet, or has no number.

`ensemble` hears clips through two networks that others trained on other tasks, without emotions
(`utils/encoder.py`; its MB are counted). Every other system starts from nothing."""

_RAVDESS = """## RAVDESS-8

Speech of RAVDESS, eight emotions (seven for `cnn-refined`), five folds of actors, three of the other actors to choose
the epoch by (where none is chosen, they train, too). Rows in italics are published figures of others by the same
folds."""

_SIX = """## Six emotions, four corpora

Neutral, happy, sad, angry, fear and surprise in RAVDESS speech, CREMA-D, nEMO and BanglaSER: five folds over the
speakers of each corpus. The last columns are the UAR within a corpus."""

_LOCO = """## A corpus left out

The same emotions; trained on three of the corpora and tested on the whole fourth: other people, microphones and
languages. Each of the last columns is the UAR on the corpus that was left out, the first the mean of these."""

_VOICE = """## With the speaker's own voice known

UAR where features are seen against so many other clips of the same speaker, drawn at random and unlabelled
(`benchmarks/known_voice.py`)."""

_SHIPPED = """## The bundle that ships

On its {speakers} test speakers, by the Predictor that serves; the support-vector machine was trained and tested on the
same people."""

_EXPLAINED = """## What its answers go by

![UAR that the bundle loses where one side of the voice is made as usual](explanations.png)

On the same speakers; [explanations.md](explanations.md) says how this is measured."""
