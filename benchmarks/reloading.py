"""The claim: a process that takes new versions for ever holds one of them: of 16 loads, the last
nine together keep less than one set of vectors.

    python -m benchmarks.reloading        # some minutes; gcc

Two exports of 60,000 items of 64 numbers (15 MiB of vectors) are loaded in turns, asked once, and
let go: by `load` in this process, and by the C program of the tests, which restores a session as
TensorFlow Serving does. Prints the resident memory after each, MiB.
"""

import contextlib
import gc
import os
import pathlib
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import psutil

from tests.export.c_program import Running, compiled
from tests.export.test_no_python import SCANN_OPS
from tfrec_recall.export import export, load
from tfrec_recall.retrieval import EmbeddingRetriever, Exact, HistoryMean, InvertedFile, ScaNN

ITEMS, DIM, LOADS, LAST = 60_000, 64, 16, 9
ONE_SET = ITEMS * DIM * 4 / 2**20
SETTINGS = {"leaves": 200, "leaves_to_search": 20, "reorder": 60}
INDEXES = {"exact": Exact(), "inverted file": InvertedFile(**SETTINGS), "ScaNN": ScaNN(**SETTINGS)}
ASKED = {"history": [[1, 2], [3, -1]], "exclude": [[1], [3]]}
Ask = Callable[[pathlib.Path], int]  # loads an export, asks it, and lets it go: the memory then


def in_python(version: pathlib.Path) -> int:
    load(version)({"history": ASKED["history"]}, exclude=ASKED["exclude"])
    gc.collect()
    return psutil.Process().memory_info().rss


@contextlib.contextmanager
def in_c(folder: pathlib.Path) -> Iterator[Ask]:
    with Running(compiled(folder), folder) as running:
        running.tell(f"library {SCANN_OPS}")

        def ask(version: pathlib.Path) -> int:
            running.ask(version, "serving_default", ASKED)
            return psutil.Process(running.process.pid).memory_info().rss

        yield ask


def held(way: str, name: str, ask: Ask, versions: list[pathlib.Path]) -> bool:
    found = [ask(versions[number % len(versions)]) / 2**20 for number in range(LOADS)]
    kept = found[-1] - found[-1 - LAST]
    shown = " ".join(f"{one:.0f}" for one in found)
    print(f"{way:7} {name:14} {shown}: the last {LAST} keep {kept:+.1f}", flush=True)
    return kept < ONE_SET


def main() -> int:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # of the C program
    warnings.simplefilter("ignore")  # of recall, which random vectors have little of
    generator = np.random.default_rng(0)
    ids, holds = np.arange(1, ITEMS + 1), True
    with tempfile.TemporaryDirectory() as name:
        folder, made = pathlib.Path(name), {}
        for kind, index in INDEXES.items():
            made[kind] = []
            for _ in range(2):
                vectors = generator.normal(size=(ITEMS, DIM)).astype("float32")
                retriever = EmbeddingRetriever(HistoryMean(ids, vectors), ids, vectors, index, 10)
                made[kind].append(export(retriever, folder / kind))
                del retriever
        for kind, versions in made.items():
            holds &= held("Python", kind, in_python, versions)
            with in_c(folder) as ask:
                holds &= held("C", kind, ask, versions)
    print("holds" if holds else "DOES NOT HOLD")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
