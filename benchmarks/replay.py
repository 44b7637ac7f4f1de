"""Claim: daily updates keep .98 of what daily retraining finds, at a tenth of its cost.

    python benchmarks/replay.py --model item-cf
    python benchmarks/replay.py --model two-tower --every 7
    python benchmarks/replay.py --model item-cf --data online-retail
    python benchmarks/replay.py --model eges --csv eges.csv --keep build/eges --minutes 20

A marketplace of 60 days, simulated, in which items are released and users come every day; or Online
Retail by weeks. A model is trained on the first half. Then it is asked, day by day, for what the
users of the next day take that is new to them: (a) as it was trained, (b) updated after each day by
that day's events and as many replayed ones, (c) trained from nothing on all events so far, for the
same epochs as at first. As (c) begins from nothing, what it finds on a day does not follow from
trainings on the days before: by `--every` all three are compared on some days, and (b) is updated
after each. Items are those with an event so far and those that the next day shows for the first
time: their users cannot be served by numbers alone.

Seconds are of the processor (`process_time`), by parts: learning, with the growth of features and
model; index and measurement of (b); and on the first day the export. Learning alone is compared, as
the other parts are the same for (b) and (c). A row a day is written as CSV at once. With `--keep`
the models lie in a folder, and the same command goes on where it ended, by `--minutes` or not.
Exits 1 when recall of (b) over that of (c) is below .98, or its cost above a tenth, and 3 while
days are left.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.cli.discovery import entry
from tfrec_recall.data import Interactions, datasets, given, recent
from tfrec_recall.evaluation import evaluate
from tfrec_recall.export import export
from tfrec_recall.export.versions import version_folders, write_version
from tfrec_recall.models.item_embeddings.window_model import WindowModel
from tfrec_recall.upkeep.updating import replayed

DAY = 24 * 3600
CUT = 50
CLAIMED_RECALL, CLAIMED_COST = 0.98, 0.1
EPOCHS = {"item-cf": 1, "eges": 4, "sdm": 8}  # of the others, 10
PERIODS = {"simulated": 1, "online-retail": 7}  # in days
WAYS = ["never", "updated", "retrained"]
COLUMNS = ["data", "model", "period", "events", "users", *WAYS, "update_seconds"]
COLUMNS += ["retrain_seconds", "index_seconds", "measure_seconds", "export_seconds"]
UNFINISHED = 3  # exit code
OF_A_CALL = {"csv", "keep", "minutes", "days"}  # of what a run that goes on may change


def load(data: str, events: int, seed: int) -> Interactions:
    if data != "simulated":
        return datasets.load(data)
    return datasets.load(
        "simulated", events=events, items=3_000, days=60, new_items=0.5, event_types=["click"],
        seed=seed,
    )  # fmt: skip


class Replay:
    """A log by days, and how models stand to it."""

    def __init__(self, interactions: Interactions, model: str, period: int, options):
        self.all, self.name, self.options = interactions, model, options
        self.model_class = entry(model).load()
        events = interactions.events
        first = int(events["timestamp"].min())
        self.day = ((events["timestamp"] - first) // (period * DAY)).to_numpy().astype(int)
        self.epochs = options.epochs or EPOCHS.get(model, 10)

    def until(self, day: int) -> Interactions:
        """What was known before a day."""
        return self._with(self.all.events[self.day < day])

    def of(self, day: int) -> Interactions:
        return self._with(self.all.events[self.day == day])

    def _with(self, events: pd.DataFrame) -> Interactions:
        users = self.all.users[self.all.users["user_id"].isin(events["user_id"].unique())]
        items = self.all.items[self.all.items["item_id"].isin(events["item_id"].unique())]
        return Interactions(
            events.reset_index(drop=True), users, items, time_unit=self.all.time_unit,
            mend_ids=False,
        )  # fmt: skip

    def trained(self, train: Interactions):
        """A model that has learnt these events from nothing, and the seconds of that."""
        tf.keras.utils.set_random_seed(self.options.seed)
        begin = time.process_time()
        features = self.model_class.default_features(train).adapt(train)
        model = self.model_class(features)
        data = model.training_data(train)
        if isinstance(data, Interactions):
            model.fit(data)
        else:
            own = isinstance(model, WindowModel)  # steps and a rate
            model.compile(
                None if own else model.optimizer_class(self.options.rate),
                jit_compile=model.can_compile,
                steps_per_execution=model.recommended_steps,
            )
            model.fit(data, epochs=self.epochs, verbose=0)
        return model, time.process_time() - begin

    def updated(self, model, day: int):
        """The model after a day's events, and the seconds of that."""
        tf.keras.utils.set_random_seed(self.options.seed + day)
        past, new = self.until(day), self.of(day)
        begin = time.process_time()
        grown = model.grow(model.features.grow(new))
        length = grown.history_needed
        replay = replayed(grown, self.options.replay)
        earlier = past.take(grown.reads(past.events))
        since = recent(earlier, new, length, replay, self.options.seed + day)
        epochs = (
            {} if self.options.update_epochs is None else {"epochs": self.options.update_epochs}
        )
        grown.update(since, **epochs)
        return grown, time.process_time() - begin

    def asked(self, day: int) -> tuple[Interactions, pd.DataFrame]:
        """The events of a day's users until then, given as train and test, and the catalogue."""
        events = self.all.events[self.day <= day]
        asked = events["user_id"].isin(self.all.events[self.day == day]["user_id"].unique())
        events = events[asked].assign(split=np.where(self.day[self.day <= day][asked] < day,
                                                     "train", "test"))  # fmt: skip
        known = self.all.events[self.day <= day]["item_id"].unique()
        items = self.all.items[self.all.items["item_id"].isin(known)]
        every = self._with(events)
        log = Interactions(every.events, every.users, items, time_unit=self.all.time_unit,
                           mend_ids=False)  # fmt: skip
        return log, items

    def compared(self, models: dict, day: int, with_export: bool) -> dict[str, float]:
        """Recall of each, of what the users of a day take that is new to them, and what it took."""
        log, items = self.asked(day)
        split, found = given(log), {}
        for way, model in models.items():
            begin = time.process_time()
            retriever = model.retriever(items, k=CUT)
            indexed = time.process_time()
            report = evaluate(retriever, split, cuts=(CUT,), lists=False)
            measured = time.process_time()
            found |= {way: report.metrics[f"recall@{CUT}"], "users": len(report.per_user)}
            if way == "updated":
                found |= {"index_seconds": indexed - begin, "measure_seconds": measured - indexed}
                if with_export:
                    with tempfile.TemporaryDirectory() as folder:
                        export(retriever, folder, items=items)
                    found["export_seconds"] = time.process_time() - measured
        return found


class Kept:
    """The models on their way, in a folder; without one, they are in memory alone.

    Args:
        folder: `first/` is the model as it was trained, `updated/` what it has become.
        settings: those of the run, which are to be the same when it goes on.

    Raises: ValueError for a folder of other settings.
    """

    def __init__(self, folder: Path | None, settings: dict):
        self.folder = folder
        if folder is None:
            return
        told = folder / "settings.json"
        if told.is_file() and json.loads(told.read_text(encoding="utf-8")) != settings:
            raise ValueError(
                "These models are on the way of a run of other settings: give another --keep. "
                f"Received: {folder}, of {told.read_text(encoding='utf-8')}."
            )
        folder.mkdir(parents=True, exist_ok=True)
        told.write_text(json.dumps(settings), encoding="utf-8")

    def write(self, name: str, model, told: dict) -> None:
        """Keeps a model, whole or not at all, in the place of one of before."""
        if self.folder is None:
            return

        def fill(folder: Path) -> None:
            model.save(folder / "model.keras")
            model.write_state(folder)
            (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")

        newest = write_version(self.folder / name, fill)
        for folder in version_folders(self.folder / name).values():
            if folder != newest:
                shutil.rmtree(folder)

    def read(self, name: str) -> tuple | None:
        """A model and what was told of it; None where none was kept."""
        folders = {} if self.folder is None else version_folders(self.folder / name)
        if not folders:
            return None
        newest = folders[max(folders)]
        model = tf.keras.models.load_model(newest / "model.keras")
        model.read_state(newest)
        return model, json.loads((newest / "told.json").read_text(encoding="utf-8"))


class Rows:
    """The rows of a run, in a file as soon as they are known.

    Args:
        path: None keeps them in memory alone.
        goes_on: take what is there, as that of the same run.

    Raises: ValueError for a file with rows of which no model was kept.
    """

    def __init__(self, path: Path | None, goes_on: bool):
        self.path, self.rows = path, []
        if path is not None and path.is_file():
            if not goes_on:
                raise ValueError(
                    "This file has rows of a run whose models were not kept, so that nothing goes "
                    f"on from them: remove it, or give another --csv. Received: {path}."
                )
            self.rows = pd.read_csv(path).to_dict("records")

    def add(self, row: dict) -> None:
        self.rows.append(row)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.table().round(4).to_csv(self.path, index=False)

    def days(self) -> set[int]:
        return {row["period"] for row in self.rows}

    def table(self) -> pd.DataFrame:
        table = pd.DataFrame(self.rows, columns=COLUMNS)
        return table.astype({"users": "Int64"})


def run(options) -> tuple[pd.DataFrame, bool]:
    """The rows, and whether all days are among them."""
    began = time.monotonic()
    log = load(options.data, options.events, options.seed)
    replay = Replay(log, options.model, PERIODS[options.data], options)
    last = int(replay.day.max())
    warm = options.warm or (last + 1) // 2
    days = range(warm, last + 1)[: options.days]
    settings = {name: value for name, value in vars(options).items() if name not in OF_A_CALL}
    kept = Kept(options.keep, settings)
    found = kept.read("first")
    rows = Rows(options.csv, goes_on=found is not None)
    if found is None:
        first, seconds = replay.trained(replay.until(warm))
        begin = time.process_time()
        first.keep_state(replay.until(warm))
        state = time.process_time() - begin
        kept.write("first", first, {"seconds": seconds})
        print(
            f"{options.model}: {log}; trained on {warm} periods in {seconds:.1f} s, "
            f"state {state:.1f} s",
            flush=True,
        )
    else:
        first, seconds = found[0], found[1]["seconds"]
    going = kept.read("updated")
    model, (start, cost) = (first, (warm, 0.0)) if going is None else (going[0], going[1]["at"])
    lost = set(range(warm, start)) - rows.days()
    if lost:
        raise ValueError(
            "Models were kept after these periods, whose rows are not in the file: give the --csv "
            f"of that run, or another --keep. Received: {sorted(lost)}."
        )
    for day in days:
        if day < start:
            continue
        if options.minutes is not None and time.monotonic() - began > 60 * options.minutes:
            print(f"ended before period {day}: the same command goes on", flush=True)
            return rows.table(), False
        if day > start:
            model, cost = replay.updated(model, day - 1)
            kept.write("updated", model, {"at": [day, cost]})
        if day in rows.days():
            continue
        row = {"data": options.data, "model": options.model, "period": day}
        row |= {"events": int((replay.day == day).sum()), "update_seconds": cost}
        told = f"period {day}: update {cost:.1f} s"
        if (day - warm) % options.every == 0:
            anew, retraining = (first, seconds)
            if day != warm:
                anew, retraining = replay.trained(replay.until(day))
            row["retrain_seconds"] = retraining
            models = {"never": first, "updated": model, "retrained": anew}
            row |= replay.compared(models, day, with_export=day == warm)
            told += f", retraining {retraining:.1f} s"
            told += "".join(f", {way} {row[way]:.4f}" for way in WAYS)
        rows.add(row)
        print(told, flush=True)
    return rows.table(), True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", default="item-cf")
    parser.add_argument("--data", choices=PERIODS, default="simulated")
    parser.add_argument("--events", type=int, default=300_000, help="of the simulation")
    parser.add_argument("--warm", type=int, help="periods that the first training has")
    parser.add_argument("--days", type=int, help="periods that are replayed; all")
    parser.add_argument("--every", type=int, default=1, help="periods from one comparison on")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--update-epochs", type=int)
    parser.add_argument("--replay", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=0.003)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="a row a period, of this run alone")
    parser.add_argument("--keep", type=Path, help="folder of the models, to go on from")
    parser.add_argument("--minutes", type=float, help="begin no period after so many")
    options = parser.parse_args()
    table, done = run(options)
    if not done:
        return UNFINISHED
    compared = table[table["retrained"].notna()].iloc[1:]  # at first all three are the same
    if not len(compared):
        print("No two periods are compared: give more --days, or a smaller --every.")
        return UNFINISHED
    means = compared[WAYS].mean()
    updates = table["update_seconds"].iloc[1:].mean()
    recall = means["updated"] / means["retrained"]
    share = updates / compared["retrain_seconds"].mean()
    print(
        f"recall@{CUT} of the next period, mean of {len(compared)}: never {means['never']:.4f}, "
        f"updated {means['updated']:.4f}, retrained {means['retrained']:.4f}\n"
        f"updated over retrained: {recall:.3f} (claimed: {CLAIMED_RECALL}), never over retrained: "
        f"{means['never'] / means['retrained']:.3f}\n"
        f"cost: {updates:.2f} s over {compared['retrain_seconds'].mean():.2f} s, {share:.3f} "
        f"(claimed: {CLAIMED_COST})"
    )
    return int(not (recall >= CLAIMED_RECALL and share <= CLAIMED_COST))


if __name__ == "__main__":
    sys.exit(main())
