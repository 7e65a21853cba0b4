"""How well systems hear: on their own terms, people they never heard, corpora they never heard, voices they know.

python benchmarks/accuracy.py --data data/                      everything that isn't measured yet, then the page
python benchmarks/accuracy.py svm cnn --protocol own ravdess-8
python benchmarks/accuracy.py functionals-svm --protocol six --voice 0 1 3 10 all
python benchmarks/accuracy.py --page                            only the page and the plot, from docs/benchmark.json

The protocols are described in protocols.py. Every fold's figures are kept as a file in --results, checkpoints and its
bundle beside it, so a run that was stopped goes on, and personal.py can measure more of the same people;
docs/benchmark.json gathers the figures, and docs/benchmark.md is written from that.
With --voice, features are seen against so many other, unlabelled clips of the same speaker (known_voice.py).
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # so that seconds are those of one core; folds can run side by side
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

import train
from benchmarks import accuracy_page
from benchmarks.known_voice import Voices, against_voice, learn_voices, voice_profiles
from benchmarks.protocols import BUNDLE, PROTOCOLS, adapt, fold_name, split, strangers
from utils.corpora import CORPORA
from utils.dataset_loader import Clips, Recording, assign_folds, scan, split_speakers
from utils.decoding import load_audio
from utils.encoder import ENCODER
from utils.errors import DataError
from utils.evaluation import Report, evaluate
from utils.model_bundle import ONNX, mark, seal
from utils.predictor import Predictor
from utils.systems import SYSTEMS, System

VOICES = {"0": 0, "1": 1, "3": 3, "10": 10, "all": None}
Figures = dict[str, object]
Part = tuple[Clips, list[Recording]]


def main(argv: Sequence[str] | None = None) -> int:
    """Measures what isn't measured yet and writes the page; the exit code is 1 where data/ doesn't hold enough."""
    options = _options(argv)
    console = Console()
    try:
        for name in [] if options.page else options.systems:
            for protocol in options.protocol or _usual(SYSTEMS[name]):
                if protocol != "own" or SYSTEMS[name].own:
                    _run(SYSTEMS[name], protocol, options, console)
        if not options.page and "functionals-svm" in options.systems:
            _shipped(options)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    accuracy_page.gather(options.results)
    accuracy_page.write()
    console.print("written: docs/benchmark.json, docs/benchmark.md, docs/benchmark.png")
    return 0


@dataclass(frozen=True)
class _Fold:
    """One fold of one protocol with one seed: what is trained, on what, and what its files are called."""

    system: System
    recordings: list[Recording]
    protocol: str
    fold: str
    seed: int

    @property
    def name(self) -> str:
        return fold_name(self.protocol, self.system.name, self.fold, self.seed)

    def entry(self, voice: str) -> Figures:
        named = {"protocol": self.protocol, "system": self.system.name, "fold": self.fold, "seed": self.seed}
        return {**named, "voice": voice}


def _usual(system: System) -> list[str]:
    return ["own", strangers(system)]


def _run(declared: System, protocol: str, options: argparse.Namespace, console: Console) -> None:
    """Every fold and seed of one protocol that has no figures yet."""
    system = adapt(declared, protocol)
    known = {*system.corpora, *system.extra_corpora}
    recordings = scan(options.data, system.labels, without=set(CORPORA) - known)
    recordings = [recording for recording in recordings if recording.placed.corpus in known]
    for seed in options.seeds:
        for number in PROTOCOLS[protocol]:
            if protocol == "own" or number in (options.folds or PROTOCOLS[protocol]):
                fold = _Fold(system, recordings, protocol, number, seed)
                for voice, figures in _measure(fold, options):
                    _keep(options.results / f"{fold.name}-{voice}.json", fold.entry(voice) | figures)
                    told = f"UAR {figures['uar']:.1%}, accuracy {figures['accuracy']:.1%}"
                    console.print(f"{fold.name}, voice {voice}: {told}", highlight=False)


def _measure(fold: _Fold, options: argparse.Namespace) -> Iterator[tuple[str, Figures]]:
    """Figures for each --voice that has none: of one training without a known voice, and of one with."""
    wanted = [voice for voice in options.voice if not (options.results / f"{fold.name}-{voice}.json").exists()]
    if not wanted:
        return
    system, seed = fold.system, fold.seed
    parts = split(system, fold.recordings, fold.protocol, fold.fold, seed)
    trained = parts.train if system.chooses_epochs else parts.train + parts.validation
    known, chosen, test = (
        system.load(part, variants=variants, cache=options.cache, jobs=options.jobs)
        for part, variants in ((trained, system.variants), (parts.validation, 0), (parts.test, 0))
    )
    knows_voices = any("voice" in member.hears for member in system.members)
    if "0" in wanted or knows_voices:
        fitted, seconds = _fit(system, known[0], chosen[0], seed, options.results / fold.name, options)
        bundle = _bundle(system, fitted, test[1], options.results / fold.name / BUNDLE)
        if "0" in wanted:
            first = fold.fold == PROTOCOLS[fold.protocol][0]
            cost = {"parameters": fitted.parameters} | _cost(bundle, test[1]) if first else {}
            yield "0", _figures(fitted.probabilities(test[0].variants[0]), test, system) | cost | {"seconds": seconds}
    if not set(wanted) - {"0"}:
        return
    if knows_voices:
        for voice in [voice for voice in wanted if voice != "0"]:
            profiles = voice_profiles(test[0].variants[0], _speakers(test), VOICES[voice], seed)
            yield voice, _figures(fitted.probabilities(test[0].variants[0], profiles), test, system)
        return
    voices = learn_voices(known[0].variants[0], _speakers(known))
    seen = [_against(part, voices, tuple(VOICES.values()), seed) for part in (known, chosen)]
    fitted, seconds = _fit(system, *seen, seed, options.results / f"{fold.name}-voice", options)
    for voice in [voice for voice in wanted if voice != "0"]:
        clips = _against(test, voices, [VOICES[voice]], seed)
        yield voice, _figures(fitted.probabilities(clips.variants[0]), test, system) | {"seconds": seconds}


def _speakers(part: Part) -> list[str]:
    return [str(recording.placed.speaker) for recording in part[1]]


def _against(part: Part, voices: Voices, clips: Sequence[int | None], seed: int) -> Clips:
    variants = [against_voice(array, _speakers(part), voices, clips, seed) for array in part[0].variants]
    return replace(part[0], variants=variants)


def _fit(
    system: System, known: Clips, chosen: Clips, seed: int, place: Path, options: argparse.Namespace
) -> tuple["train.Fitted", float | None]:
    """A fitted system and how many seconds of a core it took, None where a run went on that had been stopped.

    Where no epoch is to be chosen, those who would choose are among those who train: nobody is left to calibrate
    networks, which changes no figure here.
    """
    begun, resumed = time.process_time(), place.exists()
    trainer = train.trainer_of(system)
    validation = chosen if system.estimator or system.chooses_epochs else None
    how = {"epochs": options.epochs, "seed": seed, "folder": place}
    if system.elsewhere:
        how["leaning"] = trainer.fit_leaning(system, known, **how)
    fitted = trainer.fit(system, known, validation, weights=options.weights, **how)
    return fitted, None if resumed else round(time.process_time() - begun, 1)


def _figures(probabilities: NDArray[np.float32], test: Part, system: System) -> Figures:
    """UAR, accuracy and macro F1, pooled and for each corpus, and the least precision of an emotion."""
    truth, corpora = test[0].truth, np.array([recording.placed.corpus for recording in test[1]])
    report = evaluate(probabilities, truth, system.labels)
    answers = np.array(report.confusion)
    precision = np.diag(answers) / np.maximum(answers.sum(axis=0), 1)
    by_corpus = {}
    for corpus in np.unique(corpora):
        part = corpora == corpus
        by_corpus[str(corpus)] = _short(evaluate(probabilities[part], truth[part], system.labels))
    return _short(report) | {
        "clips": report.clips,
        "least_precision": round(float(precision.min()), 4),
        "by_corpus": by_corpus,
    }


def _short(report: Report) -> Figures:
    return {name: round(getattr(report, name), 4) for name in ("uar", "accuracy", "macro_f1")}


def _bundle(system: System, fitted: "train.Fitted", test: list[Recording], folder: Path) -> Path:
    """`folder`, with what was trained as a bundle of the usual form: those who are tested are whom it never heard."""
    if not folder.exists():
        staging = folder.with_suffix(".part")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        train.trainer_of(system).export(fitted, staging)
        manifest = {"system": system.name, "labels": list(system.labels), "features": system.features.as_dict()}
        unheard = sorted({mark(recording.placed.speaker) for recording in test})
        seal(staging, {**manifest, "uncertain_below": 0.0, "unheard": unheard, "metrics": {}})
        staging.replace(folder)
    return folder


def _cost(bundle: Path, test: list[Recording]) -> Figures:
    """Size, and the median milliseconds of a core for a clip through the Predictor, decoded already."""
    predictor = Predictor.load(bundle)
    predictor.warm_up()
    times = []
    for samples in [load_audio(recording.path) for recording in test[:: 1 + len(test) // 60]]:
        begun = time.process_time()
        predictor.predict(samples)
        times.append(time.process_time() - begun)
    milliseconds = round(1000 * float(np.median(times)), 1)
    files = [bundle / ONNX, *([ENCODER] if predictor.settings.encoded else [])]
    return {"megabytes": round(sum(file.stat().st_size for file in files) / 1e6, 2), "milliseconds": milliseconds}


def _shipped(options: argparse.Namespace) -> None:
    """The yardstick on the very speakers that the bundle in models/ was tested on."""
    entry = options.results / "shipped-functionals-svm.json"
    if not entry.exists():
        system = adapt(SYSTEMS["functionals-svm"], "six")
        recordings = scan(options.data, system.labels, without=set(CORPORA) - set(system.corpora))
        parts = split_speakers(recordings, assign_folds(recordings, train.FOLDS), test=0, validation=1)
        known, chosen, test = (
            system.load(part, variants=0, cache=options.cache, jobs=options.jobs)
            for part in (parts.train + parts.validation, parts.validation, parts.test)
        )
        fitted, seconds = _fit(system, known[0], chosen[0], 0, options.results / "shipped", options)
        named = {"protocol": "shipped", "system": system.name, "fold": "0", "seed": 0, "voice": "0"}
        _keep(entry, named | _figures(fitted.probabilities(test[0].variants[0]), test, system) | {"seconds": seconds})


def _keep(path: Path, entry: Figures) -> None:
    """Writes a finished entry whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(entry))
    part.replace(path)


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("systems", nargs="*", default=list(SYSTEMS), help="what to measure, of `train.py --list` (default: all)")
    add("--protocol", nargs="+", choices=PROTOCOLS, help="default: own, and ravdess-8 or six")
    add("--folds", nargs="+", help="which folds (default: all)")
    add("--seeds", type=int, nargs="+", default=[0], help="of folds, weights and order (default: 0)")
    add(
        "--voice", nargs="+", choices=VOICES, default=["0"], help="other clips of a speaker that are known (default: 0)"
    )
    add("--epochs", type=int, default=100, help="at most so many for each network (default: 100)")
    add("--weights", type=Path, help="pretrained weights for a system that can start from them")
    add("--data", type=Path, default=Path("data"), help="folder that the organize_*.py programs fill")
    add("--results", type=Path, default=Path("runs/accuracy"), help="folder for finished folds and checkpoints")
    add("--cache", type=Path, default=Path("cache"), help="folder for computed features")
    add("--jobs", type=int, default=-1, help="processes that compute features")
    add("--page", action="store_true", help="measure nothing, only write the page and the plot")
    options = parser.parse_args(argv)
    if unknown := set(options.systems) - set(SYSTEMS):
        parser.error(f"there is no system {', '.join(sorted(unknown))}: `python train.py --list` names them")
    return options


if __name__ == "__main__":
    sys.exit(main())
