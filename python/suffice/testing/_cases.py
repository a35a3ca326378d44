"""Questions that methods are checked on, asked with and without the engine."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

import suffice
from suffice import _native
from suffice.criterion import Criterion
from suffice.explanation import Explanation
from suffice.methods.base import Method, Search, SearchResult
from suffice.subject import Subject, image_key
from suffice.testing._toy_classifier import ToyClassifier
from suffice.testing.judge import Judge, Masks
from suffice.testing.results import Broken, require
from suffice.testing.toys import Sums, Toy
from suffice.types import FloatImage, Outcomes, PackedMasks

MAX_MASKS = 2_000_000
VOLATILE = ("seconds", "model_calls")

Asked = tuple[str, bytes]
"""A round as it was asked: the value whose gradients are wanted, if any, and its masks."""


@dataclass(frozen=True, eq=False)
class Case:
    """One question to a method.

    Attributes
    ----------
    name : str
        For messages.
    classifier : ToyClassifier
    image : float32 [C, H, W]
    baselines : float32 [B, C, H, W]
    target : int or None
    criterion : str
    grain, seed, count : int
    overlap : float
    contrastive : bool
    """

    name: str
    classifier: ToyClassifier
    image: FloatImage
    baselines: npt.NDArray[np.float32]
    target: int | None = None
    criterion: str = "top1"
    grain: int = 1
    seed: int = 0
    count: int = 1
    overlap: float = 0.0
    contrastive: bool = False

    def __str__(self) -> str:
        kind = [] if self.classifier.output == "logits" else [self.classifier.output]
        several = {"baselines": len(self.baselines), "count": self.count, "overlap": self.overlap}
        usual: dict[str, object] = {"baselines": 1, "count": 1, "overlap": 0.0}
        extra = [f"{k} {v}" for k, v in several.items() if v != usual[k]]
        return ", ".join(
            [
                f"case {self.name}: {self.classifier.name}, {'x'.join(map(str, self.image.shape))}",
                *kind,
                *(["contrastive"] if self.contrastive else []),
                f"criterion {self.criterion}, grain {self.grain}, seed {self.seed}",
                *([] if self.target is None else [f"target {self.target}"]),
                *extra,
            ]
        )

    @property
    def key(self) -> str:
        """Equal for equal questions."""
        parts = (self.classifier.fingerprint, image_key(self.image), image_key(self.baselines))
        return f"{self}; {parts}"

    def but(self, **changes: Any) -> Case:
        """The same question but for some of it."""
        return replace(self, **changes)

    @property
    def judge(self) -> Judge:
        """Says what holds, apart from the engine."""
        return Judge(
            self.classifier,
            self.image,
            self.baselines,
            self.target,
            Criterion.parse(self.criterion),
            self.contrastive,
        )

    def subject(self) -> Subject:
        """What a search is told; its arrays can't be written to."""
        judge, shape = self.judge, self.image.shape[1:]
        ends = judge.outcomes(np.stack([np.ones(shape, np.bool_), np.zeros(shape, np.bool_)]))
        for array in (self.image, self.baselines):
            array.flags.writeable = False
        return Subject(
            image=self.image,
            baselines=self.baselines,
            target=judge.wanted,
            criterion=judge.criterion,
            grain=self.grain,
            seed=self.seed,
            key=image_key(self.image),
            reference=_part(ends, slice(0, 1)),
            empty=_part(ends, slice(1, 2)),
            name=self.name,
            count=self.count,
            overlap=self.overlap,
            contrastive=self.contrastive,
        )

    def explain(self, method: Method, **options: Any) -> Explanation:
        """Ask the engine."""
        found: Explanation = suffice.explain(
            options.pop("classifier", self.classifier),
            options.pop("image", self.image),
            method=method,
            target=self.target,
            baseline=list(self.baselines),
            criterion=self.criterion,
            grain=self.grain,
            seed=self.seed,
            count=self.count,
            overlap=self.overlap,
            contrastive=self.contrastive,
            **options,
        )
        return found


def of_toy(toy: Toy, **settings: Any) -> Case:
    """Ask about a toy's own image on its own baseline."""
    return Case(toy.name, toy.classifier(), toy.image, toy.baseline[None], 1, **settings)


def of_sums(
    shape: tuple[int, int, int], name: str = "sums", *, output: str = "logits", **settings: Any
) -> Case:
    """Ask about a bright random image of `Sums` on a zero baseline."""
    rng = np.random.default_rng([len(shape), *shape])
    image = rng.integers(64, 256, shape).astype(np.float32) / np.float32(256)
    classifier = Sums(shape, seed=1).classifier(output)
    return Case(name, classifier, image, np.zeros((1, *shape), np.float32), 1, **settings)


# -- without the engine ---------------------------------------------------------------------------


@dataclass
class Driven:
    """A search that was driven to its end by nothing but the judge.

    Attributes
    ----------
    result : SearchResult
    asked : list of (str, bytes)
        All rounds.
    subject : Subject
    """

    result: SearchResult
    asked: list[Asked] = field(default_factory=list)
    subject: Subject | None = None

    def sets(self, shape: tuple[int, int]) -> Masks:
        """The sets found, unpacked."""
        return _native.unpack(np.ascontiguousarray(self.result.masks), shape)


def drive(
    method: Method,
    case: Case,
    watch: Callable[[Search, Masks, Outcomes], None] | None = None,
) -> Driven:
    """Ask and tell until a search is over.

    Parameters
    ----------
    method : Method
    case : Case
    watch : callable or None
        Called after every round with the search, the masks and what they were judged.

    Raises
    ------
    Broken
        If a round is malformed or the search doesn't end.
    """
    try:
        return _drive(method, case, watch)
    except Broken:
        raise
    except Exception as error:  # say on which question
        raise Broken("no error", f"{type(error).__name__}: {error}", str(case)) from error


def _drive(
    method: Method, case: Case, watch: Callable[[Search, Masks, Outcomes], None] | None
) -> Driven:
    judge, subject = case.judge, case.subject()
    words = _native.words_for(subject.shape[0] * subject.shape[1])
    if subject.empty.passes[0] and not method.own_criteria:  # the engine starts no search
        return Driven(SearchResult(np.zeros((1, words), np.uint64)), subject=subject)
    search = method.make_search(subject)
    asked: list[Asked] = []
    total = 0
    while (given := search.ask()) is not None:
        packed, of = read_round(given, subject.shape, case)
        total += len(packed)
        require(total <= MAX_MASKS, f"a search that ends within {MAX_MASKS} masks", total, case)
        asked.append((of or "", packed.tobytes()))
        masks = _native.unpack(packed, subject.shape)
        outcomes = judge.outcomes(masks, of=of)
        search.tell(outcomes)
        if watch is not None:
            watch(search, masks, outcomes)
    return Driven(search.result(), asked, subject)


def read_round(given: Any, shape: tuple[int, int], case: object) -> tuple[PackedMasks, str | None]:
    """Check a round as it was asked; its masks, and the value whose gradients are wanted."""
    masks, of = getattr(given, "masks", given), getattr(given, "of", None)
    words = _native.words_for(shape[0] * shape[1])
    form = f"rounds of packed masks, uint64 [M, {words}] with M of at least 1"
    if not isinstance(masks, np.ndarray):
        raise Broken(form, type(masks).__name__, str(case))
    got = f"{masks.dtype} {list(masks.shape)}"
    right = masks.dtype == np.uint64 and masks.ndim == 2 and masks.shape[1] == words and len(masks)
    require(right, form, got, case)
    require(
        not padding(masks, shape),
        f"bits behind the last of {shape[0] * shape[1]} pixels that are zero",
        "a round with some of them set",
        case,
    )
    return np.ascontiguousarray(masks), of


def padding(masks: PackedMasks, shape: tuple[int, int]) -> bool:
    """Whether a bit behind the last pixel is set."""
    over = shape[0] * shape[1] % 64
    return bool(over and np.any(masks[..., -1] >> np.uint64(over)))


# -- with the engine ------------------------------------------------------------------------------


class _Recording:
    """A search whose rounds are written down as they are asked."""

    def __init__(self, search: Search, log: list[Asked]) -> None:
        self._search, self._log = search, log

    def ask(self) -> Any:
        given: Any = self._search.ask()  # masks, or an object that holds them
        if given is not None:
            masks = getattr(given, "masks", given)
            self._log.append((getattr(given, "of", "") or "", masks.tobytes()))
        return given

    def tell(self, outcomes: Outcomes) -> None:
        self._search.tell(outcomes)

    def result(self) -> SearchResult:
        return self._search.result()

    def standing(self) -> SearchResult | None:
        return self._search.standing()


def recorded(method: Method) -> tuple[Method, dict[str, list[Asked]]]:
    """The same method, and the rounds its searches will ask, by the subject's image."""
    logs: dict[str, list[Asked]] = {}
    twin = copy.copy(method)

    def make_search(subject: Subject) -> Search:
        log = logs.setdefault(str(image_key(subject.image)), [])
        return _Recording(method.make_search(subject), log)

    # On the object, over the class's own: everything else of the method stays as it is.
    object.__setattr__(twin, "make_search", make_search)
    return twin, logs


def run(method: Method, case: Case, **options: Any) -> tuple[Explanation, list[Asked]]:
    """Ask the engine; the explanation, and the rounds that were asked."""
    twin, logs = recorded(method)
    found = case.explain(twin, **options)
    return found, next(iter(logs.values()), [])


def comparable(found: Explanation) -> dict[str, Any]:
    """Everything of an explanation but its name, times and the number of batches."""
    record = found.to_dict()
    record["image"].pop("name")
    for name in VOLATILE:
        record.pop(name)
    ranking = None if found.responsibility is None else found.responsibility.tobytes()
    extra = {name: mask.tobytes() for name, mask in (found.extra_masks or {}).items()}
    return {**record, "masks": found.masks.tobytes(), "responsibility": ranking, "extra": extra}


def first_difference(one: dict[str, Any], other: dict[str, Any]) -> str:
    """The first entry in which two records differ; empty where none does."""
    for name, value in one.items():
        if value != other.get(name):
            return f"{name}: {_short(value)} and {_short(other.get(name))}"
    return ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else text[:117] + "..."


def _part(outcomes: Outcomes, which: slice) -> Outcomes:
    given: dict[str, Any] = {f.name: getattr(outcomes, f.name) for f in fields(Outcomes)}
    taken: dict[str, Any] = {k: None if v is None else v[which] for k, v in given.items()}
    return Outcomes(**taken)
