"""The public functions: explain, explain_stream, verify."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, Self, cast, overload

import numpy as np
import numpy.typing as npt

from suffice import _native
from suffice.certificate import Certificate, certify
from suffice.criterion import Criterion
from suffice.engine import Engine, Failure, RunSettings
from suffice.errors import ImageError, InputError, SettingsError
from suffice.explanation import FORMAT, Explanation, Explanations
from suffice.methods import get_method
from suffice.methods.base import Method
from suffice.models.base import Classifier
from suffice.models.baselines import Baseline, make_baseline
from suffice.models.factory import as_classifier
from suffice.models.images import Photo, load_image
from suffice.models.labels import read_labels
from suffice.subject import image_key
from suffice.track import Answer, Question
from suffice.types import FloatImage, JsonObject

ImageLike = Any
"""A path, PIL image or uint8 array (a photo, preprocessed), or float32 ``[C, H, W]``."""

BaselineLike = Any
"""A specification of `suffice.models.baselines`, a path or a float32 ``[C, H, W]`` array."""

DEFAULT_METHOD = "rex"
VERIFY_EPS = 1e-3


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """An image ready to be asked about, with what its record needs."""

    x: FloatImage
    key: int
    info: JsonObject
    picture: npt.NDArray[np.uint8] | None
    baselines: list[Baseline]


@overload
def explain(classifier: Any, images: str | os.PathLike[str], **settings: Any) -> Explanation: ...
@overload
def explain(classifier: Any, images: Sequence[ImageLike], **settings: Any) -> Explanations: ...
@overload
def explain(classifier: Any, images: Any, **settings: Any) -> Explanation | Explanations: ...
def explain(classifier: Any, images: Any, **settings: Any) -> Explanation | Explanations:
    """Find the pixels that suffice for a classifier's decision.

    Parameters
    ----------
    classifier : Classifier or anything `as_classifier` takes
        Settings of `as_classifier` (``preprocess``, ``output``, ``threads``, ``labels``) go there.
    images : image or sequence of images
        A path, PIL image or uint8 ``[H, W(, C)]`` array goes through the classifier's Preprocess;
        float32 ``[C, H, W]`` is taken as the model's input. A list, tuple or 4-D array is several.
    **settings
        Those of `explain_stream`.

    Returns
    -------
    Explanation or Explanations
        One for one image, several for several.

    Raises
    ------
    InputError
        If an image, the model or a setting is not what was expected.
    ScoresError
        If the model gives scores no decision can be made from.
    """
    several = isinstance(images, (list, tuple)) or (
        isinstance(images, np.ndarray) and images.ndim == 4
    )
    items = list(images) if several else [images]
    found = [cast(Explanation, e) for e in explain_stream(classifier, items, **settings)]
    return Explanations(found) if several else found[0]


def explain_stream(
    classifier: Any,
    images: Iterable[ImageLike],
    *,
    method: str | Method = DEFAULT_METHOD,
    target: int | None = None,
    baseline: BaselineLike = "zero",
    criterion: str | Criterion = "top1",
    budget: int | None = None,
    grain: int = 8,
    seed: int = 0,
    device: str = "auto",
    batch_size: int | Literal["auto"] = "auto",
    window: int = 8,
    verify: bool = True,
    labels: Sequence[str] | str | os.PathLike[str] | None = None,
    show_progress: bool = False,
    on_error: Literal["raise", "yield"] = "raise",
    on_evaluations: Callable[[int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    **model_options: Any,
) -> Iterator[Explanation | Failure]:
    """Explain images one after the other, in bounded memory and input order.

    Parameters
    ----------
    classifier : Classifier or anything `as_classifier` takes
    images : iterable of images
        Read lazily, at most `window` ahead.
    method : str or Method
        A name of `suffice.methods()` or a method object such as ``suffice.Rex(iterations=10)``.
    target : int or None
        The class to explain; None: the top-1 class of each image. It need not be the top-1.
    baseline : specification, or list of them
        What replaces removed pixels; several: the set must suffice under each.
    criterion : str or Criterion
        ``top1``, ``confidence:T``, ``relative:R`` or ``margin:M``.
    budget : int or None
        Evaluations per image; the run is an exact prefix of the unlimited one.
    grain : int
        Side of the tiles irreducibility is about, in pixels.
    seed : int
        Same seed, same result, whatever the batch size, threads and other images.
    device : str
        Where a model given as a source runs; see `as_classifier`.
    batch_size : int or "auto"
        Composites per model call.
    window : int
        Images in work at once.
    verify : bool
        Whether each set is proved by a certificate (three evaluations at batch 1).
    labels : sequence of str, path or None
        Class names for the records, or a file of them; None: the classifier's own, if any.
    show_progress : bool
        A progress bar on stderr with evaluations per second.
    on_error : {"raise", "yield"}
        Whether an item that fails raises or appears as a `Failure` in its place.
    on_evaluations : callable or None
        Told the number of new evaluations as they are done.
    should_stop : callable or None
        Once it returns true, running batches are finished and the stream ends.

    Returns
    -------
    iterator of Explanation or Failure

    Raises
    ------
    InputError
        At once for the model and settings; for an image when its turn comes, unless `on_error` is
        ``yield``.
    ScoresError
        If the model gives scores no decision can be made from, likewise.
    """
    clf = as_classifier(classifier, device=device, **model_options)
    chosen = get_method(method)
    rule = Criterion.parse(criterion)
    _check(clf, rule, target, grain, budget, seed, window, batch_size)
    specs = list(baseline) if isinstance(baseline, (list, tuple)) else [baseline]
    if not specs:
        raise SettingsError("expected at least one baseline, got an empty list")
    total = len(images) if isinstance(images, Sequence) else None
    progress = _Progress(show_progress, total, on_evaluations)
    engine = Engine(
        clf,
        chosen,
        RunSettings(rule, grain, seed, budget, verify, window),
        batch_size=None if batch_size == "auto" else batch_size,
        on_evaluations=progress.evaluations,
        should_stop=should_stop,
    )
    if isinstance(labels, (str, os.PathLike)):
        labels = read_labels(labels)
    names = getattr(clf, "labels", None) if labels is None else labels
    # A function that returns a generator, so that wrong settings raise here and not at first use.
    return _stream(engine, images, specs, target, names, progress, on_error)


def _stream(
    engine: Engine,
    images: Iterable[ImageLike],
    specs: Sequence[BaselineLike],
    target: int | None,
    labels: Sequence[str] | None,
    progress: _Progress,
    on_error: str,
) -> Iterator[Explanation | Failure]:
    """Feed images to the engine and make explanations of its answers."""
    clf, seed = engine.classifier, engine.settings.seed
    prepared: dict[int, _Prepared] = {}

    def questions() -> Iterator[Question | Failure]:
        for index, image in enumerate(images):
            try:
                ready = prepared[index] = _prepare(clf, image, specs, seed, index)
            except Exception as error:
                yield Failure(index, _name_of(image, index), error)
                continue
            yield Question(
                index=index,
                name=ready.info["name"],
                image=ready.x,
                baselines=np.stack([b.array for b in ready.baselines]),
                target=target,
                key=ready.key,
            )

    with progress:
        for item in engine.run(questions()):
            progress.image()
            if isinstance(item, Failure):
                prepared.pop(item.index, None)
                if on_error == "raise":
                    raise item.error
                yield item
            else:
                ready = prepared.pop(item.question.index)
                yield _explanation(clf, engine.method, item, ready, labels)


def verify(
    explanation: Explanation, classifier: Any, image: ImageLike, **model_options: Any
) -> Certificate:
    """Prove a saved explanation again, from its mask and record alone.

    Parameters
    ----------
    explanation : Explanation
    classifier : Classifier or anything `as_classifier` takes
    image : image
        The photo (or model-space array) it was made from.

    Returns
    -------
    Certificate
        Of the best set. ``notes`` say where the model, image or baselines differ from the record.

    Raises
    ------
    InputError
        If there is no set to verify or the image does not fit.
    """
    if not len(explanation.masks):
        raise InputError(
            f"{explanation.name}: nothing to verify, status {explanation.status} has no set"
        )
    clf = as_classifier(classifier, **model_options)
    record = explanation.record
    stored = record["reference"]["baselines"]
    ready = _prepare(clf, image, [_spec(b) for b in stored], explanation.seed, 0)
    if ready.x.shape[1:] != explanation.mask.shape:
        raise InputError(
            f"the set is {list(explanation.mask.shape)} pixels, the model's input is "
            f"{list(ready.x.shape[1:])}: give the model and preprocessing it was made with"
        )
    certificate = certify(
        clf,
        ready.x,
        np.stack([b.array for b in ready.baselines]),
        explanation.mask,
        explanation.target,
        Criterion.parse(explanation.criterion),
        eps=VERIFY_EPS,
    )
    notes = []
    if record["model"]["sha256"] != clf.fingerprint:
        notes.append("the model is another file than the one explained")
    if record["image"]["sha256"] != ready.info["sha256"]:
        notes.append("the image is another file than the one explained")
    if any(s["sha256"] != b.sha256 for s, b in zip(stored, ready.baselines, strict=True)):
        notes.append("a baseline differs from the one recorded")
    return dataclasses.replace(certificate, notes=notes)


# -- preparing ------------------------------------------------------------------------------------


def _check(
    clf: Classifier,
    criterion: Criterion,
    target: int | None,
    grain: int,
    budget: int | None,
    seed: int,
    window: int,
    batch_size: int | str,
) -> None:
    if clf.output == "multilabel" and (target is None or criterion.kind != "confidence"):
        raise SettingsError(
            "a multilabel model needs a target and the criterion confidence:T "
            f"(0.5 is usual); got target {target}, criterion {criterion}"
        )
    if target is not None and not 0 <= target < clf.n_classes:
        raise SettingsError(
            f"target {target} is out of range: {clf.name} has classes 0 to {clf.n_classes - 1}"
        )
    for name, value, least in (("grain", grain, 1), ("budget", budget, 1), ("window", window, 1)):
        if value is not None and value < least:
            raise SettingsError(f"{name} must be at least {least}, got {value}")
    if not 0 <= seed < 2**64:
        raise SettingsError(f"seed must be an unsigned 64-bit number, got {seed}")
    if batch_size != "auto" and (not isinstance(batch_size, int) or batch_size < 1):
        raise SettingsError(f"batch_size must be 'auto' or a positive number, got {batch_size!r}")


def _prepare(
    clf: Classifier, image: ImageLike, specs: Sequence[BaselineLike], seed: int, index: int
) -> _Prepared:
    if isinstance(image, np.ndarray) and image.dtype == np.float32 and image.ndim == 3:
        x = np.ascontiguousarray(image)
        key = image_key(x)
        digest = _sha256(x)
        info: JsonObject = {
            "name": f"array-{index}",
            "sha256": digest,
            "size": [x.shape[2], x.shape[1]],
            "crop_box": [0.0, 0.0, float(x.shape[2]), float(x.shape[1])],
        }
    else:
        photo = image if isinstance(image, Photo) else load_image(image)
        if clf.preprocess is None:
            raise InputError(
                f"{clf.name} states no preprocessing and it is never guessed: give preprocess= "
                "(or --preprocess, --size, --mean, --std), or pass float32 [C, H, W] arrays"
            )
        x, crop_box = clf.preprocess.apply(photo)
        key = photo.key
        info = {
            "name": photo.name or f"image-{index}",
            "sha256": photo.sha256,
            "size": list(photo.size),
            "crop_box": list(crop_box),
        }
    if x.shape != tuple(clf.input_shape):
        raise ImageError(
            f"{info['name']}: expected an input {list(clf.input_shape)} for {clf.name}, "
            f"got {list(x.shape)}"
        )
    if not np.isfinite(x).all():
        raise ImageError(f"{info['name']}: the image holds values that are not finite")
    baselines = [make_baseline(s, x, clf.preprocess, seed, key) for s in specs]
    picture = None if clf.preprocess is None else clf.preprocess.denormalise(x)
    return _Prepared(x, key, info, picture, baselines)


def _sha256(x: FloatImage) -> str:
    return hashlib.sha256(x.tobytes()).hexdigest()


def _name_of(image: ImageLike, index: int) -> str:
    return os.fspath(image) if isinstance(image, (str, Path)) else f"image-{index}"


def _spec(stored: JsonObject) -> str:
    """The specification a recorded baseline was made from."""
    return cast(str, stored["parameters"].get("spec", stored["kind"]))


# -- recording ------------------------------------------------------------------------------------


def _explanation(
    clf: Classifier,
    method: Method,
    answer: Answer,
    ready: _Prepared,
    labels: Sequence[str] | None,
) -> Explanation:
    subject, result = answer.subject, answer.result
    shape = subject.shape
    masks = _native.unpack(answer.masks, shape)
    pixels = masks.sum(axis=(1, 2))
    certificates = [None if c is None else c.to_dict() for c in answer.certificates]
    sets = [
        {"pixels": int(n), "area": float(n / (shape[0] * shape[1])), "certificate": c}
        for n, c in zip(pixels, certificates, strict=True)
    ]
    first = sets[0] if sets else {"pixels": 0, "area": None, "certificate": None}
    label = labels[subject.target] if labels and subject.target < len(labels) else None
    record: JsonObject = {
        "format": FORMAT,
        "status": answer.status,
        "reason": answer.reason,
        "image": ready.info,
        "model": {"name": clf.name, "sha256": clf.fingerprint},
        "input_shape": list(clf.input_shape),
        "preprocess": None if clf.preprocess is None else clf.preprocess.to_dict(),
        "output_kind": clf.output,
        "target": subject.target,
        "target_label": label,
        "reference": {
            "confidence": subject.reference_confidence,
            "top1": int(subject.reference.top1[0]),
            "baselines": [_baseline_record(b) for b in ready.baselines],
        },
        "method": {"name": method.name, "version": method.version, "settings": method.settings()},
        "criterion": str(subject.criterion),
        "grain": subject.grain,
        "seed": subject.seed,
        "pixels": first["pixels"],
        "area": first["area"],
        "sets": sets,
        **answer.counts,
        "seconds": answer.seconds,
        "certificate": first["certificate"],
        "trace": answer.trace,
        "details": result.details or {},
    }
    _fill_baselines(record, subject.empty.top1, subject.empty.confidence)
    extra = {
        name: _native.unpack(packed[None], shape)[0]
        for name, packed in (result.extra_masks or {}).items()
    }
    return Explanation(
        record,
        masks,
        result.responsibility,
        extra or None,
        ready.picture,
        answer.question.index,
    )


def _baseline_record(baseline: Baseline) -> JsonObject:
    return {
        "kind": baseline.kind,
        "parameters": baseline.parameters,
        "sha256": baseline.sha256,
    }


def _fill_baselines(record: JsonObject, top1: Any, confidence: Any) -> None:
    """Add what the model says of each baseline alone: from the certificate where there is one."""
    certificate = record["certificate"]
    for i, entry in enumerate(record["reference"]["baselines"]):
        if certificate is not None:
            entry["top1"] = certificate["baselines"][i]["empty_top1"]
            entry["confidence"] = certificate["baselines"][i]["empty_confidence"]
        else:
            entry["top1"] = int(top1[0])
            entry["confidence"] = float(confidence[0])


class _Progress:
    """A tqdm bar over images with evaluations per second, or nothing."""

    def __init__(self, show: bool, total: int | None, also: Callable[[int], None] | None) -> None:
        self._also = also
        self._bar: Any = None
        self._evaluations = 0
        if show:
            from tqdm import tqdm

            self._bar = tqdm(total=total, unit="image", desc="explaining")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def evaluations(self, n: int) -> None:
        self._evaluations += n
        if self._also is not None:
            self._also(n)
        if self._bar is not None:
            elapsed = self._bar.format_dict["elapsed"] or 1e-9
            rate = self._evaluations / elapsed
            self._bar.set_postfix_str(f"{rate:,.0f} evaluations/s", refresh=False)
            self._bar.update(0)

    def image(self) -> None:
        if self._bar is not None:
            self._bar.update(1)
