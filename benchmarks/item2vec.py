"""Claim: Item2Vec trains at least as many pairs a second as gensim, to the same recall.

    python -m venv /tmp/gensim && /tmp/gensim/bin/pip install gensim==4.4.0
    python benchmarks/item2vec.py --peer /tmp/gensim/bin/python [--data online-retail]
    python benchmarks/item2vec.py --peer /tmp/gensim/bin/python --data gowalla --on test

Both see the same sequences: dim 64, window 20 (each centre draws its own reach), 5 negatives by
count^0.75, no sub-sampling, two threads. The speed is that of the fastest epoch; a pair is a centre
and one of its contexts, and both make the same number of them. The recall is that of the mean of
the last items of a history, or of all items where there are no times; sets without order are then
shuffled anew for each epoch of both. Validation is the split's, or events held back from its
training where it has none. Below stand `Item2Vec` as it is by default, by its own lists, how rare
its similar items are and how well those of the latest item foretell, both beside the same vectors
without `shrinkage`, and what is most popular. Exits 1 when the speed is below 1.0 times the peer's,
the recall@50 more than 0.005 below it, or that of the defaults below the peer's or most-popular's.

The claim is for MovieLens-100k. On Online Retail the speed holds (2.6 times) and the recall does
not: 0.159 against gensim's 0.169 after the same 40 epochs, and no rate, noise or step tried so far
has closed that gap.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

DIM, WINDOW, NEGATIVES, POWER = 64, 20, 5, 0.75
EPOCHS = 40
CLAIM, TOLERANCE = 1.0, 0.005

PEER = f"""
import json, random, sys, time
import numpy as np
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec

class Clock(CallbackAny2Vec):
    def __init__(self): self.seconds = []
    def on_epoch_begin(self, model):
        for row in sequences if shuffled else ():
            random.shuffle(row)
        self.begin = time.perf_counter()
    def on_epoch_end(self, model): self.seconds.append(time.perf_counter() - self.begin)

folder = sys.argv[1]
random.seed(0)
sequences = json.load(open(folder + "/sequences.json"))
shuffled = json.load(open(folder + "/shuffled.json"))
clock = Clock()
model = Word2Vec(vector_size={DIM}, window={WINDOW}, negative={NEGATIVES}, ns_exponent={POWER},
                 sg=1, min_count=1, sample=0, workers=2, seed=0)
model.build_vocab(sequences)
model.train(sequences, total_examples=len(sequences), epochs={EPOCHS}, callbacks=[clock])
keys = sorted(model.wv.index_to_key)
np.savez(folder + "/peer.npz", ids=np.array(keys), vectors=np.stack([model.wv[k] for k in keys]))
json.dump(clock.seconds, open(folder + "/seconds.json", "w"))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", required=True, help="a Python that has gensim 4.4")
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--on", choices=("validation", "test"), default="validation")
    arguments = parser.parse_args()

    import tfrec_recall  # noqa: F401  chooses the Keras
    from tfrec_recall.data import datasets, has_baskets, hold_back, standard
    from tfrec_recall.data.sequences import sequences

    split = standard(datasets.load(arguments.data))
    if arguments.on == "validation" and not len(split.validation.targets):
        split = hold_back(split.train)
    ordered = split.train.has_time
    events, sequence = sequences(split.train, has_baskets(split.train), ordered=ordered)
    lengths = np.bincount(sequence)
    pairs = expected_pairs(lengths)
    words = np.split(events["item_id"].astype(str).to_numpy(), np.cumsum(lengths)[:-1])

    ours, (ids, vectors) = train_ours(split)
    theirs, (peer_ids, peer_vectors) = train_peer(arguments.peer, words, shuffled=not ordered)
    print(f"{pairs / 1e6:.1f} million pairs an epoch, {EPOCHS} epochs of {arguments.data}")
    figures = {}
    for name, seconds, known, table in (
        ("Item2Vec", ours, ids, vectors),
        ("gensim 4.4", theirs, peer_ids, peer_vectors),
    ):
        print(
            f"{name:10s} {pairs / min(seconds) / 1e6:6.2f} million pairs a second "
            f"(median epoch {pairs / np.median(seconds) / 1e6:.2f})"
        )
        retriever = of_vectors(split, known, table)
        figures[name] = pairs / min(seconds), recall(name, retriever, split, arguments.on)
    others = {name: recall(name, r, split, arguments.on) for name, r in by_default(split)}
    where_the_time_goes(figures["Item2Vec"][0], pairs / lengths.sum())
    (speed, quality), (peer_speed, peer_quality) = figures.values()
    print(f"ratio {speed / peer_speed:.2f} (claim: at least {CLAIM})")
    if speed < CLAIM * peer_speed or quality < peer_quality - TOLERANCE:
        sys.exit(1)
    if others["defaults"] < max(peer_quality, others["popular"]):
        sys.exit(1)


def expected_pairs(lengths: np.ndarray) -> float:
    """A context at a distance d is in the window of (WINDOW - d + 1) / WINDOW of the centres."""
    distance = np.arange(1, WINDOW + 1)
    share = (WINDOW - distance + 1) / WINDOW
    return float(
        sum(2 * np.maximum(lengths - d, 0).sum() * s for d, s in zip(distance, share, strict=True))
    )


def train_ours(split):
    """Seconds of each epoch, and the vectors by id."""
    import tensorflow as tf

    from tfrec_recall.models import Item2Vec

    class Clock(tf.keras.callbacks.Callback):
        seconds: list[float]

        def on_train_begin(self, logs=None):
            self.seconds = []

        def on_epoch_begin(self, epoch, logs=None):
            self.begin = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(time.perf_counter() - self.begin)

    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.keras.utils.set_random_seed(0)
    features = Item2Vec.default_features(split.train).adapt(split.train)
    model = Item2Vec(
        features,
        dim=DIM,
        window=WINDOW,
        negatives=NEGATIVES,
        power=POWER,
        threshold=None,
        decay_epochs=EPOCHS,
    )
    model.compile()
    clock = Clock()
    data = model.training_data(split.train, batch_size=4096)
    model.fit(data, epochs=EPOCHS, verbose=0, callbacks=[clock])
    items = split.interactions.items
    return clock.seconds, (items["item_id"].to_numpy(), model.embed_items(items))


def train_peer(python: str, words: list[np.ndarray], shuffled: bool):
    """The same of gensim, in a process of its own, the sequences in a random order.

    Args:
        shuffled: each epoch has the words of a sequence in another order.
    """
    order = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        whole = [row.tolist() for row in words]
        order.shuffle(whole)
        (Path(folder) / "sequences.json").write_text(json.dumps(whole))
        (Path(folder) / "shuffled.json").write_text(json.dumps(shuffled))
        subprocess.run([python, "-c", PEER, folder], check=True)
        found = np.load(Path(folder) / "peer.npz")
        seconds = json.loads((Path(folder) / "seconds.json").read_text())
        return seconds, (found["ids"], found["vectors"])


def by_default(split):
    """`Item2Vec` as it is by default, and what is most popular: names and retrievers."""
    import tensorflow as tf

    from tfrec_recall.models import Item2Vec, Popular

    for name, model_class in (("defaults", Item2Vec), ("popular", Popular)):
        tf.keras.utils.set_random_seed(0)
        model = model_class(model_class.default_features(split.train).adapt(split.train))
        model.compile()
        model.fit(model.training_data(split.train), epochs=EPOCHS, verbose=0)
        yield name, model.retriever(split.interactions.items)
        if model_class is Item2Vec:
            yield "similar", similar(model, split)
            model.shrunk.share.assign(tf.zeros_like(model.shrunk.share))
            yield "unshrunk", similar(model, split)


def similar(model, split):
    """Prints how rare similar items are; returns the lists of those similar to the latest item."""
    items, random = split.interactions.items, np.random.default_rng(0)
    ids, events = items["item_id"].to_numpy(), model.popularity_of(items).scores
    asked = random.choice(len(ids), 1000, p=events / events.sum())
    retriever = model.trigger_retriever(items, k=50, last=1, lift=None)
    found, _ = retriever.similar_items(ids[asked], k=10)
    row = {str(one): place for place, one in enumerate(ids)}
    listed = events[[row[one.decode()] for one in found.numpy().ravel().astype(bytes)]]
    print(
        f"of the ten items similar to one drawn by its events, {100 * np.mean(listed <= 2):.1f}% "
        f"have at most two events; the median has {np.median(listed):.0f}"
    )
    return retriever


def recall(name: str, retriever, split, on: str) -> float:
    """Prints the recall of a retriever; returns recall@50."""
    from tfrec_recall.evaluation import evaluate

    found = evaluate(retriever, split, on=on, cuts=(20, 50), lists=False).metrics
    figures = ", ".join(f"{metric} {found[metric]:.4f}" for metric in ("recall@20", "recall@50"))
    print(f"{name:10s} on {on}: {figures}", flush=True)
    return found["recall@50"]


def of_vectors(split, ids: np.ndarray, vectors: np.ndarray):
    """Users by the mean of their last 20 items, or of all without times; unknown ones are zeros."""
    import pandas as pd

    from tfrec_recall.retrieval import EmbeddingRetriever, HistoryMean

    items = split.interactions.items["item_id"]
    row = pd.Index(ids.astype(str)).get_indexer(items.astype(str))
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    table = np.where(row[:, np.newaxis] >= 0, unit[row], 0.0)
    latest = {"last": 20, "half_life": 5.0} if split.train.has_time else {}
    mean = HistoryMean(items.to_numpy(), table, **latest)
    return EmbeddingRetriever(mean, items.to_numpy(), table)


def where_the_time_goes(speed: float, pairs_a_centre: float) -> None:
    """The products of a step alone, and the traffic of the tables against a copy of memory."""
    import tensorflow as tf

    lanes, block, noise = 16, 32, 64
    columns = block + 2 * WINDOW + noise
    u, v = tf.random.normal([lanes, block, DIM]), tf.random.normal([lanes, columns, DIM])
    slope = tf.random.normal([lanes, block, columns])

    @tf.function
    def products():
        return (
            tf.matmul(u, v, transpose_b=True),
            tf.matmul(slope, v),
            tf.matmul(slope, u, transpose_a=True),
        )

    of_products = best_of(products)
    step = lanes * block * pairs_a_centre / speed
    memory = np.ones(2**25)
    copy = 2 * memory.nbytes / best_of(memory.copy, repeats=5)
    # A row of a table is read once, and read and written once more by the scattered update.
    traffic = 3 * lanes * (block + columns) * DIM * 4 / step
    print(
        f"a step of {lanes} x {block} centres: {1e3 * step:.2f} ms, of which "
        f"{100 * of_products / step:.0f}% are its three matrix products; the tables' rows move at "
        f"{traffic / 1e9:.1f} GB/s, {100 * traffic / copy:.0f}% of what a copy of memory reaches"
    )


def best_of(function, repeats: int = 50) -> float:
    function()
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


if __name__ == "__main__":
    main()
