"""A log prepared on Spark: seconds and peak memory of each stage, skew, and equality with pandas.

    python benchmarks/spark.py                                # 10^5 and 10^6 simulated events
    python benchmarks/spark.py --events 10_000_000 --memory 4g --keep kept
    python benchmarks/spark.py --skew 1_000_000               # beside the even log of that size
    python benchmarks/spark.py --skew 10_000_000 --bot 1_000_000
    python benchmarks/spark.py --equal movielens-100k online-retail data/gowalla

Stages, each of which writes its result as Parquet or is counted to its last row:

    read        checks of the tables
    split       the last event of each user, and what is left
    vocabulary  items and their counts
    examples    next-item examples with histories of 20 items, as numbers
    sessions    visits that a pause of half an hour ends, where the log has sessions itself
    similarity  ItemCF's nearby co-counts, 50 neighbours an item
    neighbours  co-counts of all that users have both of, 50 neighbours an item
    graph       items that follow each other
    baskets     items of one session
    bipartite   users and items, both as numbers
    walks       importance neighbours, 10 walks of 5 steps from each of 10,000 items
    by users    10 walks of 2 steps from each of 1,000 items, there and back over users
    lists       of all users, 20 items each, by an export of vectors drawn at random
    parts       the training events in parts by user

Spark runs here, on all processors, with the heap that `--memory` gives it. The peak is that of
Java and of Python's workers together, sampled twice a second. `--skew` gives one item a tenth of
all events and one user a tenth too, or 10^5, or as many as `--bot` says. It prints the ratio of
each stage to that of the log it was made of, and exits with 1 if all take more than twice as long.
`--equal` exits with 1 if a row differs (`spark_equality.py`). With `--keep FOLDER` the parts of a
log of N events stay in FOLDER/N, from which `hundred_million.py --parts FOLDER/N` trains.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from spark_equality import equalities

import tfrec_recall  # noqa: F401  chooses the Keras
from tfrec_recall import graph
from tfrec_recall import spark as on
from tfrec_recall.data.datasets import simulated
from tfrec_recall.export import export
from tfrec_recall.retrieval import EmbeddingRetriever, Exact, HistoryMean

MOST = 2.0  # times as long, of a skewed log
WALKED, DIM = 10_000, 32


def session(memory: str, partitions: int) -> SparkSession:
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": memory,  # in local mode the driver is the executor
        "spark.sql.shuffle.partitions": str(partitions),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    found = SparkSession.builder.master("local[*]").config(map=settings).getOrCreate()
    found.sparkContext.setLogLevel("ERROR")
    return found


class Peak:
    """The most memory that the processes below this one took together, in GiB."""

    def __enter__(self) -> Peak:
        self.bytes, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            total = 0
            for child in psutil.Process().children(recursive=True):
                try:
                    total += child.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            self.bytes = max(self.bytes, total)


def counted(frame: DataFrame) -> str:
    """Runs all of it, and keeps nothing."""
    row = frame.agg(F.count("*"), F.sum(F.hash(*frame.columns).cast("long"))).first()
    return f"{row[0]:,} rows"


def stages(
    spark: SparkSession, log: pathlib.Path, folder: pathlib.Path, kept: pathlib.Path | None
) -> Iterator[tuple[str, Callable[[], str]]]:
    made: dict[str, Any] = {}

    def read() -> str:
        made["all"] = on.SparkInteractions.from_parquet(spark, log)
        return ", ".join(
            f"{getattr(made['all'], one).count():,} {one}" for one in ("events", "users")
        )

    def split() -> str:
        on.last_events_out(made["all"], test=1, validation=1).save(folder / "split")
        train = folder / "split" / "train"
        made["train"] = on.SparkInteractions.from_parquet(spark, train, mend_ids=False)
        return f"{made['train'].events.count():,} to train"

    def vocabulary() -> str:
        counts = on.counts(made["train"].events, "item_id")
        on.save_vocabulary(counts, folder / "items.parquet")
        known = spark.read.parquet(str(folder / "items.parquet"))
        made["size"] = known.count() + 2
        made["items"] = on.vocabulary(counts)
        return f"{made['size'] - 2:,} items"

    def examples() -> str:
        raw = made["train"]
        ordered = on.chronological(raw.events)
        encoded = on.encode(ordered, made["items"], "item_id", "number")
        columns = ["user_id", "number", "place", "session_id"]
        encoded.select(columns).write.parquet(str(folder / "encoded"))
        made["events"] = spark.read.parquet(str(folder / "encoded")).withColumnRenamed(
            "number", "item_id"
        )
        numbered = raw.with_events(on.encode(raw.events, made["items"], "item_id", "number"))
        found = on.next_item(numbered, history=20, columns=["number"])
        found = found.select("user_id", "number", "history_number", "weight", "age")
        found.write.parquet(str(folder / "examples"))
        return f"{spark.read.parquet(str(folder / 'examples')).count():,} examples"

    def sessions() -> str:
        return counted(on.sessions(made["train"].events, gap=1800))

    co_count = graph.CoCount(alpha=0.3, active_penalty=True)

    def similarity() -> str:
        rows = made["size"]
        found = on.nearby_neighbours(made["events"], co_count, 50, half_life=3.0, rows=rows)
        return counted(found)

    def neighbours() -> str:
        matrix = on.interaction_matrix(made["events"])
        return counted(on.neighbours(matrix, co_count, count=50, rows=made["size"]))

    def item_graph() -> str:
        found = on.item_graph(made["events"])
        found.write.parquet(str(folder / "graph"))
        made["graph"] = spark.read.parquet(str(folder / "graph"))
        return f"{made['graph'].count():,} edges"

    def baskets() -> str:
        return counted(on.basket_graph(made["events"]))

    def bipartite() -> str:
        users = on.vocabulary(on.counts(made["events"], "user_id"))
        both = on.encode(made["events"], users, "user_id", "user")
        on.bipartite_graph(both, made["size"], "user").write.parquet(str(folder / "bipartite"))
        made["bipartite"] = spark.read.parquet(str(folder / "bipartite"))
        return f"{made['bipartite'].count():,} edges"

    def walked(walks: Any, starts: int, length: int) -> str:
        nodes = made["items"].select(F.col("number").alias("node")).orderBy("node").limit(starts)
        said = counted(on.importance_neighbours(walks, nodes, top=20, count=10, length=length))
        walks.release()
        return said

    def lists() -> str:
        export_of_vectors(made["all"].items, folder / "export")
        return counted(on.recommendations(made["train"], folder / "export", k=20))

    def parts() -> str:
        return f"{len(on.write_parts(made['train'], kept or folder / 'parts'))} parts"

    yield "read", read
    yield "split", split
    yield "vocabulary", vocabulary
    yield "examples", examples
    yield "sessions", sessions
    yield "similarity", similarity
    yield "neighbours", neighbours
    yield "graph", item_graph
    yield "baskets", baskets
    yield "bipartite", bipartite
    yield "walks", lambda: walked(on.RandomWalks(made["graph"]), WALKED, 5)
    yield "by users", lambda: walked(on.ItemUserItemWalks(made["bipartite"]), WALKED // 10, 2)
    yield "lists", lists
    yield "parts", parts


def export_of_vectors(items: DataFrame, folder: pathlib.Path) -> None:
    """An export that asks with the mean of the history's vectors, which are drawn at random."""
    ids = items.select("item_id").toPandas()["item_id"].to_numpy()
    vectors = np.random.default_rng(0).normal(size=(len(ids), DIM)).astype("float32")
    export(EmbeddingRetriever(HistoryMean(ids, vectors), ids, vectors, Exact(), k=20), folder)


def prepare(
    spark: SparkSession, log: pathlib.Path, place: pathlib.Path, kept: pathlib.Path | None = None
) -> dict[str, float]:
    """Seconds of each stage; prints them with the peak and what was made.

    Args:
        kept: where parts go that stay.
    """
    seconds = {}
    with tempfile.TemporaryDirectory(dir=place) as name:
        for stage, run in stages(spark, log, pathlib.Path(name), kept):
            with Peak() as peak:
                begin = time.perf_counter()
                said = run()
                seconds[stage] = time.perf_counter() - begin
            print(
                f"  {stage:11}{seconds[stage]:9.1f} s{peak.bytes / 2**30:8.2f} GiB   {said}",
                flush=True,
            )
    print(f"  {'all':11}{sum(seconds.values()):9.1f} s", flush=True)
    return seconds


def write_log(folder: pathlib.Path, events: int, items: int) -> pathlib.Path:
    simulated.write(folder, events, items=items, topics=max(12, items // 2000))
    return folder


def skew(log: pathlib.Path, folder: pathlib.Path, bot: int | None) -> pathlib.Path:
    """The same log with a tenth of all events of one item, and a tenth of one user, 10^5 at least.

    Args:
        bot: how many events this user has, if it is said.

    The sessions of the user are those of the others whose events were taken, so that their number
    stays what it is.
    """
    (folder / "events").mkdir(parents=True)
    random = np.random.default_rng(0)
    paths = sorted((log / "events").glob("*.parquet"))
    rows = sum(pq.read_metadata(path).num_rows for path in paths)
    share = max(0.1, min(1.0, 100_000 / rows)) if bot is None else bot / rows
    hot = pq.read_table(paths[0], columns=["item_id"])["item_id"][0].as_py()
    for path in paths:
        events = pq.read_table(path).to_pandas()
        events.loc[random.random(len(events)) < 0.1, "item_id"] = hot
        events.loc[random.random(len(events)) < share, "user_id"] = "bot"
        events.to_parquet(folder / "events" / path.name)
    for table in ("users", "items"):
        (source,) = log.glob(f"{table}*")
        os.symlink(source, folder / source.name)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--items", type=int, nargs="*", help="for each; a hundredth by default")
    parser.add_argument("--skew", type=int, help="events of the log that is skewed")
    parser.add_argument("--bot", type=int, help="with --skew: events of the most active user")
    parser.add_argument("--equal", nargs="+", help="data sets, by name or folder")
    parser.add_argument("--keep", type=pathlib.Path, help="where the parts of each log stay")
    parser.add_argument("--memory", default="4g", help="of the executors")
    parser.add_argument("--partitions", type=int, default=8, help="of a shuffle")
    parser.add_argument("--folder", type=pathlib.Path, help="where files go; removed afterwards")
    options = parser.parse_args()
    if options.keep and (options.skew or options.equal):
        parser.error("--keep goes with --events: other logs are written to be compared")
    if options.bot is not None and not 0 < options.bot < (options.skew or 0):
        parser.error("--bot is a number of events of the log of --skew, and less than all of them")
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    warnings.filterwarnings("ignore", category=FutureWarning, module="pyspark")
    spark = session(options.memory, options.partitions)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        place = pathlib.Path(name)
        if options.equal:
            wrong = 0
            for source in options.equal:
                print(source, flush=True)
                for step, run in equalities(spark, source, place / pathlib.Path(source).name):
                    try:
                        print(f"  {step:19}equal   {run()}", flush=True)
                    except AssertionError as error:
                        wrong += 1
                        print(f"  {step:19}DIFFERS {error}", flush=True)
            return int(wrong > 0)
        if options.skew:
            log = write_log(place / "even", options.skew, max(2_000, options.skew // 100))
            skewed = skew(log, place / "skewed", options.bot)
            print("a small log first, as Java compiles what it runs")
            prepare(spark, write_log(place / "small", 20_000, 2_000), place)
            print("even")
            even = prepare(spark, log, place)
            user = "as many or 10^5" if options.bot is None else f"{options.bot:,}"
            print(f"one item of a tenth of the events, one user of {user}")
            uneven = prepare(spark, skewed, place)
            print("times as long as even")
            for stage, seconds in uneven.items():
                print(f"  {stage:11}{seconds / even[stage]:9.2f}")
            ratio = sum(uneven.values()) / sum(even.values())
            print(f"{ratio:.2f} times as long, wanted: at most {MOST:g}")
            return int(ratio > MOST)
        sizes = options.items or [max(2_000, events // 100) for events in options.events]
        for number, (events, items) in enumerate(zip(options.events, sizes, strict=True)):
            print(f"{events:,} events, {items:,} items")
            kept = options.keep and options.keep / str(events)
            prepare(spark, write_log(place / f"log-{number}", events, items), place, kept)
    return 0


if __name__ == "__main__":
    sys.exit(main())
