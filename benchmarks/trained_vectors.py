"""Vectors of a trained model for `index.py`: a million items, and 2,048 users.

    python benchmarks/trained_vectors.py vectors       # ten minutes, 8 GB
    python benchmarks/index.py --trained vectors

TwoTower learns from a simulated market of 192 categories in 48 topics: ids, categories, brands,
shops and markets of items, histories of 20 and the countries of users. Writes `items.npy`,
`queries.npy` (what users are by their whole histories), and `items.parquet`, the items' attributes
in the order of their vectors.
"""

import argparse
import pathlib
import time

import numpy as np
import tensorflow as tf

from tfrec_recall.data.datasets.simulated import simulate
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import TwoTower
from tfrec_recall.operations import EveryUser
from tfrec_recall.retrieval import Exact

USERS, DIM, BATCH = 2048, 64, 1024
MARKET = {"topics": 48, "popularity": 0.5, "new_items": 0.0, "fresh": 0.0, "days": 365}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()

    data = simulate(options.events, items=options.items, **MARKET).interactions
    print(
        f"{data.events['item_id'].nunique():,} of {len(data.items):,} items have events of theirs"
    )
    known = [Categorical(name) for name in ("item_id", "category", "brand", "shop", "market")]
    features = Features([Categorical("country"), History(length=20)], known).adapt(data)
    model = TwoTower(features, dim=DIM, temperature=0.1)
    batches = model.training_data(data, batch_size=BATCH)
    model.compile(
        model.optimizer_class(0.005),
        jit_compile=model.can_compile,
        steps_per_execution=model.recommended_steps,
    )
    begin = time.perf_counter()
    model.fit(batches, epochs=1, verbose=2)
    print(f"learnt in {time.perf_counter() - begin:.0f} s")

    retriever = model.retriever(data.items, index=Exact())
    users = next(EveryUser(data, retriever.inputs).parts(USERS))
    queries = retriever.embed_query(users.batch(np.arange(len(users.ids)))[0]).numpy()
    vectors = retriever.known_vectors(tf.constant(retriever.item_ids)).numpy()
    options.folder.mkdir(exist_ok=True)
    np.save(options.folder / "items.npy", vectors)
    np.save(options.folder / "queries.npy", queries)
    table = data.items.set_index("item_id").loc[retriever.item_ids].reset_index()
    table.to_parquet(options.folder / "items.parquet")


if __name__ == "__main__":
    main()
