from __future__ import annotations

import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

import suffice
from suffice.errors import MissingDependencyError, ModelError, ScoresError, SettingsError
from suffice.models.base import Classifier, Differentiable
from suffice.models.callable import CallableClassifier
from suffice.models.factory import as_classifier
from suffice.models.preprocess import Preprocess
from suffice.models.torch_model import TorchClassifier
from suffice.models.torch_module import module_sha256

torch = pytest.importorskip("torch")
nn = torch.nn

SHAPE = (3, 8, 6)
X = np.random.default_rng(0).standard_normal((5, *SHAPE)).astype(np.float32)
CFG = {
    "input_size": (3, 8, 8),
    "interpolation": "bicubic",
    "crop_pct": 0.8,
    "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.3, 0.4),
}


def network(seed: int = 0, classes: int = 4, channels: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(channels, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.GELU(),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, classes),
    )


def expected(module: nn.Module, batch: np.ndarray = X) -> np.ndarray:
    with torch.no_grad():
        return module.eval()(torch.from_numpy(batch)).numpy()


class Gives(nn.Module):
    """A module that gives whatever is made of its class means."""

    def __init__(self, make) -> None:
        super().__init__()
        self.make = make

    def forward(self, x):
        return self.make(x.mean(dim=(2, 3)))


def test_a_module_becomes_a_classifier():
    module = network().train()
    clf = TorchClassifier(module, input_shape=SHAPE, device="cpu")
    assert isinstance(clf, Classifier)
    assert isinstance(clf, Differentiable)
    assert clf.module is module
    assert not any(part.training for part in module.modules())
    assert (clf.name, clf.n_classes, clf.output, clf.workers) == ("Sequential", 4, "logits", 1)
    assert (clf.device, clf.fixed_batch, clf.batch_size) == ("cpu", None, 8)
    assert clf.backend == f"torch {torch.__version__.partition('+')[0]} cpu"
    scores = clf(X)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected(module), rtol=1e-6)
    assert clf(X[:0]).shape == (0, 4)
    assert suffice.TorchClassifier is TorchClassifier


def test_the_same_as_a_function_of_numpy():
    module = network().eval()
    function = CallableClassifier(lambda batch: expected(module, batch), SHAPE)
    np.testing.assert_array_equal(TorchClassifier(module, input_shape=SHAPE)(X), function(X))


def test_the_same_as_in_onnx():
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from reference import onnx_models as models

    module = nn.Sequential(nn.Flatten(), nn.Linear(144, 5, bias=False))
    with torch.no_grad():
        module[1].weight.copy_(torch.from_numpy(models.weights(SHAPE).T))
    onnx = as_classifier(models.linear_model(SHAPE).SerializeToString(), device="cpu")
    ours = as_classifier(module, input_shape=SHAPE, device="cpu")
    np.testing.assert_allclose(ours(X), onnx(X), atol=1e-5)


def test_eval_mode_comes_back():
    clf = TorchClassifier(network(), input_shape=SHAPE)
    before = clf(X)
    clf.module.train()
    np.testing.assert_array_equal(clf(X), before)


def test_an_in_place_module_leaves_the_batch_alone():
    clf = TorchClassifier(
        nn.Sequential(nn.ReLU(inplace=True), Gives(lambda m: m)), input_shape=SHAPE
    )
    before = X.copy()
    scores = clf(X)
    values, gradients = clf.gradient(X, np.zeros(5, int), "logit")
    np.testing.assert_array_equal(X, before)
    np.testing.assert_allclose(values, scores[:, 0])
    np.testing.assert_allclose(gradients[:, 0], (X[:, 0] > 0) / 48, rtol=1e-6)
    frozen = X.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(clf(frozen), scores)


@pytest.mark.parametrize(
    "make",
    [
        lambda m: SimpleNamespace(logits=m),
        lambda m: {"logits": m, "hidden": m * 2},
        lambda m: {"scores": m, "count": 3},
        lambda m: (m,),
        lambda m: [m, None],
        lambda m: m[:, :, None, None],
        lambda m: m.double(),
    ],
)
def test_where_the_scores_are(make):
    clf = TorchClassifier(Gives(make), input_shape=SHAPE)
    np.testing.assert_allclose(clf(X), X.mean(axis=(2, 3)), atol=1e-6)
    assert clf.gradient(X, np.ones(5, int))[1].shape == X.shape


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: (m, m), "gave a tuple, which holds 2 tensors; expected one tensor"),
        (lambda m: {"a": m, "b": m}, "gave a dict of a, b, which holds 2 tensors"),
        (lambda m: {"a": len(m)}, "gave a dict of a, which holds 0 tensors"),
        (lambda m: m.grad, "gave a NoneType; expected one tensor"),
        (lambda m: m.detach().numpy(), "gave a ndarray; expected one tensor"),
        (lambda m: m.argmax(1), r"gave int64 \[2\] for an input \[2, 3, 8, 6\]"),
        (lambda m: m.sum(), r"gave float32 \[\]"),
        (lambda m: m[:, None, :].repeat(1, 2, 1), r"gave float32 \[2, 2, 3\]"),
        (lambda m: m[:0], r"gave float32 \[0, 3\]"),
        (lambda m: m @ m, r"Gives failed on an input \[2, 3, 8, 6\]: mat1 and mat2"),
        (lambda m: m.softmax(1), "rows that sum to 1.*output='probabilities'"),
    ],
)
def test_what_is_no_scores(make, message):
    with pytest.raises(ModelError, match=message):
        TorchClassifier(Gives(make), input_shape=SHAPE)


def test_output_kinds():
    z = X.mean(axis=(2, 3))
    log_p = z - np.log(np.exp(z).sum(1, keepdims=True))
    soft = TorchClassifier(Gives(lambda m: m.softmax(1)), output="probabilities", input_shape=SHAPE)
    np.testing.assert_allclose(soft(X), log_p, atol=1e-6)
    multi = TorchClassifier(Gives(lambda m: m), output="multilabel", input_shape=SHAPE)
    np.testing.assert_allclose(multi(X), z, atol=1e-6)
    one = TorchClassifier(Gives(lambda m: m[:, 0]), input_shape=SHAPE)
    assert one.n_classes == 2
    np.testing.assert_allclose(one(X[:1]), [[0, z[0, 0]]], atol=1e-6)
    with pytest.raises(ScoresError, match="expected probabilities"):
        TorchClassifier(Gives(lambda m: m * 100), output="probabilities", input_shape=SHAPE)(X)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_other_precisions(kind):
    module = network()
    exact = expected(module)
    clf = TorchClassifier(module.to(getattr(torch, kind)), input_shape=SHAPE)
    assert clf(X).dtype == np.float32
    np.testing.assert_allclose(clf(X), exact, atol={"float64": 1e-6}.get(kind, 0.05))
    assert clf.gradient(X, np.zeros(5, int))[1].dtype == np.float32


def test_a_failure_in_half_precision_says_so():
    with pytest.raises(ModelError, match=r"its weights are float16: try module.float\(\)"):
        TorchClassifier(nn.Linear(9, 2).half(), input_shape=SHAPE)


def test_a_module_traced_at_batch_one():
    class One(nn.Module):
        def forward(self, x):
            return x.reshape(1, 3, -1).mean(dim=2)

    clf = TorchClassifier(One(), input_shape=SHAPE)
    assert (clf.fixed_batch, clf.batch_size) == (1, 1)
    np.testing.assert_allclose(clf(X), X.mean(axis=(2, 3)), atol=1e-6)
    several = TorchClassifier(Gives(lambda m: m), input_shape=SHAPE, fixed_batch=3)
    np.testing.assert_allclose(several(X), clf(X), atol=1e-6)
    np.testing.assert_allclose(
        several.gradient(X, np.arange(5) % 3)[1], clf.gradient(X, np.arange(5) % 3)[1], atol=1e-7
    )


def test_scripts_and_exported_programs():
    module = network().eval()
    script = torch.export.export(module, (torch.from_numpy(X),)).module()
    clf = TorchClassifier(script, input_shape=SHAPE, fixed_batch=5)
    np.testing.assert_allclose(clf(X), expected(module), atol=1e-6)


def test_the_fingerprint():
    clf = TorchClassifier(network(), input_shape=SHAPE)
    first = clf.fingerprint
    assert len(first) == 64
    assert TorchClassifier(network(), input_shape=SHAPE).fingerprint == first
    assert module_sha256(network()) == first
    clf(X)
    clf.gradient(X, np.zeros(5, int))
    assert module_sha256(clf.module) == first

    others = [network(seed=1), network().double(), network(), network(), nn.Sequential(network())]
    with torch.no_grad():
        others[2][6].bias[1] += 1e-3
    others[3][2] = nn.ReLU()  # no weight differs
    assert len({first, *map(module_sha256, others)}) == 6
    assert TorchClassifier(network(), input_shape=SHAPE, fingerprint="mine").fingerprint == "mine"


def test_a_fingerprint_is_the_same_in_another_process():
    code = (
        "import torch; from suffice.models.torch_module import module_sha256\n"
        "m = torch.nn.Linear(2, 2); m.load_state_dict({'weight': torch.eye(2), 'bias': "
        "torch.ones(2)}); print(module_sha256(m))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(seen) == 1


def test_fingerprints_of_odd_states():
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("brain", torch.ones(3, dtype=torch.bfloat16))
            self.register_buffer("switch", torch.tensor(True))
            self.register_buffer("nothing", torch.empty(0))

        def get_extra_state(self):
            return {"version": 2}

        def set_extra_state(self, state):
            pass

    assert module_sha256(Odd()) == module_sha256(Odd())


def test_the_state_of_timm_models_gives_the_preprocessing():
    for field in ("pretrained_cfg", "default_cfg"):
        module = network()
        setattr(module, field, CFG)
        clf = as_classifier(module)
        assert clf.input_shape == (3, 8, 8)
        assert clf.preprocess == Preprocess(
            size=8,
            resize_shorter_side=10,
            interpolation="bicubic",
            mean=CFG["mean"],
            std=CFG["std"],
        )
    module.default_cfg = SimpleNamespace(to_dict=lambda: CFG)
    assert as_classifier(module).preprocess == clf.preprocess
    other = Preprocess(size=16, mean=(0.5,) * 3, std=(0.5,) * 3)
    assert as_classifier(module, preprocess=other).input_shape == (3, 16, 16)
    assert as_classifier(module, input_shape=(3, 16, 16)).preprocess is None


@pytest.mark.parametrize(
    ("change", "preprocess"),
    [
        ({"interpolation": "random"}, False),
        ({"mean": None}, False),
        ({"crop_mode": "border"}, False),
        ({"crop_mode": "squash"}, False),
        ({"crop_mode": "squash", "crop_pct": 1.0}, True),
        ({"crop_mode": "center"}, True),
        ({"input_size": (3, 8, 4)}, False),
    ],
)
def test_what_cannot_be_done_exactly_is_not_guessed(change, preprocess):
    module = network()
    module.pretrained_cfg = {**CFG, **change}
    clf = TorchClassifier(module)
    assert (clf.preprocess is not None) == preprocess
    assert clf.input_shape == module.pretrained_cfg["input_size"]


def test_grey_input():
    module = network(channels=1)
    module.pretrained_cfg = {**CFG, "input_size": (1, 8, 8), "mean": (0.5,), "std": (0.5,)}
    assert TorchClassifier(module).preprocess.channels == "grey"


def test_as_classifier_passes_options_on():
    clf = as_classifier(
        network(),
        input_shape=SHAPE,
        device="cpu",
        threads=1,
        batch_size=3,
        labels=list("abcd"),
        output="multilabel",
        name="mine",
        thread_safe=True,
        workers=2,
    )
    assert (clf.batch_size, clf.labels, clf.output, clf.name) == (
        3,
        list("abcd"),
        "multilabel",
        "mine",
    )
    assert clf.workers == 2
    assert as_classifier(clf) is clf
    with pytest.raises(SettingsError, match="TorchClassifier has no option layout"):
        as_classifier(network(), input_shape=SHAPE, layout="NCHW")


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, SettingsError, r"Sequential does not state its input's size: give input_shape"),
        ({"input_shape": (3, 8)}, SettingsError, r"must be \(C, H, W\)"),
        ({"input_shape": SHAPE, "device": "gpu"}, SettingsError, "device 'gpu' can't be used"),
        ({"input_shape": SHAPE, "device": "xpu:7"}, SettingsError, "use auto or cpu"),
        ({"input_shape": SHAPE, "output": "softmax"}, SettingsError, "softmax"),
        ({"input_shape": SHAPE, "threads": 0}, SettingsError, "threads must be a whole number"),
        ({"input_shape": SHAPE, "fixed_batch": 1.5}, SettingsError, "fixed_batch must be"),
        ({"input_shape": SHAPE, "labels": ["a"]}, ModelError, "4 classes, got 1 labels"),
        ({"input_shape": (1, 8, 6)}, ModelError, r"failed on an input \[2, 1, 8, 6\]"),
        (
            {"input_shape": SHAPE, "preprocess": Preprocess(size=4, mean=(0,) * 3, std=(1,) * 3)},
            ModelError,
            "the preprocessing makes",
        ),
    ],
)
def test_bad_settings(options, error, message):
    with pytest.raises(error, match=message):
        TorchClassifier(network(), **options)


def test_what_is_no_module():
    with pytest.raises(ModelError, match=r"expected a torch.nn.Module, got function"):
        TorchClassifier(expected, input_shape=SHAPE)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_no_cuda():
    assert TorchClassifier(network(), input_shape=SHAPE, device="auto").device == "cpu"
    with pytest.raises(SettingsError, match="device 'cuda' can't be used by torch"):
        TorchClassifier(network(), input_shape=SHAPE, device="cuda")


def test_weights_that_were_never_loaded():
    with pytest.raises(ModelError, match="Linear can't be moved to cpu"):
        TorchClassifier(nn.Linear(3, 2, device="meta"), input_shape=SHAPE)


@pytest.mark.parametrize("batch", [X.astype(np.float64), X[0], X[:, :1]])
def test_wrong_batches_are_refused(batch):
    clf = TorchClassifier(network(), input_shape=SHAPE)
    for call in (clf, lambda b: clf.gradient(b, np.zeros(len(b), int))):
        with pytest.raises(ScoresError, match=r"takes float32 \[N, 3, 8, 6\]"):
            call(batch)


def test_threads_are_set_for_the_call_only():
    seen = []

    def look(means):
        seen.append(torch.get_num_threads())
        return means

    before = torch.get_num_threads()
    clf = TorchClassifier(Gives(look), input_shape=SHAPE, threads=before + 1)
    clf(X)
    clf.gradient(X, np.zeros(5, int))
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


def test_calls_take_turns():
    running, most, lock = 0, 0, threading.Lock()

    def count(means):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        out = means * 1
        with lock:
            running -= 1
        return out

    clf = TorchClassifier(Gives(count), input_shape=SHAPE)
    calls = [lambda: clf(X), lambda: clf.gradient(X, np.zeros(5, int))] * 8
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_a_whole_explanation():
    clf = TorchClassifier(network().eval(), input_shape=(3, 16, 16))
    image = np.random.default_rng(3).standard_normal((3, 16, 16)).astype(np.float32)
    exp = suffice.explain(clf, image, method=suffice.Rex(iterations=2), seed=1)
    assert exp.record["model"]["sha256"] == clf.fingerprint
    if exp.status == "found":
        assert suffice.verify(exp, clf, image).verdict == "holds"


def test_a_missing_torch_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"pip install suffice\[torch\]"):
        TorchClassifier(object(), input_shape=SHAPE)
