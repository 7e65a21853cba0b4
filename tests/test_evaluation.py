"""The figures, compared with scikit-learn's and with cases whose answer is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.evaluation import (
    answer_threshold,
    bootstrap_interval,
    evaluate,
    evaluate_strength,
    expected_calibration_error,
    fit_temperature,
    plot_confusion,
    plot_history,
    plot_reliability,
    unweighted_average_recall,
)

LABELS = ("neutral", "happy", "sad", "angry")


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def answers(clips: int, labels: int = 4, seed: int = 0, sharpness: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and a truth drawn from their probabilities: perfectly calibrated."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, sharpness, (clips, labels))
    probabilities = softmax(logits)
    return logits, (rng.random((clips, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(max=labels - 1)


# --- Against scikit-learn


@settings(max_examples=60, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=80),
    seed=st.integers(0, 2**32 - 1),
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # scikit-learn wonders about labels that never occur
def test_the_figures_are_scikit_learns(pairs: list[tuple[int, int]], seed: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth, heard = np.array(pairs).T
    probabilities = np.random.default_rng(seed).uniform(0, 0.1, (len(truth), 4))
    probabilities[np.arange(len(truth)), heard] = 0.7
    report = evaluate(probabilities, truth, LABELS)
    present = np.unique(truth)
    assert report.clips == len(truth)
    assert report.uar == pytest.approx(metrics.balanced_accuracy_score(truth, heard))
    assert report.accuracy == pytest.approx(metrics.accuracy_score(truth, heard))
    assert report.macro_f1 == pytest.approx(
        metrics.f1_score(truth, heard, labels=present, average="macro", zero_division=0)
    )
    assert np.array_equal(report.confusion, metrics.confusion_matrix(truth, heard, labels=range(4)))
    recalls = metrics.recall_score(truth, heard, labels=range(4), average=None, zero_division=0)
    for i, label in enumerate(LABELS):
        assert report.recalls[label] == (pytest.approx(recalls[i]) if i in present else None)


def test_a_report_goes_into_json() -> None:
    logits, truth = answers(50)
    report = evaluate(softmax(logits), truth, LABELS)
    loaded = json.loads(json.dumps(report.as_dict()))
    assert loaded["recalls"] == report.recalls
    assert loaded["confusion"] == [list(row) for row in report.confusion]
    assert sum(map(sum, loaded["confusion"])) == loaded["clips"] == 50


def test_no_clips_are_refused() -> None:
    with pytest.raises(ValueError, match="no clips"):
        evaluate(np.zeros((0, 4)), np.zeros(0, dtype=int), LABELS)


def test_uar_counts_rare_and_frequent_labels_alike() -> None:
    truth, heard = np.array([0] * 98 + [1] * 2), np.array([0] * 98 + [0, 1])
    assert unweighted_average_recall(truth, heard) == 0.75


# --- Calibration


def test_calibrated_answers_have_no_calibration_error() -> None:
    logits, truth = answers(40_000)
    assert expected_calibration_error(softmax(logits), truth) < 0.01


def test_overconfident_answers_have_one() -> None:
    logits, truth = answers(40_000)
    assert expected_calibration_error(softmax(3 * logits), truth) > 0.1


def test_the_calibration_error_of_one_confidence_is_its_gap() -> None:
    probabilities = np.tile([0.8, 0.2], (10, 1))
    truth = np.array([0] * 5 + [1] * 5)
    assert expected_calibration_error(probabilities, truth) == pytest.approx(0.3)
    assert expected_calibration_error(np.tile([1.0, 0.0], (4, 1)), np.zeros(4, dtype=int)) == 0


@pytest.mark.parametrize("temperature", [0.5, 1.0, 1.7, 3.0])
def test_the_temperature_that_was_applied_is_found(temperature: float) -> None:
    logits, truth = answers(20_000, seed=3)
    assert fit_temperature(temperature * logits, truth, np.ones(len(truth))) == pytest.approx(temperature, rel=0.05)


def test_weights_say_whose_temperature_it_is() -> None:
    logits, truth = answers(20_000, seed=4)
    mixed = np.concatenate([logits[:10_000], 3 * logits[10_000:]])
    first = np.arange(20_000) < 10_000
    assert fit_temperature(mixed, truth, first.astype(float)) == pytest.approx(1, rel=0.06)
    assert fit_temperature(mixed, truth, (~first).astype(float)) == pytest.approx(3, rel=0.06)


def test_huge_logits_don_t_overflow() -> None:
    logits, truth = answers(100)
    with np.errstate(all="raise", under="ignore"):
        assert fit_temperature(1e4 * logits, truth, np.ones(100)) == pytest.approx(4)


# --- The threshold of an answer


def test_from_the_threshold_on_so_many_answers_are_right() -> None:
    logits, truth = answers(20_000, seed=5)
    probabilities = softmax(logits)
    threshold = answer_threshold(probabilities, truth, right=0.8)
    given_ = probabilities.max(axis=1) >= threshold
    hits = probabilities.argmax(axis=1) == truth
    assert hits[given_].mean() == pytest.approx(0.8, abs=0.001)
    assert 0.1 < given_.mean() < 0.95
    assert answer_threshold(probabilities, truth, right=0.9) > threshold


def test_clips_count_as_much_as_their_weights_say() -> None:
    rng = np.random.default_rng(1)
    confidence = np.tile(np.linspace(0.5, 0.99, 500), 2)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    good, bad = np.where(rng.random(500) < 0.95, 0, 1), np.where(rng.random(500) < confidence[:500] - 0.1, 0, 1)
    truth = np.concatenate([good, bad])
    alike = answer_threshold(probabilities, truth, weights=np.full(1000, 7.0))
    assert alike == answer_threshold(probabilities, truth)
    only_bad = answer_threshold(probabilities, truth, weights=np.repeat([1e-9, 1.0], 500))
    assert only_bad == answer_threshold(probabilities[500:], bad) > alike


def test_good_answers_are_all_given() -> None:
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    assert answer_threshold(probabilities, np.array([0, 0, 1])) == 0.6


def test_a_tenth_is_answered_however_bad_the_answers_are() -> None:
    rng = np.random.default_rng(0)
    confidence = np.linspace(0.5, 0.99, 200)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    threshold = answer_threshold(probabilities, rng.integers(0, 2, 200) | 1)
    assert (confidence >= threshold).mean() >= 0.1


def test_one_lucky_answer_at_the_top_decides_nothing() -> None:
    confidence = np.linspace(0.9, 0.5, 100)
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    truth = np.array([0] + [1] * 50 + [0] * 49)
    assert (confidence >= answer_threshold(probabilities, truth)).sum() >= 10


@settings(max_examples=100, deadline=None)
@given(clips=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), right=st.floats(0.1, 1))
def test_the_threshold_is_the_best_there_is(clips: int, seed: int, right: float) -> None:
    logits, truth = answers(clips, seed=seed, sharpness=1)
    probabilities = softmax(logits)
    confidence, hits = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    shares = {
        float(c): float(hits[confidence >= c].mean()) for c in confidence if (confidence >= c).sum() * 10 >= clips - 9
    }
    threshold = answer_threshold(probabilities, truth, right=right)
    reaching = [c for c, share in shares.items() if share >= right]
    assert threshold == (min(reaching) if reaching else max(shares, key=lambda c: (shares[c], c)))


# --- The interval


def test_the_interval_holds_the_figure_and_shrinks_with_speakers() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for speakers in (8, 80):
        truth = np.tile(np.arange(4), 5 * speakers)
        heard = np.where(rng.random(len(truth)) < 0.6, truth, (truth + 1) % 4)
        who = np.repeat([f"s{n}" for n in range(speakers)], 20)
        low, high = bootstrap_interval(truth, heard, list(who), rounds=300)
        assert low < unweighted_average_recall(truth, heard) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_speakers_are_drawn_not_clips() -> None:
    """Two speakers, one always right: draws give 0, a half or 1, however many clips there are."""
    truth = np.tile(np.arange(4), 50)
    heard = np.concatenate([truth[:100], (truth[100:] + 1) % 4])
    assert bootstrap_interval(truth, heard, ["a"] * 100 + ["b"] * 100) == (0, 1)
    low, high = bootstrap_interval(truth, heard, [str(n) for n in range(200)])
    assert 0.4 < low < high < 0.6


def test_the_interval_is_repeatable_and_takes_unknown_speakers() -> None:
    truth, heard = np.tile([0, 1], 20), np.tile([0, 1, 1, 0], 10)
    who = [None, "a", "b", None] * 10
    assert bootstrap_interval(truth, heard, who, seed=1) == bootstrap_interval(truth, heard, who, seed=1)


# --- Plots


def test_plots_are_pngs(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    logits, truth = answers(60)
    truth[truth == 2] = 0  # a label that doesn't occur
    plot_confusion(evaluate(softmax(logits), truth, LABELS), "A title", tmp_path / "confusion.png")
    plot_reliability(softmax(logits), truth, tmp_path / "reliability.png")
    plot_history([{"loss": 1.5, "val_uar": 0.3}, {"loss": 1.2, "val_uar": 0.4}], tmp_path / "history.png")
    plot_history([{"loss": 1.5, "val_uar": 0.3}], tmp_path / "one epoch.png")
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert len(content) > 5000
    assert len(list(tmp_path.iterdir())) == 4


# --- How strongly


def test_only_clear_probabilities_are_words_that_may_be_wrong() -> None:
    strong = np.array([True, True, True, False, False, False])
    report = evaluate_strength(np.array([0.9, 0.8, 0.5, 0.6, 0.8, 0.1]), strong, list("abcabc"))
    assert (report.clips, report.clear, report.right) == (6, pytest.approx(4 / 6), 0.75)
    assert report.auc == pytest.approx((3 + 2.5 + 1) / 9)
    assert report.auc_interval[0] <= report.auc <= report.auc_interval[1]
    assert report.right_interval[0] <= report.right <= report.right_interval[1]


def test_unclear_strengths_are_no_words_and_one_kind_can_not_be_judged() -> None:
    report = evaluate_strength(np.array([0.6, 0.4]), np.array([True, False]), ["a", "a"])
    assert (report.auc, report.clear, report.right, report.right_interval) == (1.0, 0.0, 0.0, (0.0, 0.0))
    with pytest.raises(ValueError, match="no clips"):
        evaluate_strength(np.array([0.6, 0.4]), np.array([True, True]), ["a", "a"])
