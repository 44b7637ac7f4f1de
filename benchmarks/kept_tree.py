"""What an index of ScaNN costs that keeps its tree, beside one that is built anew.

    python benchmarks/kept_tree.py  # 200,000 items; two minutes on two cores
    python benchmarks/kept_tree.py --items 20000 --shares 0.01 0.05 0.1 0.2 0.4 0.8
    python benchmarks/kept_tree.py --items 20000 --shares 0.2 0.8 --unlike

Half of a share of the items come, as many go, and as many move. Both indexes are asked the same
requests. The exit code is 1 where keeping the tree is not ten times as fast at the first share, or
its recall is .01 less at any. The tree is kept up to a share of .8 (`operations.kept_tree.ANEW`),
while searches cost little more in it: where items come that are like few others (--unlike), its
leaves get fuller, which is printed beside the time of a search.
"""

import argparse
import sys
import time

import numpy as np
import tensorflow as tf

from tfrec_recall.operations.kept_tree import share_of_leaf
from tfrec_recall.retrieval.exact import exact_search
from tfrec_recall.retrieval.scann_changes import changed_parts
from tfrec_recall.retrieval.scann_searcher import ScannSearcher

DIM, K, REQUESTS = 64, 100, 500
FASTER, LESS = 10, 0.01


def drawn(generator: np.random.Generator, count: int, around: int = 300) -> np.ndarray:
    """Vectors around 300 centres, as trained ones have them, or so many of these."""
    centres = np.random.default_rng(0).normal(size=(300, DIM))
    near = centres[generator.integers(0, around, count)]
    return (near + generator.normal(size=(count, DIM))).astype("float32")


def compared(
    before: np.ndarray, parts: dict, leaves: int, share: float, around: int
) -> tuple[float, float]:
    """How many times as long building anew takes, and the recall of the kept tree less the other's.

    Args:
        before: the vectors that the tree with these parts is of.
        share: of the items that are new or have moved.
        around: so many centres.
    """
    items, changes = len(before), round(share * len(before) / 2)
    generator = np.random.default_rng(1)
    now = np.concatenate([before[changes:], drawn(generator, changes, around)])
    now[:changes] = drawn(generator, changes, around)
    source = np.concatenate([np.arange(changes, items), np.full(changes, -1)])
    source[:changes] = -1

    started = time.perf_counter()
    changed = changed_parts(parts, now, source)
    kept = ScannSearcher.of_parts(changed, leaves)
    seconds = [time.perf_counter() - started]
    started = time.perf_counter()
    built = ScannSearcher(now, leaves)
    seconds.append(time.perf_counter() - started)

    requests = tf.constant(drawn(generator, REQUESTS, around))
    truth = exact_search(tf.constant(now), requests[:, tf.newaxis], K)[0].numpy()
    recalls, took = [], []
    for searcher in (kept, built):
        for _ in range(6):
            started = time.perf_counter()
            rows, _ = searcher.candidates(requests, K, 3 * K, leaves // 10)
            took.append(1e6 * (time.perf_counter() - started) / REQUESTS)
        both = zip(rows.numpy(), truth, strict=True)
        recalls.append(np.mean([len({*one} & {*other}) / K for one, other in both]))
    fuller = share_of_leaf(changed) / share_of_leaf(parts)
    print(
        f"{share:5.3f} new or moved: kept in {seconds[0]:.2f} s, recall {recalls[0]:.4f}; built "
        f"anew in {seconds[1]:.2f} s, recall {recalls[1]:.4f}: {seconds[1] / seconds[0]:.1f} x. "
        f"Leaves {fuller:.2f} x as full, queries {min(took[:6]):.0f} and {min(took[6:]):.0f} us",
        flush=True,
    )
    return seconds[1] / seconds[0], recalls[0] - recalls[1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=200_000)
    parser.add_argument("--shares", type=float, nargs="+", default=[0.01], help="from 0 to 1")
    parser.add_argument("--unlike", action="store_true", help="new items are around 10 centres")
    options = parser.parse_args()
    around = 10 if options.unlike else 300
    before = drawn(np.random.default_rng(2), options.items)
    leaves = round(2 * options.items**0.5)
    parts = {name: part.numpy() for name, part in ScannSearcher(before, leaves).parts.items()}
    found = [compared(before, parts, leaves, share, around) for share in options.shares]
    return int(found[0][0] < FASTER or min(less for _, less in found) < -LESS)


if __name__ == "__main__":
    sys.exit(main())
