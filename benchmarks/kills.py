"""The claim: whatever moment export, reindex, update and batch are killed at, every version that is
there loads and answers, no row of a batch is lost or doubled, and an update can be run again.

    python benchmarks/kills.py
    python benchmarks/kills.py --kills 10
    python benchmarks/kills.py --kills 25 --of update
    python benchmarks/kills.py --of export reindex --index scann

Each is killed at random moments of its run, 136 times in all. Half of the runs of reindex keep
most items, and so the tree of a ScaNN index; the others build it anew. A batch is then taken up
again until it is done, and its rows are compared with those of a run that nobody disturbed. So are,
of an update that is run again until its version is there, the learnt events, what the model
(`item-cf`) has counted, and its lists.
"""

import argparse
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import tensorflow as tf

from tfrec_recall.data import Interactions, datasets, standard
from tfrec_recall.export import export, load
from tfrec_recall.export.versions import versions
from tfrec_recall.models import ItemCF
from tfrec_recall.operations import Recommendations, UsersOfFile, answer_all, reindex
from tfrec_recall.retrieval import EmbeddingRetriever, Exact, InvertedFile, ScaNN
from tfrec_recall.upkeep import TrainingState, keep_state, update

ITEMS, USERS, DIM, K = 5_000, 6_000, 16, 20
FEW = 100  # items that are others, where most stay
INDEXES = {"exact": Exact(), "scann": ScaNN(0.9), "inverted-file": InvertedFile(0.9)}


class Taste(tf.Module):
    """A user's taste as it is told."""

    inputs = {"user_id": tf.TensorSpec([None], tf.int64)}  # noqa: RUF012

    def __init__(self):
        super().__init__()
        tastes = np.random.default_rng(1).normal(size=(USERS, DIM)).astype("float32")
        self.tastes = tf.Variable(tastes)

    def __call__(self, raw):
        return tf.gather(self.tastes, raw["user_id"] % USERS)


class OfPlace(tf.Module):
    """An item's vector by the numbers in its row of the table."""

    inputs = {"place": tf.TensorSpec([None, DIM], tf.float32)}  # noqa: RUF012

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(1.0)

    def __call__(self, raw):
        return self.scale * raw["place"]


def items(seed):
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(ITEMS, DIM)).astype("float32")
    ids = generator.permutation(2 * ITEMS)[:ITEMS]
    return pd.DataFrame({"item_id": ids, "place": list(vectors)})


def few_others(seed):
    """The first items, of which some have gone and some are new."""
    table, others = items(0), items(seed)
    new = others[~others["item_id"].isin(table["item_id"])][:FEW]
    return pd.concat([table[: ITEMS - len(new)], new], ignore_index=True)


def retriever(table, index):
    vectors = np.stack(table["place"].to_list())
    arguments = {"item_embedder": OfPlace(), "tuning_queries": {"user_id": np.arange(USERS)}}
    return EmbeddingRetriever(Taste(), table["item_id"], vectors, index, K, **arguments)


def run_export(place):
    table, index = items(0), INDEXES[(place / "index").read_text()]
    export(retriever(table, index), place / "model", items=table)


def run_reindex(place):
    seed = os.getpid()
    reindex(place / "model" / "1", few_others(seed) if seed % 2 else items(seed))


def train(place):
    """An export of a model that learns on, and a day for it."""
    log = datasets.load("simulated", events=20_000, items=1_000, event_types=["click"])
    events = log.events.sort_values("timestamp", ignore_index=True)
    events = events[["user_id", "item_id", "timestamp"]]
    events[15_000:].to_parquet(place / "day.parquet", index=False)
    split = standard(Interactions(events[:15_000], mend_ids=False))
    model = ItemCF(ItemCF.default_features(split.train).adapt(split.train))
    model.fit(split.train)
    state = keep_state(place / "trained", model, split)
    items = split.interactions.items
    export(model.retriever(items, k=K), place / "trained", data=state.card, items=items)


def run_update(place):
    new = Interactions(pd.read_parquet(place / "day.parquet"), mend_ids=False)
    update(place / "shop", new, force=True)


def run_batch(place):
    loaded = load(place / "model" / "1")
    users = UsersOfFile(place / "users.parquet", loaded, repeats=True)
    answer_all(loaded, users, place / "recs", Recommendations(K), batch_size=64, part_size=300)


def in_child(work, place, after=None):
    """Runs in a fork, which is killed after so many seconds; how long it ran, and whether it ended.

    TensorFlow has begun no work in this process, so that a fork is as good as a fresh one, without
    the seconds of importing it.
    """
    begun = time.perf_counter()
    child = os.fork()
    if not child:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            work(place)
            os._exit(0)
        except BaseException:
            traceback.print_exc(file=sys.stdout)
            sys.stdout.flush()
            os._exit(1)
    ended = 0
    while not ended:
        ended, status = os.waitpid(child, os.WNOHANG)
        if not ended and after is not None and time.perf_counter() - begun >= after:
            os.kill(child, signal.SIGKILL)
            ended, status = os.waitpid(child, 0)
        time.sleep(0.0005)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"{work.__name__} failed of itself")
    return time.perf_counter() - begun, os.WIFEXITED(status)


def check_versions(place):
    """Every version loads and gives a whole list."""
    for number in versions(place / "model"):
        loaded = load(place / "model" / str(number))
        ids, scores = loaded({"user_id": [3, 5]})
        assert ids.shape == (2, K)
        assert np.isfinite(scores.numpy()).all()
        assert len(loaded.items) == ITEMS


def drop_all_but_first(place):
    for number in versions(place / "model")[1:]:
        shutil.rmtree(place / "model" / str(number))


def answers(folder):
    """All rows, in the order of users and ranks."""
    table = ds.dataset(folder, format="parquet").to_table().to_pandas()
    return table.sort_values(["user_id", "rank"], ignore_index=True)


def check_batch(place):
    """The rows that a run gives which is killed again and again, and those of another one."""
    pd.testing.assert_frame_equal(answers(place / "recs"), answers(place / "whole"))


def check_update(place):
    """Every version answers, and one of an update has learnt what an undisturbed one has."""
    asked = {"history": [[item] for item in load(place / "trained").item_ids[:50]]}
    for number in versions(place / "shop"):
        assert load(place / "shop" / str(number))(asked)[0].shape == (50, K)
    if not is_updated(place):
        return
    states = [TrainingState.of(place / name / "2") for name in ("shop", "undisturbed")]
    pd.testing.assert_frame_equal(*(state.events() for state in states))
    assert not any(len(state.waiting()) for state in states)
    models = [state.model() for state in states]
    for weights in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(*weights)
    for one, other in zip(
        *(load(place / name / "2")(asked) for name in ("shop", "undisturbed")), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def is_updated(place):
    return 2 in versions(place / "shop")


def as_trained(place):
    shutil.rmtree(place / "shop", ignore_errors=True)
    shutil.copytree(place / "trained", place / "shop")


class Moments:
    """Random moments within a run, whose length is that of the shortest one that ended."""

    def __init__(self, seconds):
        self.seconds = seconds

    def draw(self):
        return random.uniform(0, self.seconds)

    def ended(self, seconds):
        self.seconds = min(self.seconds, seconds)


def kill_versions(work, place, kills, moments):
    """Kills a writer of versions so many times, and looks at what is there after each ten."""
    killed = ended = 0
    while killed < kills:
        seconds, whole = in_child(work, place, moments.draw())
        killed += not whole
        ended += whole
        if whole:
            moments.ended(seconds)
        if (killed + ended) % 10 == 0 or killed == kills:
            in_child(check_versions, place)
            drop_all_but_first(place)
    return ended


def kill_batches(place, kills, moments):
    """Kills batches so many times, and takes each up again until it is done."""
    killed = done = 0
    while killed < kills:
        _, whole = in_child(run_batch, place, moments.draw())
        killed += not whole
        if whole:
            done += 1
            check_batch(place)
            shutil.rmtree(place / "recs")
    in_child(run_batch, place)
    check_batch(place)
    return done + 1


def kill_updates(place, kills, moments):
    """Kills updates so many times; one is run again on what is left until its version is there."""
    killed = done = 0
    while killed < kills:
        seconds, whole = in_child(run_update, place, moments.draw())
        killed += not whole
        if whole:
            moments.ended(seconds)
        elif not is_updated(place):
            if killed % 10 and killed < kills:
                continue
            in_child(check_update, place)
            in_child(run_update, place)
        in_child(check_update, place)
        as_trained(place)
        done += 1
    return done


def of_versions(work):
    def killed(place, each):
        took, _ = in_child(run_export, place)
        if work is run_reindex:
            took, _ = in_child(run_reindex, place)
            drop_all_but_first(place)
        ended = kill_versions(work, place, each, Moments(took))
        return (
            f"{work.__name__[4:]}: killed {each} times ({ended} runs ended before); every version "
            "loads and answers."
        )

    return killed


def of_updates(place, each):
    in_child(train, place)
    as_trained(place)
    took, _ = in_child(run_update, place)
    (place / "shop").rename(place / "undisturbed")
    as_trained(place)
    done = kill_updates(place, each, Moments(took))
    return f"update: killed {each} times, {done} done in spite of it, each as an undisturbed one."


def of_batches(place, each):
    pd.DataFrame({"user_id": np.arange(USERS)}).to_parquet(place / "users.parquet")
    in_child(run_export, place)
    took, _ = in_child(run_batch, place)
    (place / "recs").rename(place / "whole")
    done = kill_batches(place, each, Moments(took))
    return f"batch: killed {each} times, {done} done in spite of it; every row is there once."


RUNS = {
    "export": of_versions(run_export),
    "reindex": of_versions(run_reindex),
    "update": of_updates,
    "batch": of_batches,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=136, help="of all together")
    parser.add_argument("--of", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--index", choices=INDEXES, default="exact", help="of what is exported")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.index != "exact" and "update" in options.of:
        parser.error("item-cf, which is updated, searches no index: --of export reindex batch")
    random.seed(options.seed)
    each = -(-options.kills // len(options.of))
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        for name in options.of:
            (place / name).mkdir()
            (place / name / "index").write_text(options.index)
            print(RUNS[name](place / name, each), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
