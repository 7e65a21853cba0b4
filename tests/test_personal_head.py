"""The personal head: few examples change little, right ones help, useless ones are dropped."""

import time

import numpy as np
import pytest

from utils.personal_head import fit_head

LABELS = ("neutral", "happy", "sad")


def person(each, seed=0, apart=3.0, units=24, emotions=("happy", "sad")):
    """Clips of a person whom the general model always calls neutral."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(0, 1, (len(LABELS), units))
    truth = [emotion for emotion in emotions for _ in range(each)]
    embeddings = np.stack([apart * centres[LABELS.index(e)] + rng.normal(0, 1, units) for e in truth])
    general = np.tile([0.6, 0.2, 0.2], (len(truth), 1))
    return truth, embeddings.astype(np.float32), general.astype(np.float32)


def accuracy(head, truth, embeddings, general):
    answers = [
        head.answer(dict(zip(LABELS, p.tolist(), strict=True)), e) for e, p in zip(embeddings, general, strict=True)
    ]
    assert all(sum(answer.values()) == pytest.approx(1) for answer in answers)
    return np.mean([max(a, key=a.__getitem__) == t for a, t in zip(answers, truth, strict=True)])


def test_it_needs_three_clips_of_two_emotions():
    for truth, embeddings, general in (person(2), person(9, emotions=("sad",)), person(1)):
        assert fit_head(truth, embeddings, general, LABELS) is None


def test_three_clips_an_emotion_put_right_what_was_always_wrong():
    head = fit_head(*person(3), LABELS)
    assert accuracy(head, *person(50, seed=1)) > 0.9


def test_more_examples_count_more():
    p = dict(zip(LABELS, (0.6, 0.2, 0.2), strict=True))
    embedding = person(1, seed=5)[1][0]
    assert (
        fit_head(*person(10), LABELS).answer(p, embedding)["happy"]
        > (fit_head(*person(3), LABELS).answer(p, embedding)["happy"])
    )


def test_what_teaches_nothing_is_dropped():
    """Where the general model is right and sure, and embeddings are noise."""
    truth, embeddings, _ = person(5, apart=0.0)
    sure = np.array([[0.01, 0.98, 0.01] if e == "happy" else [0.01, 0.01, 0.98] for e in truth], dtype=np.float32)
    assert fit_head(truth, embeddings, sure, LABELS) is None


def test_emotions_that_the_model_doesnt_know_dont_count():
    truth, embeddings, general = person(3)
    assert fit_head(["disgust" if e == "sad" else e for e in truth], embeddings, general, LABELS) is None


def test_many_examples_take_less_than_a_second():
    many = person(150, units=192)
    fit_head(*many, LABELS)
    start = time.process_time()
    fit_head(*many, LABELS)
    assert time.process_time() - start < 1
