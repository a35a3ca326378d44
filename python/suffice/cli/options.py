"""Options that several subcommands share, and what they are turned into."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suffice.errors import SettingsError
from suffice.models.labels import read_labels

if TYPE_CHECKING:
    from suffice.methods.base import Method
    from suffice.models.base import Classifier
    from suffice.models.preprocess import Preprocess

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
COMPARATOR = "comparator:"  # before the name of one, where a ranking is asked for
OUTPUT_KINDS = ("logits", "probabilities", "multilabel")


def positive_int(text: str) -> int:
    """Read a whole number of at least 1."""
    return _whole(text, 1)


def whole_number(text: str) -> int:
    """Read a whole number of at least 0."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise argparse.ArgumentTypeError(
            f"expected a whole number of at least {least}, got {text!r}"
        )
    return value


def batch_size(text: str) -> int | str:
    """Read ``auto`` or a whole number of at least 1."""
    return text if text == "auto" else positive_int(text)


def numbers(text: str) -> tuple[float, ...]:
    """Read numbers separated by commas."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = (math.nan,)
    if not all(math.isfinite(value) for value in values):
        raise argparse.ArgumentTypeError(f"expected numbers like 0.5,0.5,0.5, got {text!r}")
    return values


def size(text: str) -> int | tuple[int, int]:
    """Read a side, or HEIGHTxWIDTH."""
    parts = text.lower().split("x")
    if len(parts) not in (1, 2) or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"expected a size like 224 or 240x320, got {text!r}")
    sides = [int(part) for part in parts]
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def key_value(text: str) -> tuple[str, str]:
    """Read KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return key.replace("-", "_"), value


def add_model_options(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Add the options that say which model it is and how photos become its inputs."""
    model = parser.add_argument_group("model")
    model.add_argument(
        "--model",
        required=required,
        metavar="M",
        help="ONNX file, timm:NAME, torchvision:NAME, hf:ID, or demo (EfficientNet-Lite0)",
    )
    model.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    model.add_argument("--threads", type=positive_int, metavar="N", help="CPU threads of the model")
    model.add_argument(
        "--output-kind",
        choices=OUTPUT_KINDS,
        help="what the model gives (default: read from the graph)",
    )
    model.add_argument(
        "--labels",
        metavar="FILE",
        help="class names: one a line, a JSON list, or a CSV with index and label",
    )

    photo = parser.add_argument_group(
        "photos",
        "How a photo becomes an input: one FILE or the options after it. Needed unless the model "
        "itself says it.",
    )
    photo.add_argument(
        "--preprocess",
        metavar="FILE.json",
        help="one object with size, resize_shorter_side, crop, interpolation, mean, std, "
        "or a models.json with an entry for the model's file",
    )
    photo.add_argument("--size", type=size, metavar="S|HxW", help="input size of the model")
    photo.add_argument(
        "--resize-shorter-side", type=positive_int, metavar="N", help="before the centre crop"
    )
    photo.add_argument("--interpolation", choices=INTERPOLATIONS, help="for resizing")
    photo.add_argument("--mean", type=numbers, metavar="M,..", help="x = (rgb/255 - mean) / std")
    photo.add_argument("--std", type=numbers, metavar="S,..", help="one number or one per channel")


def preprocess(args: argparse.Namespace) -> Preprocess | None:
    """Make the preprocessing that the options describe, None if they describe none."""
    from suffice import Preprocess

    names = ("size", "resize_shorter_side", "interpolation", "mean", "std")
    given: dict[str, Any] = {
        name: getattr(args, name) for name in names if getattr(args, name) is not None
    }
    if args.preprocess is not None:
        if given:
            option = "--" + next(iter(given)).replace("_", "-")
            raise SettingsError(f"--preprocess and {option} exclude each other; give one of them")
        name = Path(args.model.removeprefix("tokens:")).name
        return Preprocess.from_json(args.preprocess, name)
    if not given:
        return None
    if "size" not in given:
        raise SettingsError("--mean, --std and the like need --size, the input size of the model")
    return Preprocess(**given)


def classifier(
    args: argparse.Namespace, made: Preprocess | None = None, gradients: bool = False
) -> Classifier:
    """Load the model that the options name.

    Parameters
    ----------
    args : Namespace
    made : Preprocess, optional
        Taken instead of what the options say.
    gradients : bool
        Whether they are needed: an ONNX file is then converted to torch.
    """
    import suffice

    if gradients and str(args.model).lower().endswith(".onnx"):
        return suffice.TorchClassifier.from_onnx(
            args.model,
            preprocess(args) if made is None else made,
            args.output_kind,
            args.device,
            args.threads,
            labels=None if args.labels is None else read_labels(args.labels),
        )
    return suffice.as_classifier(
        args.model,
        preprocess=preprocess(args) if made is None else made,
        output=args.output_kind,
        device=args.device,
        threads=args.threads,
        labels=args.labels,
    )


def method(args: argparse.Namespace, load: Callable[..., Classifier]) -> Method:
    """Make the method with its settings.

    Parameters
    ----------
    args : Namespace
    load : callable
        Gives the classifier, which a comparator as a ranking needs; ``load(gradients=True)`` one
        that is differentiable.

    Raises
    ------
    SettingsError
        If there is no such method or setting, or a value doesn't fit.
    """
    import suffice

    known = suffice.methods()
    if args.method not in known:
        raise SettingsError(f"there is no method {args.method!r}; there are {', '.join(known)}")
    settings: dict[str, Any] = dict(args.set)
    ranking = settings.get("ranking", "")
    if ranking.startswith(COMPARATOR):
        from suffice.comparators import from_text

        settings["ranking"] = from_text(ranking, load)
    return known[args.method].from_settings(settings)
