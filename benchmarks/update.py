"""Claim: time and memory of an update follow the new events, and not those that were learnt before.

    python benchmarks/update.py                            # 10^5 new events on 10^5 and on 10^6
    python benchmarks/update.py --old 100_000 10_000_000   # memory for the first training is needed

Of a simulated log of 20,000 items, the newest 10^5 events update an export of a model that has
learnt those before: `upkeep.update`, with growth, learning, the measurement of the newest day, the
index and the export, in a process of its own. Memory (Linux) is what the update adds to the
process after its imports, at its peak. Exits 1 when the update on the most events takes above twice
the time or memory of that on the fewest. What is told of each part says where it goes.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NEW = 100_000
CLAIMED = 2.0


def megabytes(what: str) -> float:
    return int(re.search(what + r":\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def prepare(folder: Path, model: str, old: int) -> None:
    """An export of a model that has learnt the oldest events, and a file of the others."""
    from tfrec_recall.cli.discovery import entry
    from tfrec_recall.data import Interactions, datasets
    from tfrec_recall.export import export
    from tfrec_recall.health import DaysBefore
    from tfrec_recall.upkeep.state import write

    data = datasets.load("simulated", events=old + NEW, items=20_000, event_types=["click"])
    events = data.events.sort_values("timestamp", ignore_index=True)[
        ["user_id", "item_id", "timestamp"]
    ]
    events[old:].to_parquet(folder / "new.parquet", index=False)
    first = Interactions(events[:old], mend_ids=False)
    model_class = entry(model).load()
    made = model_class(model_class.default_features(first).adapt(first))
    batches = made.training_data(first)
    if isinstance(batches, Interactions):
        made.fit(batches)
    else:
        made.compile(made.optimizer_class(0.003))
        made.fit(batches, epochs=1, verbose=2)
    made.keep_state(first)
    none = first.events.iloc[:0]
    days = DaysBefore.of(first, first.events["user_id"])
    tables = (first.users, first.items)
    state = write(folder / "export", made, first.events, none, *tables, days, {})
    retriever = made.retriever(first.items, k=100)
    export(retriever, folder / "export", data=state.card, items=first.items)
    print(f"{old:,} events, {len(first.users):,} users", file=sys.stderr)


def update(folder: Path) -> None:
    """Prints what the update of that export took."""
    import pandas as pd
    import tensorflow as tf

    from tfrec_recall.data import Interactions
    from tfrec_recall.upkeep import update as updated

    tf.constant(0)
    new = Interactions(pd.read_parquet(folder / "new.parquet"), mend_ids=False)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    memory, begin = megabytes("VmRSS"), time.perf_counter()
    found = updated(folder / "export", new, force=True)
    seconds = time.perf_counter() - begin
    told = {"seconds": seconds, "memory": megabytes("VmHWM") - memory, "parts": found.seconds}
    print(json.dumps({**told, "before": found.before, "after": found.after}))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="two-tower")
    parser.add_argument("--old", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--step", choices=["prepare", "update"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step == "prepare":
        prepare(options.folder, options.model, options.old[0])
        return 0
    if options.step == "update":
        update(options.folder)
        return 0
    found = []
    for old in options.old:
        with tempfile.TemporaryDirectory() as folder:
            call = [sys.executable, __file__, "--model", options.model, "--folder", folder]
            call += ["--old", str(old), "--step"]
            subprocess.run([*call, "prepare"], check=True)
            done = subprocess.run([*call, "update"], check=True, stdout=subprocess.PIPE, text=True)
        found.append(json.loads(done.stdout.splitlines()[-1]))
        one = found[-1]
        parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in one["parts"].items())
        print(
            f"{options.model}: {NEW:,} new on {old:,}: {one['seconds']:.1f} s ({parts}), "
            f"{one['memory']:,.0f} MB; recall@50 {one['before']:.4f}, then {one['after']:.4f}",
            flush=True,
        )
    ratios = {name: found[-1][name] / found[0][name] for name in ("seconds", "memory")}
    for name, ratio in ratios.items():
        print(f"{name}, most events over fewest: {ratio:.2f} (claimed: at most {CLAIMED})")
    return int(max(ratios.values()) > CLAIMED)


if __name__ == "__main__":
    sys.exit(main())
