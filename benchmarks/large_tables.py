"""Claim: a step with LazyAdam or RowWiseAdagrad costs at most 1.5 times as much at 10^7 rows as at
10^4.

    python benchmarks/large_tables.py                 # two minutes, 12 GB

One table of 32 numbers a row, a batch of 4,096 rows drawn evenly, a squared loss. Beside them, in
the same run, Keras' Adam, which moves all rows at every step, and Keras' Adagrad, which does not,
but keeps as much state as the table. The time is the median of the steps, after three of them, and
the state is what the optimizer keeps. Exits 1 where a ratio is above 1.5.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time

import tensorflow as tf

import tfrec_recall  # noqa: F401  chooses the Keras
from tfrec_recall.optimizers import LazyAdam, RowWiseAdagrad

CLAIMED = 1.5
DIM, BATCH, LEAST, MOST = 32, 4096, 20, 200
OPTIMIZERS = {
    "LazyAdam": LazyAdam,
    "RowWiseAdagrad": RowWiseAdagrad,
    "Keras' Adam": tf.keras.optimizers.Adam,
    "Keras' Adagrad": tf.keras.optimizers.Adagrad,
}


def measured(make, rows: int, seconds: float) -> tuple[float, float]:
    """Milliseconds of a step, and megabytes of state."""
    table = tf.Variable(tf.random.normal([rows, DIM]))
    optimizer = make(0.01)
    optimizer.build([table])

    @tf.function
    def step(places):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(tf.gather(table, places) - 1.0))
        optimizer.apply_gradients([(tape.gradient(loss, table), table)])

    took: list[float] = []
    while len(took) < LEAST or (sum(took) < seconds and len(took) < MOST):
        places = tf.random.uniform([BATCH], maxval=rows, dtype=tf.int32)
        begin = time.perf_counter()
        step(places)
        took.append(time.perf_counter() - begin)
        if sum(took) > 10 * seconds:
            break
    state = sum(v.shape.num_elements() * v.dtype.size for v in optimizer.variables)
    return 1000 * statistics.median(took[min(3, len(took) - 1) :]), state / 2**20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10**4, 10**5, 10**6, 10**7])
    parser.add_argument("--seconds", type=float, default=3.0, help="of steps, for each figure")
    options = parser.parse_args()
    first, last = min(options.rows), max(options.rows)
    print(f"{'':16}" + "".join(f"{rows:>14,}" for rows in options.rows) + f"{'state':>14}   ratio")
    missed = False
    for name, make in OPTIMIZERS.items():
        found, state = {}, 0.0
        for rows in options.rows:
            found[rows], state = measured(make, rows, options.seconds)
            gc.collect()
        ratio = found[last] / found[first]
        shown = "".join(f"{found[rows]:>11.2f} ms" for rows in options.rows)
        print(f"{name:16}{shown}{state:>11,.0f} MB{ratio:>8.2f}", flush=True)
        missed |= name in ("LazyAdam", "RowWiseAdagrad") and ratio > CLAIMED
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
