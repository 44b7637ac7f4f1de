"""A log that memory need not hold, from files to answers: seconds and peak memory of each stage.

    python benchmarks/hundred_million.py                               # 10^6 events, minutes
    python benchmarks/hundred_million.py --events 10_000_000 --items 100_000
    python benchmarks/hundred_million.py --events 100_000_000 --items 1_000_000
    python benchmarks/hundred_million.py --parts kept/1000000 --lists 100_000

    write      the simulated log as Parquet, block by block
    part       in parts by user
    cut        the last event of each user is held back; a sample of users is measured
    adapt      vocabularies and counts of ids, from the parts
    survey     examples of all parts, counted
    train      so many steps of `TwoTower` on the stream
    index      the vectors of all items, and a ScaNN index over them
    measure    Recall@100 of the users of one part, by their last event, which training had not
    export     a SavedModel
    ask        100 requests of the loaded export, one after the other
    lists      of so many users, as `tfrec-recall batch` makes them, of the users of the parts
    on Spark   of as many, by `spark.recommendations`

With `--parts` the first two are Spark's: `benchmarks/spark.py --keep kept` has prepared and written
these parts. The first two, what follows until the export is asked, and both kinds of lists are a
process each. The peak is that of the whole process, with what it holds from stages before, and on
Spark that of Java and its workers beside it. Exits with 1 if a stage takes 12 GiB or more.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import tfrec_recall  # noqa: F401  chooses the Keras

MOST = 12.0  # GiB
K = 100
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


def learn(folder: pathlib.Path, place: pathlib.Path, steps: int, batch: int) -> Iterator[float]:
    import tensorflow as tf

    from tfrec_recall.data import (
        Interactions,
        PartedInteractions,
        Split,
        last_events_out,
        split_parts,
    )
    from tfrec_recall.evaluation import evaluate
    from tfrec_recall.export import export, load
    from tfrec_recall.features import Categorical, Features, History
    from tfrec_recall.models import TwoTower
    from tfrec_recall.retrieval import ScaNN

    def last_out(some: Interactions) -> Split:
        return last_events_out(some, test=1, validation=0)

    parts = PartedInteractions(place)
    split, peak = staged("cut", split_parts, parts, last_out)
    yield peak
    train = split.learnt
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
    retriever, peak = staged("index", lambda: model.retriever(parts.items, index=ScaNN(), k=K))
    yield peak

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


def in_bulk(folder: pathlib.Path, place: pathlib.Path, users: int) -> float:
    """Lists of the users of the first parts, part by part."""
    from tfrec_recall.data import PartedInteractions
    from tfrec_recall.export import load
    from tfrec_recall.operations import EveryUser, Recommendations, answer_all

    def run() -> str:
        retriever, left, rows = load(folder / "models"), users, 0
        for number, part in enumerate(PartedInteractions(place)):
            some = part.users["user_id"].head(left)
            met = part.events["user_id"].isin(some).to_numpy()
            everyone = EveryUser(part.take(met, users=some.index.to_numpy()), retriever.inputs)
            answers = folder / "lists" / f"{number:05}"
            rows += answer_all(retriever, everyone, answers, Recommendations(K)).rows
            left -= len(some)
            if not left:
                break
        return f"{users - left:,} users, {rows:,} rows"

    return staged("lists", run)[1]


def on_spark(folder: pathlib.Path, place: pathlib.Path, users: int, memory: str) -> float:
    from spark import Peak, session  # beside this file

    from tfrec_recall import spark as on

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)

    def run() -> str:
        spark = session(memory, 8)
        log = on.SparkInteractions.from_parquet(spark, place, mend_ids=False)
        asked = log.users.orderBy("user_id").limit(users).persist()
        events = log.events.join(asked.select("user_id"), "user_id", "left_semi")
        some = on.SparkInteractions(events, asked, log.items, mend_ids=False)
        on.recommendations(some, folder / "models", k=K).write.parquet(str(folder / "on-spark"))
        rows = spark.read.parquet(str(folder / "on-spark")).count()
        said = f"{asked.count():,} users, {rows:,} rows"
        spark.stop()
        return said

    with Peak() as below:
        _, peak = staged("on Spark", lambda: f"{run()}; Java and its workers as well:")
    print(f"  {'':8}{'':11}{below.bytes / 2**30:8.2f} GiB", flush=True)
    return peak + below.bytes / 2**30


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--items", type=int, nargs="+", default=[10_000], help="for each of them")
    parser.add_argument("--parts", type=pathlib.Path, help="that Spark has written, not simulated")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--lists", type=int, default=10_000, help="users who get one, in bulk")
    parser.add_argument("--memory", default="4g", help="of Java, for lists on Spark")
    parser.add_argument("--folder", type=pathlib.Path, help="where files go; removed afterwards")
    options = parser.parse_args()
    if options.lists < 1:
        parser.error("--lists is a number of users, 1 or more")
    has_spark = importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None
    if not has_spark:
        print("PySpark or Java is not here: no lists are made on Spark.")
    peaks: list[float] = []
    sizes = list(zip(options.events, options.items, strict=True))
    for events, items in sizes[:1] if options.parts else sizes:
        print(options.parts or f"{events:,} events, {items:,} items", flush=True)
        with tempfile.TemporaryDirectory(dir=options.folder) as name:
            folder = pathlib.Path(name)
            place = options.parts
            if place is None:
                peaks += [alone(write, folder, events, items), alone(part, folder)]
                place = folder / "parts"
            peaks.append(alone(learnt, folder, place, options.steps, options.batch))
            peaks.append(alone(in_bulk, folder, place, options.lists))
            if has_spark:
                peaks.append(alone(on_spark, folder, place, options.lists, options.memory))
    worst = max(peaks)
    print(f"the most is {worst:.2f} GiB, wanted: less than {MOST}")
    return int(worst >= MOST)


def learnt(*arguments: Any) -> float:
    return max(learn(*arguments))


if __name__ == "__main__":
    sys.exit(main())
