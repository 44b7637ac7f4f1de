"""Claim: a process exports its first model in at most two thirds of the time that it takes where
AutoGraph rewrites the package's functions, as it does with others' by default.

    python benchmarks/first_export.py [--models two-tower sdm]

Each run is a process that makes a model of MovieLens-100k, trains it for two steps, and exports it;
the least of three counts, of the seconds of all processors: training, export, and evaluation, which
traces as well. Exits 1 where a ratio of the exports is above two thirds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLAIMED = 2 / 3
RUNS = 3
PARTS = ("training", "export", "evaluation")


def measured(model: str, rewritten: bool) -> dict[str, float]:
    """Seconds of each part, in this process."""
    import tfrec_recall  # noqa: F401  chooses the Keras

    if rewritten:
        from tensorflow.python.autograph.core import config

        config.CONVERSION_RULES = config.CONVERSION_RULES[1:]

    from tfrec_recall.cli.discovery import entry
    from tfrec_recall.data import Interactions, datasets, standard
    from tfrec_recall.evaluation import evaluate
    from tfrec_recall.export import export

    split = standard(datasets.load("movielens-100k"))
    model_class = entry(model).load()
    made = model_class(model_class.default_features(split.train).adapt(split.train))
    data = made.training_data(split.train)
    clock = [time.process_time()]
    if isinstance(data, Interactions):
        made.fit(data)
    else:
        made.compile(made.optimizer_class(0.003))
        made.fit(data.take(2), verbose=0)
    clock.append(time.process_time())
    with tempfile.TemporaryDirectory() as folder:
        retriever = made.retriever(split.interactions.items, k=50)
        export(retriever, Path(folder) / "model")
    clock.append(time.process_time())
    evaluate(retriever, split, cuts=(50,), lists=False)
    clock.append(time.process_time())
    return {part: clock[i + 1] - clock[i] for i, part in enumerate(PARTS)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--models", nargs="+", default=["item-cf", "two-tower", "sdm"])
    parser.add_argument("--run", choices=["plain", "rewritten"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(measured(options.models[0], options.run == "rewritten")))
        return 0
    missed = False
    for model in options.models:
        least = {}
        for way in ("plain", "rewritten"):
            call = [sys.executable, __file__, "--run", way, "--models", model]
            runs = [
                json.loads(subprocess.run(call, capture_output=True, check=True).stdout)
                for _ in range(RUNS)
            ]
            least[way] = {part: min(run[part] for run in runs) for part in PARTS}
        for part in PARTS:
            plain, rewritten = least["plain"][part], least["rewritten"][part]
            print(f"{model:20} {part:12} {plain:5.1f} s, rewritten {rewritten:5.1f} s", end="")
            print(f", ratio {plain / rewritten:.2f}", flush=True)
        missed |= least["plain"]["export"] > CLAIMED * least["rewritten"]["export"]
    print(f"claimed of exports: at most {CLAIMED:.2f}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
