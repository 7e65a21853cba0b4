"""Splits have the properties they claim: who is shared, and who never is."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks.known_voice import against_voice, learn_voices
from benchmarks.protocols import ACTORS, FOUR, PROTOCOLS, adapt, split, strangers
from utils.corpora import CORPORA, Placed
from utils.dataset_loader import Recording, Split
from utils.emotions import ALL_EMOTIONS, DEFAULT_LABELS
from utils.systems import SYSTEMS


def clips(corpora: tuple[str, ...], labels: tuple[str, ...]) -> list[Recording]:
    """Three takes of each emotion by each of some speakers of each corpus; singers are speakers of the same number."""
    speakers = {"ravdess": 24, "ravdess_song": 24, "crema_d": 20, "nemo": 9, "banglaser": 10}
    made = []
    for corpus in corpora:
        for number in range(1, speakers[corpus] + 1):
            for label in labels:
                for take in range(3 if label != "neutral" else 2):
                    placed = Placed(label, corpus, f"{CORPORA[corpus].people}-{number:02}", f"{take}", None)
                    made.append(Recording(Path(label, f"{corpus}-{number}-{take}.wav"), label, placed))
    return made


def known(system_name: str, protocol: str, fold: str, seed: int = 0) -> tuple[Split, list[Recording]]:
    system = adapt(SYSTEMS[system_name], protocol)
    recordings = clips((*system.corpora, *system.extra_corpora), system.labels)
    return split(system, recordings, protocol, fold, seed), recordings


def people(part: list[Recording]) -> set[str | None]:
    return {recording.placed.speaker for recording in part}


def disjoint(parts: Split, recordings: list[Recording]) -> None:
    """Every recording is in at most one part, and none of the parts is empty."""
    paths = [r.path for part in (parts.train, parts.validation, parts.test) for r in part]
    assert len(paths) == len(set(paths)) <= len(recordings)
    assert parts.train and parts.validation and parts.test


OWN = [name for name, system in SYSTEMS.items() if system.own]


@pytest.mark.parametrize("name", OWN)
def test_on_own_terms_a_fifth_is_tested_and_speakers_are_shared(name: str) -> None:
    parts, recordings = known(name, "own", "random")
    disjoint(parts, recordings)
    assert len(parts.train) + len(parts.validation) + len(parts.test) == len(recordings)
    assert len(parts.test) == pytest.approx(len(recordings) / 5, abs=8)
    assert len(parts.validation) == pytest.approx(len(recordings) * 0.08, abs=8)
    assert people(parts.test) & people(parts.train), "that is what is wrong with them"
    own = SYSTEMS[name].own
    assert own
    assert {r.placed.corpus for r in parts.test} == set(own.corpora)
    if own.stratified:
        whole, tested = Counter(r.label for r in recordings), Counter(r.label for r in parts.test)
        assert all(tested[label] == round(whole[label] / 5) for label in whole)


def test_another_seed_draws_other_clips() -> None:
    drawn = [{r.path for r in known("svm", "own", "random", seed)[0].test} for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_actors_are_the_published_folds() -> None:
    assert sorted(actor for fold in ACTORS for actor in fold) == list(range(1, 25))
    assert [set(fold) for fold in ACTORS] == [
        {2, 5, 14, 15, 16}, {3, 6, 7, 13, 18}, {10, 11, 12, 19, 20}, {8, 17, 21, 23, 24}, {1, 4, 9, 22},
    ]  # fmt: skip


@pytest.mark.parametrize("fold", PROTOCOLS["ravdess-8"])
@pytest.mark.parametrize("name", ["svm", "conv1d-bigru", "cnn-refined", "statistics"])
def test_ravdess_8_tests_speech_of_exactly_the_fold_s_actors(name: str, fold: str) -> None:
    parts, recordings = known(name, "ravdess-8", fold)
    disjoint(parts, recordings)
    assert people(parts.test) == {f"ravdess-{actor:02}" for actor in ACTORS[int(fold)]}
    assert len(people(parts.validation)) == 3
    assert not people(parts.train) & (people(parts.test) | people(parts.validation))
    assert {r.placed.corpus for r in parts.test + parts.validation} == {"ravdess"}
    sings = "ravdess_song" in SYSTEMS[name].corpora
    assert {r.placed.corpus for r in parts.train} == ({"ravdess", "ravdess_song"} if sings else {"ravdess"})


def test_ravdess_8_has_eight_emotions_unless_a_system_of_ravdess_has_others() -> None:
    assert adapt(SYSTEMS["statistics"], "ravdess-8").labels == ALL_EMOTIONS
    assert "disgust" not in adapt(SYSTEMS["cnn-refined"], "ravdess-8").labels
    assert strangers(SYSTEMS["cnn-refined"]) == "ravdess-8"
    assert strangers(SYSTEMS["statistics"]) == "six"


@pytest.mark.parametrize("name", ["svm", "cnn-lstm-attention"])
def test_six_tests_every_speaker_once(name: str) -> None:
    tested: list[str | None] = []
    for fold in PROTOCOLS["six"]:
        parts, recordings = known(name, "six", fold)
        disjoint(parts, recordings)
        assert {r.label for r in recordings} == set(DEFAULT_LABELS)
        for part in (parts.train, parts.test):
            assert {r.placed.corpus for r in part} == set(FOUR)
        assert not people(parts.train) & (people(parts.test) | people(parts.validation))
        tested += people(parts.test)
    assert len(tested) == len(set(tested)) == 24 + 20 + 9 + 10


@pytest.mark.parametrize("corpus", FOUR)
@pytest.mark.parametrize("name", ["statistics", "svm"])
def test_a_corpus_left_out_shares_nobody_and_is_tested_whole(name: str, corpus: str) -> None:
    parts, recordings = known(name, "loco", corpus)
    disjoint(parts, recordings)
    assert parts.test == [r for r in recordings if r.placed.corpus == corpus]
    assert corpus not in {r.placed.corpus for r in parts.train + parts.validation}
    assert not people(parts.test) & people(parts.train + parts.validation)
    assert not people(parts.train) & people(parts.validation)
    assert {r.placed.corpus for r in parts.validation} <= set(FOUR)


def test_who_sings_does_not_train_what_is_tested_on_his_speech() -> None:
    system = adapt(SYSTEMS["statistics"], "loco")
    parts = split(system, clips((*FOUR, "ravdess_song"), DEFAULT_LABELS), "loco", "ravdess", 0)
    assert not any(str(speaker).startswith("ravdess") for speaker in people(parts.train + parts.validation))


def test_a_system_without_terms_of_its_own_says_so() -> None:
    with pytest.raises(ValueError, match="no terms"):
        adapt(SYSTEMS["statistics"], "own")


# --- Known voices


def two_voices(shape: tuple[int, ...]) -> tuple[np.ndarray, list[str]]:
    """Thirty clips of each of two speakers, who differ by an offset and a factor."""
    rng = np.random.default_rng(0)
    one, other = rng.normal(2, 1, (30, *shape)), rng.normal(-5, 3, (30, *shape))
    return np.concatenate([one, other]).astype(np.float16), ["a"] * 30 + ["b"] * 30


@pytest.mark.parametrize("shape", [(7,), (20, 7), (8, 6, 2)])
def test_a_known_voice_is_taken_out(shape: tuple[int, ...]) -> None:
    features, speakers = two_voices(shape)
    voices = learn_voices(features, speakers)
    known = against_voice(features, speakers, voices, [None]).astype(np.float32)
    assert known.shape == features.shape
    gap = abs(known[:30].mean() - known[30:].mean())
    assert (
        gap
        < 0.3
        * abs(features[:30].mean(dtype=np.float32) - features[30:].mean(dtype=np.float32))
        / features.astype(np.float32).std()
    )
    assert known[30:].std() / known[:30].std() < 2


def test_the_more_clips_are_known_the_closer_the_voices_get() -> None:
    features, speakers = two_voices((7,))
    voices = learn_voices(features, speakers)
    gaps = []
    for clips_known in (0, 1, 3, 10, None):
        known = against_voice(features, speakers, voices, [clips_known]).astype(np.float32)
        gaps.append(abs(known[:30].mean() - known[30:].mean()))
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < gaps[0] / 4


def test_a_clip_is_never_measured_against_itself_and_draws_are_repeatable() -> None:
    features, speakers = two_voices((7,))
    voices = learn_voices(features, speakers)
    before = against_voice(features, speakers, voices, [None])
    changed = features.copy()
    changed[4] += 8
    after = against_voice(changed, speakers, voices, [None])
    scale = (after[4] - before[4]).astype(np.float32) / 8
    assert scale == pytest.approx(1 / features[:30].std(dtype=np.float32), rel=0.5)
    assert np.array_equal(after[30:], before[30:]), "another speaker's clips don't matter"
    draws = [against_voice(features, speakers, voices, [3], seed) for seed in (1, 1, 2)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_of_several_numbers_each_clip_gets_one() -> None:
    features, speakers = two_voices((7,))
    voices = learn_voices(features, speakers)
    mixed, unknown, known = (against_voice(features, speakers, voices, counts) for counts in ((0, None), [0], [None]))
    as_unknown, as_known = (
        np.array([np.array_equal(a, b) for a, b in zip(mixed, o, strict=True)]) for o in (unknown, known)
    )
    assert (as_unknown ^ as_known).all()
    assert as_unknown.any() and as_known.any()


def test_a_speaker_of_one_clip_is_seen_as_the_training_speakers_are() -> None:
    features, speakers = two_voices((7,))
    voices = learn_voices(features, speakers)
    alone = against_voice(features[:1], ["new"], voices, [None])
    expected = (features[0] - voices.mean) / np.sqrt(voices.variance)
    assert alone[0].astype(np.float32) == pytest.approx(expected, rel=1e-2, abs=1e-2)
