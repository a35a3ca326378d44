"""Adapter: orders patches with the public code of MoXI and prints one JSON line per photo.

Runs in any environment with torch, onnxruntime and onnx. The code has no licence, so it is neither
vendored nor installed: ``--public`` names a checkout of github.com/KosukeSumiyasu/MoXI. Of it
`online_identifying` runs unchanged, with a model of ours that hands each masked batch to an ONNX
Runtime session. What it imports besides (transformers, Grad-CAM) plays no part in these orders and
is replaced by empty modules. Equal composites are given to the session once.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import types
from pathlib import Path

import numpy as np

ABSENT = ("transformers", "pytorch_grad_cam")
ROWS = 2  # composites a call of the session


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--public", required=True, help="checkout of the public code")
    parser.add_argument("--model", required=True)
    parser.add_argument("--inputs", required=True, help="npz of float32 [C, H, W] arrays by name")
    parser.add_argument("--order", choices=("insertion", "deletion"), required=True)
    parser.add_argument("--steps", type=int, default=0, help="0: the full order")
    parser.add_argument("--reward", default="modified", choices=("modified", "normal", "yi"))
    parser.add_argument("--method", default="MoXI", choices=("MoXI", "self-shapley"))
    parser.add_argument("--grid", type=int, default=14)
    args = parser.parse_args()

    contribution = load_public(Path(args.public))
    session = open_session(args.model)
    inputs = np.load(args.inputs)
    for name in inputs.files:
        model = Model(session, inputs[name])
        settings = types.SimpleNamespace(
            grid_num=args.grid,
            curve_method=args.order,
            identify_method=args.method,
            interaction_method="vit_embedding" if model.takes_tokens else "pixel_zero_values",
            softmax_type=args.reward,
            device="cpu",
        )
        order = run(contribution, settings, model, args.steps)
        row = {
            "name": name,
            "target": model.target,
            "order": order,
            "evaluations": model.rows,
            "distinct": len(model.known),
        }
        print(json.dumps(row), flush=True)
    return 0


def load_public(path: Path):
    """The public module that makes the orders."""
    for name in ABSENT:
        sys.meta_path.insert(0, Absent(name))
    sys.path.insert(0, str(path))
    import src.util.calc_contribution as contribution

    return contribution


class Absent:
    """Finds modules of a package that isn't needed: any name in them is an empty class."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(self, name, path=None, target=None):
        from importlib.machinery import ModuleSpec

        if name.partition(".")[0] == self.package:
            return ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__path__ = []

        def anything(name):
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {})

        module.__getattr__ = anything
        return module

    def exec_module(self, module) -> None:
        """Nothing to run."""


def run(contribution, settings, model, steps: int) -> list[int]:
    """The order, or its first steps: the choice of every step is seen and stops the run."""
    chosen: list[int] = []
    choose = contribution.choose_patch

    def watched(*arguments, **keywords):
        patch = choose(*arguments, **keywords)
        chosen.append(int(patch))
        if steps and len(chosen) == steps:
            raise Enough
        return patch

    contribution.choose_patch = watched
    try:
        order = contribution.online_identifying(settings, model, model.process, None, model.target)
        return [int(i) for i in order]
    except Enough:
        return chosen
    finally:
        contribution.choose_patch = choose


class Enough(Exception):
    """As many steps as were asked for."""


def open_session(path: str):
    """One thread, so that several runs may share the machine."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


class Inputs(dict):
    """What an image processor gives: the same picture many times over."""

    def to(self, device):
        return self


class Model:
    """The model of the public code: ``model(**inputs)["logits"]``."""

    def __init__(self, session, x: np.ndarray) -> None:
        import torch

        self.session, self.x = session, torch.from_numpy(x)
        names = [i.name for i in session.get_inputs()]
        self.takes_tokens = len(names) == 2
        self.names = names
        self.known: dict[bytes, np.ndarray] = {}
        self.rows = 0
        tokens = session.get_inputs()[1].shape[1] if self.takes_tokens else 0
        self.tokens = tokens
        self.target = int(self.scores(x[None], np.ones((1, tokens), np.float32)).argmax())

    def process(self, images, return_tensors=None) -> Inputs:
        """The picture as often as asked for; a view, since it is the same."""
        return Inputs(pixel_values=self.x[None].expand(len(images), -1, -1, -1))

    def __call__(self, pixel_values, embedding_mask=None):
        import torch

        keep = np.ones((len(pixel_values), self.tokens), np.float32)
        if embedding_mask is not None:
            keep[:] = 0
            for row, kept in enumerate(embedding_mask):
                keep[row, kept] = 1
        self.rows += len(keep)
        return {"logits": torch.from_numpy(self.scores(pixel_values.float().numpy(), keep))}

    def scores(self, images: np.ndarray, keep: np.ndarray) -> np.ndarray:
        """Scores of composites, each distinct one evaluated once."""
        shared = self.takes_tokens  # the picture is whole then, only the tokens differ
        keys = [
            hashlib.blake2b(k.tobytes() if shared else i.tobytes(), digest_size=16).digest()
            for i, k in zip(images, keep, strict=True)
        ]
        new = {k: row for row, k in enumerate(keys) if k not in self.known}
        rows = list(new.values())
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            feed = {self.names[0]: np.ascontiguousarray(images[some])}
            if self.takes_tokens:
                feed[self.names[1]] = keep[some]
            found = self.session.run(None, feed)[0]
            for row, scores in zip(some, found, strict=True):
                self.known[keys[row]] = scores
        return np.stack([self.known[k] for k in keys])


if __name__ == "__main__":
    sys.exit(main())
