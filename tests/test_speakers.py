"""Who speaks: made-up people are told apart, strangers are nobody, and nothing damaged is believed."""

import io
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.voices import speak
from tests.made_up import people, person, summary_of, tiny_bundle, tiny_speakers, voice_onnx
from train import _write_speakers
from utils.dataset_loader import Clips
from utils.errors import BundleError
from utils.model_bundle import SPEAKERS
from utils.predictor import Predictor
from utils.speaker_fit import compare, fit_speakers
from utils.speakers import KNOWN_FROM, Speakers
from utils.systems import SYSTEMS
from utils.voice_profile import VoiceProfile

ANN, BOB, STRANGER = 51, 52, 53  # nobody of those who trained it


@pytest.fixture(scope="module")
def voices():
    """Ann and Bob."""
    return {name: VoiceProfile.of(person(number)[:4], "ordinary") for name, number in (("Ann", ANN), ("Bob", BOB))}


@pytest.mark.parametrize(("number", "name"), [(ANN, "Ann"), (BOB, "Bob"), (STRANGER, None)])
def test_people_are_known_and_strangers_are_not(voices, number, name):
    who = tiny_speakers().who(person(number)[5], voices)
    assert who.name == name
    assert (who.probability >= KNOWN_FROM) == (name is not None)


def test_nobody_taught_is_no_answer():
    assert tiny_speakers().who(person(ANN)[0], {}) is None


def test_scores_are_the_same_both_ways():
    found = tiny_speakers()
    directions = found.directions(people((ANN, BOB))[0])
    assert np.linalg.norm(directions, axis=1) == pytest.approx(1, abs=1e-5)
    scores = found.scores(directions, directions)
    assert scores == pytest.approx(scores.T, abs=1e-4)


@pytest.mark.parametrize("slope", [-1e6, 0, 1e6])
def test_the_more_voices_the_more_it_takes_and_never_more_than_all(voices, slope):
    found = tiny_speakers()
    clip = person(ANN)[5]
    assert found.who(clip, voices).probability < found.who(clip, {"Ann": voices["Ann"]}).probability
    assert 0 <= replace(found, slope=slope).who(clip, voices).probability <= 1


def test_people_who_did_not_train_it_are_told_apart():
    trials = compare(tiny_speakers(), *people(range(40, 48)), clips=3)
    assert trials.equal_error()[0] < 0.1
    assert set(np.unique(trials.same)) == {False, True}


def test_there_and_back_it_says_the_same():
    found = tiny_speakers()
    again = Speakers.from_bytes(found.to_bytes())
    some = people((ANN, BOB))[0]
    for one in (found, again):
        assert one.directions(some).dtype == np.float32
    assert again.scores(again.directions(some), again.directions(some)) == pytest.approx(
        found.scores(found.directions(some), found.directions(some)), abs=0.05
    )
    assert (again.slope, again.offset) == pytest.approx((found.slope, found.offset))


def test_too_few_people_teach_nothing():
    some, names = people((1, 2))
    assert fit_speakers([some[:6]], names[:6], some, names) is None
    assert fit_speakers([some], names, some[:6], names[:6]) is None


def test_visitors_and_unknown_people_are_left_out():
    some, names = people(range(4))
    odd = np.array(["corrections corrections-ab", "own None", "corrections corrections-cd", "own None"])
    several, known = np.concatenate([some, some[:4]]), people(range(5, 8))
    assert len(fit_speakers([several], np.concatenate([names, odd]), *known).strangers) == 4


def test_what_is_damaged_or_unpickled_is_refused():
    whole = tiny_speakers().to_bytes()
    odd = io.BytesIO()
    np.savez(odd, mean=np.array([object()]))
    for content in (b"", b"PK", whole[: len(whole) // 2], odd.getvalue()):
        with pytest.raises(BundleError):
            Speakers.from_bytes(content)


def test_a_predictor_says_who(tmp_path, voices):
    voices = dict(voices)
    knowing = Predictor.load(tiny_bundle(tmp_path / "new", onnx=voice_onnx(), speakers=tiny_speakers().to_bytes()))
    without = Predictor.load(tiny_bundle(tmp_path / "old", onnx=voice_onnx()))
    clip = speak(2, seed=3)
    voices["Cleo"] = VoiceProfile.of([summary_of(clip)], "mixed")
    assert (knowing.tells_voices, without.tells_voices) == (True, False)
    assert knowing.predict(clip, among=voices).who.name == "Cleo"
    assert knowing.predict(clip).who is None
    assert without.predict(clip, among=voices).who is None
    assert knowing.predict(clip).probabilities == knowing.predict(clip, among=voices).probabilities


def test_a_changed_file_is_refused(tmp_path):
    folder = tiny_bundle(tmp_path / "m", onnx=voice_onnx(), speakers=tiny_speakers().to_bytes())
    content = bytearray((folder / SPEAKERS).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / SPEAKERS).write_bytes(content)
    with pytest.raises(BundleError, match=SPEAKERS):
        Predictor.load(folder)
    (folder / SPEAKERS).unlink()
    with pytest.raises(BundleError, match=SPEAKERS):
        Predictor.load(folder)


def test_training_leaves_it_with_systems_that_know_voices(tmp_path):
    def clips(numbers):
        names = np.repeat([f"made_up made_up-{number}" for number in numbers], 6)
        rng = np.random.default_rng(numbers)
        frames = rng.normal(size=(len(numbers), 1, 1, 120)) + rng.normal(size=(len(numbers), 6, 174, 120))
        variants = [frames.reshape(-1, 174, 120).astype(np.float16)] * 2
        truth, strong = np.zeros(len(names), dtype=np.intp), np.full(len(names), -1, dtype=np.int8)
        return Clips(variants, truth, np.ones(len(names), dtype=np.float32), names, strong)

    for system in ("ensemble", "statistics"):
        (tmp_path / system).mkdir()
        _write_speakers(SYSTEMS[system], clips(range(6)), clips(range(6, 9)), tmp_path / system)
    assert Speakers.from_bytes((tmp_path / "ensemble" / SPEAKERS).read_bytes()).slope > 0
    assert not (tmp_path / "statistics" / SPEAKERS).exists()
