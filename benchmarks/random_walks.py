"""Claim: walks are at least as fast as pecanpy's, and a graph is built in little memory.

    python -m venv /tmp/pecanpy && /tmp/pecanpy/bin/pip install pecanpy==2.0.9
    python benchmarks/random_walks.py --peer /tmp/pecanpy/bin/python
    python benchmarks/random_walks.py                            # the memory alone

1. The item graph of 10 million simulated events is built in a fresh process. Its memory at the
   peak, beyond that of the events, is at most 10 times an edge list with two 32-bit ids an edge.
2. First-order weighted walks over that graph, 40 steps, ten from each node, on two threads. The
   peer is pecanpy's `PreCompFirstOrder`, compiled by numba and warm, and only its loop over steps
   is timed, not the preparation of tables, nor the lists of strings that it returns. Steps a second
   of the best of five, ours at least 1.0 times the peer's.

Exits with 1 if either does not hold. Linux only: the peak is the kernel's own figure.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

EVENTS, WALKS, LENGTH, RUNS, THREADS = 10_000_000, 10, 40, 5, 2
CLAIMED_SPEED, CLAIMED_MEMORY = 1.0, 10
EDGE = 8  # bytes: two 32-bit ids

PEER = f"""
import json, sys, time, contextlib
import numpy as np
from pecanpy.pecanpy import PreCompFirstOrder, ProgressBar

graph = PreCompFirstOrder(p=1, q=1, workers={THREADS}, verbose=False, random_state=0)
graph.read_npz(sys.argv[1], weighted=True)
begin = time.perf_counter()
graph.preprocess_transition_probs()
prepared = time.perf_counter() - begin
onwards, has = graph.get_move_forward(), graph.get_has_nbrs()
starts = np.tile(np.arange(graph.num_nodes, dtype=np.uint32), {WALKS})
np.random.default_rng(0).shuffle(starts)
seconds = []
for run in range({RUNS} + 1):
    with ProgressBar(total=len(starts), disable=True) as progress:
        begin = time.perf_counter()
        walks = graph._random_walks(len(starts), {LENGTH}, 0, starts, has, onwards, progress)
        seconds.append(time.perf_counter() - begin)
steps = int((walks[:, -1].astype("int64") - 1).sum())
begin = time.perf_counter()
graph.simulate_walks({WALKS}, {LENGTH})
whole = time.perf_counter() - begin
json.dump({{"steps": steps, "seconds": min(seconds[1:]), "prepared": prepared, "whole": whole}},
          open(sys.argv[2], "w"))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", help="a Python that has pecanpy 2.0.9")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--build", type=pathlib.Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.build:
        build(arguments.build)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        in_a_fresh_process(["-c", SIMULATE, str(arguments.events), str(folder)])
        in_a_fresh_process([__file__, "--build", str(folder)])
        built = json.loads((folder / "built.json").read_text())
        multiple = built["peak"] / (EDGE * built["pairs"])
        print(
            f"graph of {arguments.events:,} events in {built['seconds']:.1f} s: "
            f"{built['pairs']:,} pairs, {built['edges']:,} edges, {built['items']:,} items"
        )
        print(
            f"  peak {built['peak'] / 1e6:,.0f} MB, {multiple:.1f} times the edge list "
            f"(claim: at most {CLAIMED_MEMORY})"
        )
        fine = multiple <= CLAIMED_MEMORY
        if arguments.peer:
            fine &= walks(folder, arguments.peer) >= CLAIMED_SPEED
    return int(not fine)


SIMULATE = """
import sys
import numpy as np
from tfrec_recall.data import datasets, Vocabulary
from tfrec_recall.data.sequences import sequences
data = datasets.load("simulated", events=int(sys.argv[1]))
events, session = sequences(data, by_session=True)
codes = Vocabulary.build(events["item_id"]).encode(events["item_id"])
codes.astype("int32").tofile(sys.argv[2] + "/item")
session.astype("int64").tofile(sys.argv[2] + "/session")
"""


def in_a_fresh_process(arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], check=True)


def build(folder: pathlib.Path) -> None:
    """Builds the graph in this process, and writes it and what it took to the folder."""
    from tfrec_recall.graph import item_graph

    item, session = np.fromfile(folder / "item", "int32"), np.fromfile(folder / "session", "int64")
    items = int(item.max()) + 1
    item_graph(item[:1000], session[:1000], items)  # what is loaded late is loaded now
    before, begin = peak_bytes(), time.perf_counter()
    graph = item_graph(item, session, items)
    figures = {
        "seconds": time.perf_counter() - begin,
        "peak": peak_bytes() - before,
        "pairs": int(graph.data.astype("int64").sum()),
        "edges": int(graph.nnz),
        "items": items,
    }
    (folder / "built.json").write_text(json.dumps(figures))
    np.savez(
        folder / "graph.npz",
        IDs=np.arange(items).astype(str),
        data=graph.data,
        indices=graph.indices.astype("uint32"),
        indptr=graph.indptr.astype("uint32"),
    )


def peak_bytes() -> int:
    with open("/proc/self/status") as lines:
        status = dict(line.split(":") for line in lines)
    return int(status["VmHWM"].removesuffix("kB\n")) * 1024


def walks(folder: pathlib.Path, peer: str) -> float:
    """Steps a second, ours over the peer's."""
    import scipy.sparse as sp

    from tfrec_recall.graph import RandomWalks

    stored = np.load(folder / "graph.npz")
    items = len(stored["IDs"])
    graph = sp.csr_array(
        (stored["data"], stored["indices"].astype("int32"), stored["indptr"].astype("int32")),
        shape=(items, items),
    )
    begin = time.perf_counter()
    walker = RandomWalks(graph, threads=THREADS)
    prepared = time.perf_counter() - begin
    starts = np.tile(np.arange(items), WALKS)
    np.random.default_rng(0).shuffle(starts)
    seconds = []
    for run in range(RUNS + 1):
        begin = time.perf_counter()
        found = walker.walk(starts, LENGTH, seed=run)
        seconds.append(time.perf_counter() - begin)
    ours = np.count_nonzero(found[:, 1:] >= 0) / min(seconds[1:])

    program = folder / "peer.py"
    program.write_text(PEER)
    environment = {**os.environ, "NUMBA_NUM_THREADS": str(THREADS)}
    environment.pop("PYTHONPATH", None)
    result = folder / "peer.json"
    subprocess.run([peer, program, folder / "graph.npz", result], check=True, env=environment)
    theirs = json.loads(result.read_text())
    rate = theirs["steps"] / theirs["seconds"]
    print(f"RandomWalks    {ours / 1e6:6.1f} million steps a second, tables in {prepared:.2f} s")
    print(
        f"pecanpy 2.0.9  {rate / 1e6:6.1f} million steps a second, tables in "
        f"{theirs['prepared']:.2f} s (compilation included); "
        f"{theirs['steps'] / theirs['whole'] / 1e6:.1f} for simulate_walks as it is called"
    )
    print(f"  ratio {ours / rate:.2f} (claim: at least {CLAIMED_SPEED})")
    return ours / rate


if __name__ == "__main__":
    sys.exit(main())
