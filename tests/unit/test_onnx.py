from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from reference import onnx_models as models
from suffice.errors import MissingDependencyError, ModelError, ScoresError, SettingsError
from suffice.models.base import Classifier, describe
from suffice.models.images import load_image
from suffice.models.onnx import OnnxClassifier
from suffice.models.preprocess import Preprocess

SHAPE = (3, 8, 8)
X = np.random.default_rng(3).standard_normal((5, *SHAPE)).astype(np.float32)
LOGITS = models.logits(X, models.weights(SHAPE))


def load(model: onnx.ModelProto, **options) -> OnnxClassifier:
    return OnnxClassifier(model.SerializeToString(), device="cpu", **options)


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_a_plain_model_says_what_it_is(tmp_path):
    path = tmp_path / "linear.onnx"
    path.write_bytes(models.linear_model(SHAPE).SerializeToString())
    clf = OnnxClassifier(path, device="cpu", threads=3)
    assert isinstance(clf, Classifier)
    assert (clf.name, clf.input_shape, clf.n_classes) == ("linear.onnx", SHAPE, 5)
    assert (clf.output, clf.fixed_batch, clf.workers, clf.device) == ("logits", None, 3, "cpu")
    assert clf.backend.endswith("CPUExecutionProvider")
    assert len(clf.fingerprint) == 64
    assert describe(clf)["sha256"] == clf.fingerprint
    scores = clf(X)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, LOGITS, atol=1e-5)
    assert clf(X[:0]).shape == (0, 5)


def test_bytes_and_path_are_the_same_model(tmp_path):
    data = models.linear_model(SHAPE).SerializeToString()
    path = tmp_path / "a.onnx"
    path.write_bytes(data)
    from_bytes, from_path = OnnxClassifier(data), OnnxClassifier(str(path))
    assert from_bytes.fingerprint == from_path.fingerprint
    assert from_bytes.name == "model.onnx"
    np.testing.assert_array_equal(from_bytes(X), from_path(X))


def test_rows_do_not_depend_on_their_batch():
    clf = load(models.linear_model(SHAPE))
    one_by_one = np.concatenate([clf(X[i : i + 1]) for i in range(len(X))])
    np.testing.assert_allclose(clf(X), one_by_one, atol=1e-6)


def test_nhwc_is_transposed_at_the_edge():
    clf = load(models.linear_model(SHAPE, layout="NHWC"))
    assert clf.input_shape == SHAPE
    np.testing.assert_allclose(clf(X), LOGITS, atol=1e-5)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("shape", [(3, 4, 4), (1, 3, 3), (4, 4, 4), (3, 5, 7), (1, 9, 2)])
def test_layouts_of_small_and_oblong_images(layout, shape):
    clf = load(models.linear_model(shape, layout=layout))
    x = np.random.default_rng(0).standard_normal((2, *shape)).astype(np.float32)
    if shape == (4, 4, 4) and layout == "NHWC":
        assert clf.input_shape == shape  # nothing tells: NCHW is assumed
        return
    assert clf.input_shape == shape
    np.testing.assert_allclose(clf(x), models.logits(x, models.weights(shape)), atol=1e-5)


def test_the_layout_can_be_given():
    model = models.linear_model((12, 6, 6))
    with pytest.raises(ModelError, match=r"1, 3 or 4 channels; give layout="):
        load(model)
    assert load(model, layout="NCHW").input_shape == (12, 6, 6)
    assert load(model, layout="NHWC").input_shape == (6, 12, 6)
    with pytest.raises(SettingsError, match="NCHW, NHWC"):
        load(model, layout="CHW")


def test_float16_and_double_inputs_are_converted():
    half = load(models.linear_model(SHAPE, dtype=TensorProto.FLOAT16))
    expected = models.logits(X.astype(np.float16).astype(np.float32), models.weights(SHAPE))
    np.testing.assert_allclose(half(X), expected, atol=1e-5)
    double = load(models.linear_model(SHAPE, dtype=TensorProto.DOUBLE))
    np.testing.assert_allclose(double(X), LOGITS, atol=1e-5)


def test_uint8_inputs_are_raw_pixels():
    clf = load(models.linear_model(SHAPE, dtype=TensorProto.UINT8))
    x = np.random.default_rng(0).uniform(-50, 300, (2, *SHAPE)).astype(np.float32)
    seen = np.clip(np.rint(x), 0, 255)
    np.testing.assert_allclose(clf(x), models.logits(seen, models.weights(SHAPE)), atol=1e-3)
    raw = Preprocess(size=8, mean=0.0, std=1 / 255, channels="RGB")
    clf = load(models.linear_model(SHAPE, dtype=TensorProto.UINT8), preprocess=raw)
    photo = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    expected = models.logits(photo.transpose(2, 0, 1)[None].astype(np.float32), models.weights())
    np.testing.assert_allclose(clf(raw.apply(load_image(photo))[0][None]), expected, atol=1e-3)
    with pytest.raises(ModelError, match="use mean 0 and std 1/255"):
        load(
            models.linear_model(SHAPE, dtype=TensorProto.UINT8),
            preprocess=Preprocess(size=8, mean=(0.5,) * 3, std=(0.5,) * 3),
        )


@pytest.mark.parametrize("trailing", [(), ("Identity",), ("Identity", "Identity")])
def test_a_softmax_at_the_end_gives_log_probabilities(trailing):
    clf = load(models.linear_model(SHAPE, head="Softmax", trailing=trailing))
    assert clf.output == "probabilities"
    np.testing.assert_allclose(clf(X), np.log(softmax(LOGITS)), atol=1e-5)


def test_an_underflowed_probability_is_a_finite_score():
    matrix = models.weights(SHAPE) * 1000
    scores = load(models.linear_model(SHAPE, matrix, head="Softmax"))(X)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores.min(), np.log(np.finfo(np.float32).tiny), rtol=1e-6)


def test_log_softmax_counts_as_logits():
    clf = load(models.linear_model(SHAPE, head="LogSoftmax"))
    assert clf.output == "logits"
    np.testing.assert_allclose(clf(X), np.log(softmax(LOGITS)), atol=1e-5)


def test_a_sigmoid_at_the_end_means_multilabel_logits():
    clf = load(models.linear_model(SHAPE, head="Sigmoid"))
    assert (clf.output, clf.n_classes) == ("multilabel", 5)
    np.testing.assert_allclose(clf(X), LOGITS, atol=1e-5)


def test_declared_outputs():
    assert load(models.linear_model(SHAPE), output="multilabel").output == "multilabel"
    np.testing.assert_allclose(
        load(models.linear_model(SHAPE), output="multilabel")(X), LOGITS, atol=1e-5
    )
    as_logits = load(models.linear_model(SHAPE, head="Softmax"), output="logits")
    np.testing.assert_allclose(as_logits(X), softmax(LOGITS), atol=1e-6)
    wrong = load(models.linear_model(SHAPE), output="probabilities")
    with pytest.raises(ScoresError, match="expected probabilities from 0 to 1"):
        wrong(X)
    with pytest.raises(SettingsError, match="logits, probabilities, multilabel"):
        load(models.linear_model(SHAPE), output="softmax")


def test_one_column_becomes_two_classes():
    matrix = models.weights(SHAPE, classes=1)
    z = models.logits(X, matrix)
    logits = load(models.linear_model(SHAPE, matrix))
    assert (logits.output, logits.n_classes) == ("logits", 2)
    np.testing.assert_allclose(logits(X), np.hstack([np.zeros_like(z), z]), atol=1e-5)
    sigmoid = load(models.linear_model(SHAPE, matrix, head="Sigmoid"))
    assert (sigmoid.output, sigmoid.n_classes) == ("probabilities", 2)
    expected = -np.log1p(np.exp(np.hstack([z, -z])))
    np.testing.assert_allclose(sigmoid(X), expected, atol=1e-5)
    own = load(models.linear_model(SHAPE, matrix, head="Sigmoid"), output="multilabel")
    assert own.n_classes == 1
    np.testing.assert_allclose(own(X), z, atol=1e-5)


def test_a_softmax_the_graph_hides_is_not_guessed():
    model = models.linear_model(SHAPE, head="Softmax", trailing=("Abs",))
    with pytest.raises(ModelError, match="rows that sum to 1"):
        load(model)
    assert load(model, output="probabilities").output == "probabilities"


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_fixed_batch_is_run_in_slices(size):
    clf = load(models.linear_model(SHAPE, batch=size), batch_size=9)
    assert (clf.fixed_batch, clf.batch_size) == (size, size)
    np.testing.assert_allclose(clf(X), LOGITS, atol=1e-5)


def test_a_graph_that_takes_one_row_in_spite_of_what_it_says():
    clf = load(models.one_at_a_time_model())
    assert clf.fixed_batch == 1
    np.testing.assert_allclose(clf(X), LOGITS, atol=1e-5)


def test_trailing_ones_of_the_output_are_dropped():
    clf = load(models.linear_model(SHAPE, head="Softmax", spatial=True))
    assert (clf.n_classes, clf.output) == (5, "probabilities")
    np.testing.assert_allclose(clf(X), np.log(softmax(LOGITS)), atol=1e-5)


def test_open_height_and_width_need_a_size():
    with pytest.raises(ModelError, match="leaves its size open; give a preprocess"):
        load(models.pooled_model())
    preprocess = Preprocess(size=(6, 10), mean=(0.5,) * 3, std=(0.5,) * 3)
    assert load(models.pooled_model(), preprocess=preprocess).input_shape == (3, 6, 10)
    clf = load(models.pooled_model(), input_shape=(3, 4, 4))
    np.testing.assert_allclose(clf(X[:, :, :4, :4]), X[:, :, :4, :4].mean((2, 3)), atol=1e-6)
    with pytest.raises(ModelError, match="does not fit"):
        load(models.pooled_model(), input_shape=(1, 4, 4))


def test_the_preprocessing_must_fit():
    for wrong in (
        Preprocess(size=9, mean=(0.5,) * 3, std=(0.5,) * 3),
        Preprocess(size=8, mean=0.5, std=0.5),
    ):
        with pytest.raises(ModelError, match=r"does not fit|RGB.*three numbers"):
            load(models.linear_model(SHAPE), preprocess=wrong)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (models.two_input_model(), r"2 inputs \(image, keep\)"),
        (models.two_output_model(), r"2 outputs \(output, other\)"),
        (models.label_model(), "gives int64"),
        (models.flat_input_model(), r"\[N, 192\] is no image batch"),
        (models.linear_model(SHAPE, dtype=TensorProto.INT32), r"tensor\(int32\)"),
    ],
)
def test_what_is_no_image_classifier_is_refused(model, message):
    with pytest.raises(ModelError, match=message):
        load(model)


def test_one_of_several_outputs_can_be_chosen():
    clf = load(models.two_output_model(), output_name="other")
    np.testing.assert_allclose(clf(X), np.maximum(LOGITS, 0), atol=1e-5)
    with pytest.raises(ModelError, match="it has output, other"):
        load(models.two_output_model(), output_name="logits")


def _feature_map() -> onnx.ModelProto:
    model = models.linear_model(SHAPE)
    del model.graph.node[:], model.graph.output[:]
    model.graph.node.append(onnx.helper.make_node("Relu", ["input"], ["output"]))
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", *SHAPE])
    )
    return model


def test_a_map_of_scores_is_refused():
    with pytest.raises(ModelError, match=r"gave \[1, 3, 8, 8\] for 1 images"):
        load(_feature_map())


@pytest.mark.parametrize(
    "content", [b"", b"not a model", bytes(range(64)), b"\x08\x08", b"\xff" * 1000]
)
def test_corrupt_files_give_one_clear_line(tmp_path, content):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"broken\.onnx") as caught:
        OnnxClassifier(path)
    assert "\n" not in str(caught.value)


def test_truncated_file(tmp_path):
    data = models.linear_model(SHAPE).SerializeToString()
    for end in (len(data) // 3, len(data) - 5):
        path = tmp_path / "cut.onnx"
        path.write_bytes(data[:end])
        with pytest.raises(ModelError, match=r"cut\.onnx"):
            OnnxClassifier(path)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(ModelError, match="does not exist"):
        OnnxClassifier(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="a folder"):
        OnnxClassifier(tmp_path)


def test_data_beside_the_model_is_read_and_counts_as_part_of_it(tmp_path):
    path, data = tmp_path / "a.onnx", tmp_path / "weights.bin"
    models.save_external(path, "weights.bin", data)
    clf = OnnxClassifier(path, device="cpu")
    np.testing.assert_allclose(clf(X), LOGITS, atol=1e-5)
    data.write_bytes(data.read_bytes()[::-1])
    assert OnnxClassifier(path).fingerprint != clf.fingerprint
    with pytest.raises(ModelError, match="give its path, not its bytes"):
        OnnxClassifier(path.read_bytes())


@pytest.mark.parametrize(
    "location", ["../weights.bin", "/etc/hostname", "a/../../weights.bin", "", "..\\weights.bin"]
)
def test_data_outside_the_folder_is_refused(tmp_path, location):
    folder = tmp_path / "models"
    folder.mkdir()
    models.save_external(folder / "a.onnx", location, tmp_path / "weights.bin")
    with pytest.raises(ModelError, match="outside its folder"):
        OnnxClassifier(folder / "a.onnx")


@pytest.mark.parametrize("kind", ["symlink", "hardlink", "folder symlink"])
def test_links_to_data_are_refused(tmp_path, kind):
    folder, secret = tmp_path / "models", tmp_path / "secret"
    folder.mkdir()
    secret.mkdir()
    location = "in/weights.bin" if kind == "folder symlink" else "weights.bin"
    models.save_external(folder / "a.onnx", location, secret / "weights.bin")
    if kind == "symlink":
        (folder / location).symlink_to(secret / "weights.bin")
    elif kind == "hardlink":
        (folder / location).hardlink_to(secret / "weights.bin")
    else:
        (folder / "in").symlink_to(secret)
    with pytest.raises(ModelError, match="is a link"):
        OnnxClassifier(folder / "a.onnx")


def test_missing_data_file(tmp_path):
    models.save_external(tmp_path / "a.onnx", "weights.bin")
    with pytest.raises(ModelError, match=r"lacks its data file weights\.bin"):
        OnnxClassifier(tmp_path / "a.onnx")


def test_external_data_in_a_constant_is_found(tmp_path):
    models.save_external(tmp_path / "a.onnx", "../weights.bin")
    model = onnx.load(tmp_path / "a.onnx", load_external_data=False)
    constant = onnx.helper.make_node("Constant", [], ["matrix"])
    attribute = constant.attribute.add(name="value", type=onnx.AttributeProto.TENSOR)
    attribute.t.CopyFrom(model.graph.initializer[0])
    model.graph.node.insert(0, constant)
    del model.graph.initializer[:]
    (tmp_path / "a.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="outside its folder"):
        OnnxClassifier(tmp_path / "a.onnx")


@pytest.mark.parametrize(
    "batch", [X.astype(np.float64), X[:, :2], X[0], X[:, :, :, :4], X.transpose(0, 2, 3, 1)]
)
def test_a_wrong_batch_is_refused(batch):
    with pytest.raises(ScoresError, match=r"takes float32 \[N, 3, 8, 8\], got"):
        load(models.linear_model(SHAPE))(batch)


def test_calls_from_many_threads_agree_and_are_limited():
    clf = load(models.linear_model(SHAPE), threads=2)
    running, most, lock = 0, 0, threading.Lock()
    session = clf._session

    class Counting:
        def run(self, *args):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            try:
                return session.run(*args)
            finally:
                with lock:
                    running -= 1

    clf._session = Counting()
    expected = clf(X)
    with ThreadPoolExecutor(8) as pool:
        for scores in pool.map(clf, [X] * 200):
            np.testing.assert_array_equal(scores, expected)
    assert 1 <= most <= 2


def test_devices():
    assert load(models.linear_model(SHAPE)).device == "cpu"
    assert OnnxClassifier(models.linear_model(SHAPE).SerializeToString(), device="auto")
    for bad in ("gpu", "cpu:1", "cuda:x", ""):
        with pytest.raises(SettingsError, match="use auto, cpu, cuda or cuda:N"):
            OnnxClassifier(models.linear_model(SHAPE).SerializeToString(), device=bad)


def test_cuda_never_falls_back_silently():
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    with pytest.raises(SettingsError, match=r"no CUDAExecutionProvider.*suffice\[gpu\]"):
        OnnxClassifier(models.linear_model(SHAPE).SerializeToString(), device="cuda")


@pytest.mark.parametrize("package", ["onnxruntime", "onnx"])
def test_a_missing_package_names_both_commands(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependencyError, match=r"suffice\[cpu\].*suffice\[gpu\]"):
        OnnxClassifier(b"anything")


@pytest.mark.parametrize("option", ["threads", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_counts_must_be_positive(option, value):
    with pytest.raises(SettingsError, match=option):
        load(models.linear_model(SHAPE), **{option: value})


def test_labels_must_fit():
    assert load(models.linear_model(SHAPE), labels=list("abcde")).labels == list("abcde")
    with pytest.raises(ModelError, match="5 classes, got 2 labels"):
        load(models.linear_model(SHAPE), labels=["a", "b"])


ZOO_MODELS = ["efficientnet_lite0", "deit_tiny", "squeezenet1.1", "mobilenet_v2_1.0_224"]


@pytest.mark.zoo
@pytest.mark.parametrize("model", ZOO_MODELS)
def test_real_models_name_the_expected_classes(zoo, model):
    path = zoo / "models" / f"{model}.onnx"
    preprocess = Preprocess.from_json(zoo / "models.json", path.name)
    clf = OnnxClassifier(path, preprocess, device="cpu")
    assert (clf.output, clf.n_classes, clf.fixed_batch) == ("logits", 1000, None)
    expected = np.load(zoo / "expected" / "imagenet_top5.npz")
    photos = [i for i, f in enumerate(expected["files"]) if str(f).startswith("imagenet/")][::120]
    batch = np.stack(
        [
            preprocess.apply(load_image(zoo / "images" / str(expected["files"][i])))[0]
            for i in photos
        ]
    )
    scores = clf(batch)
    np.testing.assert_array_equal(scores.argmax(1), expected[f"{model}/top5"][photos, 0])
    p = softmax(scores.astype(np.float64)).max(axis=1)
    np.testing.assert_allclose(p, expected[f"{model}/prob"][photos, 0], atol=0.02)
    for i in range(len(batch)):
        np.testing.assert_array_equal(clf(batch[i : i + 1])[0], scores[i])


@pytest.mark.zoo
def test_a_real_model_with_a_second_input_is_refused(zoo):
    with pytest.raises(ModelError, match=r"2 inputs \(input, keep\)"):
        OnnxClassifier(zoo / "models" / "vit_tiny_keep.onnx")
