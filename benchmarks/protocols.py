"""How systems are tested: which recordings train them, choose their epoch and test them, by which labels.

own         a system's own terms: random clips, so that speakers are on both sides, as the project it comes from did
ravdess-8   RAVDESS speech, eight emotions, five folds of actors
six         neutral, happy, sad, angry, fear, surprise in RAVDESS, CREMA-D, nEMO, BanglaSER: five folds of speakers
loco        the same, but one corpus is left out and tested whole: other people, other microphones, another language
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from utils.corpora import CORPORA
from utils.dataset_loader import Recording, Split, assign_folds, scan, split_speakers
from utils.emotions import ALL_EMOTIONS, DEFAULT_LABELS
from utils.errors import DataError
from utils.model_bundle import load_bundle, mark
from utils.systems import SYSTEMS, System

FOUR = ("ravdess", "crema_d", "nemo", "banglaser")
RAVDESS = ("ravdess", "ravdess_song")
ACTORS = ((2, 5, 14, 15, 16), (3, 6, 7, 13, 18), (10, 11, 12, 19, 20), (8, 17, 21, 23, 24), (1, 4, 9, 22))
CHOOSING_ACTORS = 3  # of those that are not tested
FOLDS = 5
PROTOCOLS = {"own": ("random",), "ravdess-8": tuple("01234"), "six": tuple("01234"), "loco": FOUR}
"""Protocols and the names of their folds."""
BUNDLE = "bundle"
"""The folder, in that of a fold, of what was trained there."""


def fold_name(protocol: str, system: str, fold: str, seed: int) -> str:
    """What a fold's files and folder are called."""
    return f"{protocol}-{system}-{fold}-{seed}"


def strangers(system: System) -> str:
    """The protocol by which a system's figure on unseen speakers is told."""
    return "ravdess-8" if set(system.corpora) <= set(RAVDESS) else "six"


def adapt(system: System, protocol: str) -> System:
    """The system as a protocol tests it: with the labels and corpora of the protocol where they aren't its own.

    By ravdess-8, a system of RAVDESS keeps its labels and may train with song; only speech is tested.
    """
    if protocol == "own":
        if system.own is None:
            raise ValueError(f"{system.name} has no terms of its own")
        return replace(system, corpora=system.own.corpora, extra_corpora=())
    if protocol == "ravdess-8":
        song = RAVDESS[1:] if "ravdess_song" in (*system.corpora, *system.extra_corpora) else ()
        labels = system.labels if strangers(system) == "ravdess-8" else ALL_EMOTIONS
        return replace(system, labels=labels, corpora=RAVDESS[:1], extra_corpora=song)
    extra = tuple(corpus for corpus in system.extra_corpora if corpus not in FOUR)
    return replace(system, labels=DEFAULT_LABELS, corpora=FOUR, extra_corpora=extra)


def split(system: System, recordings: Sequence[Recording], protocol: str, fold: str, seed: int) -> Split:
    """One fold of a protocol.

    Args:
        system: as `adapt` gives it.
        recordings: of its labels and corpora.
        protocol: one of `PROTOCOLS`.
        fold: one of that protocol's.
        seed: of the draw of clips, of the speakers' folds, or of those that choose the epoch.
    """
    if protocol == "own":
        return _random_clips(recordings, system.own is not None and system.own.stratified, seed)
    if protocol == "ravdess-8":
        parts = _actors(recordings, int(fold), seed)
    elif protocol == "six":
        fold_of = assign_folds(recordings, FOLDS, seed)
        parts = split_speakers(recordings, fold_of, test=int(fold), validation=(int(fold) + 1) % FOLDS)
    else:
        parts = _without_corpus(recordings, fold, seed)
    validation, test = (
        [r for r in part if r.placed.corpus in system.corpora] for part in (parts.validation, parts.test)
    )
    return Split(parts.train, validation, test)


def unheard(models: Path, data: Path) -> list[Recording]:
    """The recordings in `data` of the speakers whom the bundle in `models` was neither trained nor chosen on.

    Raises:
        BundleError: there is no whole bundle.
        DataError: there are none of them.
    """
    bundle = load_bundle(models)
    recordings = scan(data, bundle.labels, without=set(CORPORA) - set(SYSTEMS[bundle.system].corpora))
    found = [recording for recording in recordings if mark(recording.placed.speaker) in bundle.unheard]
    if not found:
        raise DataError(f"{data} holds nobody whom {models} never heard: fill it as for the training of that model.")
    return found


def _random_clips(recordings: Sequence[Recording], stratified: bool, seed: int) -> Split:
    """A fifth of the clips for the test and a tenth of the rest to choose by; `stratified`: of each label alike."""
    rng = np.random.default_rng(seed)
    labels = np.array([recording.label if stratified else "" for recording in recordings])
    purpose = np.zeros(len(recordings), dtype=int)
    for label in np.unique(labels):
        order = rng.permutation(np.flatnonzero(labels == label))
        test = round(len(order) / 5)
        purpose[order[:test]] = 2
        purpose[order[test : test + round((len(order) - test) / 10)]] = 1
    return Split(*([r for r, p in zip(recordings, purpose, strict=True) if p == part] for part in range(3)))


def _actors(recordings: Sequence[Recording], fold: int, seed: int) -> Split:
    others = [actor for number, actors in enumerate(ACTORS) if number != fold for actor in actors]
    choosing = np.random.default_rng((seed, fold)).permutation(others)[:CHOOSING_ACTORS]
    fold_of = {f"ravdess-{actor:02}": 2 for actor in ACTORS[fold]} | {f"ravdess-{actor:02}": 1 for actor in choosing}
    return split_speakers(recordings, fold_of, test=2, validation=1)


def _without_corpus(recordings: Sequence[Recording], corpus: str, seed: int) -> Split:
    test = [recording for recording in recordings if recording.placed.corpus == corpus]
    known = {recording.placed.speaker for recording in test}  # who also sings, for example
    others = [r for r in recordings if r.placed.corpus != corpus and r.placed.speaker not in known]
    rest = split_speakers(others, assign_folds(others, 8, seed), test=-1, validation=0)
    return Split(rest.train, rest.validation, test)
