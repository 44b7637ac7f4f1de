"""16 clients at once, for minutes: no request fails, and memory stays as it was after the warm-up.

    python benchmarks/load.py                  # five minutes each: ten in all
    python benchmarks/load.py --seconds 60 --index scann

An export of 50,000 items is asked with histories of many widths, one to eight queries a request,

1. in this process, by `load`;
2. by REST, of `tfrec-recall serve` in a process of its own, which gets new versions by a rename:
   one in the warm-up, as two in memory are part of it, and one half-way.

Prints percentiles of the time of a request and the memory of the process (MiB, resident): after a
fifth of the time, and at the end. Exits with 1 if a request failed or was answered wrongly, memory
grew by more than a tenth, or a new version did not serve.
"""

import argparse
import dataclasses
import functools
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import psutil

from tfrec_recall.export import export, load  # before TensorFlow, which it keeps quiet
from tfrec_recall.retrieval import Catalogue, EmbeddingRetriever, Exact, InvertedFile, ScaNN

import tensorflow as tf  # isort: skip

CLIENTS = 16
ITEMS, DIM, K = 50_000, 64, 100
WARM = 0.2  # of the time, after which memory is looked at
PUBLISHED = (0.1, 0.5)  # of the time, when a version appears
CLAIMED_GROWTH = 1.1
INDEXES = {
    "exact": Exact(),
    "inverted-file": InvertedFile(leaves=200, leaves_to_search=20, reorder=300, int8=True),
    "scann": ScaNN(leaves=200, leaves_to_search=20, reorder=300),
}
PERCENTILES = (50, 90, 99, 99.9, 100)
Ask = Callable[[dict], list[list[str]]]


class MeanOfHistory(tf.Module):
    """Somebody's vector: the mean of those of the items that they had."""

    def __init__(self, catalogue: Catalogue, vectors: np.ndarray):
        super().__init__()
        self.catalogue = catalogue
        self.vectors = tf.Variable(vectors[catalogue.order], trainable=False)
        self.inputs = {"history": tf.TensorSpec([None, None], catalogue.dtype)}

    def __call__(self, raw):
        rows = self.catalogue.rows(raw["history"])
        known = tf.cast(rows >= 0, tf.float32)[:, :, tf.newaxis]
        return tf.reduce_sum(tf.gather(self.vectors, tf.maximum(rows, 0)) * known, axis=1)


@dataclasses.dataclass
class Run:
    """What the clients met: seconds of each request, what failed, and memory by the second."""

    seconds: list[float] = dataclasses.field(default_factory=list)
    failures: list[str] = dataclasses.field(default_factory=list)
    memory: list[float] = dataclasses.field(default_factory=list)

    def growth(self) -> float:
        """The mean memory of the last tenth over that of a tenth after the warm-up."""
        tenth = max(1, len(self.memory) // 10)
        warm = int(WARM * len(self.memory))
        return float(np.mean(self.memory[-tenth:]) / np.mean(self.memory[warm : warm + tenth]))


def exported(place: pathlib.Path, index: str) -> tuple[pathlib.Path, list[pathlib.Path]]:
    """A folder with one version, and what will be versions 2 and 3 beside it."""
    ids = np.array([f"i{n}" for n in range(ITEMS)], dtype=object)
    vectors = np.random.default_rng(0).normal(size=(ITEMS, DIM)).astype("float32")
    embedder = MeanOfHistory(Catalogue(ids, seed=1), vectors)
    retriever = EmbeddingRetriever(embedder, ids, vectors, index=INDEXES[index], k=K)
    export(retriever, place / "model")
    return place / "model", [export(retriever, place / "later") for _ in PUBLISHED]


def requests(seed: int) -> Iterator[dict]:
    """Histories of 0 to 50 items, one to eight queries; what they had is left out."""
    generator = np.random.default_rng(seed)
    while True:
        shape = generator.integers(1, 9), generator.integers(0, 51)
        had = [[f"i{n}" for n in row] for row in generator.integers(0, ITEMS, shape)]
        yield {"history": had, "exclude": had}


def problem(request: dict, lists: list[list[str]]) -> str:
    """What is wrong with an answer, if anything."""
    if len(lists) != len(request["history"]):
        return f"{len(lists)} lists for {len(request['history'])} queries"
    for had, found in zip(request["history"], lists, strict=True):
        if len(found) != K or len(set(found)) != K or set(found) & set(had):
            return f"a list of {len(set(found))} items, {len(set(found) & set(had))} left out"
    return ""


def clients(
    asking: Callable[[], Ask],
    process: psutil.Process,
    seconds: float,
    events: Sequence[Callable[[], object]] = (),
) -> Run:
    """16 threads that ask one after the other, for as long; the events come at `PUBLISHED`."""
    asking()(next(requests(CLIENTS)))  # the first one, which traces what all will run
    run, begins = Run(), time.monotonic()
    ends = begins + seconds
    pending = list(zip(PUBLISHED, events, strict=False))

    def work(seed: int) -> None:
        ask = asking()
        for request in requests(seed):
            began = time.monotonic()
            if began > ends:
                return
            try:
                wrong = problem(request, ask(request))
            except Exception as error:  # whatever it is, it is counted
                wrong, ask = f"{type(error).__name__}: {error}", asking()
            run.seconds.append(time.monotonic() - began)
            if wrong:
                run.failures.append(wrong)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(CLIENTS)]
    for thread in threads:
        thread.start()
    while (now := time.monotonic()) < ends:
        run.memory.append(process.memory_info().rss / 2**20)
        while pending and now > begins + pending[0][0] * seconds:
            pending.pop(0)[1]()
        time.sleep(min(1.0, seconds / 100))
    for thread in threads:
        thread.join()
    return run


def in_process(model: pathlib.Path, seconds: float) -> Run:
    retriever = load(model)

    def ask(request: dict) -> list[list[str]]:
        given = {"history": tf.constant(request["history"], tf.string, request_shape(request))}
        exclude = tf.constant(request["exclude"], tf.string, request_shape(request))
        return [[one.decode() for one in row] for row in retriever(given, None, exclude)[0].numpy()]

    return clients(lambda: ask, psutil.Process(), seconds)


def request_shape(request: dict) -> tuple[int, int]:
    return len(request["history"]), len(request["history"][0])


def by_rest(
    model: pathlib.Path, later: list[pathlib.Path], seconds: float
) -> tuple[Run, dict[str, str]]:
    """The run, and the states of the versions at its end."""
    command = [sys.executable, "-m", "tfrec_recall.cli", "serve", str(model), "--port", "0"]
    server = subprocess.Popen(
        [*command, "--no-page"], stderr=subprocess.PIPE, text=True, env=os.environ | pythonpath()
    )
    try:
        port = next(
            int(found[1])
            for line in iter(server.stderr.readline, "")
            if (found := re.search(r":(\d+)/v1/models/model:predict", line))
        )
        threading.Thread(target=server.stderr.read, daemon=True).start()

        def asking() -> Ask:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

            def ask(request: dict) -> list[list[str]]:
                body = json.dumps({"inputs": request})
                connection.request("POST", "/v1/models/model:predict", body)
                response = connection.getresponse()
                text = response.read()
                if response.status != 200:
                    raise RuntimeError(f"{response.status} {text[:200]!r}")
                return json.loads(text)["outputs"]["item_id"]

            return ask

        events = [
            functools.partial(folder.rename, model / str(number))
            for number, folder in enumerate(later, start=2)
        ]
        run = clients(asking, psutil.Process(server.pid), seconds, events)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", "/v1/models/model")
        states = json.loads(connection.getresponse().read())["model_version_status"]
        return run, {one["version"]: one["state"] for one in states}
    finally:
        server.terminate()
        server.wait(30)


def pythonpath() -> dict[str, str]:
    """So that the command is that of this checkout."""
    return {"PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[1])}


def show(name: str, run: Run, seconds: float) -> bool:
    """Prints a run; whether it holds what is claimed."""
    took = np.percentile(np.array(run.seconds) * 1000, PERCENTILES)
    warm = run.memory[int(WARM * len(run.memory))]
    print(
        f"{name:12s} {len(run.seconds):9,d} {len(run.seconds) / seconds:7.0f}/s "
        + " ".join(f"{one:8.1f}" for one in took)
        + f" {warm:7.0f} {run.memory[-1]:7.0f} {run.growth():6.2f} {len(run.failures):7d}",
        flush=True,
    )
    for failure in run.failures[:3]:
        print(f"    {failure}")
    return not run.failures and run.growth() <= CLAIMED_GROWTH


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300, help="of each of the two")
    parser.add_argument("--index", choices=INDEXES, default="exact")
    arguments = parser.parse_args()
    head = " ".join(f"{f'p{p:g}' if p < 100 else 'max':>8s}" for p in PERCENTILES)
    with tempfile.TemporaryDirectory() as folder:
        model, later = exported(pathlib.Path(folder), arguments.index)
        print(f"{ITEMS:,} items, {arguments.index} index, {CLIENTS} clients; milliseconds, MiB")
        print(f"{'':12s}  requests           {head}    warm     end growth  failed")
        inside = show("load", in_process(model, arguments.seconds), arguments.seconds)
        run, states = by_rest(model, later, arguments.seconds)
        served = show("serve", run, arguments.seconds)
    print("Versions: " + ", ".join(f"{number} {state}" for number, state in states.items()))
    holds = inside and served and states == {"3": "AVAILABLE", "2": "END", "1": "END"}
    print(
        f"No request failed, memory grew at most {CLAIMED_GROWTH - 1:.0%}: "
        f"{'holds' if holds else 'DOES NOT HOLD'}"
    )
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
