"""Data preparation never holds up training, and its memory is linear in the events.

    python benchmarks/pipeline.py                      # some minutes, with 10 million events
    python benchmarks/pipeline.py --events 1_000_000

1. From `Interactions` to the last batch of an epoch, examples are built and fed at least 10 times
   as fast as the fastest model learns from them (one batch over and over, so that it waits for
   nothing). Both on two cores, in this process; the best of three.
2. Simulated events are read from Parquet and prepared (Interactions, vocabularies, chronological
   order, examples), each size in a fresh process. The peak memory an event is no higher than 1.25
   times that of a quarter of the events.
3. Who reads batches for some seconds and stops waits for nothing. TensorFlow has a thread that
   tunes an iterator and may sleep on as long as it has been there: beside it, the same batches with
   that thread. The longest wait of ten is at most a twentieth of the time that was read.

Exits with 1 if one of them does not hold. Linux only: the peak is the kernel's own figure.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
import pathlib
import sys
import tempfile
import time

from tfrec_recall import models  # before TensorFlow, which it keeps quiet
from tfrec_recall.data import Vocabulary, batches, datasets, next_item

import tensorflow as tf  # isort: skip

FASTEST = models.TwoTower  # of the models that learn by batches
CLAIMED_SPEED = 10
CLAIMED_GROWTH = 1.25
CLAIMED_WAIT = 0.05
READ = 0.7  # seconds
BATCH = 1024
STEPS = 50


def speeds(events: int) -> tuple[float, float]:
    """Examples a second: built and fed, and learnt from."""
    interactions = datasets.load("simulated", events=events)
    model = FASTEST(FASTEST.default_features(interactions).adapt(interactions))
    model.compile(tf.keras.optimizers.Adam(1e-3))

    def prepare() -> int:
        return count(model.training_data(interactions, batch_size=BATCH, seed=0))

    prepare_seconds, examples = best_of_three(prepare)
    batch = model.training_data(interactions, batch_size=BATCH, seed=0).take(1)
    steps = batch.cache().repeat(STEPS)
    model.fit(steps.take(2), verbose=0)  # traces
    learn_seconds, _ = best_of_three(lambda: model.fit(steps, verbose=0))
    return examples / prepare_seconds, count(steps) / learn_seconds


def count(dataset: tf.data.Dataset) -> int:
    """Goes through the dataset, as a training loop does, and counts its examples."""
    return int(dataset.reduce(0, lambda rows, batch: rows + tf.size(batch["item_id"])))


def best_of_three(run):
    """The shortest time of three, and what the last run gave."""
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - begin)
    return min(seconds), result


def longest_wait(dataset: tf.data.Dataset) -> float:
    """Seconds until an iterator is gone that was read for a while."""
    waits = []
    for _ in range(10):
        iterator, begin = iter(dataset), time.perf_counter()
        while time.perf_counter() - begin < READ:
            next(iterator)
        begin = time.perf_counter()
        del iterator
        waits.append(time.perf_counter() - begin)
    return max(waits)


def tuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """As TensorFlow has it where nobody says anything."""
    options = tf.data.Options()
    options.autotune.enabled = True
    return dataset.with_options(options)


def write(folder: pathlib.Path, events: int) -> None:
    interactions = datasets.load("simulated", events=events)
    for table in ("events", "users", "items"):
        getattr(interactions, table).to_parquet(folder / f"{table}.parquet")


def prepare(folder: pathlib.Path) -> tuple[float, int]:
    """Seconds, and bytes at the peak beyond what the process held with its imports."""
    before, begin = peak_bytes(), time.perf_counter()
    interactions = datasets.load(folder)
    events = interactions.events
    prepared = [
        Vocabulary.build(events[name]).encode(events[name]) for name in ("user_id", "item_id")
    ]
    prepared.append(next_item(interactions, history=50))
    return time.perf_counter() - begin, peak_bytes() - before


def peak_bytes() -> int:
    with open("/proc/self/status") as lines:
        status = dict(line.split(":") for line in lines)
    return int(status["VmHWM"].removesuffix("kB\n")) * 1024


def in_a_fresh_process(function, *arguments):
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    events = parser.parse_args().events
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])  # TensorFlow counts them later

    fed, learnt = speeds(min(events, 1_000_000))
    print(f"built and fed: {fed:12,.0f} examples/s")
    print(f"{FASTEST.__name__ + ' learns':13}: {learnt:12,.0f} examples/s")
    print(f"  ratio {fed / learnt:.1f}, claimed: at least {CLAIMED_SPEED}")

    bytes_an_event = []
    for size in (events // 4, events // 2, events):
        with tempfile.TemporaryDirectory() as folder:
            in_a_fresh_process(write, pathlib.Path(folder), size)
            seconds, peak = in_a_fresh_process(prepare, pathlib.Path(folder))
        bytes_an_event.append(peak / size)
        print(
            f"{size:12,} events prepared in {seconds:5.1f} s, peak {peak / 1e9:5.2f} GB, "
            f"{bytes_an_event[-1]:5.0f} bytes an event"
        )
    growth = bytes_an_event[-1] / bytes_an_event[0]
    print(f"  ratio {growth:.2f}, claimed: at most {CLAIMED_GROWTH}")

    rows = batches(2**24, BATCH)
    ours, theirs = longest_wait(rows), longest_wait(tuned(rows))
    print(f"read for {READ} s, and let go of in {ours:.3f} s; {theirs:.3f} s where it is tuned")
    print(f"  ratio to the reading {ours / READ:.3f}, claimed: at most {CLAIMED_WAIT}")
    holds = (fed >= CLAIMED_SPEED * learnt, growth <= CLAIMED_GROWTH, ours <= CLAIMED_WAIT * READ)
    return int(not all(holds))


if __name__ == "__main__":
    sys.exit(main())
