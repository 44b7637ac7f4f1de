"""What a call holds stays within its limit, and does not grow with what it goes through in blocks.

    python benchmarks/memory.py              # a minute

Each row runs in a process of its own, at two sizes: the peak of resident memory beyond the start
of the call, and seconds. Exits with 1 if a row holds more than its limit at either size.
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

MIB = 2**20


def triggers(size: int) -> Callable[[], object]:
    """128 users, each with `size` triggers, among 200,000 items."""
    from tfrec_recall.retrieval import TriggerRetriever

    random = np.random.default_rng(0)
    ids = np.arange(200_000)
    vectors = random.normal(size=(len(ids), 16)).astype("float32")
    retriever = TriggerRetriever(ids, vectors, last=size)
    retriever({"history": ids[:1, np.newaxis]})  # traced, and its threads are there
    history = random.choice(ids, (128, size))
    return lambda: retriever({"history": history})


def cold_listings(size: int) -> Callable[[], object]:
    """`size` cold items, by two features, beside 100,000 warm ones."""
    import tensorflow as tf

    from tfrec_recall.models.item_embeddings.nearest_warm import NearestWarm
    from tfrec_recall.models.item_embeddings.vector_tables import VectorTables

    random = np.random.default_rng(0)
    tables = VectorTables(100_002 + size, 16, None)
    tables.learnt.assign(np.arange(tables.size) < 100_002)
    layer = NearestWarm(tables, {"type": None, "price": 1.0}, nearest=3)
    item = {"item_id": tf.range(100_002, tables.size)}
    for name, values in layer.values.items():
        values.assign(random.integers(2, 20, tables.size))
        item[name] = tf.convert_to_tensor(values)[100_002:]
    layer({name: values[:1] for name, values in item.items()})
    return lambda: layer(item)


# What is run, its sizes, and the MiB that it may hold.
ROWS = {
    "triggers": (triggers, (5, 40), 400),
    "cold listings": (cold_listings, (512, 2048), 250),
}


def resident() -> float:
    """MiB that this process holds now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / MIB


def measure(name: str, size: int) -> None:
    """Print the MiB beyond the start, and the seconds, of one row at one size."""
    call = ROWS[name][0](size)
    before, started = resident(), time.perf_counter()
    call()
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(max(0.0, peak - before), seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", choices=ROWS, help="measure this one, in this process")
    parser.add_argument("--size", type=int)
    options = parser.parse_args()
    if options.row:
        measure(options.row, options.size)
        return 0
    failed = False
    for name, (_, sizes, limit) in ROWS.items():
        for size in sizes:
            command = [sys.executable, __file__, "--row", name, "--size", str(size)]
            out = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            held, seconds = map(float, out.split()[-2:])
            failed |= held > limit
            verdict = "more than" if held > limit else "within"
            print(f"{name} {size}: {held:.0f} MiB, {verdict} {limit}; {seconds:.1f} s", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
