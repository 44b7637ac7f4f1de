"""Claim: within a minute of its first events, a new item is in the lists of a loaded export.

    python benchmarks/new_item.py                     # five models, both small data sets
    python benchmarks/new_item.py --data online-retail --model item-cf --new-places 5

A model is trained with its state on all events. Then comes a file of one hour, in which 20 users
take an item that nobody had. Timed, in processes of their own as in production: `tfrec-recall
update`, with growth, learning, the measurement on the last fifth, the index and the export; then a
process that loads the new version and answers 256 users. Told beside: how many of their lists have
the item, with places for new items where `--new-places` gives some. Exits 1 when the two take above
a minute, or no list has it.
"""

from __future__ import annotations

import argparse
import collections
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CLAIMED = 60.0  # seconds
USERS, ASKED, HISTORY, K = 20, 256, 20, 100
FEW_EPOCHS = ("two-tower", "sampling-bias-corrected-two-tower", "eges", "sdm")
SETTINGS = {"item-cf": {}, **{model: {"epochs": 4} for model in FEW_EPOCHS}}


def prepare(folder: Path, data: str) -> None:
    """The events as a folder, the new ones beside it, and the histories of those who ask."""
    import numpy as np
    import pandas as pd

    from tfrec_recall.data import datasets

    log = datasets.load(data)
    events = log.events.sort_values("timestamp", ignore_index=True)
    (folder / "data").mkdir()
    events.to_parquet(folder / "data" / "events.parquet", index=False)
    log.users.to_parquet(folder / "data" / "users.parquet", index=False)
    log.items.to_parquet(folder / "data" / "items.parquet", index=False)
    last = events.drop_duplicates("user_id", keep="last")
    kind = events["item_id"].dtype
    whole = pd.api.types.is_integer_dtype(kind)
    new = events["item_id"].max() + 1 if whole else "new item"
    came = last.tail(USERS).assign(item_id=new)
    came["timestamp"] = events["timestamp"].max() + np.arange(1, USERS + 1) * 180
    came.astype({"item_id": kind}).to_parquet(folder / "new.parquet", index=False)
    asks = events[events["user_id"].isin(last["user_id"].tail(ASKED))]
    columns = {"history": "item_id", "history_timestamp": "timestamp"}
    latest = asks.groupby("user_id")[list(columns.values())].agg(lambda c: c.tail(HISTORY).tolist())
    histories = {name: latest[column].tolist() for name, column in columns.items()}
    told = {"new": int(new) if whole else new, "histories": histories}
    (folder / "asked.json").write_text(json.dumps(told), encoding="utf-8")


def ask(folder: Path) -> None:
    """Prints how many of the lists have the new item."""
    import numpy as np
    import tensorflow as tf

    from tfrec_recall.export import load

    told = json.loads((folder / "asked.json").read_text(encoding="utf-8"))
    served = load(folder / "export")
    nothing: dict = collections.defaultdict(int, {tf.string: "", tf.int64: -1})
    known = {name: rows for name, rows in told["histories"].items() if name in served.inputs}
    query = {  # by the history alone
        name: np.full([len(known["history"])] + [1] * (spec.shape.rank - 1), nothing[spec.dtype])
        for name, spec in served.inputs.items()
        if name not in known
    }
    ids = np.asarray(served({**query, **known}, k=K)[0])
    new = told["new"].encode() if isinstance(told["new"], str) else told["new"]
    print(int((ids == new).any(axis=1).sum()))


def run(folder: Path, data: str, model: str, places: int) -> tuple[float, float, int]:
    """Seconds of the update, and of loading and asking, and the lists that have the item."""
    step = [sys.executable, __file__, "--folder", str(folder), "--data", data, "--step"]
    command = [sys.executable, "-m", "tfrec_recall.cli"]
    subprocess.run([*step, "prepare"], check=True)
    (folder / "settings.json").write_text(json.dumps(SETTINGS.get(model, {})), encoding="utf-8")
    train = ["train", model, "--data", folder / "data", "--export", folder / "export"]
    train += ["--keep-state", "--settings", folder / "settings.json"]
    subprocess.run([*command, *map(str, train)], check=True, capture_output=True)
    begin = time.perf_counter()
    update = ["update", folder / "export", "--events", folder / "new.parquet", "--force"]
    update += ["--new-places", places] if places else []
    subprocess.run([*command, *map(str, update)], check=True, capture_output=True)
    updated = time.perf_counter()
    done = subprocess.run([*step, "ask"], check=True, stdout=subprocess.PIPE, text=True)
    answered = time.perf_counter()
    return updated - begin, answered - updated, int(done.stdout.split()[-1])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", nargs="+", default=["movielens-100k", "online-retail"])
    parser.add_argument("--model", nargs="+", default=list(SETTINGS))
    parser.add_argument("--new-places", type=int, default=0, help="of each list")
    parser.add_argument("--step", choices=["prepare", "ask"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step == "prepare":
        prepare(options.folder, options.data[0])
        return 0
    if options.step == "ask":
        ask(options.folder)
        return 0
    fails = False
    for data in options.data:
        for model in options.model:
            with tempfile.TemporaryDirectory() as folder:
                update, loaded, lists = run(Path(folder), data, model, options.new_places)
            seconds = update + loaded
            print(
                f"{model} on {data}: update {update:.1f} s, loaded and answered {loaded:.1f} s, "
                f"together {seconds / CLAIMED:.2f} of a minute; in {lists} of {ASKED} lists",
                flush=True,
            )
            fails |= seconds > CLAIMED or not lists
    return int(fails)


if __name__ == "__main__":
    sys.exit(main())
