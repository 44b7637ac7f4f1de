"""Claim: where most histories are short, a step of SDM costs half of one over the widest at most.

    python benchmarks/short_histories.py             # two minutes
    python benchmarks/short_histories.py --core 0    # of one processor

A simulated marketplace of 300,000 clicks, of which its first half is learnt: users have 11 events
in the mean, and the longest histories are as long as SDM reads, 100. The same steps are taken
with the batches as they are, by which short histories are gone through apart from long ones, and
without what says how long each is: all are as wide as the batch's longest then. Seconds are of
the processor (`process_time`), the least of several rounds in turn. Exits 1 when the claim fails.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import tensorflow as tf

from tfrec_recall.data import Interactions, datasets
from tfrec_recall.models import SDM

CLAIMED = 0.5
STEPS, ROUNDS = 8, 3


def marketplace() -> Interactions:
    """What is known of it after 30 days."""
    log = datasets.load(
        "simulated", events=300_000, items=3_000, days=60, new_items=0.5, event_types=["click"],
        seed=0,
    )  # fmt: skip
    events = log.events[log.events["timestamp"] < log.events["timestamp"].min() + 30 * 86_400]
    users = log.users[log.users["user_id"].isin(events["user_id"])]
    items = log.items[log.items["item_id"].isin(events["item_id"])]
    return Interactions(events.reset_index(drop=True), users, items, mend_ids=False)


def at_once(batch: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    return {name: values for name, values in batch.items() if name != "pass_events"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--core", type=int, help="the one processor to run on")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    train = marketplace()
    features = SDM.default_features(train).adapt(train)
    learners = {}
    for way in ("apart", "at once"):
        model = SDM(features)
        model.compile(model.optimizer_class(0.003), jit_compile=model.can_compile)
        batches = model.training_data(train, seed=0).take(STEPS)
        batches = (batches if way == "apart" else batches.map(at_once)).cache()
        model.fit(batches, verbose=0)  # traced, and the batches made
        learners[way] = model, batches
    seconds = dict.fromkeys(learners, float("inf"))
    for _ in range(ROUNDS):
        for way, (model, batches) in learners.items():
            begin = time.process_time()
            model.fit(batches, verbose=0)
            seconds[way] = min(seconds[way], (time.process_time() - begin) / STEPS)
    for way, took in seconds.items():
        print(f"{way}: {1000 * took:.0f} ms a step")
    ratio = seconds["apart"] / seconds["at once"]
    print(f"apart over at once: {ratio:.2f} (claimed: {CLAIMED})")
    return int(ratio > CLAIMED)


if __name__ == "__main__":
    sys.exit(main())
