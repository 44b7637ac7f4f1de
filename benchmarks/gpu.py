"""Claim: on one GPU the same code learns the same; and how many steps a second on either device.

    python benchmarks/gpu.py                              # some minutes
    python benchmarks/gpu.py --models TwoTower --dim 256 --batch 8192
    python benchmarks/gpu.py --models --train mind sdm --data movielens-100k

TwoTower, MIND, SDM and NeuralCF learn from a made-up log of 2,000 users with 51 events each, by
`fit` and compiled as the command line does; NeuralCF's branches learn as one. A step has 1,024
targets, for SDM their sessions. The softmax is `InBatchSoftmax` with its gradients, 4,096 queries
and vectors of 64: a few rows at a time, as it comes, and whole, as XLA compiles it in the models'
steps. Each device has a process of its own, in which TensorFlow sees no other, so that nothing
tells the two apart but what TensorFlow finds. Of four epochs of 96 steps at most the fastest
counts, the first not.

The loss of the last epoch stands beside: the same weights, batches and draws, other roundings (a
GPU multiplies matrices in TensorFloat-32). Exits 1 where the two are further apart than a
hundredth. With `--train`, `tfrec-recall train MODEL --index exact` on both devices: seconds of
learning, and Recall@50 on test. Without a GPU that TensorFlow can use it says so, and ends with 0.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd

from tfrec_recall import losses, models  # before TensorFlow, which it keeps quiet
from tfrec_recall.data import Interactions
from tfrec_recall.models.recall_model import BATCH_SIZE

import tensorflow as tf  # isort: skip

USERS, ITEMS, EACH = 2_000, 5_000, 51
STEPS, EPOCHS = 96, 4
QUERIES, WIDTH, TURNS = 4096, 64, 50
APART = 0.01
HEAD = f"{'CPU':>10}{'GPU':>10}{'ratio':>8}"
MODELS: dict[str, tuple[type[models.RecallModel], dict[str, object]]] = {
    "TwoTower": (models.TwoTower, {}),
    "MIND": (models.MIND, {}),
    "SDM": (models.SDM, {}),
    "NeuralCF": (models.NeuralCF, {"apart": 0.0}),
}
SOFTMAX = {"softmax, by rows": False, "softmax, whole": True}
NO_CARD = "No GPU: TensorFlow finds none here, so there is nothing to compare."
NO_LIBRARIES = (
    "No GPU for TensorFlow: there is a card, but not all of the libraries that this TensorFlow was "
    "built for; pip install 'tensorflow[and-cuda]~=2.20.0' brings them."
)


def log() -> Interactions:
    """Users' events on items as skewed as clicks are."""
    generator = np.random.default_rng(0)
    popularity = 1 / np.arange(10, ITEMS + 10)
    events = pd.DataFrame({"user_id": np.repeat(np.arange(USERS), EACH)})
    events["item_id"] = generator.choice(ITEMS, len(events), p=popularity / popularity.sum())
    events["timestamp"] = np.tile(np.arange(EACH), USERS)
    return Interactions(events)


def learnt(name: str, train: Interactions, batch: int, dim: int | None) -> tuple[float, float]:
    """Steps a second, and the loss of the last epoch."""
    model_class, settings = MODELS[name]
    tf.keras.utils.set_random_seed(0)
    wide = {} if dim is None else {"dim": dim}
    model = model_class(model_class.default_features(train).adapt(train), **settings, **wide)
    model.compile(
        model.optimizer_class(0.002),
        jit_compile=model.can_compile,
        steps_per_execution=model.steps_per_execution,
    )
    batches = model.training_data(train, batch_size=batch).take(STEPS)
    took, loss = [], float("nan")
    for _ in range(EPOCHS):
        before, begin = int(model.optimizer.iterations), time.perf_counter()
        loss = model.fit(batches, verbose=0).history["loss"][0]
        took.append((time.perf_counter() - begin) / (int(model.optimizer.iterations) - before))
    return 1 / min(took[1:]), loss


def softmax(whole: bool) -> tuple[float, float]:
    """Steps a second, and the loss for a query."""
    generator = np.random.default_rng(0)
    vectors = tf.constant(generator.normal(size=(2, QUERIES, WIDTH)).astype("float32")) / 3.0
    loss = losses.InBatchSoftmax(reduction="mean", whole=whole)

    @tf.function(jit_compile=whole)
    def step(query, candidates):
        with tf.GradientTape() as tape:
            tape.watch([query, candidates])
            value = loss(query, candidates)
        return value, *tape.gradient(value, [query, candidates])

    took, value = [], 0.0
    for _ in range(TURNS):
        begin = time.perf_counter()
        value, *gradients = step(vectors[0], vectors[1])
        [part[0, 0].numpy() for part in gradients]  # it is over
        took.append(time.perf_counter() - begin)
    return 1 / min(took[1:]), float(value)


def figures(names: list[str], batch: int, dim: int | None) -> Iterator[tuple[str, float, float]]:
    """Of each, on the device that this process sees."""
    train = log()
    for name in names:
        if name in SOFTMAX:
            yield name, *softmax(SOFTMAX[name])
        else:
            yield name, *learnt(name, train, batch, dim)


def elsewhere(arguments: list[str], gpu: bool) -> Iterator[str]:
    """The lines that a Python process prints that sees the GPU, or none, as they come."""
    seen = {} if gpu else {"CUDA_VISIBLE_DEVICES": "-1"}
    with tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, *arguments]
        process = subprocess.Popen(
            command, env={**os.environ, **seen}, stdout=subprocess.PIPE, stderr=said, text=True
        )
        yield from process.stdout or ()
        if process.wait():
            said.seek(0)
            sys.exit(f"Failed on the {'GPU' if gpu else 'CPU'}:\n{said.read()[-3000:]}")


def steps(names: list[str], batch: int, dim: int | None) -> bool:
    """Prints a line for each on both devices; whether their losses agree."""
    if not names:
        return True
    asked = [__file__, "--here", "--models", *names, "--batch", f"{batch}"]
    asked += [] if dim is None else ["--dim", f"{dim}"]
    print(f"{'steps a second':20}{HEAD}{'loss, CPU':>18}{'GPU':>10}", flush=True)
    on_cpu = [json.loads(line) for line in elsewhere(asked, gpu=False)]
    same = True
    for (name, slow, loss), line in zip(on_cpu, elsewhere(asked, gpu=True), strict=True):
        _, fast, other = json.loads(line)
        agree = abs(loss - other) <= APART * abs(loss)
        same &= agree
        found = f"{slow:>10,.1f}{fast:>10,.1f}{fast / slow:>8.1f}{loss:>18.4f}{other:>10.4f}"
        print(f"{name:20}{found}{'' if agree else '   apart'}", flush=True)
    return same


def trained(name: str, data: str, gpu: bool) -> tuple[float, float]:
    """Seconds of learning, and Recall@50 on test, by the command line."""
    command = ["-m", "tfrec_recall.cli", "train", name, "--data", data]
    found = json.loads("".join(elsewhere([*command, "--index", "exact", "--json", "-"], gpu)))
    return found["train_seconds"], found["metrics"]["recall@50"]


def card() -> str | None:
    """The name of the first GPU that TensorFlow can use."""
    for device in tf.config.list_physical_devices("GPU"):
        return tf.config.experimental.get_device_details(device).get("device_name", device.name)
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    known = [*MODELS, *SOFTMAX]
    parser.add_argument("--models", nargs="*", choices=known, default=known)
    parser.add_argument("--batch", type=int, default=BATCH_SIZE, help="of the models' steps")
    parser.add_argument("--dim", type=int, help="of the models' vectors, instead of their own")
    parser.add_argument("--train", nargs="*", default=[], help="models by their command-line names")
    parser.add_argument("--data", default="movielens-100k", help="what --train learns from")
    parser.add_argument("--here", action="store_true", help="on this process's device, as JSON")
    options = parser.parse_args()
    if options.here:
        for found in figures(options.models, options.batch, options.dim):
            print(json.dumps(found), flush=True)
        return 0
    name = card()
    if name is None:
        print(NO_LIBRARIES if os.path.exists("/proc/driver/nvidia") else NO_CARD)
        return 0

    print(f"{name}, and {os.cpu_count()} processors")
    same = steps(options.models, options.batch, options.dim)
    if options.train:
        print(f"{'seconds of learning':20}{HEAD}{'Recall@50, CPU':>18}{'GPU':>10}")
    for model in options.train:
        (slow, recall), (fast, other) = (trained(model, options.data, gpu) for gpu in (False, True))
        found = f"{slow:>10,.1f}{fast:>10,.1f}{slow / fast:>8.1f}{recall:>18.4f}{other:>10.4f}"
        print(f"{model:20}{found}", flush=True)
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
