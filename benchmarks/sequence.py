"""Claim: sequence models train at least twice as fast as DeepMatch's, at equal settings.

    python benchmarks/sequence.py --peer /tmp/deepmatch/bin/python

The peer is DeepMatch 0.3.2 on the TensorFlow it runs on (2.12), in a process of its own; both learn
from the same made-up data by `fit`, the best of several epochs counts, and compiling does not.
Equal: dim 32, histories of 50 out of 10,000 items, 256 targets a step, 100 drawn negatives, for
MIND 4 interests and 3 iterations, for SDM two LSTMs of 32 and 4 heads. Ours has the batch's own
items as negatives beside the drawn ones, and is compiled as the command line does.

What is counted are targets learnt a second. For SDM this is not the same work on both sides: of a
history of 50, the latest 25 events are the session. Ours goes through a session once for the
targets after each of its 25 events, the peer once for each target; sessions a second are printed
too, as is ours with as many sessions a step as the peer has. Then the cost against the length of
the history. Exits 1 when a claim fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

import numpy as np
import pandas as pd

import tfrec_recall  # noqa: F401  chooses the Keras

import tensorflow as tf  # isort: skip

USERS, ITEMS, DIM, INTERESTS, BATCH, NEGATIVES = 1_000, 10_000, 32, 4, 256, 100
SESSION = 25  # events of SDM's session, the latest of the history
STEPS, EPOCHS = 32, 5
LENGTHS = (50, 200, 1000)
CLAIMED = 2.0

ARRAYS = f"""
import numpy as np
def arrays(length, examples):
    generator = np.random.default_rng(0)
    popularity = 1 / np.arange(1, {ITEMS} + 1)
    popularity /= popularity.sum()
    counts = np.maximum(1, 300_000 * popularity).astype("int64")
    history = generator.choice({ITEMS}, (examples, length), p=popularity).astype("int32")
    events = generator.integers(length // 5, length, examples, endpoint=True).astype("int32")
    user = generator.integers({USERS}, size=examples).astype("int32")
    item = generator.choice({ITEMS}, examples, p=popularity).astype("int32")
    return counts, user, history, events, item
"""

PEER = (
    ARRAYS
    + """
import json, sys, time
import deepmatch.models
import tensorflow as tf
from deepctr.feature_column import SparseFeat, VarLenSparseFeat
from deepmatch.utils import NegativeSampler, sampledsoftmaxloss
tf.compat.v1.disable_eager_execution()
s = json.loads(sys.argv[1])
counts, user, history, events, item = arrays(s["length"], s["batch"] * s["steps"])
sampler = NegativeSampler(
    "frequency", num_sampled=s["negatives"], item_name="item", item_count=[0, *counts.tolist()]
)
ids = dict(vocabulary_size=s["items"] + 1, embedding_dim=s["dim"])
MODEL
model.compile(optimizer="adam", loss=sampledsoftmaxloss)
best = float("inf")
for epoch in range(s["epochs"]):
    start = time.perf_counter()
    model.fit(inputs, np.zeros(len(user)), batch_size=s["batch"], epochs=1, verbose=0)
    best = min(best, time.perf_counter() - start)
print(json.dumps({"version": tf.__version__, "speed": len(user) / best}))
"""
)

MIND_PEER = PEER.replace(
    "MODEL",
    """\
history = np.where(np.arange(s["length"]) < events[:, None], history + 1, 0)
columns = [
    SparseFeat("user", s["users"], s["dim"]),
    VarLenSparseFeat(
        SparseFeat("hist_item", embedding_name="item", **ids), s["length"], "mean", "hist_len"
    ),
]
model = deepmatch.models.MIND(
    columns, [SparseFeat("item", **ids)], k_max=s["interests"], dynamic_k=True,
    user_dnn_hidden_units=(64, s["dim"]), sampler_config=sampler,
)
inputs = {"user": user, "hist_item": history, "hist_len": events, "item": item + 1}""",
)

SDM_PEER = PEER.replace(
    "MODEL",
    """\
before = s["length"] - s["session"]
columns = [
    SparseFeat("user", s["users"], s["dim"]),
    VarLenSparseFeat(
        SparseFeat("short_item", embedding_name="item", **ids), s["session"], "mean",
        "short_sess_length",
    ),
    VarLenSparseFeat(
        SparseFeat("prefer_item", embedding_name="item", **ids), before, "mean",
        "prefer_sess_length",
    ),
]
model = deepmatch.models.SDM(
    columns, [SparseFeat("item", **ids)], history_feature_list=["item"], units=s["dim"],
    sampler_config=sampler,
)
inputs = {
    "user": user, "item": item + 1,
    "prefer_item": history[:, :before] + 1, "prefer_sess_length": np.full(len(user), before),
    "short_item": history[:, before:] + 1, "short_sess_length": np.full(len(user), s["session"]),
}""",
)


def build_mind(features):
    from tfrec_recall.models import MIND

    # The paper's model, as the peer's is: the options that are ours are off.
    return MIND(
        features,
        dim=DIM,
        interests=INTERESTS,
        hidden=(64,),
        recency=False,
        common=False,
        negatives=NEGATIVES,
    )


def build_sdm(features):
    from tfrec_recall.models import SDM

    return SDM(
        features,
        dim=DIM,
        lstm_layers=2,
        session_events=SESSION,
        residual=False,
        negatives=NEGATIVES,
    )


def mind_columns(user, history, events, item):
    present = np.arange(history.shape[1]) < events[:, np.newaxis]
    return {
        "user_id": user + 2,
        "history": np.where(present, history + 2, 0),
        "item_id": item + 2,
        "sample_weight": np.ones(len(user), "float32"),
    }


def sdm_columns(user, history, events, item):
    """A step's columns have as many rows as they have sessions or targets."""
    sessions, targets = len(user), len(user) * SESSION
    places = np.tile(np.arange(SESSION, dtype="int32"), (sessions, 1))
    return {
        "user_id": user + 2,
        "history": history + 2,
        "places": places + history.shape[1] - SESSION,
        "place": np.arange(targets, dtype="int32"),
        "item_id": np.resize(item, targets) + 2,
        "sample_weight": np.ones(targets, "float32"),
    }


# A model, how it is made of features, a step's columns, and sessions a step; peers by its name.
MODELS = {
    "MIND": (build_mind, mind_columns, BATCH),
    "SDM": (build_sdm, sdm_columns, round(BATCH / SESSION)),
}
PEERS = {"MIND": MIND_PEER, "SDM": SDM_PEER}


def ours(name: str, length: int, rows: int | None = None) -> tuple[float, float]:
    """Targets and sessions a second.

    Args:
        rows: sessions a step, where they are not as many as give `BATCH` targets.
    """
    from tfrec_recall.data import Interactions
    from tfrec_recall.features import Categorical, Features, History

    build, columns, usual = MODELS[name]
    rows = rows or usual
    made: dict = {}
    exec(ARRAYS, made)
    counts, *columns_of_all = made["arrays"](length, rows * STEPS)
    log = pd.DataFrame({"item_id": np.repeat(np.arange(ITEMS), counts)})
    log["user_id"] = np.arange(len(log)) % USERS
    log["timestamp"] = np.arange(len(log))
    features = Features(
        user=[Categorical("user_id"), History(length=length)], item=[Categorical("item_id")]
    ).adapt(Interactions(log))
    steps = [
        columns(*(column[step * rows : (step + 1) * rows] for column in columns_of_all))
        for step in range(STEPS)
    ]
    batches = tf.data.Dataset.from_tensor_slices(  # a slice a batch, as `training_data` gives them
        {name: np.stack([step[name] for step in steps]) for name in steps[0]}
    )
    model = build(features)
    model.compile("adam", jit_compile=model.xla_knows_steps, steps_per_execution=STEPS)
    best = float("inf")
    for _ in range(EPOCHS):
        start = time.perf_counter()
        model.fit(batches, epochs=1, verbose=0)
        best = min(best, time.perf_counter() - start)
    return len(steps[0]["item_id"]) * STEPS / best, rows * STEPS / best


def peers(name: str, python: str) -> dict:
    """The peer's figures, from a process with a TensorFlow of its own."""
    settings = {
        **{"users": USERS, "items": ITEMS, "dim": DIM, "interests": INTERESTS, "batch": BATCH},
        **{"negatives": NEGATIVES, "steps": STEPS, "epochs": EPOCHS, "length": LENGTHS[0]},
        "session": SESSION,
    }
    command = [python, "-c", PEERS[name], json.dumps(settings)]
    clean = {"PATH": "/usr/bin:/bin", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean)
    if done.returncode:
        sys.exit(f"The peer failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", required=True, help="a Python that has deepmatch 0.3.2")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--lengths", nargs="*", type=int, default=LENGTHS)
    options = parser.parse_args()
    holds = True
    for name in options.models:
        peer = peers(name, options.peer)
        speed, sessions = ours(name, LENGTHS[0])
        ratio = speed / peer["speed"]
        holds &= ratio >= CLAIMED
        print(
            f"{name}: {ratio:.1f} times the peer's targets a second (at least {CLAIMED}): "
            f"{speed:,.0f} against {peer['speed']:,.0f} (TensorFlow {peer['version']})"
        )
        if sessions != speed:
            many, many_sessions = ours(name, LENGTHS[0], rows=BATCH)
            print(f"  {sessions:,.0f} sessions a second against {peer['speed']:,.0f}; ", end="")
            print(f"with {BATCH} sessions a step {many_sessions:,.0f}, {many:,.0f} targets")
        for length in options.lengths:
            print(f"  history of {length:5d}: {ours(name, length)[0]:9,.0f} targets a second")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
