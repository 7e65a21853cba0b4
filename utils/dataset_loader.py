"""data/<emotion>/ -> recordings with speaker and corpus -> speaker-disjoint splits -> cached feature arrays."""

import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from utils import audio_preprocessing, augmentation, decoding, encoder, features, ffmpeg, spectral
from utils.audio_preprocessing import MIN_VOICED_SECONDS, find_voice, fit_clip
from utils.augmentation import augment, shift_time
from utils.cluster import cluster
from utils.corpora import CORRECTIONS, Placed, parse_placed
from utils.decoding import AUDIO_ENDINGS, load_audio
from utils.emotions import ALL_EMOTIONS, label_for
from utils.errors import AudioError, DataError
from utils.features import FeatureSettings, extract_features

_STRONG = {"strong": 1, "normal": 0, None: -1}


@dataclass(frozen=True)
class Recording:
    """One labelled file of data/. `label` is its emotion in the label set that is trained."""

    path: Path
    label: str
    placed: Placed


@dataclass(frozen=True)
class Split:
    """Recordings by purpose; no speaker is in two of the three. Recordings without a known speaker only train."""

    train: list[Recording]
    validation: list[Recording]
    test: list[Recording]


@dataclass(frozen=True)
class Features:
    """Features of the recordings that could be judged, and which those are.

    `arrays` are float16 (clips, *settings.shape), `kept` the position of each in the list that was asked for, `refused`
    names the others with the reason.
    """

    arrays: NDArray[np.float16]
    kept: NDArray[np.intp]
    refused: dict[Path, str]


@dataclass(frozen=True)
class Clips:
    """Clips with what training needs to know of them.

    `variants` holds features as `Features.arrays`: of the clips as they are, then of each random variant of them.
    `truth` is the position of each clip's label, `weights` how much it counts, `speakers` whose voice it is ("corpus
    person"), `strong` 1 where the emotion was acted strongly, 0 where it was not, and -1 where nobody says.
    """

    variants: Sequence[NDArray[np.float16]]
    truth: NDArray[np.intp]
    weights: NDArray[np.float32]
    speakers: NDArray[np.str_]
    strong: NDArray[np.int8]

    def joined(self, other: "Clips", weights: NDArray[np.float32]) -> "Clips":
        """These and others with as many variants, and how much each of them all counts."""
        variants = [np.concatenate(both) for both in zip(self.variants, other.variants, strict=True)]
        truth, speakers, strong = (
            np.concatenate([getattr(self, name), getattr(other, name)]) for name in ("truth", "speakers", "strong")
        )
        return Clips(variants, truth, weights, speakers, strong)

    def where(self, chosen: NDArray[np.bool_]) -> "Clips":
        """Some of these."""
        variants = [variant[chosen] for variant in self.variants]
        weights = self.weights[chosen] / self.weights[chosen].mean()
        return Clips(variants, self.truth[chosen], weights, self.speakers[chosen], self.strong[chosen])

    def corpora_alike(self) -> NDArray[np.float64]:
        """How much each clip counts where corpora count alike, and in each of them its speakers; (clips,)."""
        speakers, which, clips = np.unique(self.speakers, return_inverse=True, return_counts=True)
        _, corpus, people = np.unique(
            [name.partition(" ")[0] for name in speakers], return_inverse=True, return_counts=True
        )
        counts: NDArray[np.float64] = 1 / clips[which] / people[corpus][which]
        return counts


def scan(data: Path, labels: Sequence[str], without: Iterable[str] = ()) -> list[Recording]:
    """Every recording in data/ whose emotion counts in `labels`, sorted by path.

    Args:
        data: folder with one folder for each emotion.
        labels: the label set to train.
        without: corpora to leave out.

    Raises:
        DataError: there is no such folder, or fewer than two emotions in it.
    """
    left_out = set(without)
    recordings = []
    for emotion in ALL_EMOTIONS:
        label = label_for(emotion, tuple(labels))
        if label is None or not (data / emotion).is_dir():
            continue
        for path in sorted((data / emotion).iterdir()):
            if path.name.startswith(".") or path.suffix.lower() not in AUDIO_ENDINGS:
                continue
            placed = parse_placed(path)
            if placed.corpus not in left_out:
                recordings.append(Recording(path, label, placed))
    if len({recording.label for recording in recordings}) < 2:
        raise DataError(
            f"There are no recordings of at least two emotions in {data}: "
            "fill it with organize_ravdess.py and its siblings, or name another folder with --data."
        )
    return recordings


def assign_folds(recordings: Sequence[Recording], folds: int, seed: int = 0) -> dict[str, int]:
    """A fold for each known speaker; every corpus' speakers are spread evenly over the folds.

    A person who is in several corpora (RAVDESS speech and song) has one fold.
    """
    corpora: dict[str, set[str]] = defaultdict(set)
    for recording in recordings:
        if recording.placed.speaker:
            corpora[recording.placed.speaker.rpartition("-")[0]].add(recording.placed.speaker)
    rng = np.random.default_rng(seed)
    fold_of = {}
    for _, speakers in sorted(corpora.items()):
        for position, speaker in enumerate(rng.permutation(sorted(speakers))):
            fold_of[str(speaker)] = position % folds
    return fold_of


def split_speakers(recordings: Sequence[Recording], fold_of: dict[str, int], test: int, validation: int) -> Split:
    """Recordings of the speakers of fold `test`, of fold `validation`, and all the others for training."""
    parts: tuple[list[Recording], list[Recording], list[Recording]] = ([], [], [])
    for recording in recordings:
        fold = fold_of.get(recording.placed.speaker or "")
        parts[2 if fold == test else 1 if fold == validation else 0].append(recording)
    return Split(*parts)


def clip_weights(recordings: Sequence[Recording]) -> NDArray[np.float32]:
    """How much each recording counts in training; float32 (recordings,), mean 1.

    Emotions count alike within a corpus, and a corpus by the square root of its size, so that neither the happy and
    sad clips of one corpus nor one large corpus drown the rest. An emotion with fewer than 15% of its fair share of
    a corpus isn't weighted up beyond that: a handful of clips would be learnt by heart.
    """
    by_corpus: dict[str, list[int]] = defaultdict(list)
    for position, recording in enumerate(recordings):
        by_corpus[recording.placed.corpus].append(position)
    weights = np.zeros(len(recordings))
    for positions in by_corpus.values():
        labels, which, counts = np.unique(
            [recordings[position].label for position in positions], return_inverse=True, return_counts=True
        )
        rarity = 1 / np.maximum(counts, 0.15 * len(positions) / len(labels))
        weights[positions] = rarity[which] / rarity[which].sum() * np.sqrt(len(positions))
    return (weights / weights.mean()).astype(np.float32)


@contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """Has the features asked for in the block computed by the workers of a Dask cluster; None: by this machine.

    Recordings and cache must be absolute paths of folders that the workers share.

    Raises:
        WorkersError: as `utils.cluster.cluster`.
    """
    if address is None:
        yield
        return
    from joblib import parallel_config

    with cluster(address) as client, parallel_config(backend="dask", client=client):
        yield


def load_features(
    recordings: Sequence[Recording],
    settings: FeatureSettings,
    *,
    cache: Path,
    variant: int = 0,
    chain: str = "world",
    jobs: int = -1,
    progress: Callable[[int, int], None] | None = None,
) -> Features:
    """Features of recordings, computed in parallel and kept in `cache` by content and settings.

    Of clips that visitors corrected nothing is kept: they may be deleted at any time.

    Args:
        recordings: what to load.
        settings: which features.
        cache: folder of the cache; made where it isn't there.
        variant: 0 for the recording as it is; any other number for that one of its random variants.
        chain: which of `augmentation.CHAINS` makes them.
        jobs: processes; -1 for one on each core. See also `on_cluster`.
        progress: called with (done, all) now and then.

    Raises:
        DataError: not one of the recordings could be judged, or the cache can't be written.
    """
    from joblib import Parallel, delayed

    with _cache_failures_named(cache):
        cache.mkdir(parents=True, exist_ok=True)
    key = _key(settings, variant, chain)
    arrays = np.empty((len(recordings), *settings.shape), dtype=np.float16)
    refused: dict[Path, str] = {}
    chunks = [range(i, min(i + 64, len(recordings))) for i in range(0, len(recordings), 64)]
    work = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_chunk)([recordings[i] for i in chunk], settings, variant, chain, key, cache) for chunk in chunks
    )
    for chunk, results in zip(chunks, work, strict=True):
        for position, result in zip(chunk, results, strict=True):
            if isinstance(result, str):
                refused[recordings[position].path] = result
            else:
                arrays[position] = result
        if progress:
            progress(chunk.stop, len(recordings))
    kept = np.array([i for i, r in enumerate(recordings) if r.path not in refused], dtype=np.intp)
    if not len(kept):
        raise DataError("None of the recordings could be read: check that data/ holds sound files with speech.")
    return Features(arrays if not refused else arrays[kept], kept, refused)


def load_clips(
    recordings: Sequence[Recording],
    labels: Sequence[str],
    settings: FeatureSettings,
    *,
    variants: int,
    cache: Path,
    chain: str = "world",
    jobs: int = -1,
    progress: Callable[[int], Callable[[int, int], None]] = lambda variant: lambda done, all_: None,
) -> tuple[Clips, list[Recording]]:
    """Recordings as training and evaluation take them, and which of them could be judged.

    Args:
        recordings: what to load.
        labels: the label set, in model order.
        settings: which features.
        variants: how many random variants beside the recordings as they are.
        cache: folder of the cache.
        chain: which of `augmentation.CHAINS` makes the variants.
        jobs: processes; -1 for one on each core. See also `on_cluster`.
        progress: asked for each variant (0: as they are) for what to call with (done, all).

    Raises:
        DataError: not one of the recordings could be judged.
    """
    loaded = [
        load_features(
            recordings, settings, cache=cache, variant=variant, chain=chain, jobs=jobs, progress=progress(variant)
        )
        for variant in range(variants + 1)
    ]
    kept = [recordings[i] for i in loaded[0].kept]
    truth = np.array([labels.index(recording.label) for recording in kept])
    speakers = np.array([f"{recording.placed.corpus} {recording.placed.speaker}" for recording in kept])
    strong = np.array([_STRONG[recording.placed.intensity] for recording in kept], dtype=np.int8)
    return Clips([features.arrays for features in loaded], truth, clip_weights(kept), speakers, strong), kept


def _key(settings: FeatureSettings, variant: int, chain: str) -> bytes:
    """Changes with the settings, the variant and the code that makes the features."""
    modules = [decoding, ffmpeg, audio_preprocessing, spectral, features, *([augmentation] if variant else [])]
    modules += [encoder] if settings.encoded else []
    code = b"".join(Path(str(module.__file__)).read_bytes() for module in modules)
    return hashlib.sha256(code + json.dumps([settings.as_dict(), variant, chain if variant else ""]).encode()).digest()


def _chunk(
    recordings: list[Recording], settings: FeatureSettings, variant: int, chain: str, key: bytes, cache: Path
) -> list[NDArray[np.float16] | str]:
    return [
        _cached(one.path, settings, variant, chain, key, None if one.placed.corpus == CORRECTIONS else cache)
        for one in recordings
    ]


def _cached(
    path: Path, settings: FeatureSettings, variant: int, chain: str, key: bytes, cache: Path | None
) -> NDArray[np.float16] | str:
    """Features of one file, or the sentence that says why there are none; without `cache`, always made anew."""
    try:
        digest = hashlib.sha256(key + path.read_bytes()).hexdigest()
    except OSError as error:
        return f"it can't be read ({error.strerror})"
    entry = cache / digest[:2] / f"{digest[2:]}.npy" if cache else None
    try:
        if entry:
            with open(entry, "rb") as file:
                return np.lib.format.read_array(file)
    except (OSError, ValueError):
        pass  # not there, or cut off by a full disk: made again
    try:
        result = _features(path, settings, variant, chain, int(digest[:8], 16))
    except AudioError as error:
        return str(error)
    if isinstance(result, str) or not (cache and entry):
        return result
    with _cache_failures_named(cache):
        entry.parent.mkdir(exist_ok=True)
        partial = entry.with_suffix(f".{os.getpid()}.part")
        with open(partial, "wb") as file:
            np.save(file, result)
        partial.replace(entry)
    return result


@contextmanager
def _cache_failures_named(cache: Path) -> Iterator[None]:
    """Turns what the disk refuses into a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"Features can't be kept in {cache} ({error.strerror}): make room, or name another folder with --cache."
        ) from error


def _features(path: Path, settings: FeatureSettings, variant: int, chain: str, seed: int) -> NDArray[np.float16] | str:
    rng = np.random.default_rng(seed)
    samples = load_audio(path)
    voice = find_voice(samples)
    if voice.seconds < MIN_VOICED_SECONDS:
        return f"{voice.seconds:.2f} s of voice is too little"
    if variant:
        samples = augment(samples, rng, chain)
        voice = find_voice(samples)
    clip, _ = fit_clip(samples, voice)
    if variant:
        clip = shift_time(clip, rng)
    return extract_features(clip, settings).astype(np.float16)
