"""Claim: ItemCF finds neighbours and recommends to all users at least as fast as implicit.

    python -m venv /tmp/implicit && /tmp/implicit/bin/pip install implicit==0.7.2
    python benchmarks/item_cf.py --peer /tmp/implicit/bin/python             # some minutes
    python benchmarks/item_cf.py --peer /tmp/implicit/bin/python --events 1_000_000
    python benchmarks/item_cf.py --events 1_000_000           # without the peer, nothing is claimed

On MovieLens-100k and on 10 million simulated events: both read the same pairs of user and item,
keep as many neighbours an item, and list 10 new items to every user from the whole history, on two
threads. Time and the growth of memory (Linux) run from the pairs to the last list, without the
imports. ItemCF's neighbours are plain cosines, as those of CosineRecommender, without which the
lists would not be the same; its lists are those of `recommend_all`, which a test holds to the
served graph's. The claim is for the large size: exits 1 when the speed is below 1.0 times that of
the faster peer, or the memory above 1.5 times that of the leaner one. On MovieLens-100k what
TensorFlow needs at any size counts for more than the work.

A second row is ItemCF by its defaults, on the same pairs with their times: nearness in time, a
half-life, and 200 neighbours. The peers know nothing of times, so that it is no claim.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

NEIGHBOURS, K = 100, 10
PLAIN, DEFAULT = "ItemCF, cosines", "ItemCF, defaults"
LARGE = 10_000_000
CLAIMED_SPEED, CLAIMED_MEMORY = 1.0, 1.5

CLOCK = """
import json, re, sys, time
import numpy as np

def megabytes(what):
    return int(re.search(what + r":\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024

def start():  # the peak counts from here
    open("/proc/self/clear_refs", "w").write("5")
    return megabytes("VmRSS"), time.perf_counter()

def tell(memory, begin, fitted, end):
    memory = megabytes("VmHWM") - memory
    print(json.dumps({"fit": fitted - begin, "recommend": end - fitted, "memory": memory}))

pairs = np.load(sys.argv[1])
user, item, timestamp = pairs["user"], pairs["item"], pairs["timestamp"]
"""

PEER = f"""{CLOCK}
import scipy.sparse as sp
from implicit import nearest_neighbours

recommender = getattr(nearest_neighbours, sys.argv[2])
memory, begin = start()
matrix = sp.csr_matrix((np.ones(len(user), "float32"), (user, item)))
model = recommender(K={NEIGHBOURS} + 1, num_threads=2)  # implicit counts the item itself
model.fit(matrix, show_progress=False)
fitted = time.perf_counter()
ids, _ = model.recommend(np.arange(matrix.shape[0]), matrix, N={K})
end = time.perf_counter()
np.save(sys.argv[3], ids)
tell(memory, begin, fitted, end)
"""

OURS = f"""{CLOCK}
import pandas as pd
from tfrec_recall.data import Interactions
from tfrec_recall.models import ItemCF

memory, begin = start()
columns = {{"user_id": user, "item_id": item}}
plain = {{"neighbours": {NEIGHBOURS}, "alpha": 0.5, "active_penalty": False}}
if sys.argv[3] == "{DEFAULT}":
    columns["timestamp"], plain = timestamp, {{}}
events = Interactions(pd.DataFrame(columns))
del columns
features = ItemCF.default_features(events).adapt(events)
model = ItemCF(features, **plain)
model.fit(events)
fitted = time.perf_counter()
users, ids, _ = model.retriever(events.items, k={K}).recommend_all(events)
end = time.perf_counter()
np.save(sys.argv[2], ids[np.argsort(users)])
tell(memory, begin, fitted, end)
"""


def pairs_of(name: str, events: int) -> dict[str, np.ndarray]:
    """Users and items by number from 0, each pair once, at its first time, users side by side."""
    from tfrec_recall.data import datasets

    if name == "simulated":
        table = datasets.load(name, events=events, items=20_000).events
    else:
        table = datasets.load(name).events
    codes = [np.unique(table[column], return_inverse=True)[1] for column in ("user_id", "item_id")]
    time = table["timestamp"].to_numpy()
    order = np.lexsort((time, codes[1], codes[0]))
    user, item = (code[order].astype("int64") for code in codes)
    first = np.append(True, (user[1:] != user[:-1]) | (item[1:] != item[:-1]))
    return {"user": user[first], "item": item[first], "timestamp": time[order][first]}


def run(python: str, program: str, *arguments: str) -> dict[str, float]:
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [python, "-c", program, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def compare(name: str, events: int, peer: str | None) -> bool:
    """Prints what each takes; whether the claim holds, of a peer that is there."""
    pairs = pairs_of(name, events)
    user, item = pairs["user"], pairs["item"]
    print(f"{name}: {len(user):,} pairs, {user.max() + 1:,} users, {item.max() + 1:,} items")
    with tempfile.TemporaryDirectory() as folder:
        data, theirs, ours = (str(Path(folder, file)) for file in ("d.npz", "a.npy", "b.npy"))
        np.savez(data, **pairs)
        results = {way: run(sys.executable, OURS, data, ours, way) for way in (DEFAULT, PLAIN)}
        peers = ("BM25Recommender", "CosineRecommender") if peer else ()
        for recommender in peers:
            results[recommender] = run(str(peer), PEER, data, recommender, theirs)
        lists = (np.load(ours), np.load(theirs)) if peers else ()  # both by the cosine
    for label, found in results.items():
        print(
            f"  {label:18} fit {found['fit']:7.2f} s, recommend {found['recommend']:7.2f} s, "
            f"memory {found['memory']:7.0f} MB",
            flush=True,
        )
    if not peers:
        return True
    same = np.mean([len(np.intersect1d(a, b)) / K for a, b in zip(*lists, strict=True)])
    print(f"  the lists of the cosines share {same:.1%}")
    seconds = {label: found["fit"] + found["recommend"] for label, found in results.items()}
    memory = {label: found["memory"] for label, found in results.items()}
    holds = True
    for way in (DEFAULT, PLAIN):
        speed = min(seconds[name] for name in peers) / seconds[way]
        more = memory[way] / min(memory[name] for name in peers)
        print(f"  {way:18} speed {speed:.2f}, memory {more:.2f} of implicit's")
        holds = speed >= CLAIMED_SPEED and more <= CLAIMED_MEMORY
    return holds  # of the plain one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", help="a Python that has implicit 0.7; without, no claim is made")
    parser.add_argument("--events", type=int, default=LARGE, help="simulated")
    arguments = parser.parse_args()
    compare("movielens-100k", 0, arguments.peer)
    holds = compare("simulated", arguments.events, arguments.peer)
    if arguments.peer:
        print("holds" if holds else "does not hold")
    sys.exit(not holds)


if __name__ == "__main__":
    main()
