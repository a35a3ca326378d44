"""A plain classifier that holds every promise, and one that breaks each of them."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np

from suffice.models.preprocess import Preprocess
from suffice.testing.toys import Sums

SHAPE = (2, 6, 5)


class Plain:
    """Sums of pixels, with gradients."""

    name, fingerprint = "plain", "plain-1"
    input_shape, n_classes = SHAPE, 4
    output = "logits"
    preprocess = None
    fixed_batch, batch_size, workers = None, 6, 3
    device, backend = "cpu", "NumPy"

    def __init__(self) -> None:
        self.made = Sums(SHAPE).classifier(self.output)

    def __call__(self, batch):
        return self.made(batch)

    def gradient(self, batch, targets, of="log_odds"):
        return self.made.gradient(batch, targets, of)


class NoFingerprint(Plain):
    fingerprint = None


class NoWorkers(Plain):
    workers = 0


class ListShape(Plain):
    input_shape = np.array(SHAPE)


class UnknownOutput(Plain):
    output = property(lambda _: "softmax", lambda _, __: None)

    def __init__(self) -> None:
        self.made = Sums(SHAPE).classifier()


class Lacking:
    """Nothing but a call."""

    def __call__(self, batch):
        return np.zeros((len(batch), 4), np.float32)


class Doubles(Plain):
    def __call__(self, batch):
        return super().__call__(batch).astype(np.float64)


class OneClassMore(Plain):
    n_classes = 5


class OneRowOnly(Plain):
    def __call__(self, batch):
        return super().__call__(batch[:1])


class NotFinite(Plain):
    def __call__(self, batch):
        z = super().__call__(batch)
        z[:, 2] = np.where(batch.sum(axis=(1, 2, 3)) == 0, np.inf, z[:, 2])
        return z


class Random(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(0)

    def __call__(self, batch):
        noise = self.rng.random((len(batch), 1))
        return super().__call__(batch) + noise.astype(np.float32)


class LooksAtNeighbours(Plain):
    """Noise where a batch begins with a whole image, which the engine's probe doesn't show."""

    def __call__(self, batch):
        z = super().__call__(batch)
        return z + np.float32(0.1 * (len(batch) > 1 and bool((batch[0] != 0.0).all())))


class ProbabilitiesThatDontSum(Plain):
    output = "probabilities"

    def __call__(self, batch):
        return super().__call__(batch) - np.float32(0.5)


class HiddenSoftmax(Plain):
    def __call__(self, batch):
        z = super().__call__(batch)
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)


class HiddenLogSoftmax(Plain):
    def __call__(self, batch):
        z = super().__call__(batch).astype(np.float64)
        return (z - np.log(np.exp(z).sum(axis=1, keepdims=True))).astype(np.float32)


class SharedBuffer(Plain):
    """Writes its scores into one buffer, whoever calls."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = np.zeros((64, 4), np.float32)

    def __call__(self, batch):
        self.buffer[: len(batch)] = super().__call__(batch)
        time.sleep(0.01)  # long enough for another call to come between
        return self.buffer[: len(batch)].copy()


class WritesIntoTheBatch(Plain):
    def __call__(self, batch):
        z = super().__call__(batch)
        batch *= 2.0
        return z


class FailsOnNothing(Plain):
    def __call__(self, batch):
        z = super().__call__(batch)
        return z - z.max()


class AssumesOrder(Plain):
    def __call__(self, batch):
        flat = np.ravel(batch, order="K").reshape(batch.shape)
        return super().__call__(flat)


class CountsCalls(Plain):
    calls = 0

    @property
    def fingerprint(self):
        return f"plain-{self.calls}"

    def __call__(self, batch):
        self.calls += 1
        return super().__call__(batch)


class OtherPreprocess(Plain):
    input_shape = (3, 6, 5)
    preprocess = Preprocess(size=(7, 5), mean=0.5, std=0.25, channels="RGB")

    def __init__(self) -> None:
        self.made = Sums(self.input_shape).classifier()


class DoublePreprocess(Plain):
    input_shape = (3, 6, 5)
    preprocess = SimpleNamespace(
        shape=(3, 6, 5), to_dict=dict, apply=lambda _: (np.zeros((3, 6, 5)), None)
    )

    def __init__(self) -> None:
        self.made = Sums(self.input_shape).classifier()


class TwiceTheGradient(Plain):
    def gradient(self, batch, targets, of="log_odds"):
        values, slopes = super().gradient(batch, targets, of)
        return values, slopes * 2


class OtherValues(Plain):
    def gradient(self, batch, targets, of="log_odds"):
        values, slopes = super().gradient(batch, targets, "logit")
        return values, slopes


class DoubleSlopes(Plain):
    def gradient(self, batch, targets, of="log_odds"):
        values, slopes = super().gradient(batch, targets, of)
        return values, slopes.astype(np.float64)


BROKEN = {
    "attributes": (NoFingerprint, NoWorkers, ListShape, UnknownOutput, Lacking),
    "scores_have_the_right_form": (Doubles, OneClassMore, OneRowOnly),
    "scores_are_finite": (NotFinite,),
    "deterministic": (Random,),
    "batch_invariant_or_honest": (LooksAtNeighbours,),
    "output_kind": (ProbabilitiesThatDontSum, HiddenSoftmax, HiddenLogSoftmax),
    "thread_safe_as_declared": (SharedBuffer,),
    "input_not_modified": (WritesIntoTheBatch,),
    "empty_batch": (FailsOnNothing,),
    "non_contiguous_input": (AssumesOrder,),
    "fingerprint_is_stable": (CountsCalls,),
    "preprocess_fits": (OtherPreprocess, DoublePreprocess),
    "gradient": (TwiceTheGradient, OtherValues, DoubleSlopes),
}
