"""Claim: on one GPU the same code learns the same; and how many steps a second on either device.

    python benchmarks/gpu.py                              # some minutes
    python benchmarks/gpu.py --models TwoTower --dim 256 --batch 8192
    python benchmarks/gpu.py --models TwoTower MIND --items 300000  # more than XLA compiles
    python benchmarks/gpu.py --models --train mind sdm --data movielens-100k

TwoTower, MIND, SDM and NeuralCF learn from a made-up log of 2,000 users with 51 events each, by
`fit` and compiled as the command line does; NeuralCF's branches learn as one. A step has 1,024
targets, for SDM their sessions. The softmax is `InBatchSoftmax` with its gradients, 4,096 queries
and vectors of 64: a few rows at a time, as it comes, and whole, as XLA compiles it in the models'
steps. Each device has a process of its own, in which TensorFlow sees no other, so that nothing
tells the two apart but what TensorFlow finds. Of four epochs of 96 steps at most the fastest
counts, the first not: it compiles, which can take longer for a GPU, and has a column of its own.

The loss of the last epoch stands beside: the same weights, batches and draws, other roundings (a
GPU multiplies matrices in TensorFloat-32). Exits 1 where the two are further apart than a
hundredth. With `--train`, `tfrec-recall train MODEL --index exact` on both devices: seconds of
learning, and Recall@50 on test. Without a GPU that TensorFlow can use it says so, and ends with 0.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import time

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


def log(items: int) -> Interactions:
    """Users' events on items as skewed as clicks are."""
    generator = np.random.default_rng(0)
    popularity = 1 / np.arange(10, items + 10)
    events = pd.DataFrame({"user_id": np.repeat(np.arange(USERS), EACH)})
    events["item_id"] = generator.choice(items, len(events), p=popularity / popularity.sum())
    events["timestamp"] = np.tile(np.arange(EACH), USERS)
    return Interactions(events)


@dataclasses.dataclass(frozen=True)
class Figures:
    """Of one device: steps a second, seconds until the first round is over, the last loss."""

    speed: float
    first: float
    loss: float


def learnt(name: str, batch: int, dim: int | None, items: int) -> Figures:
    """A model's epochs."""
    train = log(items)
    model_class, settings = MODELS[name]
    tf.keras.utils.set_random_seed(0)
    wide = {} if dim is None else {"dim": dim}
    model = model_class(model_class.default_features(train).adapt(train), **settings, **wide)
    batches = model.training_data(train, batch_size=batch).take(STEPS)
    model.compile(
        model.optimizer_class(0.002),
        jit_compile=model.can_compile,
        steps_per_execution=model.recommended_steps,
    )
    took, speeds, loss = [], [], float("nan")
    for _ in range(EPOCHS):
        before, begin = int(model.optimizer.iterations), time.perf_counter()
        loss = model.fit(batches, verbose=0).history["loss"][0]
        took.append(time.perf_counter() - begin)
        speeds.append((int(model.optimizer.iterations) - before) / took[-1])
    return Figures(max(speeds[1:]), took[0], loss)


def softmax(whole: bool) -> Figures:
    """The loss of a query, and the gradients."""
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
    return Figures(1 / min(took[1:]), took[0], float(value))


def elsewhere(arguments: list[str], gpu: bool) -> str | None:
    """What a Python process prints that sees the GPU, or none; None where it fails, and why."""
    seen = {} if gpu else {"CUDA_VISIBLE_DEVICES": "-1"}
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env={**os.environ, **seen}, capture_output=True, text=True)
    if done.returncode:
        device = "GPU" if gpu else "CPU"
        print(f"{' '.join(arguments)} fails on the {device}:\n{done.stderr[-3000:]}", flush=True)
        return None
    return done.stdout


def steps(name: str, batch: int, dim: int | None, items: int) -> bool:
    """Prints a line of both devices; whether their losses agree."""
    asked = [__file__, "--here", name, "--batch", f"{batch}", "--items", f"{items}"]
    asked += [] if dim is None else ["--dim", f"{dim}"]
    said = [elsewhere(asked, gpu) for gpu in (False, True)]
    cpu, gpu = (line and Figures(**json.loads(line.splitlines()[-1])) for line in said)
    if not (cpu and gpu):
        return False
    agree = abs(cpu.loss - gpu.loss) <= APART * abs(cpu.loss)
    found = f"{cpu.speed:>10,.1f}{gpu.speed:>10,.1f}{gpu.speed / cpu.speed:>8.1f}"
    found += f"{cpu.first:>13.1f} s{gpu.first:>7.1f} s{cpu.loss:>12.4f}{gpu.loss:>10.4f}"
    print(f"{name:20}{found}{'' if agree else '   apart'}", flush=True)
    return agree


def trained(name: str, data: str) -> bool:
    """Prints what the command line has of both devices; whether both have it."""
    command = ["-m", "tfrec_recall.cli", "train", name, "--data", data, "--index", "exact"]
    said = [elsewhere([*command, "--json", "-"], gpu) for gpu in (False, True)]
    if None in said:
        return False
    cpu, gpu = (json.loads(line or "") for line in said)
    slow, fast = cpu["train_seconds"], gpu["train_seconds"]
    recall, other = (figures["metrics"]["recall@50"] for figures in (cpu, gpu))
    found = f"{slow:>8,.0f} s{fast:>8,.0f} s{slow / fast:>8.1f}{recall:>15.4f}{other:>10.4f}"
    print(f"{name:20}{found}", flush=True)
    return True


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
    parser.add_argument("--items", type=int, default=ITEMS, help="to draw the events of")
    parser.add_argument("--train", nargs="*", default=[], help="models by their command-line names")
    parser.add_argument("--data", default="movielens-100k", help="what --train learns from")
    parser.add_argument("--here", choices=known, help="this one on this process's device, as JSON")
    options = parser.parse_args()
    shape = options.batch, options.dim, options.items
    if options.here:
        whole = SOFTMAX.get(options.here)
        found = learnt(options.here, *shape) if whole is None else softmax(whole)
        print(json.dumps(dataclasses.asdict(found)))
        return 0
    name = card()
    if name is None:
        print(NO_LIBRARIES if os.path.exists("/proc/driver/nvidia") else NO_CARD)
        return 0

    print(f"{name}, and {os.cpu_count()} processors")
    if options.models:
        more = f"{'first, CPU':>15}{'GPU':>9}{'loss, CPU':>12}{'GPU':>10}"
        print(f"{'steps a second':20}{HEAD}{more}", flush=True)
    holds = [steps(model, *shape) for model in options.models]
    if options.train:
        more = f"{'Recall@50, CPU':>15}{'GPU':>10}"
        print(f"{'seconds of learning':20}{HEAD}{more}", flush=True)
    holds += [trained(model, options.data) for model in options.train]
    return int(not all(holds))


if __name__ == "__main__":
    sys.exit(main())
