"""Training door: data/ -> features -> fit -> evaluate on unseen speakers -> models/.

python train.py                     trains the default system on data/ and replaces models/, if it hears no worse
python train.py --rollback          brings back the bundle that was replaced last
python train.py --list              names the systems
python train.py --epochs 2          a quick look
"""

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's chatter is no news to anyone

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from utils import champion, image_networks, networks, sequence_networks
from utils.corpora import CORPORA, CORRECTIONS
from utils.dataset_loader import (
    Clips,
    Recording,
    Split,
    assign_folds,
    on_cluster,
    scan,
    split_speakers,
)
from utils.errors import BundleError, DataError, VoiceError
from utils.evaluation import answer_threshold, plot_confusion, plot_history, plot_reliability
from utils.model_bundle import CARD, MANIFEST, SPEAKERS, mark, seal
from utils.model_card import describe, measure, model_card
from utils.predictor import Predictor
from utils.summary import summarize
from utils.systems import DEFAULT_SYSTEM, SYSTEMS, System

if TYPE_CHECKING:
    from utils import classical, training
    from utils.training import Epoch

    Fitted = training.Fitted | classical.Fitted

RIGHT_WHEN_SURE = 0.85  # with the validation speakers; 0.8 is promised, and strangers in five folds had 0.82
SPEECH_ABOVE = 0.2  # of 1: fewer than one in a thousand clips of corpora that the gate never heard lie below
FOLDS = 8  # of speakers: one to test on, one to choose the epoch by, six to train on


def main(argv: Sequence[str] | None = None) -> int:
    """Trains what the arguments ask for; the exit code: 0 done, 1 impossible, 2 wrong usage, 130 interrupted."""
    options = _parser().parse_args(argv)
    console = Console()
    errors = Console(stderr=True, soft_wrap=True)
    if options.list:
        for system in SYSTEMS.values():
            console.print(f"{system.name:24} {system.about}", highlight=False, soft_wrap=True)
        return 0
    try:
        if options.rollback:
            version = champion.rollback(options.models)
            console.print(f"{options.models} holds version {version} again.", highlight=False, soft_wrap=True)
        else:
            train(SYSTEMS[options.system], options, console)
    except VoiceError as error:
        errors.print(str(error), highlight=False, markup=False)
        return 1
    except ModuleNotFoundError as error:
        errors.print(
            f"Training needs {error.name}, which serving doesn't: run `make setup`, or install requirements.txt.",
            highlight=False,
            markup=False,
        )
        return 1
    except OSError as error:
        errors.print(
            f"{error.strerror}: {error.filename}; {options.models} is as it was.", highlight=False, markup=False
        )
        return 1
    except KeyboardInterrupt:
        errors.print(f"Stopped; {options.models} is as it was, and the same command goes on from here.", markup=False)
        return 130
    return 0


def train(system: System, options: argparse.Namespace, console: Console) -> None:
    """From recordings to a bundle, step by step; `options.models` is replaced at the very end or not at all."""
    if options.dask:  # its workers are in folders of their own
        options.data, options.cache = options.data.resolve(), options.cache.resolve()

    # 1. Recordings; some speakers are kept for choosing and testing and never trained on.
    recordings = scan(options.data, system.labels, without=set(CORPORA) - {*system.corpora, *system.extra_corpora})
    split = split_speakers(recordings, assign_folds(recordings, FOLDS, options.seed), test=0, validation=1)
    split = _judged_without(split, (*system.extra_corpora, CORRECTIONS))
    common = _to_compare(system, split, options)

    # 2. Features: each recording as it is, and random variants of those that are trained on.
    with _corrected(system, options) as corrected, _progress(console) as progress, on_cluster(options.dask):
        split.train.extend(corrected)
        if options.with_corrections and not corrected:
            console.print("No corrected clip whose visitor allows training is there: none is added.", highlight=False)
        console.print(describe(split), highlight=False, markup=False)
        where = {"cache": options.cache, "jobs": options.jobs}
        bars = _variant_bars(progress, "training")
        variants = system.variants if options.variants is None else options.variants
        train_clips, trained = system.load(split.train, variants=variants, progress=bars, **where)
        bars, in_the_end = _variant_bars(progress, "validation"), bool(system.members) and not system.chooses_epochs
        validation_clips, validated = system.load(
            split.validation, variants=variants if in_the_end else 0, progress=bars, **where
        )

    # 3. Fit. The validation speakers choose epochs, or only calibrate; in that case they train, too, in the end.
    trainer = trainer_of(system)  # may bring Keras in: everything above answers at once
    if any(member.pretrained for member in system.members) and not options.weights:
        console.print("Training from scratch: --weights names no file of pretrained weights.", highlight=False)
    run = options.runs / f"{system.name}-{_fingerprint(split, options)}"
    with _progress(console) as progress:
        how = {"epochs": options.epochs, "seed": options.seed}
        if system.elsewhere:
            bar = _bar(progress, "networks without one of the corpora")
            how["leaning"] = trainer.fit_leaning(system, train_clips, folder=run, progress=bar, **how)
        how["weights"] = options.weights
        watch = _epoch_bars(progress, system, len(trained), options.epochs)
        fitted = trainer.fit(system, train_clips, validation_clips, folder=run, watch=watch, **how)
        threshold = answer_threshold(
            fitted.probabilities(validation_clips.variants[0]),
            validation_clips.truth,
            right=RIGHT_WHEN_SURE,
            weights=validation_clips.corpora_alike(),
        )
        if in_the_end and fitted.complete:
            everyone = train_clips.joined(validation_clips, system.weigh(trained + validated))
            watch = _epoch_bars(progress, system, len(everyone.truth), options.epochs, "all speakers, ")
            with suppress(KeyboardInterrupt):
                again = trainer.fit(
                    system, everyone, None, folder=run / "all", watch=watch, temperatures=fitted.temperatures, **how
                )
                if again.complete:  # with the history that somebody validated
                    fitted = replace(again, histories=fitted.histories)
                    split = Split(split.train + split.validation, [], split.test)

    # 4. Write the bundle, measure it on the test speakers through the Predictor that serves, and swap it in.
    if _replace(system, fitted, threshold, train_clips, validation_clips, split, common, options, console):
        shutil.rmtree(run, ignore_errors=True)


def _replace(
    system: System,
    fitted: "Fitted",
    threshold: float,
    clips: Clips,
    validation: Clips,
    split: Split,
    common: list[Recording],
    options: argparse.Namespace,
    console: Console,
) -> bool:
    """Puts the new bundle in the place of `options.models`, unless it is worse on the `common` recordings."""
    options.models.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{options.models.name}.", dir=options.models.parent))
    try:
        trainer_of(system).export(fitted, staging)
        _write_speakers(system, clips, validation, staging)
        _write_report(system, fitted, threshold, split, staging, console)
        staging.chmod(0o755)
        wins = not common or _wins(staging, options.models, common, console)
        if wins:
            champion.promote(staging, options.models)
        return wins
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write_speakers(system: System, clips: Clips, validation: Clips, folder: Path) -> None:
    """Puts into `folder` what tells voices apart, for systems that know voices, where there are enough people."""
    if not any("voice" in member.hears for member in system.members):
        return
    from utils.speaker_fit import fit_speakers

    variants = [summarize(variant) for variant in clips.variants]
    found = fit_speakers(variants, clips.speakers, summarize(validation.variants[0]), validation.speakers)
    if found:
        (folder / SPEAKERS).write_bytes(found.to_bytes())


def _write_report(
    system: System,
    fitted: "Fitted",
    threshold: float,
    split: Split,
    folder: Path,
    console: Console,
) -> None:
    """Seals the exported files in `folder`, measures them on the test speakers, adds plots, card and figures."""
    manifest = {
        "system": system.name,
        "labels": list(system.labels),
        "features": system.features.as_dict(),
        "uncertain_below": threshold,
        "speech_above": SPEECH_ABOVE if system.gate else 0.0,
        "temperature": fitted.temperature,
        "unheard": sorted({mark(recording.placed.speaker) for recording in split.test}),
    }
    seal(folder, {**manifest, "metrics": {}})
    with _progress(console) as progress:
        measured = measure(Predictor.load(folder), split.test, _bar(progress, "test speakers"))
    plot_confusion(measured.report, "Speakers never heard in training", folder / "confusion_matrix.png")
    plot_reliability(measured.probabilities, measured.truth, folder / "reliability.png")
    if fitted.histories:
        plot_history(fitted.histories[0], folder / "training_history.png")
    (folder / CARD).write_text(model_card(system, measured, split), encoding="utf-8")
    seal(folder, {**manifest, "metrics": measured.as_dict()})
    low, high = measured.interval
    console.print(
        f"On {measured.speakers} speakers never heard: UAR {measured.report.uar:.1%} ({low:.1%} to {high:.1%})"
    )


def _corrected(system: System, options: argparse.Namespace) -> AbstractContextManager[list[Recording]]:
    """The clips that --with-corrections asks for."""
    if options.with_corrections is None:
        return nullcontext([])
    from utils.corrected import corrected_recordings  # with the history's database: other trainings don't need it

    if options.dask:
        raise DataError("Corrected clips are sent to no other machine: leave --dask out.")
    places = (os.environ.get(name) or None for name in ("DATABASE_URL", "CLIPS_URL"))
    return corrected_recordings(options.with_corrections, system.labels, *places)


def _to_compare(system: System, split: Split, options: argparse.Namespace) -> list[Recording]:
    """What the new bundle and the one in place are compared on; nothing where they needn't be.

    Raises:
        DataError: they can't be compared, which nobody should learn after hours of training.
    """
    if options.replace == "always" or not (options.models / MANIFEST).exists():
        return []
    try:
        return champion.unheard_by_both(options.models, system.labels, split.test)
    except BundleError:  # one that can't answer has nothing to defend
        return []


def _wins(staging: Path, models: Path, common: list[Recording], console: Console) -> bool:
    """Compares the bundle in `staging` with the one in `models`, and says how."""
    console.print(f"Compared with {models} on speakers whom neither was trained on:", highlight=False)
    with _progress(console) as progress:
        duel = champion.compare(
            Predictor.load(models), Predictor.load(staging), common, _bar(progress, "both, on test speakers")
        )
    console.print(duel.table(), highlight=False, markup=False, soft_wrap=True)
    if not duel.not_worse:
        console.print(
            f"{models} stays as it was: the new one is worse. The same command with --replace always puts it in, "
            "without training again.",
            highlight=False,
            soft_wrap=True,
        )
    return duel.not_worse


def trainer_of(system: System) -> ModuleType:
    """What fits and exports a system: training.py, or classical.py, which needs no Keras."""
    with _stderr_closed():
        return import_module("utils.classical" if system.estimator else "utils.training")


@contextmanager
def _stderr_closed() -> Iterator[None]:
    """Leaves out what TensorFlow's C++ says while it is imported: none of its settings silences that."""
    sys.stderr.flush()
    before, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(before, 2)
        os.close(before)
        os.close(nowhere)


def _judged_without(split: Split, extra: Sequence[str]) -> Split:
    """The split with the `extra` corpora in training only.

    Raises:
        DataError: there are too few speakers to choose and to test by.
    """
    validation, test = ([r for r in part if r.placed.corpus not in extra] for part in (split.validation, split.test))
    if not (split.train and validation and test):
        raise DataError(
            f"Recordings of at least {FOLDS} known speakers are needed, to train, choose and test on different people: "
            "add a corpus, or name files corpus__speaker__name.wav."
        )
    return Split(split.train, validation, test)


def _fingerprint(split: Split, options: argparse.Namespace) -> str:
    """Changes with whatever would make an interrupted run another run."""
    names = [f"{recording.label}/{recording.path.name}" for recording in split.train]
    code = [Path(str(module.__file__)).read_bytes() for module in (networks, sequence_networks, image_networks)]
    return hashlib.sha256(repr((names, options.seed, options.variants, code)).encode()).hexdigest()[:12]


def _progress(console: Console) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(TextColumn("{task.description}"), *columns, console=console)


def _bar(progress: Progress, description: str) -> Callable[[int, int], None]:
    task = progress.add_task(description, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def _variant_bars(progress: Progress, purpose: str) -> Callable[[int], Callable[[int, int], None]]:
    return lambda variant: _bar(progress, f"features, {purpose}" + (f", variant {variant}" if variant else ""))


def _epoch_bars(
    progress: Progress, system: System, clips: int, epochs: int, who: str = ""
) -> Callable[[int, "Epoch"], None]:
    names = [f"{who}network {number} of {len(system.members)}" for number, _ in enumerate(system.members, 1)]
    bars = [
        progress.add_task(name, total=member.epochs_for(clips, epochs))
        for name, member in zip(names, system.members, strict=True)
    ]

    def watch(member: int, epoch: "Epoch") -> None:
        validated = f", validation UAR {epoch['val_uar']:.1%}" if "val_uar" in epoch else ""
        progress.update(bars[member], advance=1, description=f"{names[member]}: loss {epoch['loss']:.3f}{validated}")

    return watch


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add(
        "--data",
        type=Path,
        default=Path("data"),
        help="folder that the organize_*.py programs fill (default: data/)",
    )
    add("--models", type=Path, default=Path("models"), help="bundle to replace (default: models/)")
    add("--system", choices=SYSTEMS, default=DEFAULT_SYSTEM, help=f"what to train (default: {DEFAULT_SYSTEM})")
    add("--epochs", type=_positive, default=100, help="at most so many (default: 100)")
    add("--seed", type=int, default=0, help="of speakers' split, weights and order (default: 0)")
    add("--variants", type=int, help="random variants made of each recording (default: as the system declares)")
    add("--weights", type=Path, help="pretrained weights for a system that can start from them (resnet18)")
    add("--jobs", type=int, default=-1, help="processes that compute features (default: one for each core)")
    add("--dask", metavar="ADDRESS", help="have a Dask cluster compute them: its scheduler, tcp://host:8786")
    add("--cache", type=Path, default=Path("cache"), help="folder for computed features (default: cache/)")
    add(
        "--runs",
        type=Path,
        default=Path("runs"),
        help="folder for checkpoints, to go on from (default: runs/)",
    )
    add(
        "--with-corrections",
        type=Path,
        metavar="INSTANCE",
        help="also train on the clips of this history that visitors corrected and let train",
    )
    add(
        "--replace",
        choices=("if-better", "always"),
        default="if-better",
        help="if-better: only if the new bundle hears speakers whom neither knows no worse (default: if-better)",
    )
    add("--rollback", action="store_true", help="bring back the bundle that was replaced last, and stop")
    add("--list", action="store_true", help="name the systems and stop")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
