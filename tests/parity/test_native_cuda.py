"""The CUDA operations against the NumPy twins, bit by bit, on torch tensors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reference import compose as twin_compose
from reference import masks as twin_masks
from reference import ranking as twin_ranking
from reference import regions as twin_regions
from reference import responsibility as twin_responsibility
from reference.strategies import random_boxes, random_image, random_masks
from suffice import _native
from suffice.errors import ScoresError
from suffice.types import OutputKind

pytestmark = pytest.mark.gpu

# Vectors of four pixels and single ones, single rows and columns, more pixels than one block.
SHAPES = [(1, 1), (1, 64), (65, 1), (9, 7), (8, 8), (33, 40), (224, 224), (301, 517)]


@pytest.fixture
def ops() -> ModuleType:
    reason = _native.cuda_info()
    if reason is not None:
        pytest.skip(reason)
    return _native.cuda()


@pytest.fixture
def torch(ops: ModuleType) -> Any:
    module = pytest.importorskip("torch")
    if not module.cuda.is_available():
        pytest.skip("this torch has no CUDA")
    return module


def to_device(torch: Any, array: np.ndarray) -> Any:
    """Copy to the device; uint64 as int64 of the same bits, which every torch knows."""
    return torch.from_numpy(array.view(np.int64) if array.dtype == np.uint64 else array).cuda()


def unwritten(torch: Any, shape: tuple[int, ...], dtype: str) -> Any:
    """Device memory full of a sentinel, so that elements left unwritten show."""
    return torch.full(shape, -7, dtype=getattr(torch, dtype), device="cuda")


def words(tensor: Any) -> np.ndarray:
    return tensor.cpu().numpy().view(np.uint64)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("n", [0, 1, 70])
def test_compose(
    ops: ModuleType, torch: Any, shape: tuple[int, int], channels: int, n: int
) -> None:
    rng = np.random.default_rng(n)
    image, baseline = random_image(rng, channels, shape), random_image(rng, channels, shape)
    keep = random_masks(rng, n, shape)
    out = unwritten(torch, (n, channels, *shape), "float32")
    arrays = [to_device(torch, a) for a in (image, baseline, _native.pack(keep))]
    ops.compose(*arrays, out, torch.cuda.current_stream().cuda_stream)
    expected = twin_compose.compose(image, baseline, keep)
    np.testing.assert_array_equal(out.cpu().numpy().view(np.uint32), expected.view(np.uint32))


def test_compose_of_memory_that_is_not_aligned_to_vectors(ops: ModuleType, torch: Any) -> None:
    rng = np.random.default_rng(1)
    image = rng.normal(size=(1, 8, 8)).astype(np.float32)
    keep = random_masks(rng, 5, (8, 8))
    shifted = torch.zeros(65, device="cuda")[1:].view(1, 8, 8)
    shifted.copy_(to_device(torch, image))
    zeros = torch.zeros_like(shifted)
    out = unwritten(torch, (5, 1, 8, 8), "float32")
    ops.compose(shifted, zeros, to_device(torch, _native.pack(keep)), out)
    torch.cuda.synchronize()
    np.testing.assert_array_equal(
        out.cpu().numpy(), twin_compose.compose(image, np.zeros_like(image), keep)
    )


def as_type(torch: Any, array: np.ndarray, dtype: str) -> Any:
    """Round on the host by torch, whose rule is nearest even as well."""
    return torch.from_numpy(array).to(getattr(torch, dtype))


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1), (9, 7), (8, 8), (33, 41), (64, 96)])
def test_compose_in_every_type_and_layout(
    ops: ModuleType, torch: Any, shape: tuple[int, int], channels: int, layout: str, dtype: str
) -> None:
    rng = np.random.default_rng(channels)
    image = rng.normal(scale=100, size=(channels, *shape)).astype(np.float32)
    baseline = rng.normal(scale=1e-6, size=image.shape).astype(np.float32)
    keep = random_masks(rng, 13, shape)
    expected = as_type(torch, twin_compose.compose(image, baseline, keep), dtype)
    if layout == "NHWC":
        expected = expected.permute(0, 2, 3, 1).contiguous()
    arrays = [to_device(torch, a) for a in (image, baseline, _native.pack(keep))]
    for shift in (0, 1, 3):  # also memory that begins between two chunks of 16 bytes
        memory = unwritten(torch, (expected.numel() + 16,), dtype)
        out = memory[shift : shift + expected.numel()].view(expected.shape)
        ops.compose(*arrays, out, layout=layout)
        torch.cuda.synchronize()
        assert torch.equal(out.cpu(), expected)
        assert bool((memory[:shift] == -7).all())
        assert bool((memory[shift + expected.numel() :] == -7).all())


@pytest.mark.parametrize("maps", [1, 3])
@pytest.mark.parametrize("shape", [(1, 1), (9, 7), (33, 41), (64, 96)])
def test_compose_of_regions_of_several_subjects(
    ops: ModuleType, torch: Any, shape: tuple[int, int], maps: int
) -> None:
    rng = np.random.default_rng(maps)
    image = rng.normal(size=(3, 3, *shape)).astype(np.float32)
    baseline = rng.normal(size=image.shape).astype(np.float32)
    labels = rng.integers(0, 70, (maps, *shape)).astype(np.int32)
    rows = rng.integers(0, 3, 11).astype(np.int32)
    chosen = random_masks(rng, 11, (1, 70))
    expected = np.stack(
        [
            np.where(chosen[m, 0][labels[s if maps == 3 else 0]], image[s], baseline[s])
            for m, s in enumerate(rows)
        ]
    )
    out = unwritten(torch, expected.shape, "float32")
    given = to_device(torch, labels if maps == 3 else labels[0])
    arrays = [to_device(torch, a) for a in (image, baseline, _native.pack(chosen))]
    ops.compose(*arrays, out, labels=given, n_regions=70, rows=to_device(torch, rows))
    torch.cuda.synchronize()
    np.testing.assert_array_equal(out.cpu().numpy(), expected)


def test_a_row_of_no_subject_is_nan(ops: ModuleType, torch: Any) -> None:
    image = torch.ones((2, 1, 8, 8), device="cuda")
    masks = torch.zeros((3, 1), dtype=torch.int64, device="cuda")
    rows = torch.tensor([0, 2, -1], dtype=torch.int32, device="cuda")
    out = unwritten(torch, (3, 1, 8, 8), "float16")
    ops.compose(image, image, masks, out, rows=rows)
    torch.cuda.synchronize()
    assert bool((out[0] == 1).all())
    assert bool(out[1:].isnan().all())


def test_compose_of_more_elements_than_32_bits_count(ops: ModuleType, torch: Any) -> None:
    side, n = 1024, 700  # 2.2e9 elements
    if torch.cuda.mem_get_info()[0] < 6 << 30:
        pytest.skip("needs 6 GB of device memory")
    image = torch.ones((3, side, side), device="cuda")
    masks = torch.zeros((n, side * side // 64), dtype=torch.int64, device="cuda")
    masks[-1] = -1
    out = unwritten(torch, (n, 3, side, side), "float16")
    ops.compose(image, torch.zeros_like(image), masks, out)
    torch.cuda.synchronize()
    assert bool((out[-1] == 1).all())
    assert bool((out[-2] == 0).all())
    assert int(out.view(-1, side).sum(dim=1, dtype=torch.float32).sum().item()) == 3 * side * side


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_boxes", [0, 1, 40])
def test_masks_from_boxes(
    ops: ModuleType, torch: Any, shape: tuple[int, int], n_boxes: int
) -> None:
    rng = np.random.default_rng(n_boxes)
    boxes = random_boxes(rng, n_boxes, shape)
    inner = np.sort(rng.integers(0, n_boxes + 1, 8))
    offsets = np.array([0, *inner, n_boxes], np.int64)
    out = unwritten(torch, (9, _native.words_for(shape[0] * shape[1])), "int64")
    ops.masks_from_boxes(to_device(torch, boxes), to_device(torch, offsets), *shape, out)
    torch.cuda.synchronize()
    expected = twin_masks.pack(twin_regions.masks_from_boxes(boxes, offsets, shape))
    np.testing.assert_array_equal(words(out), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n_regions", [1, 64, 131])
def test_masks_from_labels(
    ops: ModuleType, torch: Any, shape: tuple[int, int], n_regions: int
) -> None:
    rng = np.random.default_rng(n_regions)
    labels = rng.integers(0, n_regions, shape).astype(np.int32)
    chosen = random_masks(rng, 9, (1, n_regions))
    out = unwritten(torch, (9, _native.words_for(shape[0] * shape[1])), "int64")
    choices = to_device(torch, _native.pack(chosen))
    ops.masks_from_labels(to_device(torch, labels), choices, n_regions, out)
    torch.cuda.synchronize()
    expected = twin_masks.pack(twin_regions.masks_from_labels(labels, chosen[:, 0]))
    np.testing.assert_array_equal(words(out), expected)


def test_labels_out_of_range_keep_nothing(ops: ModuleType, torch: Any) -> None:
    labels = np.array([[0, -1, 1, 2, 2**31 - 1]], np.int32)
    choices = np.full((1, 1), 2**64 - 1, np.uint64)
    out = unwritten(torch, (1, 1), "int64")
    ops.masks_from_labels(to_device(torch, labels), to_device(torch, choices), 2, out)
    torch.cuda.synchronize()
    assert words(out).tolist() == [[0b00101]]


@pytest.mark.parametrize("shape", SHAPES)
def test_prefix_masks(ops: ModuleType, torch: Any, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    n_pixels = shape[0] * shape[1]
    order = rng.permutation(n_pixels)[: n_pixels - n_pixels // 3].astype(np.int32)
    lengths = np.array([0, len(order), *rng.integers(0, len(order) + 1, 9)], np.int64)
    out = unwritten(torch, (len(lengths), _native.words_for(n_pixels)), "int64")
    ops.prefix_masks(to_device(torch, order), to_device(torch, lengths), n_pixels, out)
    torch.cuda.synchronize()
    expected = twin_masks.pack(twin_ranking.prefix_masks(order, lengths, shape))
    np.testing.assert_array_equal(words(out), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_leave_one_out(ops: ModuleType, torch: Any, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    keep = random_masks(rng, 1, shape)
    pixels = rng.integers(0, keep.size, 20).astype(np.int32)
    expected = np.repeat(keep.reshape(1, -1), len(pixels), axis=0)
    expected[np.arange(len(pixels)), pixels] = False
    out = unwritten(torch, (len(pixels), _native.words_for(keep.size)), "int64")
    mask = to_device(torch, _native.pack(keep)[0])
    ops.leave_one_out(mask, to_device(torch, pixels), out)
    torch.cuda.synchronize()
    np.testing.assert_array_equal(words(out), twin_masks.pack(expected.reshape(-1, *shape)))


@pytest.mark.parametrize("kind", ["logits", "probabilities", "multilabel"])
@pytest.mark.parametrize("n_classes", [2, 33, 1000])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_decide(ops: ModuleType, torch: Any, kind: OutputKind, n_classes: int, dtype: str) -> None:
    rng = np.random.default_rng(n_classes)
    z = np.round(rng.normal(scale=4, size=(300, n_classes)))
    if kind == "probabilities":
        z = np.where(rng.random(z.shape) < 0.1, -np.inf, -np.abs(z) - 1)
    scores = as_type(torch, z.astype(np.float32), dtype)
    targets = rng.integers(0, n_classes, 300).astype(np.int32)
    out = unwritten(torch, (300, _native.DECISION_COLUMNS), "float64")
    ops.decide(scores.cuda(), to_device(torch, targets), kind, out)
    torch.cuda.synchronize()
    found = _native.decisions(out.cpu().numpy())
    expected = _native.decide(scores.float().numpy(), targets, kind)
    for name in ("top1", "lead", "wins_tie", "score"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    for name in ("top1_confidence", "confidence", "log_odds"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-13, atol=1e-15
        )
    one = unwritten(torch, (1, _native.DECISION_COLUMNS), "float64")
    ops.decide(scores[7:8].cuda(), to_device(torch, targets[7:8]), kind, one)
    torch.cuda.synchronize()
    assert torch.equal(one[0], out[7])  # to the bit, without its neighbours


def test_scores_that_are_no_numbers_are_found(ops: ModuleType, torch: Any) -> None:
    scores = torch.zeros((4, 40), device="cuda")
    scores[2, 39] = float("nan")
    targets = torch.zeros(4, dtype=torch.int32, device="cuda")
    out = unwritten(torch, (4, _native.DECISION_COLUMNS), "float64")
    ops.decide(scores, targets, "logits", out)
    torch.cuda.synchronize()
    with pytest.raises(ScoresError, match="row 2 of 4"):
        _native.decisions(out.cpu().numpy())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [0, 1, 5000])
def test_accumulate(ops: ModuleType, torch: Any, shape: tuple[int, int], n: int) -> None:
    rng = np.random.default_rng(n)
    boxes = random_boxes(rng, n, shape)
    values = rng.integers(-(2**50), 2**50, n)
    out = unwritten(torch, shape, "int64")
    ops.accumulate(to_device(torch, boxes), to_device(torch, values), out)
    torch.cuda.synchronize()
    expected = twin_responsibility.accumulate(boxes, values, shape)
    np.testing.assert_array_equal(out.cpu().numpy(), expected)


def test_work_of_another_stream_is_waited_for(ops: ModuleType, torch: Any) -> None:
    """Both protocols: the masks are written late, on a stream of their own."""

    class Interface:
        def __init__(self, tensor: Any, stream: int) -> None:
            self.tensor = tensor
            self.__cuda_array_interface__ = {
                **tensor.__cuda_array_interface__,
                "version": 3,
                "stream": stream,
            }

    image = torch.ones((1, 64, 64), device="cuda")
    zeros = torch.zeros_like(image)
    producer, consumer = torch.cuda.Stream(), torch.cuda.Stream()
    for by_interface in (False, True):
        masks = torch.zeros((4, 64), dtype=torch.int64, device="cuda")
        out = unwritten(torch, (4, 1, 64, 64), "float32")
        torch.cuda.synchronize()
        with torch.cuda.stream(producer):
            torch.cuda._sleep(50_000_000)
            masks.fill_(-1)
            given = Interface(masks, producer.cuda_stream) if by_interface else masks
            ops.compose(image, zeros, given, out, consumer.cuda_stream)
        torch.cuda.synchronize()
        assert bool((out == 1).all())


def test_wrong_arrays_are_refused(ops: ModuleType, torch: Any) -> None:
    image = torch.zeros((1, 8, 8), device="cuda")
    masks = torch.zeros((2, 1), dtype=torch.int64, device="cuda")
    out = torch.zeros((2, 1, 8, 8), device="cuda")
    with pytest.raises(TypeError, match="image as float32, got float64"):
        ops.compose(image.double(), image, masks, out)
    with pytest.raises(TypeError, match="image on a CUDA device"):
        ops.compose(image.cpu(), image, masks, out)
    with pytest.raises(ValueError, match="baseline with 3 or 4 dimensions"):
        ops.compose(image, image[0], masks, out)
    with pytest.raises(ValueError, match="C-contiguous image"):
        ops.compose(image.mT, image, masks, out)
    with pytest.raises(ValueError, match="number of words"):
        ops.compose(image, image, torch.cat([masks, masks], dim=1), out)
    with pytest.raises(ValueError, match="out is not"):
        ops.compose(image, image, masks, out[:1])
    with pytest.raises(ValueError, match="overlaps"):
        ops.compose(out[0], image, masks, out)
    with pytest.raises(ValueError, match="layout NCHW or NHWC"):
        ops.compose(image, image, masks, out, layout="CHWN")
    with pytest.raises(ValueError, match="height, width, channels"):
        ops.compose(image, image, masks, out, layout="NHWC")
    with pytest.raises(TypeError, match="out as float32 or float16 or bfloat16, got float64"):
        ops.compose(image, image, masks, out.double())
    pair = torch.stack([image, image])
    with pytest.raises(ValueError, match="need rows"):
        ops.compose(pair, pair, masks, out)
    rows = torch.zeros(3, dtype=torch.int32, device="cuda")
    with pytest.raises(ValueError, match="one for each mask"):
        ops.compose(pair, pair, masks, out, rows=rows)
    labels = torch.zeros((8, 8), dtype=torch.int32, device="cuda")
    with pytest.raises(ValueError, match="n_regions"):
        ops.compose(image, image, masks, out, labels=labels)
    with pytest.raises(ValueError, match="labels are not"):
        ops.compose(image, image, masks, out, labels=labels[:4], n_regions=3)
    columns = torch.zeros((3, 7), dtype=torch.float64, device="cuda")
    with pytest.raises(ValueError, match=r"out is not \[rows, 8\]"):
        ops.decide(torch.zeros((3, 5), device="cuda"), rows, "logits", columns)
