from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from suffice.errors import ModelError, ScoresError, SettingsError
from suffice.models.base import Classifier
from suffice.models.callable import CallableClassifier
from suffice.models.preprocess import Preprocess

SHAPE = (2, 3, 4)
X = np.random.default_rng(0).standard_normal((5, *SHAPE)).astype(np.float32)


def channel_means(batch):
    return batch.mean(axis=(2, 3))


def test_a_function_becomes_a_classifier():
    clf = CallableClassifier(channel_means, SHAPE)
    assert isinstance(clf, Classifier)
    assert (clf.name, clf.n_classes, clf.output) == ("channel_means", 2, "logits")
    assert (clf.workers, clf.batch_size, clf.fixed_batch, clf.fingerprint) == (1, 16, None, "")
    np.testing.assert_array_equal(clf(X), channel_means(X))
    assert clf(X[:0]).shape == (0, 2)
    assert CallableClassifier(channel_means, list(SHAPE), name="n", fingerprint="f").name == "n"


@pytest.mark.parametrize("convert", [np.float64, np.float16, list, lambda a: (a * 100).astype(int)])
def test_whatever_numpy_reads_becomes_float32(convert):
    scores = CallableClassifier(lambda b: convert(channel_means(b)), SHAPE)(X)
    assert scores.dtype == np.float32
    assert scores.shape == (5, 2)


@pytest.mark.parametrize("keep", [True, False])
def test_one_column_becomes_two_classes(keep):
    def logit(batch):
        return batch.mean(axis=(1, 2, 3), keepdims=False).reshape(-1, *([1] if keep else []))

    z = X.mean(axis=(1, 2, 3))
    clf = CallableClassifier(logit, SHAPE)
    assert clf.n_classes == 2
    np.testing.assert_allclose(clf(X), np.stack([np.zeros(5), z], 1), atol=1e-7)

    p = CallableClassifier(lambda b: 1 / (1 + np.exp(-logit(b))), SHAPE, output="probabilities")
    np.testing.assert_allclose(p(X), -np.log1p(np.exp(np.stack([z, -z], 1))), atol=1e-6)


def test_probabilities_become_log_p_and_multilabel_stays():
    e = np.exp(channel_means(X))
    clf = CallableClassifier(
        lambda b: np.exp(channel_means(b)) / np.exp(channel_means(b)).sum(1, keepdims=True),
        SHAPE,
        output="probabilities",
    )
    np.testing.assert_allclose(clf(X), np.log(e / e.sum(1, keepdims=True)), atol=1e-6)
    multi = CallableClassifier(channel_means, SHAPE, output="multilabel")
    np.testing.assert_array_equal(multi(X), channel_means(X))
    with pytest.raises(ScoresError, match="expected probabilities from 0 to 1"):
        CallableClassifier(lambda b: channel_means(b) - 5, SHAPE, output="probabilities")(X)


@pytest.mark.parametrize(
    ("result", "received"),
    [
        (np.zeros((4, 2)), r"float64 \[4, 2\]"),
        (np.zeros((5, 3)), r"\[5, 3\]"),
        (np.zeros((5, 2, 1)), r"\[5, 2, 1\]"),
        (np.zeros((5, 0)), r"\[5, 0\]"),
        (np.float32(1), r"float32 \[\]"),
        (np.zeros(5, np.int64), r"int64 \[5\]"),
        (np.full((5, 2), "a"), r"\[5, 2\]"),
        ([[1.0], [1.0, 2.0]], "list, which is no array"),
        (None, "object"),
    ],
)
def test_wrong_results_are_named(result, received):
    clf = CallableClassifier(lambda _: result, SHAPE, n_classes=2)
    with pytest.raises(ScoresError, match=received):
        clf(X)


def test_nan_is_left_to_the_decision():
    clf = CallableClassifier(lambda b: np.full((len(b), 2), np.nan), SHAPE, output="probabilities")
    assert np.isnan(clf(X)).all()


@pytest.mark.parametrize("batch", [X.astype(np.float64), X[0], X[:, :1]])
def test_wrong_batches_are_refused(batch):
    with pytest.raises(ScoresError, match=r"takes float32 \[N, 2, 3, 4\]"):
        CallableClassifier(channel_means, SHAPE)(batch)


@pytest.mark.parametrize(
    "options",
    [
        {"input_shape": (3, 4)},
        {"input_shape": 3},
        {"input_shape": (3, 0, 4)},
        {"n_classes": 0},
        {"batch_size": 0},
        {"batch_size": 2.0},
        {"output": "softmax"},
    ],
)
def test_bad_settings(options):
    with pytest.raises(SettingsError):
        CallableClassifier(channel_means, **{"input_shape": SHAPE, **options})


def test_shapes_must_agree():
    with pytest.raises(ModelError, match="the preprocessing makes"):
        CallableClassifier(channel_means, SHAPE, preprocess=Preprocess(size=4, mean=0.5, std=0.5))
    with pytest.raises(ModelError, match="2 classes, got 1 labels"):
        CallableClassifier(channel_means, SHAPE, labels=["a"])


@pytest.mark.parametrize("thread_safe", [True, False])
def test_calls_take_turns_unless_told_otherwise(thread_safe):
    running, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2, timeout=30)

    def slow(batch):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if thread_safe:
            both.wait()  # passes only if two calls run at the same time
        else:
            time.sleep(0.002)
        with lock:
            running -= 1
        return channel_means(batch)

    clf = CallableClassifier(slow, SHAPE, n_classes=2, thread_safe=thread_safe)
    assert clf.workers == (4 if thread_safe else 1)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(clf, [X] * 6))
    assert most == (2 if thread_safe else 1)
