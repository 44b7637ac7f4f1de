"""Claim: events of a CSV file are read and checked faster than pandas reads them as text.

    python benchmarks/reading.py

Events with text ids, a time and a rating are written to a temporary folder. Each of three is done
in a fresh process, in turns, and the best of several counts:

- `Interactions.from_files`: the reading, its checks, and the tables of users and items;
- `pandas.read_csv` of all cells as text, by which no id is changed;
- `pandas.read_csv` with nothing said, which drops leading zeros and takes NA for missing.

1. The seconds are at most those of pandas with text, and 5 times those of plain pandas.
2. The memory at the peak, beyond what the process has before it reads, is at most that of pandas
   with text, and 2.5 times that of plain pandas.

Exits with 1 if either does not hold. Linux only: the peak is the kernel's own figure.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

EVENTS, RUNS = 5_000_000, 3
CLAIMED = {"pandas, text": (1.0, 1.0), "pandas": (5.0, 2.5)}  # seconds, memory
READERS = {
    "ours": "from tfrec_recall.data import Interactions",
    "pandas": "import pandas as pd",
    "pandas, text": "import pandas as pd",
}
CALLS = {
    "ours": "Interactions.from_files(path)",
    "pandas": "pd.read_csv(path)",
    "pandas, text": "pd.read_csv(path, dtype=str, keep_default_na=False)",
}
# What is loaded late is loaded by a first reading of a few lines.
READ = """
import json, pathlib, re, sys, time
{imports}

def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", status)[1])

path = sys.argv[2]
found = {call}
before, path, begin = peak(), sys.argv[1], time.perf_counter()
found = {call}
print(json.dumps([time.perf_counter() - begin, peak() - before]))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--runs", type=int, default=RUNS)
    arguments = parser.parse_args()
    measured: dict[str, list[list[float]]] = {name: [] for name in READERS}
    with tempfile.TemporaryDirectory() as name:
        path, few = pathlib.Path(name, "events.csv"), pathlib.Path(name, "few.csv")
        write(path, arguments.events)
        write(few, 100)
        print(f"{arguments.events:,} events, {path.stat().st_size / 1e6:,.0f} MB")
        for _ in range(arguments.runs):
            for reader, figures in measured.items():
                program = READ.format(imports=READERS[reader], call=CALLS[reader])
                command = [sys.executable, "-c", program, str(path), str(few)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                figures.append(json.loads(done.stdout.splitlines()[-1]))
    best = {reader: np.min(figures, axis=0) for reader, figures in measured.items()}
    for reader, (seconds, memory) in best.items():
        print(f"{reader:>12}: {seconds:6.2f} s, {memory / 1e6:7,.0f} MB at the peak")
    fine = True
    for peer, claims in CLAIMED.items():
        ratios = zip(("seconds", "memory"), best["ours"] / best[peer], claims, strict=True)
        for what, ratio, claim in ratios:
            print(f"{what}: {ratio:.2f} times {peer}'s (claim: at most {claim})")
            fine &= bool(ratio <= claim)
    return int(not fine)


def write(path: pathlib.Path, events: int) -> None:
    """Events of many users and a long tail of items, in the order of time."""
    draw = np.random.default_rng(0)
    users = np.char.add("u", np.char.zfill(np.arange(events // 20 + 2).astype(str), 8))
    items = np.char.zfill(np.arange(events // 50 + 2).astype(str), 10)
    user = users[draw.integers(0, len(users), events)]
    item = items[np.minimum(draw.zipf(1.3, events), len(items)) - 1]
    time = np.sort(draw.integers(1_500_000_000, 1_600_000_000, events)).astype(str)
    rating = draw.integers(1, 6, events).astype(str)
    with open(path, "w", encoding="utf-8") as file:
        file.write("user_id,item_id,timestamp,rating\n")
        for cells in zip(user, item, time, rating, strict=True):
            file.write(",".join(cells) + "\n")


if __name__ == "__main__":
    sys.exit(main())
