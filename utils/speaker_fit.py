"""Training only: learns to tell people apart from the summaries of clips in which it is known who speaks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from utils.corpora import CORRECTIONS
from utils.speakers import FARTHEST, Speakers, unit

Floats = NDArray[np.float32]
AXES = 80  # at most: not quite as many as people can span
SHRINKAGE = 0.2  # towards summaries whose numbers are independent: there are few clips for 1,280 of them
CLIPS = 40  # of one person count in full
ROOMS = 0.1  # how much it counts what rooms, microphones and other sizes of a mouth change in a clip
MICROPHONES = 3.0  # how much it counts where corpora lie
TAUGHT = 4  # clips of about 3 s: voices are mostly taught with four or five sentences
TESTED = 40  # clips of one person at most
DRAWS = 5


@dataclass(frozen=True)
class Trials:
    """Taught voices against clips: scores, and who taught and who is tested, as "corpus person"; (n,)."""

    scores: Floats
    taught: NDArray[np.str_]
    tested: NDArray[np.str_]

    @property
    def same(self) -> NDArray[np.bool_]:
        """Whether they are one person."""
        same: NDArray[np.bool_] = self.taught == self.tested
        return same

    def of(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> "Trials":
        """Some of them."""
        return Trials(self.scores[chosen], self.taught[chosen], self.tested[chosen])

    def equal_error(self) -> tuple[float, float]:
        """The share of errors where strangers are taken for the person as often as not the person; and that score."""
        order = np.argsort(-self.scores, kind="stable")
        missed = 1 - np.cumsum(self.same[order]) / max(self.same.sum(), 1)
        taken = np.cumsum(~self.same[order]) / max((~self.same).sum(), 1)
        equal = int(np.abs(missed - taken).argmin())
        return float(missed[equal] + taken[equal]) / 2, float(self.scores[order][equal])


def fit_speakers(
    variants: Sequence[Floats], speakers: NDArray[np.str_], known: Floats, known_speakers: NDArray[np.str_]
) -> Speakers | None:
    """What tells the people of the training clips apart, as a probability on other people.

    Linear discriminant analysis: axes along which people differ most (within a corpus: corpora differ by their
    microphones) for what differs among clips of one person (moods and words) and between microphones. Visitors whose
    corrected clips are among them are left out: no bundle shall know how one of them sounds.

    Args:
        variants: summaries (clips, size) of the training clips as they are, and of random variants of them.
        speakers: "corpus person" of each clip, as in `dataset_loader.Clips`.
        known: summaries of the validation clips, which say how like is alike enough.
        known_speakers: likewise, of other people.

    Returns:
        None where there are too few people.
    """
    told = np.array([not name.startswith(f"{CORRECTIONS} ") and not name.endswith(" None") for name in speakers])
    people, person = np.unique([_person(name) for name in speakers[told]], return_inverse=True)
    if len(people) < 2:
        return None
    summaries = variants[0][told]
    mean, deviation = summaries.mean(axis=0), summaries.std(axis=0) + 1e-6
    standard = [np.clip((each[told] - mean) / deviation, -FARTHEST, FARTHEST) for each in variants]
    axes, usual, centre = _discriminate(standard, people, person)
    strangers = unit(usual @ axes - centre)
    found = Speakers(mean, deviation, axes, centre, strangers, slope=1.0, offset=0.0)
    trials = compare(found, known, known_speakers, TAUGHT)
    if not 0 < trials.same.sum() < len(trials.same):
        return None
    slope, offset = _calibrate(trials)
    return replace(found, slope=slope, offset=offset)


def compare(found: Speakers, summaries: Floats, speakers: NDArray[np.str_], clips: int, draws: int = DRAWS) -> Trials:
    """Teaches each person's voice with so many clips, and sets it against other clips of the same corpus.

    Against those of other corpora it would be too easy: they have other microphones.
    """
    directions, trials = found.directions(summaries), []
    for person in np.unique(speakers):
        own = np.flatnonzero(speakers == person)
        for draw in range(draws if len(own) > clips else 0):
            rng = np.random.default_rng((clips, draw))
            taught = rng.choice(own, clips, replace=False)
            tested = np.array(list(_tested(speakers, person, taught, rng)))
            voice = found.directions(summaries[taught].mean(axis=0, keepdims=True))
            scores = found.scores(voice, directions[tested])[0]
            trials.append(Trials(scores, np.full(len(tested), person), speakers[tested]))
    parts = [[getattr(trial, name) for trial in trials] for name in ("scores", "taught", "tested")]
    return Trials(*(np.concatenate(part) if part else np.array([]) for part in parts))


def _tested(
    speakers: NDArray[np.str_], person: str, taught: NDArray[np.intp], rng: np.random.Generator
) -> Iterator[np.intp]:
    for other in np.unique(speakers):
        if other.split(" ")[0] == person.split(" ")[0]:
            yield from rng.permutation(np.setdiff1d(np.flatnonzero(speakers == other), taught))[:TESTED]


def _discriminate(
    standard: Sequence[Floats], people: NDArray[np.str_], person: NDArray[np.intp]
) -> tuple[Floats, Floats, Floats]:
    """Axes (size, axes), each person's mean (people, size), and the centre of the corpora on the axes (axes,)."""
    clips, variants = standard[0], standard[1:]
    usual = np.stack([clips[person == each].mean(axis=0) for each in range(len(people))])
    weights = np.minimum(1, CLIPS / np.bincount(person))[person]
    within = _scatter((clips - usual[person]) * np.sqrt(weights)[:, None], weights.sum())
    for variant in variants:
        within += ROOMS / len(variants) * _scatter(variant - clips, len(clips))
    size = len(within)
    within = (1 - SHRINKAGE) * within + SHRINKAGE * np.trace(within) / size * np.eye(size)
    names, corpus = np.unique([name.rpartition("-")[0] for name in people], return_inverse=True)
    places = np.stack([usual[corpus == each].mean(axis=0) for each in range(len(names))])
    within += MICROPHONES * _scatter(places - places.mean(axis=0), len(names))
    lower = np.linalg.cholesky(within)  # with its inverse, what differs among one person's clips is the same everywhere
    people_apart, _, _ = np.linalg.svd(np.linalg.solve(lower, (usual - places[corpus]).T), full_matrices=False)
    count = max(min(AXES, len(people) - len(names)), 1)
    axes = np.linalg.solve(lower.T, people_apart[:, :count])
    return axes.astype(np.float32), usual, (places.mean(axis=0) @ axes).astype(np.float32)


def _scatter(rows: Floats, count: float) -> NDArray[np.float64]:
    wide = rows.astype(np.float64)
    return wide.T @ wide / count


def _calibrate(trials: Trials) -> tuple[float, float]:
    """Slope and offset of the log odds over the score, where both answers count alike."""
    from sklearn.linear_model import LogisticRegression

    line = LogisticRegression(class_weight="balanced").fit(trials.scores[:, None], trials.same)
    return float(line.coef_[0, 0]), float(line.intercept_[0])


def _person(speaker: str) -> str:
    """Who speaks, in whatever corpus: ravdess-01 in "ravdess_song ravdess-01"."""
    return speaker.partition(" ")[2]
