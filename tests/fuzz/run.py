"""Fuzz one reader: ``python tests/fuzz/run.py READER`` (see README.md beside this file).

With atheris, coverage leads the way and the corpus grows; ``--plain`` draws mutations by a seed.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
MEMORY_MB = 4096


def main() -> int:
    """Fuzz until the time is over or something is found."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("reader")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, default=Path("build/fuzz"), help="grows; kept")
    parser.add_argument("--plain", action="store_true", help="without atheris")
    parser.add_argument("--seed", type=int, default=0, help="of plain mutations")
    parser.add_argument("--keep-going", action="store_true", help="plain: report and go on")
    args = parser.parse_args()
    if not args.plain:
        return _guided(args)
    from fuzz.readers import READERS

    reader = READERS[args.reader]
    found = _plain(reader, args)
    print(f"{args.reader}: {found} found")
    return int(bool(found))


def _plain(reader, args) -> int:
    """Mutate what is committed and what is made, in the order of a seed."""
    from fuzz.mutate import mutated
    from fuzz.readers import outcome

    # A reader that asks for more than this is found by its MemoryError.
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MB * 2**20,) * 2)
    known = [p.read_bytes() for p in sorted((HERE / "corpus" / args.reader).glob("*"))]
    pool = [*reader.seeds(), *known]
    draw = random.Random(args.seed)
    seen: dict[str, bytes] = {}
    count, end = 0, time.monotonic() + args.seconds
    with tempfile.TemporaryDirectory() as name:
        while time.monotonic() < end:
            data = mutated(draw.choice(pool), draw, reader.words, pool)
            count += 1
            began = time.process_time()  # other work on the machine is no fault of a reader
            try:
                outcome(reader, data, Path(name))
            except Exception as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                what = f"{type(error).__name__} {where.filename}:{where.lineno}"
                if what not in seen or len(data) < len(seen[what]):
                    if what not in seen:
                        traceback.print_exc()
                    seen[what] = data
                if not args.keep_going:
                    break
            if time.process_time() - began > 5:
                seen[f"slow {hashlib.sha256(data).hexdigest()[:8]}"] = data
    print(f"{args.reader}: {count} inputs")
    for what, data in seen.items():
        path = args.corpus / "found" / f"{args.reader}-{hashlib.sha256(data).hexdigest()[:12]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        print(f"  {what}: {path}")
    return len(seen)


def _guided(args) -> int:
    """Hand over to atheris; it ends the process by itself."""
    import atheris

    with atheris.instrument_imports(include=["suffice"]):
        from fuzz.readers import READERS, outcome

    reader = READERS[args.reader]
    corpus = args.corpus / args.reader
    corpus.mkdir(parents=True, exist_ok=True)
    for data in reader.seeds():
        (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    folder = Path(tempfile.mkdtemp())
    words = args.corpus / f"{args.reader}.dict"
    escaped = ("".join(rf"\x{b:02x}" for b in word) for word in reader.words if len(word) < 60)
    words.write_text("".join(f'"{word}"\n' for word in escaped))
    (args.corpus / "found").mkdir(exist_ok=True)
    command = [
        sys.argv[0],
        str(corpus),
        str(HERE / "corpus" / args.reader),
        f"-max_total_time={args.seconds}",
        "-timeout=20",
        f"-rss_limit_mb={MEMORY_MB}",
        "-max_len=100000",
        *([f"-dict={words}"] if reader.words else []),
        f"-artifact_prefix={args.corpus}/found/{args.reader}-",
        "-print_final_stats=1",
    ]
    (HERE / "corpus" / args.reader).mkdir(parents=True, exist_ok=True)
    atheris.Setup(command, lambda data: outcome(reader, data, folder) and None)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
