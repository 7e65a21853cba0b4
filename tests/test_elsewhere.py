"""Clips from places that nobody trained with, on made-up places, emotions and microphones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from utils.dataset_loader import Clips
from utils.evaluation import unweighted_average_recall
from utils.features import FeatureSettings
from utils.model_bundle import ONNX
from utils.networks import linear
from utils.systems import DEFAULT_SYSTEM, SYSTEMS, Member

pytestmark = pytest.mark.slow
SETTINGS = FeatureSettings(kind="encoding")
HAPPY = 1


def made_up(places: int, each: int = 240, seed: int = 0) -> Clips:
    """Clips of ten people at each place, which has its own sound, and one thing by which all there seem a bit happy."""
    rng = np.random.default_rng(seed)
    place, truth = np.repeat(np.arange(places), each), rng.integers(0, 6, places * each)
    arrays = rng.normal(0, 1, (len(truth), SETTINGS.count)) + rng.normal(0, 1, (places, SETTINGS.count))[place]
    seems = (truth == HAPPY)[:, None] + 5 * np.eye(places)[place]
    arrays[:, : 40 * (6 + places)] += np.repeat(np.hstack([np.eye(6)[truth], seems]), 40, axis=1)
    speakers = np.array([f"corpus{p} corpus{p}{seed}-{clip % 10}" for clip, p in enumerate(place)])
    weights = np.ones(len(truth), np.float32)
    return Clips([arrays.astype(np.float16)], truth, weights, speakers, np.full(len(truth), -1, np.int8))


def a_system(**changes: Any) -> Any:
    members = (Member(linear, hears=("summary",), distort=None, epochs=6, varied=False),)
    return replace(
        SYSTEMS[DEFAULT_SYSTEM],
        members=members,
        gate=False,
        intensity=False,
        variants=0,
        **{"elsewhere": True, **changes},
    )


def test_who_sings_where_they_speak_is_in_one_place_and_a_few_clips_are_none() -> None:
    from utils.elsewhere import LEAST_CLIPS, places_of, places_to_leave_out

    speech, song = ["ravdess ravdess-01"] * LEAST_CLIPS, ["ravdess_song ravdess-01"] * 5
    few, unknown = ["visitors visitors-7"] * (LEAST_CLIPS - 1), ["files None"] * LEAST_CLIPS
    named = [*speech, *song, *few, *unknown]
    places = places_of(named)
    assert set(places[: LEAST_CLIPS + 5]) == {"ravdess"}
    assert set(places[LEAST_CLIPS + 5 :]) == {""}
    assert places_to_leave_out(places) == []
    others = [f"{name} {name}-1" for name in ("nemo", "banglaser") for _ in range(LEAST_CLIPS)]
    assert places_to_leave_out(places_of([*named, *others[:LEAST_CLIPS]])) == []  # leaving one of two out leaves one
    assert places_to_leave_out(places_of([*named, *others])) == ["banglaser", "nemo", "ravdess"]


def test_strangers_are_near_where_others_were_recorded_and_far_elsewhere() -> None:
    from utils.batches import fit_scaler, summaries
    from utils.elsewhere import fit_farness, places_of

    everywhere = made_up(5)
    last = np.char.startswith(everywhere.speakers, "corpus4 ")
    stranger = np.char.endswith(everywhere.speakers, "-9")
    train = everywhere.where(~last & ~stranger)
    scaler = fit_scaler(train.variants[0])
    farness = fit_farness(summaries(train.variants[0], scaler), places_of(train.speakers))

    def far(clips: Clips) -> np.ndarray:
        found: np.ndarray = farness.network.predict(summaries(clips.variants[0], scaler), verbose=0)[:, 0]
        return found

    assert far(everywhere.where(~last & stranger)).mean() < 0.2
    assert far(everywhere.where(last)).mean() > 0.8
    assert farness.from_others.mean() > 0.8


def test_what_networks_lean_to_everywhere_is_taken_back_by_how_far_it_is() -> None:
    from utils.elsewhere import leaning_of

    rng = np.random.default_rng(0)
    truth = [rng.integers(0, 3, 3000) for _ in range(3)]
    lean = np.array([-1.0, 1.5, -0.5])
    sure = [3 * np.eye(3)[each] + rng.normal(0, 1, (len(each), 3)) for each in truth]  # right where nothing leans
    logits = [4 * (one + lean) for one in sure]
    found = leaning_of(logits, truth, [np.full(len(each), 0.5) for each in truth])
    assert found.offsets == pytest.approx(-4 * lean / 0.5, abs=0.3)
    assert found.offsets.sum() == pytest.approx(0, abs=1e-9)


def test_an_emotion_that_one_place_has_seldom_or_never_moves_nothing() -> None:
    from utils.elsewhere import leaning_of

    logits = np.eye(3) * 5
    often, seldom = np.repeat([0, 1, 2], 50), np.r_[np.zeros(90, int), np.ones(9, int), 2]
    found = leaning_of([logits[often], logits[seldom]], [often, seldom], [np.ones(150), np.ones(100)])
    assert found.offsets == pytest.approx(np.zeros(3), abs=1e-9)


def test_near_clips_keep_their_logits_and_far_ones_are_taken_as_elsewhere() -> None:
    import keras

    from utils.elsewhere import Farness, Leaning, allowing_for

    def farness_is(value: float) -> Farness:
        inputs = keras.layers.Input((3,))
        layer = keras.layers.Dense(1)
        network = keras.Model(inputs, layer(inputs))
        layer.set_weights([np.zeros((3, 1)), np.array([value])])
        return Farness(network, np.zeros(0, np.float32))

    leaning, logits = Leaning(np.array([1.0, -1.0]), 2.0), np.array([[3.0, 5.0]], np.float32)
    expected = {0.0: [3, 5], 1.0: [2, 2], 0.5: [2.5, 3.5]}
    for value, wanted in expected.items():
        network = allowing_for(leaning, farness_is(value), 2, 1.0)
        found = keras.ops.convert_to_numpy(network([np.ones((1, 3), np.float32), logits]))
        assert found[0] == pytest.approx(wanted)
    for temperature in (0.5, 3.0):  # what is far is as sure, whatever near clips are divided by
        network = allowing_for(leaning, farness_is(1.0), 2, temperature)
        found = keras.ops.convert_to_numpy(network([np.ones((1, 3), np.float32), logits]))
        assert found[0] / temperature == pytest.approx([2, 2])


def test_people_elsewhere_are_heard_better_and_less_surely(tmp_path: Path) -> None:
    from utils import training

    everywhere = made_up(5)
    last = np.char.startswith(everywhere.speakers, "corpus4 ")
    train, test = everywhere.where(~last), everywhere.where(last)
    how: dict[str, Any] = {"epochs": 9, "seed": 0}
    heard = []
    for system in (a_system(elsewhere=False), a_system()):
        leaning = training.fit_leaning(system, train, folder=tmp_path, **how)
        assert (leaning is not None) == system.elsewhere
        fitted = training.fit(system, train, None, folder=tmp_path / system.name, leaning=leaning, **how)
        heard.append(fitted.probabilities(test.variants[0]))
    plain, allowed = heard
    training.export(fitted, tmp_path)
    session = onnxruntime.InferenceSession(tmp_path / ONNX)
    [served] = session.run(["probabilities"], {"raw_summary": test.variants[0].astype(np.float32)})
    assert np.abs(served - allowed).max() < 1e-4

    def called_happy(probabilities: np.ndarray) -> float:
        return float(np.mean(probabilities[test.truth != HAPPY].argmax(axis=1) == HAPPY))

    assert called_happy(plain) > 2 / 6 > called_happy(allowed)
    before, after = (unweighted_average_recall(test.truth, each.argmax(axis=1)) for each in (plain, allowed))
    assert after > before + 0.05
    assert allowed.max(axis=1).mean() < plain.max(axis=1).mean()


def test_strangers_calibrate_what_is_near_and_nothing_that_is_far(tmp_path: Path) -> None:
    from utils import training

    everywhere = made_up(5)
    last, stranger = np.char.startswith(everywhere.speakers, "corpus4 "), np.char.endswith(everywhere.speakers, "-9")
    train, near, far = (everywhere.where(which) for which in (~last & ~stranger, ~last & stranger, last))
    how: dict[str, Any] = {"epochs": 9, "seed": 0, "folder": tmp_path}
    how["leaning"] = training.fit_leaning(a_system(), train, **how)
    plain, calibrated = (training.fit(a_system(), train, validation, **how) for validation in (None, near))
    assert calibrated.temperature < 0.7  # a few epochs make nobody sure

    def sure(fitted: Any, clips: Clips) -> float:
        return float(fitted.probabilities(clips.variants[0]).max(axis=1).mean())

    assert sure(calibrated, near) > sure(plain, near) + 0.1
    assert sure(calibrated, far) == pytest.approx(sure(plain, far), abs=0.05)


def test_networks_that_were_stopped_go_on(tmp_path: Path) -> None:
    from utils import training

    train, how = made_up(3, 120), {"epochs": 9, "seed": 0, "folder": tmp_path}
    seen: list[tuple[int, int]] = []

    def stop(done: int, all_: int) -> None:
        seen.append((done, all_))
        if done == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.fit_leaning(a_system(), train, progress=stop, **how)
    assert seen == [(number, 18) for number in range(1, 9)]
    seen.clear()
    whole = training.fit_leaning(a_system(), train, progress=lambda *both: seen.append(both), **how)
    again = training.fit_leaning(a_system(), train, **{**how, "folder": tmp_path / "again"})
    assert 0 < len(seen) < 18
    assert whole.offsets == pytest.approx(again.offsets, abs=0.3)  # dropout is drawn anew


def test_too_few_places_are_not_left_out(tmp_path: Path) -> None:
    from utils import training

    how: dict[str, Any] = {"epochs": 1, "seed": 0, "folder": tmp_path}
    assert training.fit_leaning(a_system(), made_up(2, 120), **how) is None
    assert list(tmp_path.iterdir()) == []
