"""What is usual for a voice that nobody taught: what explanations set a clip against.

python benchmarks/usual_voice.py [--data data/] [--cache cache/]      writes utils/usual.json

Mean and deviation, over the clips of the speakers that the default system is trained on (seed 0), of each feature's
mean over a clip. No answer depends on it, only the reasons that are named for one.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from train import FOLDS
from utils.corpora import CORPORA
from utils.dataset_loader import assign_folds, load_features, scan, split_speakers
from utils.errors import VoiceError
from utils.explanation import USUAL
from utils.features import FeatureSettings
from utils.systems import DEFAULT_SYSTEM, SYSTEMS


def usual(data: Path, cache: Path) -> dict[str, list[float]]:
    """Mean and deviation of each feature, to four digits.

    Raises:
        DataError: there are no recordings.
    """
    system = SYSTEMS[DEFAULT_SYSTEM]
    recordings = scan(data, system.labels, without=set(CORPORA) - {*system.corpora, *system.extra_corpora})
    trained = split_speakers(recordings, assign_folds(recordings, FOLDS, 0), test=0, validation=1).train
    clips = load_features(trained, FeatureSettings(), cache=cache).arrays
    means = np.array([clip.mean(axis=0, dtype=np.float64) for clip in clips])
    figures = {"mean": means.mean(axis=0), "deviation": means.std(axis=0)}
    return {name: [float(f"{value:.4g}") for value in values] for name, values in figures.items()}


def main() -> int:
    """Writes the file; 1 where there is no data."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--cache", type=Path, default=Path("cache"))
    options = parser.parse_args()
    try:
        content = usual(options.data, options.cache)
    except VoiceError as error:
        print(error, file=sys.stderr)
        return 1
    USUAL.write_text(json.dumps(content) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
