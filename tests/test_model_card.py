"""What a bundle is worth, measured through the Predictor, and the card that says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.made_up import fill, tiny_bundle, tiny_onnx
from utils.dataset_loader import Recording, Split, assign_folds, scan, split_speakers
from utils.decoding import encode_wav
from utils.emotions import DEFAULT_LABELS
from utils.errors import DataError
from utils.model_card import describe, measure, model_card
from utils.predictor import Predictor
from utils.systems import DEFAULT_SYSTEM, SYSTEMS

pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Recording]:
    """Three speakers, six emotions each; the first can't be heard and the last one can't be read."""
    data = tmp_path_factory.mktemp("data")
    fill(data, ["AB0", "CD0", "EF0"], seconds=1.2)
    found = scan(data, DEFAULT_LABELS)
    found[0].path.write_bytes(encode_wav(np.zeros(16_000)))
    found[-1].path.write_bytes(b"no sound")
    return found


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.load(tiny_bundle(tmp_path_factory.mktemp("bundle"), uncertain_below=0.3))


def test_every_recording_is_heard_as_a_person_s_file_would_be(
    predictor: Predictor, recordings: list[Recording]
) -> None:
    told: list[tuple[int, int]] = []
    measured = measure(predictor, recordings, lambda *numbers: told.append(numbers))
    assert told == [(n, 18) for n in range(1, 19)]
    assert (measured.report.clips, measured.refused, measured.speakers) == (16, 2, 3)
    heard = [predictor.predict(recording.path) for recording in recordings[1:-1]]
    right = [p.emotion == r.label for p, r in zip(heard, recordings[1:-1], strict=True)]
    sure = [p.status == "ok" for p in heard]
    assert measured.report.accuracy == pytest.approx(np.mean(right))
    assert measured.answered == pytest.approx(np.mean(sure))
    assert measured.right == pytest.approx(np.mean([r for r, s in zip(right, sure, strict=True) if s] or [0]))
    assert measured.interval[0] <= measured.report.uar <= measured.interval[1]
    assert measured.probabilities.shape == (16, 6)
    assert measured.as_dict()["uar_by_corpus"] == {"nemo": measured.report.uar}


def test_the_card_says_it_all(predictor: Predictor, recordings: list[Recording]) -> None:
    split = split_speakers(recordings, assign_folds(recordings, 3), test=0, validation=1)
    measured = measure(predictor, split.test)
    card = model_card(SYSTEMS[DEFAULT_SYSTEM], measured, split)
    assert card.startswith(f"# Model card: {DEFAULT_SYSTEM}\n")
    assert f"| **all, pooled** | {measured.report.clips} | {measured.report.uar:.1%} |" in card
    assert f"| nEMO | {measured.report.clips} |" in card
    assert "guessing gives 16.7%" in card
    assert "| nEMO | 6 | CC BY-NC-SA 4.0 |" in card
    assert f"{measured.refused} of\n6 clips were refused" in card
    assert "utils/encoder.onnx" in card
    assert "**Elsewhere.**" in card
    plain = model_card(SYSTEMS["statistics"], measured, split)
    assert "utils/encoder.onnx" not in plain and "Elsewhere" not in plain
    assert "{" not in card


def test_how_strongly_is_measured_where_a_corpus_says(
    predictor: Predictor, recordings: list[Recording], tmp_path: Path
) -> None:
    acted = [
        replace(one, placed=replace(one.placed, intensity="strong" if number % 2 else "normal"))
        for number, one in enumerate(recordings[1:-1])
    ]
    telling = Predictor.load(tiny_bundle(tmp_path, onnx=tiny_onnx(intensity=0.9)))
    measured = measure(telling, acted)
    feeling = [one for one in acted if one.label != "neutral"]
    assert measured.strength["nemo"].clips == len(feeling)
    assert (measured.strength["nemo"].auc, measured.strength["nemo"].clear) == (0.5, 1.0)
    assert measured.strength["nemo"].right == np.mean([one.placed.intensity == "strong" for one in feeling])
    assert "**How strongly.**" in model_card(SYSTEMS[DEFAULT_SYSTEM], measured, Split([], [], acted))
    for untold in (measure(telling, recordings), measure(predictor, acted)):
        assert untold.strength == {} and "strength" not in untold.as_dict()
        assert "How strongly" not in model_card(SYSTEMS[DEFAULT_SYSTEM], untold, Split([], [], acted))


def test_a_label_without_clips_has_no_recall(predictor: Predictor, recordings: list[Recording]) -> None:
    happy = [recording for recording in recordings[1:-1] if recording.label in ("happy", "sad")]
    card = model_card(SYSTEMS[DEFAULT_SYSTEM], measure(predictor, happy), Split([], [], happy))
    row = next(line for line in card.splitlines() if line.startswith("| **all"))
    assert row.count("–") == 4 + 1  # four emotions, and the one between the interval's ends


def test_nobody_to_be_heard_is_a_sentence(predictor: Predictor, recordings: list[Recording]) -> None:
    for nobody in ([recordings[0], recordings[-1]], []):
        with pytest.raises(DataError, match="test speakers"):
            measure(predictor, nobody)


def test_a_split_is_described_in_three_lines(recordings: list[Recording]) -> None:
    split = split_speakers(recordings, assign_folds(recordings, 3), test=0, validation=1)
    assert describe(split).splitlines() == [
        "training:   nemo 6 clips of 1",
        "validation: nemo 6 clips of 1",
        "test:       nemo 6 clips of 1",
    ]
