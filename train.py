"""Training door: data/ -> features -> fit -> evaluate on unseen speakers -> models/.

python train.py                     trains the default system on data/ and replaces models/
python train.py --list              names the systems
python train.py --epochs 2          a quick look
"""

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's start-up chatter is no news to anyone

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from utils import networks
from utils.corpora import CORPORA
from utils.dataset_loader import (
    Clips,
    Split,
    assign_folds,
    load_clips,
    scan,
    split_speakers,
)
from utils.errors import DataError, VoiceError
from utils.evaluation import answer_threshold, plot_confusion, plot_history, plot_reliability
from utils.features import FeatureSettings
from utils.model_bundle import CARD, replace_folder, seal
from utils.model_card import describe, measure, model_card
from utils.networks import DEFAULT_SYSTEM, SYSTEMS, System
from utils.predictor import Predictor

if TYPE_CHECKING:
    from utils.training import Epoch, Fitted

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
    settings = FeatureSettings()

    # 1. Recordings; some speakers are kept for choosing and testing and never trained on.
    recordings = scan(options.data, system.labels, without=set(CORPORA) - {*system.corpora, *system.extra_corpora})
    split = split_speakers(recordings, assign_folds(recordings, FOLDS, options.seed), test=0, validation=1)
    split = _judged_without(split, system.extra_corpora)
    console.print(describe(split), highlight=False, markup=False)

    # 2. Features: each recording as it is, and random variants of those that are trained on.
    with _progress(console) as progress:
        where = {"cache": options.cache, "jobs": options.jobs}
        bars = _variant_bars(progress, "training")
        train_clips, _ = load_clips(
            split.train, system.labels, settings, variants=options.variants, progress=bars, **where
        )
        bars = _variant_bars(progress, "validation")
        validation_clips, _ = load_clips(split.validation, system.labels, settings, variants=0, progress=bars, **where)

    # 3. Fit; the best epoch on the validation speakers is kept.
    from utils import training  # brings Keras in: everything above answers at once

    run = options.runs / f"{system.name}-{_fingerprint(split, options)}"
    with _progress(console) as progress:
        watch = _epoch_bars(progress, len(system.members), options.epochs)
        fitted = training.fit(
            system,
            train_clips,
            validation_clips,
            epochs=options.epochs,
            seed=options.seed,
            folder=run,
            watch=watch,
        )

    # 4. Write the bundle, measure it on the test speakers through the Predictor that serves, and swap it in.
    options.models.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{options.models.name}.", dir=options.models.parent))
    try:
        training.export(fitted, staging)
        _write_report(system, settings, fitted, validation_clips, split, staging, console)
        staging.chmod(0o755)
        replace_folder(staging, options.models)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    shutil.rmtree(run, ignore_errors=True)


def _write_report(
    system: System,
    settings: FeatureSettings,
    fitted: "Fitted",
    validation: Clips,
    split: Split,
    folder: Path,
    console: Console,
) -> None:
    """Seals the exported files in `folder`, measures them on the test speakers, adds plots, card and figures."""
    from utils.training import normalize

    known = fitted.network.predict(normalize(validation.variants[0], fitted.scaler), batch_size=256, verbose=0)
    manifest = {
        "system": system.name,
        "labels": list(system.labels),
        "features": settings.as_dict(),
        "uncertain_below": answer_threshold(known, validation.truth),
        "temperature": fitted.temperature,
    }
    seal(folder, {**manifest, "metrics": {}})
    with _progress(console) as progress:
        measured = measure(Predictor.load(folder), split.test, _bar(progress, "test speakers"))
    plot_confusion(measured.report, "Speakers never heard in training", folder / "confusion_matrix.png")
    plot_reliability(measured.probabilities, measured.truth, folder / "reliability.png")
    plot_history(fitted.histories[0], folder / "training_history.png")
    (folder / CARD).write_text(model_card(system, measured, split), encoding="utf-8")
    seal(folder, {**manifest, "metrics": measured.as_dict()})
    low, high = measured.interval
    console.print(
        f"On {measured.speakers} speakers never heard: UAR {measured.report.uar:.1%} ({low:.1%} to {high:.1%})"
    )


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
    names = [str(recording.path.name) for recording in split.train]
    code = Path(str(networks.__file__)).read_bytes()
    return hashlib.sha256(repr((names, options.seed, options.variants, code)).encode()).hexdigest()[:12]


def _progress(console: Console) -> Progress:
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    return Progress(TextColumn("{task.description}"), *columns, console=console)


def _bar(progress: Progress, description: str) -> Callable[[int, int], None]:
    task = progress.add_task(description, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


def _variant_bars(progress: Progress, purpose: str) -> Callable[[int], Callable[[int, int], None]]:
    return lambda variant: _bar(progress, f"features, {purpose}" + (f", variant {variant}" if variant else ""))


def _epoch_bars(progress: Progress, members: int, epochs: int) -> Callable[[int, "Epoch"], None]:
    bars = [progress.add_task(f"network {i + 1} of {members}", total=epochs) for i in range(members)]

    def watch(member: int, epoch: "Epoch") -> None:
        figures = f"loss {epoch['loss']:.3f}, validation UAR {epoch['val_uar']:.1%}"
        progress.update(bars[member], advance=1, description=f"network {member + 1} of {members}: {figures}")

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
    add("--variants", type=_positive, default=3, help="random variants made of each recording (default: 3)")
    add("--jobs", type=int, default=-1, help="processes that compute features (default: one for each core)")
    add("--cache", type=Path, default=Path("cache"), help="folder for computed features (default: cache/)")
    add(
        "--runs",
        type=Path,
        default=Path("runs"),
        help="folder for checkpoints, to go on from (default: runs/)",
    )
    add("--list", action="store_true", help="name the systems and stop")
    return parser


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
