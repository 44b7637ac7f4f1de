"""A folder of data with columns of its own names, and an export of a retriever made for it."""

import pathlib

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.cli.application import main
from tfrec_recall.data import Interactions, standard
from tfrec_recall.export import export
from tfrec_recall.retrieval import EmbeddingRetriever

USERS, ITEMS = 12, 30
RENAME = ["--rename", "visitor=user_id", "--rename", "sku=item_id"]


def run(*arguments, code=0):
    """Runs a command in this process, which exits with the code."""
    with pytest.raises(SystemExit) as raised:
        main([str(argument) for argument in arguments])
    assert raised.value.code == code


def printed(command, capsys, *arguments, code=0):
    """What a command writes, results and notices."""
    run(command, *arguments, code=code)
    return capsys.readouterr()


def scalars(folder):
    """The values by tag of a run's event files, in the order of their steps."""
    found = {}
    for file in sorted(folder.glob("events.*")):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                if value.metadata.plugin_data.plugin_name == "scalars":
                    found.setdefault(value.tag, []).append(float(tf.make_ndarray(value.tensor)))
    return found


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> pathlib.Path:
    """12 visitors of 14 to 20 events, 30 items with titles."""
    generator = np.random.default_rng(3)
    rows = [
        (f"v{user:02d}", f"s{item:02d}", 1_600_000_000 + 60 * place)
        for user in range(USERS)
        for place, item in enumerate(generator.permutation(ITEMS)[: 14 + user % 7])
    ]
    path = tmp_path_factory.mktemp("shop")
    events = pd.DataFrame(rows, columns=["visitor", "sku", "timestamp"])
    events.to_csv(path / "events.csv", index=False)
    items = [f"s{item:02d}" for item in range(ITEMS)]
    titles = [f"Thing [{item}]" for item in range(ITEMS)]
    pd.DataFrame({"sku": items, "title": titles}).to_csv(path / "items.csv", index=False)
    return path


@pytest.fixture(scope="session")
def split(folder):
    renamed = {"visitor": "user_id", "sku": "item_id"}
    return standard(Interactions.from_folder(folder, rename=renamed))


@pytest.fixture(scope="session")
def retriever(split) -> EmbeddingRetriever:
    """Likes the items of even number the more, the longer the history is."""
    items = split.interactions.items["item_id"].to_numpy()
    numbers = np.array([int(item[1:]) for item in items])

    def embed(raw):
        length = tf.reduce_sum(tf.cast(raw["history"] != "", tf.float32), axis=1)
        return tf.stack([length, tf.ones_like(length)], axis=1)  # [batch, 2]

    return EmbeddingRetriever(
        embed,
        items,
        np.stack([numbers % 2 == 0, -numbers / ITEMS], axis=1).astype("float32"),
        inputs={"history": tf.TensorSpec([None, None], tf.string, "history")},
    )


@pytest.fixture(scope="session")
def exported(retriever, split, folder, tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("exports") / "even"
    export(
        retriever,
        path,
        data={"model": "even", "data": str(folder), "seed": 7, "rename": RENAME[1::2]},
        items=split.interactions.items,
    )
    return path
