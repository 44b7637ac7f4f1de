"""`tune` finds, at a fifth of the cost of a full grid, at least .95 of what the grid finds.

    python benchmarks/tune.py item-cf   # user-cf: minutes
    python benchmarks/tune.py two-tower --runs DIR   # item2vec: a quarter of an hour

Trains each point of a grid over the ranges that `tune` searches, and then lets `tune`'s search have
a fifth of the seconds that this took, both with the settings of `BASE`; both are measured by
recall@50 on validation. Prints the ratio of what they find, beside the claim, and exits with 1
where it fails. With --runs a call goes on where another one was interrupted, in the grid and in the
search.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import math
import pathlib
import sys
import tempfile
import time
from typing import Any

from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.discovery import entry
from tfrec_recall.cli.runs.searching import Searching
from tfrec_recall.cli.runs.trial import outcome
from tfrec_recall.data import Split, standard
from tfrec_recall.search import Space, Study

SHARE, FOUND = 0.2, 0.95
GRIDS: dict[str, dict[str, list[Any]]] = {
    "item-cf": {
        "neighbours": [50, 200, 400, 800],
        "alpha": [0.0, 0.25, 0.5, 0.75],
        "half_life": [2.0, 4.0, 8.0],
        "nearby": [5.0, 10.0],
    },
    "user-cf": {
        "neighbours": [10, 25, 50, 100, 250],
        "alpha": [0.0, 0.25, 0.5, 0.75, 1.0],
        "half_life": [1.0, 2.0, 4.0, 8.0, 16.0],
    },
    "item2vec": {
        "window": [7, 20, 60],
        "rate": [0.017, 0.05, 0.15],
        "popularity": [-0.2, 0.0, 0.1, 0.3],
        "half_life": [2.0, 4.0, 8.0],
    },
    "two-tower": {
        "learning_rate": [0.0005, 0.001, 0.002, 0.004, 0.008],
        "temperature": [0.07, 0.12, 0.2, 0.35, 0.6],
    },
}
BASE: dict[str, dict[str, Any]] = {"two-tower": {"epochs": 6}}  # what every training has


def grid(name: str, split: Split, runs: pathlib.Path) -> tuple[float, float]:
    """The best value of all points, and the seconds that they took."""
    lines = runs.read_text().splitlines() if runs.exists() else []
    done = {json.dumps(line["point"]): line for line in map(json.loads, lines)}
    settings = GRIDS[name]
    for values in itertools.product(*settings.values()):
        point = dict(zip(settings, values, strict=True))
        if json.dumps(point) in done:
            continue
        found = outcome(entry(name), split, {**BASE.get(name, {}), **point}, seed=0)
        line = {"point": point, "value": found.value, "seconds": found.seconds}
        done[json.dumps(point)] = line
        with runs.open("a") as file:
            file.write(f"{json.dumps(line)}\n")
    best = max(done.values(), key=lambda line: line["value"])
    print(f"grid: {len(done)} points, best {best['value']:.4f} at {best['point']}")
    return best["value"], sum(line["seconds"] for line in done.values())


def searched(name: str, split: Split, seconds: float, folder: pathlib.Path) -> float:
    """The best value of a search that has so many seconds, the defaults among them.

    Args:
        folder: where it is kept, and goes on.
    """
    base = BASE.get(name, {})
    searching = Searching(entry(name), split, base, 0, False, None, folder, math.inf)
    defaults = searching.defaults("benchmark")
    if defaults is None:
        sys.exit("The defaults have no end.")  # without a budget they have one
    study = Study(folder, Space.of(defaults.settings, list(GRIDS[name])), "benchmark")
    if not study.tried:
        study.add_defaults(defaults.value or 0.0, defaults.seconds, list(defaults.curve))
    unfinished = searching.not_over(study) or {"seconds": 0.0}
    spent = unfinished["seconds"] + sum(one.seconds for one in study.tried)
    ends = time.monotonic() + seconds - spent
    dataclasses.replace(searching, ends=ends).search(study, ends, None)
    best, tried = study.best, study.tried
    print(
        f"tune: {len(tried)} trials, {sum(not one.whole for one in tried)} of them given up, best "
        f"{best.value:.4f} at {best.settings}; the defaults {tried[0].value:.4f}"
    )
    return best.value or 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", choices=list(GRIDS))
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--runs", type=pathlib.Path, help="a folder to go on from")
    options = parser.parse_args()

    split = standard(Source(options.data).load())
    runs = options.runs or pathlib.Path(tempfile.mkdtemp())
    runs = runs / f"{options.model}-{pathlib.Path(options.data).name}"
    runs.mkdir(parents=True, exist_ok=True)
    whole, seconds = grid(options.model, split, runs / "grid.jsonl")
    found = searched(options.model, split, SHARE * seconds, runs / "search")
    print(
        f"{options.model} on {options.data}: {found / whole:.3f} of the grid's best within "
        f"{SHARE:.0%} of its {seconds:,.0f} s (claim: {FOUND} at least)"
    )
    sys.exit(found / whole < FOUND)


if __name__ == "__main__":
    main()
