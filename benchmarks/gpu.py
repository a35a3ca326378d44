"""What a GPU does while suffice explains: utilisation, photos a minute, the same sets as a CPU.

    python benchmarks/gpu.py [--small] [--only PART ...] [--models FOLDER] [--out FOLDER]
    python benchmarks/gpu.py --prepare FOLDER      where the zoo and onnx2torch are, without a GPU

Parts, each written when it is done:

- ``utilisation``: 64 subjects at once with `minimal` and `rex`; model time (the same number of rows
  in the same batches, timed alone by CUDA events) over wall time. Architectures of timm with random
  weights, which cost what trained ones do; those that timm lacks are named and left out.
- ``study``: photos a minute from the same runs, and the time of 15 models x 1000 photos.
- ``sis``: exact backward selection on ResNet20 at 32 x 32.
- ``agreement``: explanations of the models in ``--models`` on the GPU and on the CPU; sets that
  differ are counted, and whether decisions behind them were marginal.
- ``kernels``: ``benchmarks/kernels.py --group kernels_device``.
- ``sanitizer``: compute-sanitizer's memcheck and racecheck over the ``gpu`` tests of the core.

``--small`` shrinks everything to prove that the script runs; with ``--device cpu`` also without a
GPU. Such figures are not to be published.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import suffice
from common import RESULTS, ROOT, ZOO, write

ARCHITECTURES = {
    "EfficientNet-Lite0": "efficientnet_lite0",
    "ResNet-50": "resnet50",
    "ViT-B/16": "vit_base_patch16_224",
    "ConvNeXtV2-Huge": "convnextv2_huge",
    "EVA-Giant": "eva_giant_patch14_224",
}
SUBJECTS, BATCH = 64, 64
BUDGETS = {"minimal": 200, "rex": 2200}
STUDY_MODELS, STUDY_PHOTOS = 15, 1000
CARRIED = ("squeezenet1.1", "mobilenet_v1_0.25_128", "mobilenet_v1_0.5_160", "cifar_resnet8")
AGREEMENT_PHOTOS, AGREEMENT_BUDGET = 16, 300


def modules(small: bool) -> Iterator[tuple[str, Any, tuple[int, int, int]]]:
    """Architectures with random weights, one at a time."""
    if small:
        torch.manual_seed(0)
        tiny = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(4)
        )
        yield (
            "tiny",
            torch.nn.Sequential(tiny, torch.nn.Flatten(), torch.nn.Linear(128, 10)),
            (3, 32, 32),
        )
        return
    import timm

    for title, name in ARCHITECTURES.items():
        if name not in timm.list_models():
            print(f"timm {timm.__version__} has no {name}: left out")
            continue
        torch.manual_seed(0)
        module = timm.create_model(name, pretrained=False)
        yield title, module.eval(), tuple(module.pretrained_cfg["input_size"])


def photos(count: int, shape: tuple[int, int, int]) -> list[Any]:
    """Smooth random pictures: what they show is nothing to the time."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(size=(count, shape[0], 8, 8)).astype(np.float32)
    size = torch.nn.functional.interpolate(torch.from_numpy(coarse), shape[1:], mode="bilinear")
    return list(size.numpy())


def synchronize(device: str) -> None:
    """Wait for the device."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def model_seconds(module: Any, shape: tuple[int, ...], rows: int, device: str, kind: Any) -> float:
    """Time of `rows` rows in full batches, nothing else going on."""
    x = torch.randn((BATCH, *shape), device=device)
    batches = max(1, round(rows / BATCH))
    cast = torch.autocast(device.partition(":")[0], kind or torch.float32, enabled=kind is not None)
    with torch.inference_mode(), cast:
        for _ in range(3):
            module(x)
        synchronize(device)
        began = time.perf_counter()
        for _ in range(min(batches, 50)):
            module(x)
        synchronize(device)
    return (time.perf_counter() - began) / min(batches, 50) * rows / BATCH


def utilisation(args: argparse.Namespace) -> dict[str, Any]:
    """Model time over wall time, and photos a minute."""
    rows = []
    for title, module, shape in modules(args.small):
        for precision in ("float32", "bfloat16"):
            clf = suffice.TorchClassifier(
                module,
                input_shape=shape,
                device=args.device,
                batch_size=BATCH,
                precision=precision,
                composes=True,
            )
            kind = None if precision == "float32" else torch.bfloat16
            for method, budget in BUDGETS.items():
                rows.append(one_run(args, title, clf, method, budget, precision, kind))
                print(json.dumps(rows[-1]), flush=True)
        del clf
        module.to("cpu")
        if args.device.startswith("cuda"):
            torch.cuda.empty_cache()
    return {"runs": rows}


def one_run(
    args: argparse.Namespace,
    title: str,
    clf: Any,
    method: str,
    budget: int,
    precision: str,
    kind: Any,
) -> dict[str, Any]:
    """Explain 64 photos once for warmth and once for time."""
    subjects, budget = (4, 60) if args.small else (SUBJECTS, budget)
    images = photos(subjects, clf.input_shape)
    options = {"method": method, "budget": budget, "baseline": "constant:0", "window": subjects}
    list(suffice.explain_stream(clf, images[: subjects // 4], **options))
    synchronize(args.device)
    began = time.perf_counter()
    found = list(suffice.explain_stream(clf, images, **options))
    synchronize(args.device)
    wall = time.perf_counter() - began
    evaluations = sum(e.record["evaluations"] for e in found)
    alone = model_seconds(clf.module, clf.input_shape, evaluations, args.device, kind)
    return {
        "model": title,
        "method": method,
        "precision": precision,
        "subjects": subjects,
        "evaluations": evaluations,
        "rechecks": sum(e.record["recheck_evaluations"] for e in found),
        "certificates": sum(e.certificate.checked_evaluations for e in found if e.certificate),
        "wall_s": wall,
        "model_s": alone,
        "utilisation": alone / wall,
        "photos_per_minute": 60 * subjects / wall,
        "study_hours": STUDY_MODELS * STUDY_PHOTOS / subjects * wall / 3600,
    }


def sis(args: argparse.Namespace) -> dict[str, Any]:
    """Exact backward selection at 32 x 32."""
    from suffice.study.resnet20 import ResNet

    torch.manual_seed(0)
    side, count = (8, 2) if args.small else (32, 8)
    clf = suffice.TorchClassifier(
        ResNet(), input_shape=(3, side, side), device=args.device, batch_size=1024, composes=True
    )
    images = photos(count, clf.input_shape)
    options = {
        "method": suffice.Sis(keep=0.05),
        "grain": 1,
        "baseline": "constant:0",
        "window": count,
    }
    began = time.perf_counter()
    found = list(suffice.explain_stream(clf, images, **options))
    wall = time.perf_counter() - began
    evaluations = sum(e.record["evaluations"] for e in found)
    return {
        "photos": count,
        "evaluations": evaluations,
        "wall_s": wall,
        "evaluations_per_s": evaluations / wall,
        "photos_per_hour": 3600 * count / wall,
    }


def agreement(args: argparse.Namespace) -> dict[str, Any]:
    """The same explanations as on the CPU."""
    if args.models is None:
        return {"left out": "no --models; make them with --prepare"}
    rows = []
    for file in sorted(args.models.glob("*.pt")):
        module = torch.jit.load(file)
        shape = tuple(json.loads(file.with_suffix(".json").read_text())["shape"])
        inputs = list(np.load(file.with_suffix(".npy")))
        options = {"method": "minimal", "budget": AGREEMENT_BUDGET, "baseline": "constant:0"}
        made = {}
        for device in ("cpu", args.device):
            clf = suffice.TorchClassifier(
                module, input_shape=shape, device=device, composes=device != "cpu"
            )
            made[device] = list(suffice.explain_stream(clf, inputs, **options))
        pairs = list(zip(made["cpu"], made[args.device], strict=True))
        different = [b for a, b in pairs if not np.array_equal(a.masks, b.masks)]
        rows.append(
            {
                "model": file.stem,
                "photos": len(pairs),
                "different": len(different),
                "of those with marginal decisions": sum(
                    b.record["marginal"] > 0 for b in different
                ),
                "targets that differ": sum(a.target != b.target for a, b in pairs),
                "not certified": sum(
                    b.certificate is not None and not b.certificate.sufficient for _, b in pairs
                ),
            }
        )
    return {"models": rows}


def prepare(folder: Path) -> None:
    """Traced modules of the zoo and inputs, to be carried to a machine with a GPU."""
    from suffice.models.images import load_image
    from suffice.models.preprocess import Preprocess

    folder.mkdir(parents=True, exist_ok=True)
    pictures = sorted((ZOO / "images" / "stamps").glob("*.png"))[:AGREEMENT_PHOTOS]
    for name in CARRIED:
        source = ZOO / "models" / f"{name}.onnx"
        preprocess = Preprocess.from_json(ZOO / "models.json", source.name)
        clf = suffice.TorchClassifier.from_onnx(source, preprocess, device="cpu")
        inputs = np.stack([preprocess.apply(load_image(p))[0] for p in pictures])
        traced = torch.jit.trace(clf.module, torch.from_numpy(inputs[:2]))
        traced.save(folder / f"{name}.pt")
        np.save(folder / f"{name}.npy", inputs)
        (folder / f"{name}.json").write_text(json.dumps({"shape": clf.input_shape}))


def kernels(_: argparse.Namespace) -> dict[str, Any]:
    """Bandwidth of the kernels, a result of its own."""
    command = [sys.executable, str(ROOT / "benchmarks" / "kernels.py"), "--group", "kernels_device"]
    return {"exit": subprocess.run(command, check=False).returncode}


def sanitizer(_: argparse.Namespace) -> dict[str, Any]:
    """The core's gpu tests under compute-sanitizer."""
    program = shutil.which("compute-sanitizer")
    if program is None:
        return {"left out": "no compute-sanitizer here"}
    tests = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", "tests/parity/test_native_cuda.py"]
    found = {}
    for tool in ("memcheck", "racecheck"):
        command = [program, "--tool", tool, "--error-exitcode", "9", *tests]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        found[tool] = {"exit": done.returncode, "end": done.stdout[-500:]}
    return found


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "utilisation": utilisation,
    "sis": sis,
    "agreement": agreement,
    "kernels": kernels,
    "sanitizer": sanitizer,
}


def report(made: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = ["# On a GPU", "", f"{made['device']}; torch {made['torch']}", ""]
    runs = made["parts"].get("utilisation", {}).get("runs", [])
    if runs:
        keys = ("model", "method", "precision", "evaluations", "wall_s", "model_s", "utilisation")
        keys += ("photos_per_minute", "study_hours")
        lines += ["| " + " | ".join(keys) + " |", "|" + " --- |" * len(keys)]
        for run in runs:
            cells = (f"{run[k]:.3g}" if isinstance(run[k], float) else str(run[k]) for k in keys)
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    for name, part in made["parts"].items():
        if name != "utilisation":
            lines += [f"## {name}", "", "```", json.dumps(part, indent=1), "```", ""]
    return "\n".join(lines)


def main() -> None:
    """Run the parts."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=list(PARTS))
    parser.add_argument("--models", type=Path)
    parser.add_argument("--prepare", type=Path)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("--out", type=Path, default=RESULTS)
    args = parser.parse_args()
    if args.prepare is not None:
        prepare(args.prepare)
        return
    if args.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error(
            "torch sees no CUDA device here; --small --device cpu proves that the script runs"
        )
    name = torch.cuda.get_device_name() if args.device.startswith("cuda") else "cpu"
    made: dict[str, Any] = {
        "device": name,
        "torch": torch.__version__,
        "small": args.small,
        "parts": {},
    }
    for part in args.only:
        began = time.perf_counter()
        made["parts"][part] = PARTS[part](args)
        print(f"{part}: {time.perf_counter() - began:.0f} s", flush=True)
        write("gpu", made, report(made), args.out)


if __name__ == "__main__":
    main()
