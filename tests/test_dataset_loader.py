"""From data/ to recordings, folds, weights and cached features."""

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.voices import speak
from tests.made_up import fill
from utils import audio_preprocessing, dataset_loader, decoding, features, ffmpeg, spectral
from utils.corpora import Placed
from utils.dataset_loader import (
    Clips,
    Features,
    Recording,
    Split,
    assign_folds,
    clip_weights,
    load_features,
    scan,
    split_speakers,
)
from utils.decoding import encode_wav
from utils.emotions import DEFAULT_LABELS
from utils.errors import DataError
from utils.features import FeatureSettings, extract_features

SETTINGS = FeatureSettings()


def recording(corpus: str, speaker: str | None, label: str = "happy", name: str = "x") -> Recording:
    return Recording(Path(label, f"{corpus}__{speaker}__{name}.wav"), label, Placed(label, corpus, speaker, name, None))


# --- Scanning


def touch(data: Path, *names: str) -> None:
    for name in names:
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(b"x")


def test_each_folder_is_an_emotion_and_each_name_says_who(tmp_path: Path) -> None:
    touch(
        tmp_path, "happy/nemo__AB0__AB0_happiness_1.wav", "sad/ravdess_song__03__03-02-04-01-01-01-03.wav", "sad/me.MP3"
    )
    found = {r.path.name: (r.label, r.placed.corpus, r.placed.speaker) for r in scan(tmp_path, DEFAULT_LABELS)}
    assert found == {
        "nemo__AB0__AB0_happiness_1.wav": ("happy", "nemo", "nemo-AB0"),
        "ravdess_song__03__03-02-04-01-01-01-03.wav": ("sad", "ravdess_song", "ravdess-03"),
        "me.MP3": ("sad", "own", None),
    }


def test_calm_counts_as_neutral_and_disgust_not_unless_the_labels_say_so(tmp_path: Path) -> None:
    touch(tmp_path, "calm/a.wav", "disgust/b.wav", "happy/c.wav", "neutral/d.wav")
    assert Counter(r.label for r in scan(tmp_path, DEFAULT_LABELS)) == {"neutral": 2, "happy": 1}
    assert [r.label for r in scan(tmp_path, ("calm", "disgust"))] == ["calm", "disgust"]


def test_what_is_no_recording_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "happy/a.wav", "happy/.a.wav.part", "happy/._a.wav", "happy/notes.txt", "sad/b.flac", "joy/c.wav")
    assert [r.path.name for r in scan(tmp_path, DEFAULT_LABELS)] == ["a.wav", "b.flac"]


def test_a_corpus_can_be_left_out_and_undeclared_ones_stay(tmp_path: Path) -> None:
    touch(tmp_path, "happy/ours__AB0__x.wav", "sad/ours__AB0__y.wav", "sad/crema_d__1001__z.wav", "sad/mine.wav")
    found = scan(tmp_path, DEFAULT_LABELS, without=["crema_d"])
    assert sorted(r.path.name for r in found) == ["mine.wav", "ours__AB0__x.wav", "ours__AB0__y.wav"]


@pytest.mark.parametrize("names", [[], ["happy/a.wav"], ["happy/a.wav", "disgust/b.wav"], ["happy/a.wav", "sad/b.txt"]])
def test_fewer_than_two_emotions_is_a_sentence_that_says_what_to_do(tmp_path: Path, names: list[str]) -> None:
    touch(tmp_path, *names)
    with pytest.raises(DataError, match=r"at least two emotions .* organize_ravdess\.py .* --data"):
        scan(tmp_path, DEFAULT_LABELS)


def test_no_folder_at_all_is_the_same_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least two emotions"):
        scan(tmp_path / "nowhere", DEFAULT_LABELS)


# --- Speakers


people = st.lists(
    st.tuples(st.sampled_from(["ravdess", "ravdess_song", "nemo", "own"]), st.integers(1, 30), st.integers(0, 2)),
    min_size=1,
    max_size=200,
)


def made(rows: list[tuple[str, int, int]]) -> list[Recording]:
    prefix = {"ravdess": "ravdess", "ravdess_song": "ravdess", "nemo": "nemo"}
    return [recording(c, f"{prefix[c]}-{n:02}" if c in prefix else None, DEFAULT_LABELS[e]) for c, n, e in rows]


@settings(max_examples=100, deadline=None)
@given(rows=people, folds=st.integers(2, 10), seed=st.integers(0, 99))
def test_no_speaker_is_on_two_sides_and_the_unknown_only_train(
    rows: list[tuple[str, int, int]], folds: int, seed: int
) -> None:
    recordings = made(rows)
    split = split_speakers(recordings, assign_folds(recordings, folds, seed), test=0, validation=1)
    sides = [{r.placed.speaker for r in part} - {None} for part in (split.train, split.validation, split.test)]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert all(r.placed.speaker for r in split.validation + split.test)
    together = split.train + split.validation + split.test
    assert sorted(map(id, together)) == sorted(map(id, recordings))


@settings(max_examples=100, deadline=None)
@given(rows=people, folds=st.integers(2, 10), seed=st.integers(0, 99))
def test_every_corpus_is_spread_evenly(rows: list[tuple[str, int, int]], folds: int, seed: int) -> None:
    fold_of = assign_folds(made(rows), folds, seed)
    for prefix in ("ravdess", "nemo"):
        sizes = Counter(fold for speaker, fold in fold_of.items() if speaker.startswith(prefix))
        counts = [sizes[fold] for fold in range(folds)]
        assert max(counts) - min(counts) <= 1
    assert assign_folds(made(rows[::-1]), folds, seed) == fold_of, "the order of files doesn't matter"


def test_who_speaks_and_sings_is_on_one_side() -> None:
    recordings = made([(c, n, 0) for c in ("ravdess", "ravdess_song") for n in range(1, 25)])
    fold_of = assign_folds(recordings, 4)
    assert len(fold_of) == 24
    split = split_speakers(recordings, fold_of, test=2, validation=3)
    for part, size in ((split.train, 12), (split.validation, 6), (split.test, 6)):
        by_corpus = [{r.placed.speaker for r in part if r.placed.corpus == c} for c in ("ravdess", "ravdess_song")]
        assert by_corpus[0] == by_corpus[1]
        assert len(by_corpus[0]) == size


def test_another_seed_is_another_split() -> None:
    recordings = made([("nemo", n, 0) for n in range(30)])
    assert assign_folds(recordings, 5, 0) != assign_folds(recordings, 5, 1)


# --- Weights


@settings(max_examples=100, deadline=None)
@given(rows=people)
def test_weights_are_positive_with_mean_1_and_alike_for_like_clips(rows: list[tuple[str, int, int]]) -> None:
    recordings = made(rows)
    weights = clip_weights(recordings)
    assert weights.shape == (len(rows),)
    assert weights.dtype == np.float32
    assert weights.min() > 0
    assert weights.mean() == pytest.approx(1, rel=1e-3)
    alike: dict[tuple[str, str], set[float]] = {}
    for one, weight in zip(recordings, weights, strict=True):
        alike.setdefault((one.placed.corpus, one.label), set()).add(float(weight))
    assert all(len(values) == 1 for values in alike.values())


def total(recordings: list[Recording], weights: np.ndarray, corpus: str, label: str | None = None) -> float:
    return sum(
        float(w)
        for r, w in zip(recordings, weights, strict=True)
        if r.placed.corpus == corpus and label in (None, r.label)
    )


def test_emotions_count_alike_in_a_corpus_and_a_corpus_by_the_root_of_its_size() -> None:
    recordings = made(
        [("nemo", 1, 0)] * 60 + [("nemo", 1, 1)] * 20 + [("ravdess", 1, 0)] * 10 + [("ravdess", 1, 1)] * 10
    )
    weights = clip_weights(recordings)
    assert total(recordings, weights, "nemo", "neutral") == pytest.approx(total(recordings, weights, "nemo", "happy"))
    assert total(recordings, weights, "nemo") / total(recordings, weights, "ravdess") == pytest.approx(2, rel=1e-3)


def test_a_handful_of_clips_is_not_weighted_up_without_bound() -> None:
    recordings = made([("nemo", 1, 0)] * 1000 + [("nemo", 1, 1)] * 2)
    weights = clip_weights(recordings)
    assert weights[-1] / weights[0] == pytest.approx(1000 / (0.15 * 1002 / 2), rel=1e-3)


# --- Features and their cache


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve recordings of two speakers; nobody changes them."""
    data = tmp_path_factory.mktemp("data")
    fill(data, ["AB0", "CD0"], seconds=1.2)
    return data


@pytest.fixture
def recordings(voices: Path, tmp_path: Path) -> list[Recording]:
    """The same, as files of one's own."""
    shutil.copytree(voices, tmp_path / "data")
    return scan(tmp_path / "data", DEFAULT_LABELS)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Which files are decoded, in this process."""
    read: list[Path] = []
    decode = dataset_loader.load_audio

    def load(path: Path) -> np.ndarray:
        read.append(path)
        return decode(path)

    monkeypatch.setattr(dataset_loader, "load_audio", load)
    yield read


def load(
    recordings: list[Recording], tmp_path: Path, variant: int = 0, settings: FeatureSettings = SETTINGS
) -> Features:
    return load_features(recordings, settings, cache=tmp_path / "cache", variant=variant, jobs=1)


def test_features_are_those_of_the_feature_function(recordings: list[Recording], tmp_path: Path) -> None:
    loaded = load(recordings, tmp_path)
    assert loaded.arrays.shape == (12, 174, 120)
    assert loaded.arrays.dtype == np.float16
    assert loaded.kept.tolist() == list(range(12))
    assert loaded.refused == {}
    samples = dataset_loader.load_audio(recordings[3].path)
    clip, _ = dataset_loader.fit_clip(samples, dataset_loader.find_voice(samples))
    assert np.array_equal(loaded.arrays[3], extract_features(clip, SETTINGS).astype(np.float16))


def test_the_second_time_no_sound_is_decoded(recordings: list[Recording], tmp_path: Path, decoded: list[Path]) -> None:
    first = load(recordings, tmp_path)
    assert len(decoded) == 12
    second = load(recordings, tmp_path)
    assert len(decoded) == 12
    assert np.array_equal(first.arrays, second.arrays)


def test_a_file_that_was_renamed_is_known(recordings: list[Recording], tmp_path: Path, decoded: list[Path]) -> None:
    load(recordings, tmp_path)
    recordings[0].path.rename(recordings[0].path.with_name("mine.wav"))
    load(scan(tmp_path / "data", DEFAULT_LABELS), tmp_path)
    assert len(decoded) == 12


def test_changed_content_is_noticed(recordings: list[Recording], tmp_path: Path, decoded: list[Path]) -> None:
    first = load(recordings, tmp_path)
    recordings[4].path.write_bytes(encode_wav(speak(2, seed=77)))
    second = load(recordings, tmp_path)
    assert decoded[12:] == [recordings[4].path]
    changed = [i for i in range(12) if not np.array_equal(first.arrays[i], second.arrays[i])]
    assert changed == [4]


def test_changed_settings_are_noticed(recordings: list[Recording], tmp_path: Path, decoded: list[Path]) -> None:
    load(recordings, tmp_path)
    other = load(recordings, tmp_path, settings=FeatureSettings(mfcc=20))
    assert other.arrays.shape == (12, 174, 100)
    assert len(decoded) == 24


@pytest.mark.parametrize("module", [decoding, ffmpeg, audio_preprocessing, spectral, features])
def test_changed_code_is_noticed(
    recordings: list[Recording],
    tmp_path: Path,
    decoded: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    module: ModuleType,
) -> None:
    load(recordings, tmp_path)
    edited = tmp_path / "edited.py"
    edited.write_text(Path(str(module.__file__)).read_text() + "\n")
    monkeypatch.setattr(module, "__file__", str(edited))
    load(recordings, tmp_path)
    assert len(decoded) == 24


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "zip"])
def test_a_broken_entry_is_made_again(
    recordings: list[Recording], tmp_path: Path, decoded: list[Path], damage: str
) -> None:
    first = load(recordings, tmp_path)
    entries = sorted((tmp_path / "cache").rglob("*.npy"))
    assert len(entries) == 12
    content = {
        "cut": entries[0].read_bytes()[:-100],
        "empty": b"",
        "text": b"not an array",
        "zip": b"PK\x03\x04 no zip",
    }
    entries[0].write_bytes(content[damage])
    assert np.array_equal(load(recordings, tmp_path).arrays, first.arrays)
    assert len(decoded) == 13
    load(recordings, tmp_path)
    assert len(decoded) == 13


def test_nothing_half_written_is_left(recordings: list[Recording], tmp_path: Path) -> None:
    load(recordings, tmp_path)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() and path.suffix != ".npy"] == []


def test_variants_are_others_each_time_and_the_same_again(recordings: list[Recording], tmp_path: Path) -> None:
    plain, one, two = (load(recordings, tmp_path, variant).arrays for variant in (0, 1, 2))
    for i in range(12):
        assert not np.array_equal(plain[i], one[i])
        assert not np.array_equal(one[i], two[i])
    shutil.rmtree(tmp_path / "cache")
    assert np.array_equal(load(recordings, tmp_path, 1).arrays, one)


def test_what_cannot_be_judged_is_named_with_the_reason(recordings: list[Recording], tmp_path: Path) -> None:
    recordings[1].path.write_bytes(encode_wav(np.zeros(48_000)))
    recordings[2].path.write_bytes(b"RIFF but nothing more")
    recordings[5].path.unlink()
    recordings[6].path.unlink()
    recordings[6].path.mkdir()
    for variant in (0, 1):
        loaded = load(recordings, tmp_path, variant)
        assert loaded.kept.tolist() == [0, 3, 4, 7, 8, 9, 10, 11]
        assert len(loaded.arrays) == 8
        assert set(loaded.refused) == {recordings[i].path for i in (1, 2, 5, 6)}
        assert loaded.refused[recordings[1].path] == "0.00 s of voice is too little"
        assert "can't be read as sound" in loaded.refused[recordings[2].path]
        assert "can't be read" in loaded.refused[recordings[5].path]


def test_nothing_that_can_be_judged_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "silence.wav").write_bytes(encode_wav(np.zeros(48_000)))
    silent = [Recording(tmp_path / "silence.wav", "happy", Placed("happy", "own", None, "silence", None))]
    for asked in (silent, []):
        with pytest.raises(DataError, match="None of the recordings"):
            load(asked, tmp_path)


def test_a_cache_that_cannot_be_written_is_a_sentence(recordings: list[Recording], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file is in the way")
    with pytest.raises(DataError, match=r"make room, or name another folder with --cache"):
        load(recordings, tmp_path)


def test_two_processes_give_the_same_and_tell_how_far_they_are(recordings: list[Recording], tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    one = load(recordings, tmp_path)
    two = load_features(
        recordings * 6, SETTINGS, cache=tmp_path / "other", jobs=2, progress=lambda *numbers: told.append(numbers)
    )
    assert np.allclose(two.arrays, np.tile(one.arrays, (6, 1, 1)), atol=1e-3)  # BLAS: other threads
    assert told == [(64, 72), (72, 72)]


def test_a_split_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Split([], [], []).train = []  # type: ignore[misc]


def test_corpora_and_in_them_speakers_count_alike_however_many_clips_they_have() -> None:
    speakers = np.array(["nemo A", "nemo A", "nemo A", "ravdess 01", "nemo A", "ravdess 02", "ravdess 02"])
    clips = Clips([np.zeros((7, 1))], np.zeros(7, np.intp), np.ones(7, np.float32), speakers, np.zeros(7, np.int8))
    counts = clips.corpora_alike()
    assert counts[speakers == "nemo A"] == pytest.approx(1 / 4)
    assert counts[speakers == "ravdess 01"] == pytest.approx(1 / 2)
    assert counts[speakers == "ravdess 02"] == pytest.approx(1 / 4)
