"""Who speaks: how often people whom the model never heard are told apart, within each corpus.

python benchmarks/speakers.py [--models models/] [--data data/] [--cache cache/]      prints what personal.py writes

Only clips of one corpus are set against each other: across corpora, the microphone would give people away.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from numpy.typing import NDArray

from utils.errors import VoiceError
from utils.speaker_fit import Trials, compare
from utils.speakers import KNOWN_FROM, Speakers
from utils.voice_profile import VoiceProfile

TAUGHT = {"3 s": 1, "10 s": 4, "30 s": 11}  # clips, of about 2.7 s each
ROUNDS = 1000
CIRCLE = 3  # voices that one visitor has taught
CIRCLES = 100  # drawn in each corpus
CREMA_D_WOMEN = {
    2, 3, 4, 6, 7, 8, 9, 10, 12, 13, 18, 20, 21, 24, 25, 28, 29, 30, 37, 43, 46, 47, 49, 52, 53, 54, 55, 56, 58, 60,
    61, 63, 72, 73, 74, 75, 76, 78, 79, 82, 84, 89, 91,
}  # fmt: skip
"""Of 1001 to 1091, as its VideoDemographics.csv says."""
NEMO_WOMEN = {"EB0", "KD0", "MK0", "IC0"}
"""As its data.tsv says."""
Floats = NDArray[np.float32]


def is_woman(speaker: str) -> bool:
    """What the corpora say of "corpus person"; in RAVDESS and BanglaSER even numbers are women."""
    corpus, _, number = speaker.partition(" ")[2].rpartition("-")
    if corpus == "crema_d":
        return int(number) - 1000 in CREMA_D_WOMEN
    return number in NEMO_WOMEN if corpus == "nemo" else int(number) % 2 == 0


def interval(trials: Trials) -> tuple[float, float]:
    """95% interval of the equal error rate if other people had taught their voices: whole people are resampled."""
    names, which = np.unique(trials.taught, return_inverse=True)
    of = [np.flatnonzero(which == each) for each in range(len(names))]
    rng = np.random.default_rng(0)
    drawn = (rng.integers(0, len(of), len(of)) for _ in range(ROUNDS))
    low, high = np.percentile(
        [trials.of(np.concatenate([of[i] for i in each])).equal_error()[0] for each in drawn], [2.5, 97.5]
    )
    return float(low), float(high)


def row(name: str, found: Speakers, summaries: Floats, speakers: NDArray[np.str_], clips: int) -> str:
    """A line of the table: everybody, strangers of one's own sex only, each corpus."""
    trials = compare(found, summaries, speakers, clips)
    low, high = interval(trials)
    alike = trials.of(
        trials.same
        | np.array([is_woman(one) == is_woman(other) for one, other in zip(trials.taught, trials.tested, strict=True)])
    )
    corpora = np.array([taught.partition(" ")[0] for taught in trials.taught])
    shares = [trials.equal_error()[0], alike.equal_error()[0]]
    shares += [trials.of(corpora == corpus).equal_error()[0] for corpus in corpora_of(speakers)]
    first, *others = [f"{share:.1%}" for share in shares]
    return f"| {name} | {len(np.unique(trials.taught))} | {first} ({low:.1%} – {high:.1%}) | {' | '.join(others)} |"


def corpora_of(speakers: NDArray[np.str_]) -> list[str]:
    """In the order of the table."""
    return sorted({str(speaker).partition(" ")[0] for speaker in speakers})


def circles(found: Speakers, summaries: Floats, speakers: NDArray[np.str_]) -> tuple[float, float, float]:
    """With `CIRCLE` voices taught by 10 s: shares of their clips named right, named wrong, of strangers' named."""
    right, wrong, strangers = [], [], []
    for corpus in corpora_of(speakers):
        own = np.array([speaker.startswith(f"{corpus} ") for speaker in speakers])
        people = [each for each in np.unique(speakers[own]) if np.sum(speakers == each) > TAUGHT["10 s"]]
        for draw in range(CIRCLES if len(people) >= CIRCLE else 0):
            rng = np.random.default_rng(draw)
            taught = {
                str(name): rng.choice(np.flatnonzero(speakers == name), TAUGHT["10 s"], replace=False)
                for name in rng.choice(people, CIRCLE, replace=False)
            }
            voices = {name: VoiceProfile.of(summaries[clips], "mixed") for name, clips in taught.items()}
            left = np.setdiff1d(np.flatnonzero(own), np.concatenate(list(taught.values())))
            for clip in rng.permutation(left)[:50]:
                who = found.who(summaries[clip], voices)
                name = who.name if who else None
                if speakers[clip] in taught:
                    right.append(name == speakers[clip])
                    wrong.append(name not in (None, speakers[clip]))
                else:
                    strangers.append(name is not None)
    return float(np.mean(right)), float(np.mean(wrong)), float(np.mean(strangers))


def cost(found: Speakers, summary: Floats) -> float:
    """Milliseconds to say who speaks among `CIRCLE` voices; a median."""
    voices = {str(number): VoiceProfile("mixed", 1, summary + number) for number in range(CIRCLE)}
    times = []
    for _ in range(300):
        start = time.perf_counter()
        found.who(summary, voices)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def section(found: Speakers, clips: Sequence[tuple[str, Floats]]) -> str:
    """What docs/personal.md says of it; `clips` are people ("corpus person") and their summaries."""
    speakers = np.repeat([name for name, _ in clips], [len(several) for _, several in clips])
    summaries = np.concatenate([several for _, several in clips])
    corpora = corpora_of(speakers)
    table = "\n".join(row(name, found, summaries, speakers, count) for name, count in TAUGHT.items())
    right, wrong, strangers = circles(found, summaries, speakers)
    return f"""## Who speaks

Equal error rates: the share of clips (of about 3 s) taken for somebody else's where as many of strangers are taken for
the person's. Strangers are of the same corpus: across corpora, the microphone would give people away. Clips that taught
are of whatever moods, and so are those that are tested. The interval is what other people might have given (bootstrap
over those who taught their voices).

| taught with | people | all, pooled (95%) | strangers of the same sex | {" | ".join(corpora)} |
|---|---|---|---|{"---|" * len(corpora)}
{table}

Where a visitor has taught {CIRCLE} voices of one corpus with 10 s each, {right:.0%} of these people's clips were given
the right name and {wrong:.0%} another's; the others were said to be nobody known. So were {1 - strangers:.0%} of the
clips of strangers. A name is said from a probability of {KNOWN_FROM:.0%} on; what makes a score a probability was
learnt on validation speakers.

It adds {cost(found, summaries[0]):.2f} ms to an answer.
"""


def main() -> int:
    """Measures and prints; 1 where there is no model that tells voices apart, or no data."""
    from benchmarks.personal import speakers  # which writes it all
    from utils.predictor import Predictor

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    for name in ("models", "data", "cache"):
        parser.add_argument(f"--{name}", type=Path, default=Path(name))
    options = parser.parse_args()
    try:
        predictor = Predictor.load(options.models)
        people = [(speaker.name, speaker.summaries) for speaker in speakers(options.data, options.cache)]
    except VoiceError as error:
        print(error, file=sys.stderr)
        return 1
    if predictor.speakers is None:
        print("This model doesn't tell voices apart.", file=sys.stderr)
        return 1
    print(section(predictor.speakers, people))
    return 0


if __name__ == "__main__":
    sys.exit(main())
