"""The claim: lists for everybody, read from Parquet and written to it, take at most a ninth longer
than the search alone, 100,000 items of 64 numbers.

    python benchmarks/batch.py
    python benchmarks/batch.py --users 40000 --scann
"""

import argparse
import pathlib
import sys
import tempfile
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_recall.export import export, load
from tfrec_recall.operations import Recommendations, UsersOfFile, answer_all
from tfrec_recall.retrieval import EmbeddingRetriever, Exact, HistoryMean, ScaNN

CLAIM = 0.9
ITEMS, DIM, HISTORY, K, BATCH = 100_000, 64, 20, 100, 512


def exported(folder, scann):
    generator = np.random.default_rng(0)
    ids = np.array([f"item {row}" for row in range(ITEMS)], dtype=object)
    centres = generator.normal(size=(1_000, DIM))
    vectors = centres[generator.integers(len(centres), size=ITEMS)]
    vectors = (vectors + 0.5 * generator.normal(size=vectors.shape)).astype("float32")
    index = ScaNN(0.9, leaves=300, leaves_to_search=30, reorder=300) if scann else Exact()
    return load(
        export(EmbeddingRetriever(HistoryMean(ids, vectors), ids, vectors, index, k=K), folder)
    )


def users_file(path, users):
    generator = np.random.default_rng(1)
    rows = generator.integers(ITEMS, size=users * HISTORY)
    items = pa.array([f"item {row}" for row in rows])
    history = pa.ListArray.from_arrays(np.arange(0, len(rows) + 1, HISTORY, dtype="int32"), items)
    pq.write_table(pa.table({"user_id": np.arange(users), "history": history}), path)
    return path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=40_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scann", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        retriever = exported(place / "export", options.scann)
        requests = UsersOfFile(users_file(place / "users.parquet", options.users), retriever)
        (part,) = requests.parts(options.users)
        asked = [
            part.batch(np.arange(first, min(first + BATCH, options.users)))
            for first in range(0, options.users, BATCH)
        ]
        bare, batch = [], []
        for number in range(options.repeats):
            started = time.perf_counter()
            for features, exclude in asked:
                retriever(features, k=K, exclude=exclude)
            bare.append(time.perf_counter() - started)
            started = time.perf_counter()
            answer_all(retriever, requests, place / f"recs {number}", Recommendations(K), BATCH)
            batch.append(time.perf_counter() - started)
    ratio = min(bare) / min(batch)
    kind = "ScaNN" if options.scann else "exact"
    print(
        f"{kind}: {options.users / min(bare):,.0f} users a second searched, "
        f"{options.users / min(batch):,.0f} from Parquet to Parquet: {ratio:.2f} of the speed "
        f"(claim: at least {CLAIM})"
    )
    return 0 if ratio >= CLAIM else 1


if __name__ == "__main__":
    sys.exit(main())
