"""Claim: YouTubeDNN and TwoTower train at least twice as many examples a second as DeepMatch's.

    python3.11 -m venv /tmp/deepmatch
    /tmp/deepmatch/bin/pip install deepmatch==0.3.2 "tensorflow==2.12.1" "numpy<1.24"
    python benchmarks/two_tower.py --peer /tmp/deepmatch/bin/python            # a minute or two

Against DeepMatch's YoutubeDNN and DSSM, with its own TensorFlow in an environment of its own: the
same examples, a user id, histories of 50, dim 32, a hidden layer of 64, batches of 256, 100
sampled negatives. DSSM knows in-batch negatives only; TwoTower draws its 100 beside those, which is
more work. Each side is fed the way it is meant to be: DeepMatch by arrays in `fit`, ours by
`training_data`, with a step that XLA compiles and 16 steps between two looks at the callbacks, for
which graphs of TensorFlow 1, as DeepMatch's are, have no way to ask. The time is the least of the
epochs after the first. Beside it, the same without both. Exits 1 when a ratio is below 2.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import tfrec_recall  # noqa: F401  chooses the Keras

CLAIMED = 2.0
LENGTH, DIM, HIDDEN, BATCH, NEGATIVES = 50, 32, 64, 256, 100

CLOCK = """
import time
import tensorflow as tf

class Clock(tf.keras.callbacks.Callback):
    took = ()
    def on_epoch_begin(self, epoch, logs=None):
        self.begin = time.perf_counter()
    def on_epoch_end(self, epoch, logs=None):
        self.took += (time.perf_counter() - self.begin,)
"""
PEER = f"""{CLOCK}
import json, sys
import numpy as np
from deepctr.feature_column import SparseFeat, VarLenSparseFeat
from deepmatch.models import DSSM, YoutubeDNN
from deepmatch.utils import NegativeSampler, sampledsoftmaxloss

if tf.__version__ >= "2.0.0":
    tf.compat.v1.disable_eager_execution()  # its own examples do: its layers need it

data = np.load(sys.argv[1])
items, counts = len(data["counts"]), data["counts"].tolist()
users = int(data["user_id"].max()) + 1
inputs = {{name: data[name] for name in ("user_id", "history", "length", "item_id")}}

def columns():
    item = SparseFeat("item_id", items, embedding_dim={DIM})
    watched = SparseFeat("history", items, {DIM}, embedding_name="item_id")
    user = SparseFeat("user_id", users, embedding_dim={DIM})
    return [user, VarLenSparseFeat(watched, {LENGTH}, "mean", "length")], [item]

def seconds(build, epochs):
    tf.keras.backend.clear_session()
    model = build(*columns())
    model.compile(optimizer="adam", loss=sampledsoftmaxloss)
    clock = Clock()
    ones = np.ones(len(data["item_id"]))
    model.fit(inputs, ones, batch_size={BATCH}, epochs=epochs, verbose=0, callbacks=[clock])
    return min(clock.took[1:])

def youtube(user, item):
    sampler = NegativeSampler("uniform", num_sampled={NEGATIVES}, item_name="item_id")
    return YoutubeDNN(user, item, ({HIDDEN}, {DIM}), temperature=0.2, sampler_config=sampler)

def dssm(user, item):
    sampler = NegativeSampler("inbatch", 0, "item_id", item_count=counts)
    return DSSM(user, item, ({HIDDEN}, {DIM}), (), temperature=0.2, sampler_config=sampler)

epochs = int(sys.argv[2])
print(json.dumps({{"YouTubeDNN": seconds(youtube, epochs), "TwoTower": seconds(dssm, epochs)}}))
"""


def events_of(users: int, each: int, items: int) -> pd.DataFrame:
    generator = np.random.default_rng(0)
    popularity = 1 / np.arange(1, items + 1)
    size = users * each
    return pd.DataFrame(
        {
            "user_id": np.repeat(np.arange(users), each),
            "item_id": generator.choice(items, size, p=popularity / popularity.sum()),
            "timestamp": np.tile(np.arange(each), users),
        }
    )


def ours(model, interactions, epochs: int, **compiled) -> float:
    import tensorflow as tf

    class Clock(tf.keras.callbacks.Callback):
        took = ()

        def on_epoch_begin(self, epoch, logs=None):
            self.begin = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.took += (time.perf_counter() - self.begin,)

    clock = Clock()
    model.compile(optimizer=tf.keras.optimizers.Adam(), **compiled)
    batches = model.training_data(interactions, batch_size=BATCH)
    model.fit(batches, epochs=epochs, verbose=0, callbacks=[clock])
    return min(clock.took[1:])


def theirs(python: str, interactions, features, epochs: int) -> dict[str, float]:
    from tfrec_recall.data import next_item

    examples = next_item(interactions, LENGTH)
    codes = features.encodings["item_id"].encode(examples.events["item_id"])
    user = features.encodings["user_id"].encode(examples.events["user_id"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "examples.npz"
        np.savez(
            path,
            history=examples.histories(codes, length=LENGTH),
            length=(examples.history_end - examples.history_start).astype("int32"),
            item_id=codes[examples.target],
            user_id=user[examples.target],
            counts=features.item_counts,
        )
        environment = {n: v for n, v in os.environ.items() if n not in ("PYTHONPATH",)}
        done = subprocess.run(
            [python, "-W", "ignore", "-c", PEER, str(path), str(epochs)],
            env={**environment, "TF_CPP_MIN_LOG_LEVEL": "3"},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        sys.exit(f"The peer failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", required=True, help="a python that has deepmatch 0.3.2")
    parser.add_argument("--users", type=int, default=2_000, help="50 examples each")
    parser.add_argument("--items", type=int, default=5_000)
    parser.add_argument("--epochs", type=int, default=4, help="the first is left out")
    options = parser.parse_args()

    from tfrec_recall.data import Interactions
    from tfrec_recall.features import Categorical, Features, History
    from tfrec_recall.models import TwoTower, YouTubeDNN
    from tfrec_recall.sampling import Popularity

    interactions = Interactions(events_of(options.users, LENGTH + 1, options.items))
    features = Features(
        user=[Categorical("user_id"), History(length=LENGTH)], item=[Categorical("item_id")]
    ).adapt(interactions)
    size = options.users * LENGTH
    shape = {"features": features, "dim": DIM, "hidden": (HIDDEN,), "dropout": 0.0}
    shape["recency"] = False
    models = {
        "YouTubeDNN": YouTubeDNN(**shape, negatives=Popularity(NEGATIVES, power=0.0)),
        "TwoTower": TwoTower(**shape, negatives=NEGATIVES),
    }
    peer = theirs(options.peer, interactions, features, options.epochs)
    ratios = []
    titles = f"{'ours, examples/s':>18}{'DeepMatch':>12}{'ratio':>8}{'ours, plain':>14}"
    print(f"{'':12}{titles}   claimed {CLAIMED}")
    for name, model in models.items():
        plain = ours(model, interactions, options.epochs)
        own = ours(model, interactions, options.epochs, jit_compile=True, steps_per_execution=16)
        ratios.append(peer[name] / own)
        rates = [f"{size / seconds:,.0f}" for seconds in (own, peer[name], plain)]
        print(f"{name:12}{rates[0]:>18}{rates[1]:>12}{ratios[-1]:8.2f}{rates[2]:>14}")
    sys.exit(min(ratios) < CLAIMED)


if __name__ == "__main__":
    main()
