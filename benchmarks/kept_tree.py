"""What an index of ScaNN costs that keeps its tree, beside one that is built anew.

    python benchmarks/kept_tree.py  # 200,000 items; two minutes on two cores
    python benchmarks/kept_tree.py --items 20000 --shares 0.01 0.05 0.1 0.2 0.4

Half of a share of the items come, as many go, and as many move. Both indexes are asked the same
requests. The exit code is 1 where keeping the tree is not ten times as fast at the first share, or
its recall is .01 less at any. The tree is kept up to a share of .2 (`operations.kept_tree.ANEW`).
"""

import argparse
import sys
import time

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval.exact import exact_search
from tfrec_recall.retrieval.scann_changes import changed_parts
from tfrec_recall.retrieval.scann_searcher import ScannSearcher

DIM, K, REQUESTS = 64, 100, 500
FASTER, LESS = 10, 0.01


def drawn(generator: np.random.Generator, count: int) -> np.ndarray:
    """Vectors around 300 centres, as trained ones have them."""
    centres = np.random.default_rng(0).normal(size=(300, DIM))
    near = centres[generator.integers(0, 300, count)]
    return (near + generator.normal(size=(count, DIM))).astype("float32")


def compared(before: np.ndarray, parts: dict, leaves: int, share: float) -> tuple[float, float]:
    """How many times as long building anew takes, and the recall of the kept tree less the other's.

    Args:
        before: the vectors that the tree with these parts is of.
        share: of the items that are new or have moved.
    """
    items, changes = len(before), round(share * len(before) / 2)
    generator = np.random.default_rng(1)
    now = np.concatenate([before[changes:], drawn(generator, changes)])
    now[:changes] = drawn(generator, changes)
    source = np.concatenate([np.arange(changes, items), np.full(changes, -1)])
    source[:changes] = -1

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
    print(
        f"{share:5.3f} new or moved: kept in {seconds[0]:.2f} s, recall {recalls[0]:.4f}; built "
        f"anew in {seconds[1]:.2f} s, recall {recalls[1]:.4f}; {seconds[1] / seconds[0]:.1f} times",
        flush=True,
    )
    return seconds[1] / seconds[0], recalls[0] - recalls[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01], help="from 0 to 1")
    options = parser.parse_args()
    before = drawn(np.random.default_rng(2), options.items)
    leaves = round(2 * options.items**0.5)
    parts = {name: part.numpy() for name, part in ScannSearcher(before, leaves).parts.items()}
    found = [compared(before, parts, leaves, share) for share in options.shares]
    return int(found[0][0] < FASTER or min(less for _, less in found) < -LESS)


if __name__ == "__main__":
    sys.exit(main())
