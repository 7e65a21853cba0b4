"""Whether explanations are true: is an answer less sure without the moment that is said to have weighed most?

python benchmarks/explanations.py [--models models/] [--data data/] [--clips 300]     writes docs/explanations.md, .png

Each clip of speakers never heard in training is explained; then its sound is silenced in the tenth that weighed most,
and in a random tenth, and heard again. The test is paired: the signs of the differences are flipped at random.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from benchmarks.protocols import unheard
from utils.audio_preprocessing import find_voice, fit_clip
from utils.dataset_loader import Recording
from utils.decoding import SAMPLE_RATE, Samples, load_audio
from utils.errors import AudioError, VoiceError
from utils.explanation import SIDES, Feature, as_usual, explain
from utils.features import FeatureSettings, extract_features
from utils.predictor import Predictor

Floats = NDArray[np.float32]
DOCS = Path(__file__).resolve().parents[1] / "docs"
FLIPS = 10_000


def recordings(models: Path, data: Path, count: int) -> list[Recording]:
    """Some of the speakers whom the bundle never heard, spread over all of them."""
    tested = unheard(models, data)
    chosen = np.random.default_rng(0).permutation(len(tested))[:count]
    return [tested[i] for i in sorted(chosen)]


def falls(predictor: Predictor, clip: Samples, rng: np.random.Generator) -> tuple[float, float] | None:
    """By how much the answer's probability falls without the weightiest tenth, and without a random one."""
    prediction = predictor.predict(clip)
    if prediction.emotion is None:
        return None
    parts = explain(predictor, clip, prediction).parts
    most = max(range(len(parts)), key=lambda i: parts[i].weight)
    silenced = []
    for number in (most, int(rng.integers(len(parts)))):
        quiet = clip.copy()
        quiet[round(parts[number].start * SAMPLE_RATE) : round(parts[number].end * SAMPLE_RATE)] = 0
        silenced.append(extract_features(quiet, predictor.settings))
    chances = predictor.hear(np.stack(silenced)).probabilities[:, predictor.labels.index(prediction.emotion)]
    return prediction.confidence - float(chances[0]), prediction.confidence - float(chances[1])


def paired_test(differences: NDArray[np.float64]) -> float:
    """How probable a mean difference at least as large is, were the signs chance; one-sided."""
    signs = np.random.default_rng(0).choice((-1, 1), (FLIPS, len(differences)))
    return float((1 + ((signs * differences).mean(axis=1) >= differences.mean()).sum()) / (FLIPS + 1))


def importance(predictor: Predictor, clips: Sequence[Samples], truth: Sequence[str]) -> dict[str, float]:
    """UAR that is lost where the sound of every clip has one side of the voice as usual, in points."""
    labels = np.array([predictor.labels.index(label) for label in truth])

    def uar(changed: list[Floats]) -> float:
        blocks = [np.stack(changed[i : i + 32]) for i in range(0, len(changed), 32)]
        right = np.concatenate([predictor.hear(block).probabilities.argmax(axis=1) for block in blocks]) == labels
        return 100 * float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))

    def without(side: Feature) -> list[Floats]:
        heard = zip(clips, sides, strict=True)
        return [extract_features(as_usual(clip, one, side, None), predictor.settings) for clip, one in heard]

    sides = [extract_features(clip, FeatureSettings()) for clip in clips]
    whole = uar([extract_features(clip, predictor.settings) for clip in clips])
    return {side: whole - uar(without(side)) for side in SIDES}


def plot(lost: dict[str, float], path: Path) -> None:
    """Bars, the most important side on top."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    order = sorted(lost, key=lost.__getitem__)
    bars = axes.barh(order, [lost[side] for side in order], color="#b4532a")
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set_xlabel("UAR lost where it is made as usual in every clip, points")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def page(predictor: Predictor, measured: NDArray[np.float64], chance: float, lost: dict[str, float]) -> str:
    """docs/explanations.md."""
    weightiest, random = measured.mean(axis=0)
    sides = "\n".join(f"| {side} | {lost[side]:.1f} |" for side in sorted(lost, key=lambda one: -lost[one]))
    return f"""# Whether explanations are true

<!-- Written by benchmarks/explanations.py: run it again instead of changing this. -->

{predictor.model}, {len(measured)} clips of speakers that it was never trained on. The answer's probability falls by
**{weightiest:.3f}** where the tenth that weighed most is silenced in the sound, and by **{random:.3f}** where a
random tenth is (mean difference {weightiest - random:.3f}, more for
{np.mean(measured[:, 0] > measured[:, 1]):.0%} of the clips; paired sign-flip test, {FLIPS:,} flips: p = {chance:.4f}).

## What it goes by

![UAR lost where one side of the voice is made as usual](explanations.png)

| side of the voice | UAR lost where it is made as usual in every clip, points |
|---|---|
{sides}
"""


def main() -> int:
    """Measures, prints and writes; 1 where there is no model or no data."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--clips", type=int, default=300)
    options = parser.parse_args()
    rng, measured, clips, truth = np.random.default_rng(0), [], [], []
    try:
        predictor = Predictor.load(options.models)
        for one in recordings(options.models, options.data, options.clips + options.clips // 5):
            try:
                samples = load_audio(one.path)
            except AudioError:
                continue
            clip, _ = fit_clip(samples, find_voice(samples))
            found = falls(predictor, clip, rng)
            if found and len(measured) < options.clips:
                measured.append(found)
                clips.append(clip)
                truth.append(one.label)
    except VoiceError as error:
        print(error, file=sys.stderr)
        return 1
    both = np.array(measured)
    lost = importance(predictor, clips, truth)
    plot(lost, DOCS / "explanations.png")
    text = page(predictor, both, paired_test(both[:, 0] - both[:, 1]), lost)
    (DOCS / "explanations.md").write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
