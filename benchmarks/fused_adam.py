"""Claim: where a step moves whole tables, FusedAdam takes at most two thirds of Keras' Adam's time.

    python benchmarks/fused_adam.py     # a minute

Tables as models have them between 32,768 items, up to which XLA compiles steps, and the size from
which `LazyAdam` moves the rows of a batch alone; a batch of 1,024 histories of 50 looks up half of
the rows. The numbers are those of the process's CPU seconds, which other work does not lengthen, a
step, of the best of three rounds in turns; those of the wall stand beside. Exits with 1 where the
ratio of CPU seconds is above two thirds.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import tensorflow as tf

import tfrec_recall  # noqa: F401  chooses the Keras
from tfrec_recall.optimizers import FusedAdam

CLAIMED = 2 / 3
LOOKED_UP, STEPS, ROUNDS = 1024 * 51, 10, 3
SIZES = ((33_000, 64), (41_000, 64), (41_000, 256), (100_000, 64))
OPTIMIZERS = {"Keras' Adam": tf.keras.optimizers.Adam, "FusedAdam": FusedAdam}


def step_of(make, rows: int, dim: int):
    table = tf.Variable(tf.random.normal([rows, dim]))
    optimizer = make(0.001)
    optimizer.build([table])
    draw = np.random.default_rng(0)
    places = tf.constant((rows * draw.random(LOOKED_UP) ** 2).astype("int32"))
    gradient = tf.random.normal([LOOKED_UP, dim])

    @tf.function
    def step():
        slices = tf.IndexedSlices(gradient, places, tf.constant([rows, dim]))
        optimizer.apply_gradients([(slices, table)])

    for _ in range(2):
        step()
    return step


def measured(step) -> tuple[float, float]:
    """Milliseconds of a step, of the CPU and by the wall."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(STEPS):
        step()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return 1000 * cpu / STEPS, 1000 * wall / STEPS


def main() -> int:
    print("  rows  numbers   Keras' Adam: CPU, wall    FusedAdam: CPU, wall   ratio of CPU, wall")
    missed = False
    for rows, dim in SIZES:
        steps = {name: step_of(make, rows, dim) for name, make in OPTIMIZERS.items()}
        rounds = [{name: measured(step) for name, step in steps.items()} for _ in range(ROUNDS)]
        keras, fused = (np.min([one[name] for one in rounds], axis=0) for name in OPTIMIZERS)
        ratio = fused / keras
        missed |= bool(ratio[0] > CLAIMED)
        print(
            f"{rows:7,} {dim:6}   {keras[0]:10.1f} {keras[1]:8.1f} ms   {fused[0]:10.1f} "
            f"{fused[1]:8.1f} ms   {ratio[0]:9.2f} {ratio[1]:5.2f}",
            flush=True,
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
