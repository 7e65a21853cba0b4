"""How well systems hear people they never trained on: five folds over speakers, pooled and for each corpus.

python benchmarks/accuracy.py --data data/ svm statistics cnn-lstm-attention

Protocol "Six": neutral, happy, sad, angry, fear, surprise in RAVDESS speech, CREMA-D, nEMO and BanglaSER. The speakers
of each corpus are spread over five folds; a fold is tested by a system trained on the others, of which one chooses the
epoch. Every fold's result is kept in --results, so a run that was stopped goes on; docs/benchmark.md is written from
what is there. "svm" is the usual way before neural networks: an RBF support-vector machine (C = 3) on functionals.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

import train
from utils.corpora import CORPORA
from utils.dataset_loader import Clips, Recording, Split, assign_folds, load_clips, scan, split_speakers
from utils.evaluation import expected_calibration_error, unweighted_average_recall
from utils.features import FeatureSettings
from utils.model_bundle import load_bundle
from utils.networks import SYSTEMS

FOLDS = 5
SIX = SYSTEMS["cnn-lstm-attention"]
ROOT = Path(__file__).resolve().parents[1]
PAGE, MODELS = ROOT / "docs" / "benchmark.md", ROOT / "models"
Heard = NDArray[np.floating]
Method = Callable[[Clips, Clips, Clips, Path, argparse.Namespace], Heard]


def svm(known: Clips, validation: Clips, test: Clips, _place: Path, _options: argparse.Namespace) -> Heard:
    """Probabilities are one-hot: the machine's votes. Validation speakers train too, there is nothing to choose."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    machine = make_pipeline(StandardScaler(), SVC(C=3, class_weight="balanced"))
    features = np.concatenate([_functionals(known.variants[0]), _functionals(validation.variants[0])])
    machine.fit(features, np.concatenate([known.truth, validation.truth]))
    return np.eye(len(SIX.labels))[machine.predict(_functionals(test.variants[0]))]


def _functionals(features: NDArray[np.float16]) -> NDArray[np.float32]:
    """Mean, deviation, percentiles and speed of change of each feature; (clips, 7 x 120)."""
    blocks = []
    for first in range(0, len(features), 512):
        block = features[first : first + 512].astype(np.float32)
        steps = np.diff(block, axis=1)
        low, middle, high = np.percentile(block, [10, 50, 90], axis=1)
        parts = [block.mean(1), block.std(1), low, middle, high, steps.std(1), np.abs(steps).mean(1)]
        blocks.append(np.concatenate(parts, axis=1, dtype=np.float32))
    return np.concatenate(blocks)


def network(name: str) -> Method:
    """A system of `python train.py --list`, trained as train.py trains it."""

    def run(known: Clips, validation: Clips, test: Clips, place: Path, options: argparse.Namespace) -> Heard:
        from utils import training

        fitted = training.fit(SYSTEMS[name], known, validation, epochs=options.epochs, seed=options.seed, folder=place)
        return fitted.network.predict(training.normalize(test.variants[0], fitted.scaler), batch_size=256, verbose=0)

    return run


METHODS = {"svm": svm, **{name: network(name) for name in SYSTEMS}}


def main() -> None:
    """Measures what isn't measured yet and writes the page."""
    options = _options()
    console = Console()
    options.results.mkdir(parents=True, exist_ok=True)
    recordings = scan(options.data, SIX.labels, without=set(CORPORA) - set(SIX.corpora))
    fold_of = assign_folds(recordings, FOLDS, options.seed)
    for fold in options.folds:
        split = split_speakers(recordings, fold_of, test=fold, validation=(fold + 1) % FOLDS)
        for method in options.methods:
            name = f"six-{method}-{fold}-{options.seed}"
            entry = options.results / f"{name}.json"
            if entry.exists():
                continue
            begun = time.perf_counter()
            result = _measure(method, split, options.results / name, options)
            entry.write_text(json.dumps({**result, "seconds": time.perf_counter() - begun}))
            console.print(f"{method}, fold {fold}: UAR {result['pooled']:.1%}")
    _shipped(recordings, options, console)
    PAGE.write_text(page(options.results), encoding="utf-8")
    console.print(f"written: {PAGE.name}")


def _measure(method: str, split: Split, place: Path, options: argparse.Namespace) -> dict[str, float]:
    """Trains on a split's training speakers and gives the figures on its test speakers."""
    known, chosen, (test, tested) = (
        load_clips(part, SIX.labels, FeatureSettings(), variants=variants, cache=options.cache, jobs=options.jobs)
        for part, variants in ((split.train, 0 if method == "svm" else 3), (split.validation, 0), (split.test, 0))
    )
    heard = METHODS[method](known[0], chosen[0], test, place, options)
    return _result(heard, test.truth, [recording.placed.corpus for recording in tested])


def _shipped(recordings: list[Recording], options: argparse.Namespace, console: Console) -> None:
    """The support-vector machine on the very speakers that the bundle in models/ was tested on."""
    entry = options.results / "shipped-svm.json"
    if not entry.exists():
        split = split_speakers(recordings, assign_folds(recordings, train.FOLDS), test=0, validation=1)
        result = _measure("svm", split, options.results / "shipped-svm", options)
        entry.write_text(json.dumps(result))
    console.print(f"svm on the bundle's test speakers: UAR {json.loads(entry.read_text())['pooled']:.1%}")


def _shipped_lines(results: Path) -> list[str]:
    metrics = load_bundle(MODELS).metrics
    machine = json.loads((results / "shipped-svm.json").read_text())
    low, high = metrics["uar_interval"]
    by_corpus = metrics["uar_by_corpus"]
    return [
        "",
        "## The bundle that ships",
        "",
        f"On its {metrics['speakers']} test speakers, by the Predictor that serves; the support-vector machine was",
        "trained and tested on the same people.",
        "",
        "| | pooled | " + " | ".join(by_corpus) + " |",
        "|---" * (len(by_corpus) + 2) + "|",
        f"| models/ | **{metrics['uar']:.1%}** ({low:.1%} – {high:.1%}) | "
        + " | ".join(f"{uar:.1%}" for uar in by_corpus.values())
        + " |",
        f"| `svm` | {machine['pooled']:.1%} | " + " | ".join(f"{machine[name]:.1%}" for name in by_corpus) + " |",
    ]


def _result(probabilities: Heard, truth: NDArray[np.intp], corpora: list[str]) -> dict[str, float]:
    heard, where = probabilities.argmax(axis=1), np.array(corpora)
    figures = {"pooled": unweighted_average_recall(truth, heard), "accuracy": float(np.mean(heard == truth))}
    figures["ece"] = expected_calibration_error(probabilities, truth)
    for corpus in SIX.corpora:
        figures[corpus] = unweighted_average_recall(truth[where == corpus], heard[where == corpus])
    return figures


def page(results: Path) -> str:
    """docs/benchmark.md from the stored results: mean and standard deviation over the folds."""
    columns = ["pooled", *SIX.corpora, "accuracy", "ece"]
    lines = [
        "# Accuracy on unseen speakers",
        "",
        "Written by `python benchmarks/accuracy.py`; don't edit it by hand. UAR in percent, mean ± standard deviation",
        "over the folds; protocol Six of the program's docstring. No speaker is in both training and test.",
        "",
        "| system | folds | " + " | ".join(columns) + " | minutes a fold |",
        "|---" * (len(columns) + 3) + "|",
    ]
    for method in METHODS:
        found = [json.loads(path.read_text()) for path in sorted(results.glob(f"six-{method}-[0-9]-*.json"))]
        if not found:
            continue
        cells = []
        for column in columns:
            values = np.array([result[column] for result in found])
            if column != "ece":
                cells.append(f"{100 * values.mean():.1f} ± {100 * values.std():.1f}")
            else:  # a vote for one emotion is no probability
                cells.append("–" if method == "svm" else f"{values.mean():.3f}")
        minutes = np.mean([result["seconds"] for result in found]) / 60
        lines.append(f"| `{method}` | {len(found)} | " + " | ".join(cells) + f" | {minutes:.0f} |")
    return "\n".join(lines + _shipped_lines(results)) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("methods", nargs="*", choices=list(METHODS), default=list(METHODS), help="what to measure (default: all)")
    add("--data", type=Path, default=Path("data"), help="folder that the organize_*.py programs fill")
    add("--results", type=Path, default=Path("runs/accuracy"), help="folder for finished folds and checkpoints")
    add("--cache", type=Path, default=Path("cache"), help="folder for computed features")
    add("--folds", type=int, nargs="+", default=list(range(FOLDS)), help="which folds (default: all five)")
    add("--epochs", type=int, default=100, help="at most so many for each network (default: 100)")
    add("--seed", type=int, default=0, help="of speakers' folds, weights and order")
    add("--jobs", type=int, default=-1, help="processes that compute features")
    return parser.parse_args()


if __name__ == "__main__":
    main()
