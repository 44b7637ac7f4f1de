"""Claim: an epoch of NeuralCF on 994,169 pairs takes minutes; and what a shortlist loses.

    python benchmarks/neural_cf.py [--dim 64]       # the epoch, by 640 of its steps
    python benchmarks/neural_cf.py --shortlist          # trains on MovieLens-100k, then asks

1. As many pairs, users and items as in the paper's MovieLens-1M, simulated; the paper's training: 4
   negatives for each pair, batches of 256 with the negatives. Exits 1 when an epoch would take more
   than 10 minutes.
2. Recall@50 of all items scored by the whole model, beside shortlists that the product's vectors
   propose; and the hit rate and NDCG at 10 among the first target and 99 unmet items, drawn anew.
   With `--apart 0` the branches learn as one, and the product alone is not trained to rank.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions, Split, datasets, standard
from tfrec_recall.evaluation import evaluate
from tfrec_recall.models import NeuralCF  # before TensorFlow, which it keeps quiet

import tensorflow as tf  # isort: skip

PAIRS, USERS, ITEMS = 994_169, 6_040, 3_706
BATCH, STEPS = 256, 640
PAPER = {"negatives": 4, "apart": 0.0, "l2": 0.0, "weight_half_life": None, "half_life": None}
CLAIM = 600  # seconds an epoch
EPOCHS, SHORTLISTS = 10, (50, 100, 200, 400)  # epochs by validation


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shortlist", action="store_true")
    parser.add_argument("--on", choices=("validation", "test"), default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--apart", type=float, default=1.0, help="of the model with shortlists")
    parser.add_argument("--dim", type=int, default=8, help="of the model that is timed")
    arguments = parser.parse_args()
    if arguments.shortlist:
        split = standard(datasets.load("movielens-100k"))
        shortlists(split, arguments.on, arguments.seed, arguments.apart)
        return 0
    return int(epoch(arguments.dim) > CLAIM)


def epoch(dim: int) -> float:
    random = np.random.default_rng(0)
    pairs = random.permutation(np.unique(random.integers(USERS * ITEMS, size=1_060_000)))[:PAIRS]
    events = pd.DataFrame({"user_id": pairs // ITEMS, "item_id": pairs % ITEMS})
    settings = {**PAPER, "dim": dim}
    model, batches = built(Interactions(events), settings, rate=1e-3, batch=BATCH)
    model.fit(batches.take(64), verbose=0)  # traces
    begin, used = time.perf_counter(), time.process_time()
    model.fit(batches.take(STEPS), verbose=0)
    step = (time.perf_counter() - begin) / STEPS
    used = (time.process_time() - used) / STEPS
    seconds = step * np.ceil(PAIRS / (BATCH // 5))
    print(
        f"{1e3 * step:.2f} ms a step ({1e3 * used:.2f} ms of processors), {seconds:.0f} s an epoch "
        f"(claim: at most {CLAIM}), {BATCH / step:,.0f} examples a second"
    )
    return seconds


def built(train: Interactions, settings: dict, rate: float, batch: int, seed: int = 0):
    tf.keras.utils.set_random_seed(seed)
    model = NeuralCF(NeuralCF.default_features(train).adapt(train), **settings)
    adam = tf.keras.optimizers.Adam(rate)
    steps = model.recommended_steps
    model.compile(adam, jit_compile=model.xla_knows_steps, steps_per_execution=steps)
    return model, model.training_data(train, batch_size=batch, seed=seed)


def shortlists(split: Split, on: str, seed: int, apart: float) -> None:
    model, batches = built(split.train, {"apart": apart}, rate=2e-3, batch=1024, seed=seed)
    model.fit(batches, epochs=EPOCHS, verbose=0)
    items = split.interactions.items
    for length in (None, *SHORTLISTS):
        model.shortlist = length
        retriever = model.retriever(items, k=50)
        evaluate(retriever, split, on=on, cuts=(50,), lists=False)  # traces
        begin = time.perf_counter()
        found = evaluate(retriever, split, on=on, cuts=(50,), lists=False).metrics["recall@50"]
        seconds = time.perf_counter() - begin
        said = "all items" if length is None else f"a shortlist of {length}"
        print(f"{said:18} recall@50 {found:.4f}, {seconds:.2f} s for all users", flush=True)
    model.shortlist = None
    found = sampled(model, split, on, seed)
    print(f"among 100: hit rate@10 {found['hit_rate@10']:.4f}, NDCG@10 {found['ndcg@10']:.4f}")


def sampled(model: NeuralCF, split: Split, on: str, seed: int) -> dict[str, float]:
    """Among the user's first target and 99 items of no event of the user's."""
    import dataclasses

    part = split.part(on)
    targets = part.targets.drop_duplicates("user_id")
    events = split.interactions.events
    met = events.groupby("user_id")["item_id"].agg(set)
    catalogue = split.interactions.items["item_id"].to_numpy()
    random = np.random.default_rng(seed)
    rows = []
    for user, item in targets[["user_id", "item_id"]].itertuples(index=False):
        others = [other for other in random.permutation(catalogue) if other not in met[user]]
        rows += [(user, candidate) for candidate in [item, *others[:99]]]
    candidates = pd.DataFrame(rows, columns=["user_id", "item_id"])
    asked = dataclasses.replace(split, **{on: dataclasses.replace(part, targets=targets)})
    retriever = model.retriever(split.interactions.items, k=100)
    report = evaluate(retriever, asked, on=on, cuts=(10,), k=100, candidates=candidates)
    return report.metrics


if __name__ == "__main__":
    sys.exit(main())
