"""Claim: inference layer by layer makes each layer of each item once, and saves what that saves.

    python benchmarks/pinsage.py [--items 20000] [--neighbours 20]

Item by item, a vector of two layers needs the first convolution for the item and for each of its T
neighbours, and then the second: T + 2 convolutions, where layer by layer there are 2. Both are
measured here on one graph, compiled, in batches of one size, and give the same vectors. Then
training examples a second, and what hiding the pairs' edges and the hard negatives cost of a step.

Exits with 1 if the vectors differ, or if less than half of the expected saving is found.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import pandas as pd

import tfrec_recall  # noqa: F401  chooses the Keras
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.graph import Neighbours
from tfrec_recall.models import PinSAGE
from tfrec_recall.models.graphs.node_encoder import ROWS

DIM, BATCH, STEPS, ROUNDS = 64, 1024, 20, 3


def events_of(items: int, users: int, seed: int = 0) -> Interactions:
    """Users whose 20 events lie in one part of the catalogue, so that items have company."""
    random = np.random.default_rng(seed)
    centre = random.integers(0, items, users)[:, np.newaxis]
    item = (centre + random.geometric(0.02, (users, 20))) % items
    user = np.repeat(np.arange(users), 20)
    events = pd.DataFrame({"user_id": user, "item_id": item.ravel()})
    return Interactions(events.assign(timestamp=np.tile(np.arange(20), users)))


def model_of(interactions: Interactions, neighbours: int, **settings) -> PinSAGE:
    features = Features(user=[History(length=20)], item=[Categorical("item_id")])
    return PinSAGE(features.adapt(interactions), DIM, neighbours=neighbours, **settings)


def item_by_item(model: PinSAGE):
    """Each item's whole neighbourhood for itself; batched and compiled, so that calls cost
    nothing."""
    import tensorflow as tf

    nodes, important = model.nodes, model.important
    first, second = nodes.convolutions

    def convolve(convolution, own, around, importance):
        width, top = own.shape[-1], important.ids.shape[1]
        around = convolution.messages(tf.reshape(around, [-1, top, width]))
        rows = tf.reshape(own, [-1, width]), around
        made = convolution(rows, tf.reshape(importance, [-1, top]))
        return tf.reshape(made, tf.shape(own))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])
    def vectors(ids):
        near, importance = important(ids, 1, None)  # [items, T]
        hop = tf.concat([ids[:, tf.newaxis], near], axis=1)  # [items, T + 1]
        far, shares = important(hop, 0, None)  # [items, T + 1, T]
        inputs = nodes.first(nodes.table(hop)), nodes.first(nodes.table(far))
        made = convolve(first, *inputs, shares)  # [items, T + 1, dim]
        return nodes.head(second((made[:, 0], second.messages(made[:, 1:])), importance))

    def all_of_them():
        ids = tf.range(nodes.nodes)
        rows = max(1, 4 * ROWS // (important.ids.shape[1] + 1) // 4)
        parts = [vectors(ids[at : at + rows]) for at in range(0, nodes.nodes, rows)]
        return tf.concat(parts, axis=0).numpy()

    return all_of_them


def seconds(run) -> float:
    """The least of some rounds: what others do on the machine only adds."""
    run()
    taken = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begin)
    return min(taken)


def inference(items: int, neighbours: int) -> bool:
    model = model_of(events_of(items, items // 4), neighbours)
    random = np.random.default_rng(1)
    ids = random.integers(2, model.nodes.nodes, (model.nodes.nodes, neighbours), dtype="int32")
    weights = random.dirichlet(np.ones(neighbours), len(ids)).astype("float32")
    model.important.assign(Neighbours(ids, weights))
    naive = item_by_item(model)
    difference = np.abs(naive()[2:] - model.nodes.layer_wise()[2:]).max()
    by_item, by_layer = seconds(naive), seconds(model.nodes.layer_wise)
    saving, expected = by_item / by_layer, (neighbours + 2) / 2
    print(
        f"{model.nodes.nodes - 2:,} items, T = {neighbours}, 2 layers: "
        f"item by item {by_item:.2f} s, layer by layer {by_layer:.3f} s: {saving:.1f} times "
        f"(by count {expected:.1f}); largest difference {difference:.1e}"
    )
    return difference < 1e-4 and saving > expected / 2


def training(items: int, neighbours: int) -> None:
    import tensorflow as tf

    interactions = events_of(items, items)
    for hard in (0, 6):
        model = model_of(interactions, neighbours, most_hard=hard)
        model.compile(optimizer=tf.keras.optimizers.Adam(1e-3))
        data = model.training_data(interactions, batch_size=BATCH).take(STEPS)
        model.steps.an_epoch.assign(1)  # past the curriculum after a few steps
        model.steps.seen.assign(100)
        batches = list(data)
        step = tf.function(model.train_step, reduce_retracing=True)
        taken = seconds(lambda: [step(batch) for batch in batches])  # noqa: B023
        print(
            f"training, batches of {BATCH}, {model.negatives} easy and {hard} hard negatives: "
            f"{STEPS * BATCH / taken:,.0f} examples/s"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--neighbours", type=int, default=20)
    arguments = parser.parse_args()
    fine = inference(arguments.items, arguments.neighbours)
    training(arguments.items, arguments.neighbours)
    return int(not fine)


if __name__ == "__main__":
    sys.exit(main())
