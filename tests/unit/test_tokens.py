"""Vision transformers whose tokens are dropped, in torch and in ONNX."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import suffice
from suffice.errors import ImageError, ModelError, SettingsError
from suffice.evaluation import Evaluator
from suffice.models.base import with_keep_channel
from suffice.models.preprocess import Preprocess

torch = pytest.importorskip("torch")

from reference.vit import VisionTransformer  # needs torch

SIDE, PATCH, TOKENS = 8, 2, 16
X = np.random.default_rng(0).standard_normal((3, SIDE, SIDE)).astype(np.float32)


def composites(keep: np.ndarray, x: np.ndarray = X, baseline: float = 0.0) -> np.ndarray:
    """Composites of patches kept, bool [M, tokens], with the keep channel."""
    pixels = keep.reshape(-1, SIDE // PATCH, SIDE // PATCH).repeat(PATCH, 1).repeat(PATCH, 2)
    full = np.concatenate([x, np.ones_like(x[:1])])
    nothing = np.concatenate([np.full_like(x, baseline), np.zeros_like(x[:1])])
    return np.where(pixels[:, None], full, nothing)


def some_patches(count: int = 12, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    keep = rng.random((count, TOKENS)) < rng.random((count, 1))
    keep[0], keep[1] = False, True
    return keep


def classifier(vit: Any, **options: Any) -> Any:
    return suffice.drop_tokens(vit, **{"input_shape": (3, SIDE, SIDE), "threads": 1, **options})


def expected(vit: Any, keep: np.ndarray, x: np.ndarray = X) -> np.ndarray:
    """Scores of the kept tokens, one composite at a time."""
    with torch.no_grad():
        rows = [vit(torch.from_numpy(x[None]), torch.from_numpy(np.flatnonzero(k))) for k in keep]
    return torch.cat(rows).numpy()


@pytest.mark.parametrize("registers", [0, 3])
@pytest.mark.parametrize("together", [None, 1, 4])
def test_scores_are_those_of_the_kept_tokens(registers: int, together: int | None) -> None:
    vit = VisionTransformer(registers=registers).eval()
    clf = classifier(vit, together=together)
    keep = some_patches()
    assert clf.input_shape == (4, SIDE, SIDE)
    np.testing.assert_allclose(clf(composites(keep)), expected(vit, keep), atol=1e-5)
    assert clf(composites(keep)[:0]).shape == (0, 5)


def test_what_a_dropped_patch_shows_plays_no_part() -> None:
    clf = classifier(VisionTransformer(), together=1)
    keep = some_patches()
    assert np.array_equal(clf(composites(keep)), clf(composites(keep, baseline=7.0)))


def test_a_patch_with_one_pixel_kept_stays() -> None:
    vit = VisionTransformer().eval()
    batch = composites(np.zeros((1, TOKENS), bool))
    batch[0, :, 5, 2] = np.append(X[:, 5, 2], 1.0)
    patches = np.zeros((1, TOKENS), bool)
    patches[0, 2 * 4 + 1] = True
    want = expected(vit, patches, np.ascontiguousarray(batch[0, :3]))
    np.testing.assert_allclose(classifier(vit)(batch), want, atol=1e-5)


def test_only_kept_tokens_go_through_the_blocks() -> None:
    vit = VisionTransformer()
    clf = classifier(vit, together=None)
    seen: list[tuple[int, ...]] = []
    hook = vit.blocks[0].register_forward_hook(lambda _m, args, _o: seen.append(args[0].shape))
    keep = np.zeros((5, TOKENS), bool)
    keep[:3, :2], keep[3:, 4:9] = True, True
    clf(composites(keep))
    hook.remove()
    assert seen == [(3, 3, 8), (2, 6, 8)]  # rows, class token and kept tokens, width


def test_fixed_groups_give_the_same_bits_among_any_neighbours() -> None:
    clf = classifier(VisionTransformer(width=32), together=4)
    batch = composites(some_patches(16))
    whole = clf(batch)
    assert all(np.array_equal(clf(batch[i : i + 1])[0], whole[i]) for i in range(16))
    assert np.array_equal(clf(batch[::-1].copy()), whole[::-1])


def test_the_probe_sees_what_groups_do_to_scores() -> None:
    """Its composites have equally many tokens, so full and short batches form other groups."""
    big = VisionTransformer(side=64, patch=16)
    clf = suffice.drop_tokens(big, input_shape=(3, 64, 64), threads=1)
    seen: list[int] = []
    hook = big.blocks[0].register_forward_hook(lambda _m, args, _o: seen.append(len(args[0])))
    x = np.ones((4, 64, 64), np.float32)
    evaluator = Evaluator(clf, 8)
    evaluator.measure(x, np.zeros_like(x))
    hook.remove()
    assert seen[:2] == [8, 7]  # one group each, not eight
    assert set(seen[2:]) == {1}


def test_every_baseline_has_no_tokens_and_photos_have_all() -> None:
    p = Preprocess(size=SIDE, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    clf = suffice.drop_tokens(VisionTransformer(), p, threads=1)
    photo = np.random.default_rng(2).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    names = ["zero", "black", "blur:2", "image-mean", "noise", X]
    exps = [
        suffice.explain(clf, photo, method=suffice.Moxi(grid=4, full=True), baseline=b)
        for b in names
    ]
    empties = {e.record["reference"]["baselines"][0]["confidence"] for e in exps}
    assert len(empties) == 1  # without tokens nothing tells baselines apart
    orders = [str(e.record["details"].get("insertion", {}).get("order")) for e in exps]
    assert len(set(orders)) == 1
    again = suffice.verify(exps[0], clf, photo)
    assert not again.notes


def test_arrays_are_given_without_the_channel() -> None:
    clf = classifier(VisionTransformer())
    exp = suffice.explain(clf, X, method=suffice.Moxi(grid=4), target=0)
    assert exp.mask.shape == (SIDE, SIDE)
    with pytest.raises(ImageError, match=r"\[3, 8, 8\].*\[4, 8, 8\]"):
        suffice.explain(clf, np.ones((4, SIDE, SIDE), np.float32))
    plain = suffice.as_classifier(lambda b: b.mean(axis=(2, 3)), input_shape=(3, 8, 8))
    assert with_keep_channel(plain, X, kept=True) is X


@pytest.mark.parametrize("method", ["rex", "minimal", "moxi"])
def test_any_method_works_with_it(method: str) -> None:
    clf = classifier(VisionTransformer(seed=3))
    exp = suffice.explain(clf, X, method=method, grain=PATCH, budget=200)
    assert exp.status in ("found", "empty", "budget")
    for certificate in filter(None, (s.certificate for s in exp.sets)):
        assert certificate.sufficient


def test_gradients_reach_the_image() -> None:
    clf = classifier(VisionTransformer())
    keep = np.zeros((1, TOKENS), bool)
    keep[0, 5] = True
    _, gradient = clf.gradient(composites(keep), np.array([1]))
    touched = np.abs(gradient[0, :3]).sum(axis=0) > 0
    assert np.argwhere(touched).tolist() == [[2, 2], [2, 3], [3, 2], [3, 3]]


# Refusals


def broken(**parts: Any) -> Any:
    vit = VisionTransformer()
    for name, value in parts.items():
        setattr(vit, name, value)
    return vit


@pytest.mark.parametrize(
    ("vit", "word"),
    [
        (torch.nn.Linear(2, 2), "patch_embed"),
        (broken(global_pool="avg"), "pools its tokens"),
        (broken(attn_pool=torch.nn.Identity()), "pools its tokens"),
        (broken(dist_token=torch.nn.Parameter(torch.zeros(1, 1, 8))), "distillation"),
        (broken(norm_pre=torch.nn.LayerNorm(8)), "other scores"),
    ],
)
def test_other_architectures_are_refused(vit: Any, word: str) -> None:
    with pytest.raises(ModelError, match=word):
        classifier(vit)


def test_bad_options() -> None:
    vit = VisionTransformer()
    with pytest.raises(SettingsError, match="input_shape"):
        suffice.drop_tokens(vit)
    with pytest.raises(SettingsError, match="together"):
        classifier(vit, together=0)
    with pytest.raises(SettingsError, match="no option colour"):
        classifier(vit, colour=1)
    with pytest.raises(ModelError, match="torch vision transformer"):
        suffice.drop_tokens(lambda b: b)
    with pytest.raises(ModelError, match=r"\[3, 4, 4\]"):
        classifier(vit, preprocess=Preprocess(size=4, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)))
    with pytest.raises(ModelError, match="failed on an input"):
        suffice.drop_tokens(vit, input_shape=(1, 8, 8))


# ONNX


def keep_model(path: Path, tokens: int = TOKENS) -> Path:
    """Scores: the mean of each channel over the kept patches' first pixels."""
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    side = SIDE // PATCH
    image = helper.make_tensor_value_info("image", kind, ["N", 3, SIDE, SIDE])
    keep = helper.make_tensor_value_info("keep", kind, ["N", tokens])
    output = helper.make_tensor_value_info("scores", kind, ["N", 3])
    nodes = [
        helper.make_node("AveragePool", ["image"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Reshape", ["keep", "grid"], ["k"]),
        helper.make_node("Mul", ["p", "k"], ["pk"]),
        helper.make_node("GlobalAveragePool", ["pk"], ["g"]),
        helper.make_node("Flatten", ["g"], ["scores"]),
    ]
    grid = helper.make_tensor("grid", onnx.TensorProto.INT64, [4], [0, 1, side, side])
    graph = helper.make_graph(nodes, "keep", [image, keep], [output], [grid])
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def test_onnx_models_are_told_what_to_keep(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    path = keep_model(tmp_path / "keep.onnx")
    clf = suffice.drop_tokens(str(path))
    keep = some_patches()
    shown = X.reshape(3, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(3, TOKENS)
    want = (keep[:, None] * shown).mean(axis=2)
    # What lies under dropped patches would show in the scores if the input said otherwise.
    np.testing.assert_allclose(clf(composites(keep, baseline=9.0)), want, atol=1e-5)
    assert clf.input_shape == (4, SIDE, SIDE)
    assert clf.name == "keep.onnx"
    same = suffice.as_classifier(f"tokens:{path}")
    assert same.fingerprint == clf.fingerprint
    assert clf.fingerprint == hashlib.sha256(path.read_bytes()).hexdigest()


def test_onnx_models_without_tokens_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from reference.onnx_models import pooled_model

    with pytest.raises(ModelError, match="tokens to keep"):
        suffice.drop_tokens(pooled_model(size=(8, 8)).SerializeToString())
    with pytest.raises(ModelError, match="no grid of square patches"):
        suffice.drop_tokens(str(keep_model(tmp_path / "odd.onnx", tokens=15)))
    with pytest.raises(SettingsError, match="together"):
        suffice.drop_tokens(str(keep_model(tmp_path / "k.onnx")), together=4)


# The zoo


@pytest.mark.zoo
def test_vit_tiny_finds_few_patches_of_a_photo(zoo: Path) -> None:
    photo = min((zoo / "images" / "imagenet").glob("n02843684*"))
    p = Preprocess.from_json(zoo / "models.json", "vit_tiny_keep.onnx")
    clf = suffice.drop_tokens(str(zoo / "models" / "vit_tiny_keep.onnx"), p)
    exp = suffice.explain(clf, str(photo), method=suffice.Moxi(grid=7))
    assert exp.status == "found"
    assert exp.certificate.sufficient
    assert exp.area < 0.2
    # The model itself, given the picture and the tokens apart.
    import onnxruntime

    session = onnxruntime.InferenceSession(str(zoo / "models" / "vit_tiny_keep.onnx"))
    keep = exp.mask[::16, ::16].reshape(1, -1)
    x = _input(p, photo)
    scores = session.run(None, {"input": x[None], "keep": keep.astype(np.float32)})[0]
    assert int(scores.argmax()) == exp.target


def _input(p: Preprocess, photo: Path) -> np.ndarray:
    from suffice.models.images import load_image

    return p.apply(load_image(photo))[0]


@pytest.mark.zoo
def test_lite0_on_a_coarse_grid(zoo: Path) -> None:
    photo = min((zoo / "images" / "imagenet").glob("n02843684*"))
    p = Preprocess.from_json(zoo / "models.json", "efficientnet_lite0.onnx")
    clf = suffice.as_classifier(str(zoo / "models" / "efficientnet_lite0.onnx"), preprocess=p)
    exp = suffice.explain(clf, str(photo), method=suffice.Moxi(grid=4, order="both"))
    assert exp.status == "found"
    assert exp.certificate.sufficient
    removed = exp.extra_masks["removed"]
    rest = np.where(removed, np.float32(0), _input(p, photo))
    assert int(clf(rest[None]).argmax()) != exp.target
