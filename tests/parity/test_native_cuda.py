"""The CUDA operations against the NumPy twins, bit by bit, on torch tensors."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from reference import compose as twin_compose
from reference import masks as twin_masks
from reference import regions as twin_regions
from reference import responsibility as twin_responsibility
from reference.strategies import random_boxes, random_image, random_masks
from suffice import _native

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
    with pytest.raises(ValueError, match="baseline with 3 dimensions"):
        ops.compose(image, image[0], masks, out)
    with pytest.raises(ValueError, match="C-contiguous image"):
        ops.compose(image.mT, image, masks, out)
    with pytest.raises(ValueError, match="number of words"):
        ops.compose(image, image, torch.cat([masks, masks], dim=1), out)
    with pytest.raises(ValueError, match="out is not"):
        ops.compose(image, image, masks, out[:1])
    with pytest.raises(ValueError, match="overlaps"):
        ops.compose(out[0], image, masks, out)
