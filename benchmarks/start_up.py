"""The command answers before one looks away: what it starts costs what its work needs.

    python benchmarks/start_up.py            # two minutes, on a machine that does nothing else

1. `tfrec-recall --help` and `models` take less than half a second, `datasets` and a folder that is
   not there less than one: they need no TensorFlow.
2. `recommend` takes at most 1.3 times as long as importing TensorFlow and loading the export's
   graph, each in a process of its own.

Each is the shortest of several runs, in turns. Exits with 1 if a claim does not hold.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import pandas as pd

SECONDS = {
    "--help": 0.5,
    "models": 0.5,
    "datasets": 1.0,
    "train two-tower --data ./not-there": 1.0,
}
RATIO = 1.3
COMMAND = [sys.executable, "-m", "tfrec_recall.cli"]
LOADING = "import sys, tensorflow as tf; tf.saved_model.load(sys.argv[1])"
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}


def seconds(command: list[str]) -> float:
    """How long a process takes from its start to its end."""
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, env={**os.environ, **QUIET})
    return time.perf_counter() - started


def exported(folder: pathlib.Path, model: str) -> tuple[str, str]:
    """An export of a model of simulated data, and an item of it."""
    settings = folder / "settings.json"
    settings.write_text('{"epochs": 1}')
    command = [*COMMAND, "train", model, "--data", "simulated", "--index", "exact"]
    command += ["--export", str(folder / model), "--settings", str(settings)]
    subprocess.run(command, check=True, capture_output=True)
    version = folder / model / "1"
    items = pd.read_parquet(version / "assets.extra" / "items.parquet")
    return str(version), str(items["item_id"].iloc[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", default="two-tower")
    arguments = parser.parse_args()
    runs = range(arguments.runs)
    held = True
    for text, limit in SECONDS.items():
        found = min(seconds([*COMMAND, *text.split()]) for _ in runs)
        held &= found < limit
        print(f"tfrec-recall {text}: {found:.2f} s (claimed: less than {limit} s)")
    with tempfile.TemporaryDirectory() as folder:
        version, item = exported(pathlib.Path(folder), arguments.model)
        asking = [*COMMAND, "recommend", version, "--history", item]
        loading = [sys.executable, "-c", LOADING, version]
        turns = [(seconds(asking), seconds(loading)) for _ in runs]
    asked, loaded = (min(times) for times in zip(*turns, strict=True))
    held &= asked <= RATIO * loaded
    print(
        f"recommend: {asked:.2f} s, importing TensorFlow and loading the graph: {loaded:.2f} s, "
        f"{asked / loaded:.2f} times (claimed: at most {RATIO})"
    )
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
