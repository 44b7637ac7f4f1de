"""Claim: the streaming estimator learns how likely items are in a batch, at 5% of a step at most.

    python benchmarks/streaming_frequency.py [--plot FILE]

Prints the error against the step for several rates α and numbers of hashes, on a uniform stream,
one by Zipf's law, and one whose law is turned round half-way; then what the estimator costs of a
training step. Exits 1 when a direction or the cost fails.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import pandas as pd

import tfrec_recall  # noqa: F401  chooses the Keras
from tfrec_recall.data.datasets.simulated import load
from tfrec_recall.layers import StreamingFrequencyEstimator
from tfrec_recall.models import SamplingBiasCorrectedTwoTower

STEPS = 4000
SEEN_AT = (50, 200, 500, 1000, 2000, 2050, 2200, 2500, 3000, 4000)
BATCH, ITEMS = 64, 500
RATES, HASHES = (0.3, 0.1, 0.03, 0.01), (1, 2, 4, 6)
COLLIDING = 1000  # buckets, where the number of hashes is what differs
CLAIMED = 0.05


def streams():
    """Of each stream the probability of an item in a draw, in its first and its second half."""
    zipf = 1 / np.arange(1, ITEMS + 1) ** 0.8
    zipf /= zipf.sum()
    even = np.full(ITEMS, 1 / ITEMS)
    return {"uniform": (even, even), "Zipf": (zipf, zipf), "shifted": (zipf, zipf[::-1])}


def errors(halves, seed=0, **settings):
    """The mean relative error of the mean gap at the steps `SEEN_AT`."""
    import tensorflow as tf

    estimator = StreamingFrequencyEstimator(**settings)
    signature = [tf.TensorSpec([BATCH], tf.int64)]
    learn = tf.function(lambda ids: estimator(ids, training=True), input_signature=signature)
    random, found = np.random.default_rng(seed), {}
    for step in range(1, STEPS + 1):
        share = halves[step > STEPS // 2]
        if step in (1, STEPS // 2 + 1):
            cumulative = np.cumsum(share)
        draws = np.searchsorted(cumulative, random.random(BATCH) * cumulative[-1])
        learn(tf.constant(draws, tf.int64))
        if step in SEEN_AT:
            probability = 1 - (1 - share) ** BATCH  # that an item is in a batch at all
            found[step] = np.mean(np.abs(probability / estimator(tf.range(ITEMS)).numpy() - 1))
    return found


def cost():
    """Milliseconds of a compiled step with 1,024 examples, and of the estimator in it."""
    import tensorflow as tf

    interactions = load(events=30_000, items=2_000, seed=0)
    features = SamplingBiasCorrectedTwoTower.default_features(interactions).adapt(interactions)
    model = SamplingBiasCorrectedTwoTower(features)
    model.compile(optimizer=tf.keras.optimizers.Adam(0.002), jit_compile=True)
    batch = next(iter(model.training_data(interactions)))
    step = tf.function(model.train_step)
    estimate = tf.function(lambda ids: model.frequency(ids, training=True))
    both = {"step": lambda: step(batch), "estimator": lambda: estimate(batch["item_id"])}
    best = {}
    for name, run in both.items():
        run()
        times = []
        for _ in range(60):
            begin = time.perf_counter()
            tf.nest.map_structure(lambda value: value.numpy(), run())
            times.append(time.perf_counter() - begin)
        best[name] = 1000 * min(times)
    return best


def plot(tables, path):
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        print("No plot: matplotlib is not installed (pip install 'tfrec-recall[plot]').")
        return
    _, axes = plt.subplots(1, len(tables), figsize=(4 * len(tables), 3.2), sharey=True)
    for axis, (title, table) in zip(axes, tables.items(), strict=True):
        table.T.plot(ax=axis, marker=".", title=title, xlabel="step", loglog=True)
    axes[0].set_ylabel("mean relative error of the gap")
    plt.tight_layout()
    plt.savefig(path, dpi=120)
    print(f"Plotted to {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--plot", metavar="FILE", help="write a plot of the errors there")
    arguments = parser.parse_args()

    tables = {}
    for name, halves in streams().items():
        runs = {f"α = {rate}": errors(halves, rate=rate, buckets=10**6) for rate in RATES}
        tables[name] = pd.DataFrame(runs).T
    runs = {
        f"{count} hash{'es' * (count > 1)}": errors(
            streams()["Zipf"], rate=0.03, hashes=count, buckets=COLLIDING
        )
        for count in HASHES
    }
    tables["Zipf, colliding"] = pd.DataFrame(runs).T
    for title, table in tables.items():
        print(f"\n{title}: mean relative error of the mean gap at step\n{table.round(3)}")
    if arguments.plot:
        plot(tables, arguments.plot)

    times = cost()
    ratio = times["estimator"] / times["step"]
    print(
        f"\nA step takes {times['step']:.1f} ms, the estimator {times['estimator']:.2f} ms: "
        f"{ratio:.1%} (claimed: {CLAIMED:.0%} at most)"
    )
    shifted, colliding = tables["shifted"], tables["Zipf, colliding"]
    half = STEPS // 2
    directions = {
        "a small rate is the most accurate in the end": all(
            tables[name].loc["α = 0.03", STEPS] < tables[name].loc["α = 0.3", STEPS]
            for name in ("uniform", "Zipf")
        ),
        "a large rate follows a shift first": shifted.loc["α = 0.3", half + 200]
        < shifted.loc["α = 0.03", half + 200],
        "more hashes lower the error of collisions": colliding.loc["4 hashes", STEPS]
        < colliding.loc["2 hashes", STEPS]
        < colliding.loc["1 hash", STEPS],
        "the cost": ratio <= CLAIMED,
    }
    for claim, holds in directions.items():
        print(f"{'holds' if holds else 'FAILS'}: {claim}")
    if not all(directions.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
