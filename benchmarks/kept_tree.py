"""What an index of ScaNN costs that keeps its tree, beside one that is built anew.

    python benchmarks/kept_tree.py  # 200,000 items; two minutes on two cores

A thousand items come, a thousand go and a thousand move. Both indexes are asked the same requests.
The exit code is 1 where keeping the tree is not ten times as fast, or its recall is .01 less.
"""

import argparse
import sys
import time

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval.exact import exact_search
from tfrec_recall.retrieval.scann_changes import changed_parts
from tfrec_recall.retrieval.scann_searcher import ScannSearcher

DIM, K, CHANGES, REQUESTS = 64, 100, 1_000, 500
FASTER, LESS = 10, 0.01


def drawn(generator: np.random.Generator, count: int) -> np.ndarray:
    """Vectors around 300 centres, as trained ones have them."""
    centres = np.random.default_rng(0).normal(size=(300, DIM))
    near = centres[generator.integers(0, 300, count)]
    return (near + generator.normal(size=(count, DIM))).astype("float32")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=200_000)
    items = parser.parse_args().items
    generator = np.random.default_rng(1)
    before, leaves = drawn(generator, items), round(2 * items**0.5)
    parts = {name: part.numpy() for name, part in ScannSearcher(before, leaves).parts.items()}
    now = np.concatenate([before[CHANGES:], drawn(generator, CHANGES)])
    now[:CHANGES] = drawn(generator, CHANGES)
    source = np.concatenate([np.arange(CHANGES, items), np.full(CHANGES, -1)])
    source[:CHANGES] = -1

    started = time.perf_counter()
    kept = ScannSearcher.of_parts(changed_parts(parts, now, source), leaves)
    seconds = [time.perf_counter() - started]
    started = time.perf_counter()
    built = ScannSearcher(now, leaves)
    seconds.append(time.perf_counter() - started)

    requests = tf.constant(drawn(generator, REQUESTS))
    truth = exact_search(tf.constant(now), requests[:, tf.newaxis], K)[0].numpy()
    recalls = []
    for searcher in (kept, built):
        rows, _ = searcher.candidates(requests, K, 3 * K, leaves // 10)
        both = zip(rows.numpy(), truth, strict=True)
        recalls.append(np.mean([len({*one} & {*other}) / K for one, other in both]))
    for name, took, recall in zip(("kept", "built anew"), seconds, recalls, strict=True):
        print(f"{name:>10}: {took:.2f} s, recall {recall:.4f}")
    ratio = seconds[1] / seconds[0]
    print(f"ratio of times {ratio:.1f}, of recalls {recalls[0] / recalls[1]:.4f}")
    return int(ratio < FASTER or recalls[0] < recalls[1] - LESS)


if __name__ == "__main__":
    sys.exit(main())
