"""A log that memory need not hold, from files to answers: seconds and peak memory of each stage.

    python benchmarks/hundred_million.py                               # 10^6 events, minutes
    python benchmarks/hundred_million.py --events 10_000_000 --items 100_000
    python benchmarks/hundred_million.py --events 100_000_000 --items 1_000_000 --steps 2000

    write      the simulated log as Parquet, block by block
    part       in parts by user
    adapt      vocabularies and counts of ids, from the parts
    survey     examples of all parts, counted
    train      so many steps of `TwoTower` on the stream
    index      the vectors of all items, and a ScaNN index over them
    measure    Recall@100 of the users of one part, by their last event, which training had not
    export     a SavedModel
    ask        100 requests of the loaded export, one after the other

Each of the first two is a process of its own. The peak is that of the whole process, with what it
holds from stages before. Exits with 1 if a stage takes 12 GiB or more.
"""

from __future__ import annotations

import argparse
import multiprocessing
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import tfrec_recall  # noqa: F401  chooses the Keras

MOST = 12.0  # GiB
FEATURES = ("category", "brand")


def staged(stage: str, call: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """What a call gives, and the peak in GiB; prints both figures."""
    pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    begin = time.perf_counter()
    result = call(*arguments)
    seconds = time.perf_counter() - begin
    status = dict(line.split(":") for line in open("/proc/self/status"))  # noqa: SIM115
    peak = int(status["VmHWM"].removesuffix("kB\n")) / 2**20
    print(f"  {stage:8}{seconds:9.1f} s{peak:8.2f} GiB{said(result)}", flush=True)
    return result, peak


def said(result: Any) -> str:
    return f"   {result}" if isinstance(result, str) else ""


def alone(function: Callable[..., float], *arguments: Any) -> float:
    """The peak of a stage in a process of its own."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def write(folder: pathlib.Path, events: int, items: int) -> float:
    from tfrec_recall.data.datasets import simulated

    def run() -> str:
        simulated.write(folder / "log", events, items=items, topics=max(12, items // 2000))
        size = sum(path.stat().st_size for path in (folder / "log").rglob("*.parquet"))
        return f"{size / 2**30:.2f} GiB of files"

    return staged("write", run)[1]


def part(folder: pathlib.Path) -> float:
    from tfrec_recall.data import part_events

    def run() -> str:
        return f"{len(part_events(folder / 'log', folder / 'parts'))} parts"

    return staged("part", run)[1]


def learn(folder: pathlib.Path, steps: int, batch: int) -> Iterator[float]:
    import tensorflow as tf

    from tfrec_recall.data import PartedInteractions, last_events_out
    from tfrec_recall.evaluation import evaluate
    from tfrec_recall.export import export, load
    from tfrec_recall.features import Categorical, Features, History
    from tfrec_recall.models import TwoTower
    from tfrec_recall.retrieval import ScaNN

    parts = PartedInteractions(folder / "parts")
    train = parts.map(lambda some: last_events_out(some, test=1).train)
    item = [Categorical("item_id"), *map(Categorical, FEATURES)]
    features = Features([Categorical("country"), History(length=20)], item)
    _, peak = staged("adapt", features.adapt, train)
    yield peak
    model = TwoTower(features)
    batches, peak = staged("survey", model.training_data, train, batch)
    yield peak
    model.compile(
        model.optimizer_class(0.002),
        jit_compile=model.can_compile,
        steps_per_execution=model.recommended_steps,
    )
    some = min(steps, int(batches.cardinality()))

    def run() -> str:
        begin = time.perf_counter()
        history = model.fit(batches.take(some), verbose=0).history
        speed = some * batch / (time.perf_counter() - begin)
        whole = int(batches.cardinality())
        return f"{some} of {whole} steps, {speed:,.0f} examples/s, loss {history['loss'][-1]:.3f}"

    yield staged("train", run)[1]
    retriever, peak = staged("index", lambda: model.retriever(parts.items, index=ScaNN(), k=100))
    yield peak
    split = last_events_out(parts.part(0), test=1)

    def measure() -> str:
        return f"Recall@100 {evaluate(retriever, split, lists=False).metrics['recall@100']:.3f}"

    yield staged("measure", measure)[1]
    version, peak = staged(
        "export", lambda: export(retriever, folder / "models", items=parts.items)
    )
    yield peak

    def ask() -> str:
        served = load(version)
        query = {"country": ["c0"], "history": [parts.items["item_id"].head(5).tolist()]}
        served(query, k=10)
        begin = time.perf_counter()
        for _ in range(100):
            served(query, k=10)
        return f"{10 * (time.perf_counter() - begin):.1f} ms a request"

    yield staged("ask", ask)[1]
    tf.keras.backend.clear_session()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--items", type=int, nargs="+", default=[10_000], help="for each of them")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--folder", type=pathlib.Path, help="where files go; removed afterwards")
    options = parser.parse_args()
    worst = 0.0
    for events, items in zip(options.events, options.items, strict=True):
        print(f"{events:,} events, {items:,} items")
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = pathlib.Path(name)
            worst = max(worst, alone(write, folder, events, items), alone(part, folder))
            worst = max(worst, alone(learnt, folder, options.steps, options.batch))
    print(f"the most is {worst:.2f} GiB, wanted: less than {MOST}")
    return int(worst >= MOST)


def learnt(*arguments: Any) -> float:
    return max(learn(*arguments))


if __name__ == "__main__":
    sys.exit(main())
