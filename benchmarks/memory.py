"""What large data cost on one machine: seconds, and memory beyond what was held before.

    python benchmarks/memory.py                        # all rows, one after the other
    python benchmarks/memory.py triggers cold-by       # these rows
    python benchmarks/memory.py pinsage-data --size 1_000_000    # one row at another size
    python benchmarks/memory.py --list

Each row runs in a process of its own, which may take `--limit` GiB, and measures from the start of
the call: the imports, the data and the model are there. `before` is what was measured on two cores
when the work was done at once, or with its square. Exits with 1 if a row takes more than is wanted.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

MIB, GIB = 2**20, 2**30


class Row(NamedTuple):
    """A function of the size, its sizes, what is wanted in words, and what was before."""

    measure: Callable[[int], tuple[str, float, bool]]  # what is found, MiB, whether it holds
    sizes: tuple[int, ...]
    wanted: str
    before: str


def megabytes(what: str) -> float:
    with open("/proc/self/status") as lines:
        status = dict(line.split(":") for line in lines)
    return int(status[what].removesuffix("kB\n")) / 1024


def measured(call: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a call gives, its seconds, and the MiB at its peak beyond its start."""
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the peak counts from here
    before, begin = megabytes("VmRSS"), time.perf_counter()
    result = call()
    seconds = time.perf_counter() - begin
    return result, seconds, max(0.0, megabytes("VmHWM") - before)


def market(items: int, events: int, users: int | None = None, timed: bool = True):
    """Users of 20 events in three of some topics of 500 items, whose popularity has a tail."""
    from tfrec_recall.data import Interactions

    random = np.random.default_rng(0)
    users = users or events // 20
    user = np.append(np.arange(users), random.integers(0, users, events - users))
    user.sort()
    topics = max(1, items // 500)
    topic = (user * 7919 + random.integers(0, 3, events) * 104_729) % topics
    place = (500 * random.random(events) ** 3).astype("int64")
    frame = pd.DataFrame({"user_id": user, "item_id": (topic * 500 + place) % items})
    once = random.choice(events, items, replace=False)
    frame.loc[once, "item_id"] = np.arange(items)  # of anybody, so that none is missing
    if timed:
        frame["timestamp"] = 1_600_000_000 + np.arange(events)
    return Interactions(frame)


def features_of(data, *item, length: int = 20, user=()):
    from tfrec_recall.features import Categorical, Features, History

    return Features([*user, History(length=length)], [Categorical("item_id"), *item]).adapt(data)


def pinsage(data, **settings):
    from tfrec_recall.models import PinSAGE

    return PinSAGE(features_of(data), dim=16, **settings)


def pinsage_data(items: int):
    """`PinSAGE.training_data`, ten events an item."""
    data = market(items, 10 * items)
    model = pinsage(data)
    _, seconds, mib = measured(lambda: model.training_data(data))
    return f"{items:,} items: {seconds:.0f} s", mib, mib <= 8192 * max(items / 10**6, 0.25)


def pinsage_hard(items: int):
    """The share of hard negatives whose rank by power iteration is inside the window."""
    import scipy.sparse as sp

    from tfrec_recall.graph import ItemPageRank, ItemUserItemWalks
    from tfrec_recall.models.graphs.pin_sage import POOL, RANKS, RESTART
    from tfrec_recall.sampling.pagerank import hard_pool, scaled_ranks

    data = market(items, 10 * items)
    model = pinsage(data)
    walks = ItemUserItemWalks(model._graph(data), model.nodes.nodes)
    ranks = scaled_ranks(RANKS, items)
    pool, seconds, mib = measured(lambda: hard_pool(ItemPageRank(walks, RESTART), ranks, POOL))
    starts = np.random.default_rng(1).choice(np.arange(2, items), 40, replace=False)
    there, back = walks._both_ways
    both = sp.csr_array(sp.block_array([[None, there], [back, None]]))
    scores = two_step_pagerank(both, starts, items + 2, RESTART)
    rank = np.argsort(np.argsort(-scores, axis=1), axis=1)
    found = np.take_along_axis(rank, pool[starts], axis=1)[pool[starts] > 0]
    inside = np.mean((found >= ranks[0]) & (found < ranks[1]))
    words = f"{inside:.0%} in {ranks}, median rank {np.median(found):,.0f}; {seconds:.0f} s"
    return words, mib, inside >= 0.8


def two_step_pagerank(both, starts, items: int, restart: float) -> np.ndarray:
    """PageRank of items, a step being there and back, by 60 steps of power iteration."""
    home = np.zeros((both.shape[0], len(starts)), "float32")
    home[starts, np.arange(len(starts))] = 1
    onwards, now = both.T.tocsr(), home
    for _ in range(60):
        now = restart * home + (1 - restart) * (onwards @ (onwards @ now))
    return now[:items].T


def pinsage_epoch(_: int):
    """An epoch of `PinSAGE` by its defaults on Gowalla."""
    from tfrec_recall.data import datasets, standard
    from tfrec_recall.models import PinSAGE

    train = standard(datasets.load("gowalla")).train
    model = PinSAGE(PinSAGE.default_features(train).adapt(train))
    model.compile(model.optimizer_class(0.002))
    (data, before, _) = measured(lambda: model.training_data(train))
    model.fit(data.take(3), verbose=0)  # traced
    steps = int(data.cardinality())
    some = min(steps, 200)
    _, seconds, mib = measured(lambda: model.fit(data.take(some), verbose=0))
    seconds *= steps / some
    return f"{seconds:.0f} s an epoch, {before:.0f} s of preparation", mib, seconds <= 60


def item_cf(events: int):
    """`ItemCF` by its defaults, and without nearness; 50,000 items, with times."""
    from tfrec_recall.models import ItemCF

    data = market(50_000, events)
    features = ItemCF.default_features(data).adapt(data)
    _, without, _ = measured(lambda: ItemCF(features, nearby=None).fit(data))
    _, seconds, mib = measured(lambda: ItemCF(features).fit(data))
    words = f"{events:,} events: {seconds:.0f} s, {seconds / without:.1f} times without nearness"
    return words, mib, mib <= 2048 and seconds <= 3 * without


def triggers(users: int):
    """Users of 15 triggers each, among 200,000 items."""
    from tfrec_recall.retrieval import TriggerRetriever

    random = np.random.default_rng(0)
    ids = np.arange(200_000)
    vectors = random.normal(size=(len(ids), 16)).astype("float32")
    retriever = TriggerRetriever(ids, vectors, last=15)
    retriever({"history": ids[:1, np.newaxis]})  # traced, and its threads are there
    history = random.choice(ids, (users, 15))
    _, seconds, mib = measured(lambda: retriever({"history": history}))
    return f"{users} users: {seconds:.1f} s", mib, mib <= 400


def cold_listings(cold: int):
    """Cold items, by two features, beside 100,000 warm ones."""
    import tensorflow as tf

    from tfrec_recall.models.item_embeddings.nearest_warm import NearestWarm
    from tfrec_recall.models.item_embeddings.vector_tables import VectorTables

    random = np.random.default_rng(0)
    tables = VectorTables(100_002 + cold, 16, None)
    tables.learnt.assign(np.arange(tables.size) < 100_002)
    layer = NearestWarm(tables, {"type": None, "price": 1.0}, nearest=3)
    item = {"item_id": tf.range(100_002, tables.size)}
    for name, values in layer.values.items():
        values.assign(random.integers(2, 20, tables.size))
        item[name] = tf.convert_to_tensor(values)[100_002:]
    layer({name: values[:1] for name, values in item.items()})
    _, seconds, mib = measured(lambda: layer(item))
    return f"{cold:,} cold: {seconds:.1f} s", mib, mib <= 250


def catalogue(items: int, events: int = 0, **columns):
    """A market whose items have these columns."""
    from tfrec_recall.data import Interactions

    data = market(items, events or 2 * items)
    table = pd.DataFrame({"item_id": np.arange(items), **columns})
    return Interactions(data.events, items=table)


def cold_by(items: int):
    """Vectors of a catalogue of which half is cold, by categories; twice it, in twice the time."""
    from tfrec_recall.features import Categorical
    from tfrec_recall.models import Item2Vec

    took = []
    for size in (items // 2, items):
        data = catalogue(size, kind=np.arange(size) % 1000)
        model = Item2Vec(features_of(data, Categorical("kind")), dim=16, cold_by="kind")
        model.tables.learnt.assign(np.arange(model.tables.size) % 2)
        model.has_learnt.assign(1)
        encoded = model.features.encode_items(data.items)
        model.vectors_of(encoded)  # traced
        _, seconds, mib = measured(lambda: model.vectors_of(encoded))  # noqa: B023
        took.append(seconds)
    words = f"{items:,} items: {took[1]:.1f} s, {took[1] / took[0]:.1f} times that of half as many"
    return words, mib, took[1] <= 3 * took[0]


def sets(events: int):
    """An epoch of whole sets, 2,000 users of 20, with and without one of many events."""
    from tfrec_recall.data import Interactions
    from tfrec_recall.models import Item2Vec

    took = []
    usual = market(10_000, 40_000, timed=False)
    one = pd.DataFrame({"user_id": -2, "item_id": np.arange(events) % 10_000})
    for frame in (usual.events, pd.concat([usual.events, one])):
        data = Interactions(frame)
        model = Item2Vec(features_of(data), dim=32, window=None)
        model.compile()
        batches = model.training_data(data)
        model.fit(batches, epochs=1, verbose=0)
        _, seconds, mib = measured(lambda: model.fit(batches, epochs=1, verbose=0))  # noqa: B023
        took.append(seconds)
    pairs = 40_000 * 19 + events * min(events, 256)
    words = f"{took[1]:.1f} s with a user of {events:,}, {took[0]:.1f} s without, "
    words += f"{took[1] / took[0]:.1f} times for {pairs / (40_000 * 19):.1f} times the pairs"
    return words, mib, took[1] / took[0] <= 1.5 * pairs / (40_000 * 19)


def basket(items: int):
    """The graph of a basket of so many items."""
    from tfrec_recall.graph import basket_graph

    item = np.arange(items)
    graph, seconds, mib = measured(lambda: basket_graph(item, np.zeros(items, int), items))
    return f"{items:,} items: {graph.nnz:,} edges, {seconds:.1f} s", mib, mib <= 1024


def graph_sage(events: int):
    """`GraphSAGE.training_data`, an item to ten events."""
    from tfrec_recall.models import GraphSAGE

    data = market(events // 10, events)
    model = GraphSAGE(features_of(data), dim=16)
    _, seconds, mib = measured(lambda: model.training_data(data))
    return f"{events:,} events: {seconds:.0f} s", mib, mib <= 1024


def step_of(model, data, batch_size: int, steps: int = 12) -> tuple[float, float]:
    """Milliseconds of a step, the least of three runs, and MiB."""
    batches = model.training_data(data, batch_size).take(steps).cache()
    model.compile(
        model.optimizer_class(0.002),
        jit_compile=model.can_compile,
        steps_per_execution=model.recommended_steps,
    )
    _, _, mib = measured(lambda: model.fit(batches, verbose=0))  # traced, with its first steps
    took = []
    for _ in range(3):
        _, seconds, _ = measured(lambda: model.fit(batches, verbose=0))
        took.append(1000 * seconds / steps)
    return min(took), mib


def wide_lists(items: int):
    """A step of `TwoTower` whose items have 30 tags each."""
    from tfrec_recall.features import MultiValued
    from tfrec_recall.models import TwoTower

    tags = np.random.default_rng(0).integers(0, 5000, (items, 30))
    data = catalogue(items, 10 * items, tags=list(tags))
    model = TwoTower(features_of(data, MultiValued("tags")), dim=32)
    milliseconds, mib = step_of(model, data, 1024)
    return f"{items:,} items: {milliseconds:.0f} ms a step", mib, milliseconds <= 250


def neural_cf(items: int):
    """A step of `NeuralCF` at so many items, beside one at 10,000."""
    from tfrec_recall.features import Categorical
    from tfrec_recall.models import NeuralCF

    took = []
    for size in (10_000, items):
        data = market(size, 10 * size)
        features = features_of(data, user=[Categorical("user_id")])
        model = NeuralCF(features)
        milliseconds, mib = step_of(model, data, 256, steps=100)
        took.append(milliseconds)
    words = f"{items:,} items: {took[1]:.1f} ms a step of {type(model.optimizer).__name__}, "
    words += f"{took[1] / took[0]:.2f} times 10,000's"
    return words, mib, took[1] <= 1.5 * took[0]


def embed_items(items: int):
    """Vectors of 64 numbers of a whole catalogue with two features; half of them is the result."""
    from tfrec_recall.features import Categorical
    from tfrec_recall.models import TwoTower

    data = catalogue(items, kind=np.arange(items) % 1000)
    model = TwoTower(features_of(data, Categorical("kind")))
    model.has_learnt.assign(1)
    model.embed_items(data.items.head(100))
    vectors, seconds, mib = measured(lambda: model.embed_items(data.items))
    words = f"{items:,} items: {seconds:.1f} s, {vectors.nbytes / MIB:.0f} MiB of vectors"
    return words, mib, mib <= 2 * vectors.nbytes / MIB + 100


def hard_mining(items: int):
    """Mining of ranks 100 to 500 for 10,000 users."""
    from tfrec_recall.features import Categorical
    from tfrec_recall.models import TwoTower
    from tfrec_recall.sampling import Hard, InBatch

    data = market(items, 2 * items, users=10_000)
    features = features_of(data, user=[Categorical("user_id")])
    model = TwoTower(features, negatives=[InBatch(), Hard(8)])
    model.training_data(data)
    model.has_learnt.assign(1)
    (mining,) = model.mining
    _, seconds, mib = measured(lambda: mining.callback.on_epoch_begin(1))
    return f"{items:,} items: {seconds:.0f} s", mib, mib <= 2 * 64 * 4 * items / MIB + 600


def evaluation(items: int):
    """`evaluate` for 10,000 users, by exact search in vectors of 64 numbers."""
    from tfrec_recall.data import last_events_out
    from tfrec_recall.evaluation import evaluate
    from tfrec_recall.models import TwoTower

    split = last_events_out(market(items, 2 * items, users=10_000), test=1, validation=1)
    model = TwoTower(features_of(split.train))
    model.has_learnt.assign(1)
    retriever = model.retriever(split.train.items, k=100)
    evaluate(retriever, split, batch_size=8)
    _, seconds, mib = measured(lambda: evaluate(retriever, split))
    return f"{items:,} items: {seconds:.0f} s", mib, mib <= 1024


ROWS = {
    "pinsage-data": Row(
        pinsage_data, (60_000,), "8 GiB at 1,000,000 items, 10,000,000 events", "6.8 GiB, 204 s"
    ),
    "pinsage-hard": Row(pinsage_hard, (60_000,), "80% inside", "14%, median 11,284"),
    "pinsage-epoch": Row(pinsage_epoch, (0,), "60 s", "220 s"),
    "item-cf": Row(
        item_cf,
        (1_000_000, 10_000_000),
        "2 GiB, 3 times without nearness",
        "4.1 GB, 126 s at 1,000,000 events, 25 times",
    ),
    "triggers": Row(triggers, (64, 512), "400 MiB whatever the triggers", "3.6 GiB, 15 s"),
    "cold-listings": Row(cold_listings, (512, 4096), "250 MiB whatever the number", "3.4 GiB"),
    "cold-by": Row(cold_by, (400_000,), "linear", "13 s, quadratic"),
    "sets": Row(sets, (8000,), "as the pairs that are learnt", "20 times"),
    "basket": Row(basket, (16_000,), "1 GiB", "6.7 GiB"),
    "graph-sage": Row(graph_sage, (2_000_000,), "1 GiB", "2.7 GiB"),
    "wide-lists": Row(wide_lists, (30_000,), "the cheaper path", "814 ms, 2.3 GB a step"),
    "neural-cf": Row(neural_cf, (32_000, 200_000), "1.5 times", "6.3 times, 133 ms"),
    "embed-items": Row(embed_items, (400_000,), "the vectors and a block", "twice the vectors"),
    "hard-mining": Row(hard_mining, (200_000,), "blocks", "the whole catalogue"),
    "evaluate": Row(evaluation, (200_000,), "1 GiB", "the whole catalogue"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], metavar="row")
    parser.add_argument("--size", type=int, nargs="+", help="other sizes than the row's own")
    parser.add_argument("--limit", type=float, default=16.0, help="GiB that a row may ask for")
    parser.add_argument("--list", action="store_true", help="the rows, and what they measure")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.list:
        for name, row in ROWS.items():
            print(f"{name:14} {row.measure.__doc__}")
        return 0
    if options.here:
        found, mib, holds = ROWS[options.rows[0]].measure(options.size[0])
        print(json.dumps([found, mib, bool(holds)]))
        return 0
    failed = False
    for name in options.rows or ROWS:
        row = ROWS[name]
        for size in options.size or row.sizes:
            limit = int(options.limit * GIB)
            done = subprocess.run(
                [sys.executable, __file__, name, "--size", str(size), "--here"],
                stdout=subprocess.PIPE,
                text=True,
                check=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),  # noqa: B023
            )
            if done.returncode:
                found, mib, holds = f"size {size:,}: no end in {options.limit} GiB", 0.0, False
            else:
                found, mib, holds = json.loads(done.stdout.splitlines()[-1])
            verdict = "" if holds else "  MORE THAN WANTED"
            print(
                f"{name:14} {found}, {mib:,.0f} MiB | wanted: {row.wanted} | "
                f"before: {row.before}{verdict}",
                flush=True,
            )
            failed |= not holds
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
