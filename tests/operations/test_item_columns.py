"""Features of items that have another name than their column, wherever an export reads a table."""

import json
import types

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.features.test_inference import DATA
from tests.operations.test_reindex import ITEMS, NEW, OfColours, over
from tests.untraced import without_graphs
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.items_table import items_table
from tfrec_recall.export import export, load
from tfrec_recall.export.version_files import CARD, EXTRA
from tfrec_recall.features import infer
from tfrec_recall.health.asked import item_vectors
from tfrec_recall.models import TwoTower
from tfrec_recall.operations.every_item import EveryItem
from tfrec_recall.operations.reindex import reindexed

COLUMNS = {"size": "Unit Size"}


class OfUnits(OfColours):
    """By a size that the table has as `Unit Size`."""

    columns = COLUMNS


def test_what_a_model_reads_is_told_and_read():
    features = infer(DATA).adapt(DATA)
    with without_graphs():
        model = TwoTower(features, dim=4, hidden=(4,))
        model.has_learnt.assign(1)
        retriever = model.retriever(DATA.items)
        expected = {"item_category": "category", "item_history": "history", "a_b": "a=b"}
        assert retriever.item_columns == expected
        ids = retriever.item_ids[:5]
        found = item_vectors(retriever, ids, DATA.items)
        table = DATA.items.set_index("item_id", drop=False).loc[ids]
        table = table.reset_index(drop=True)
        np.testing.assert_allclose(found, model.embed_items(table), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("earlier", [False, True])
def test_an_export_reads_its_own_table_and_new_ones(earlier, tmp_path):
    items, new = ITEMS.rename(columns=COLUMNS), NEW.rename(columns=COLUMNS)
    features = [
        {"side": side, "name": name, "column": column}
        for side, name, column in (("item", "size", "Unit Size"), ("user", "red", "other"))
    ]
    retriever = over(ITEMS, item_embedder=OfUnits())
    path = export(retriever, tmp_path / "model", items=items, features=features)
    if earlier:  # whose report tells nothing of columns
        card = json.loads((path / EXTRA / CARD).read_text())
        assert card["retriever"].pop("item_columns") == COLUMNS
        (path / EXTRA / CARD).write_text(json.dumps(card))
    loaded = load(path)
    assert loaded.item_columns == COLUMNS
    expected = retriever.embed_item(_raw(ITEMS, loaded.item_ids))
    np.testing.assert_allclose(item_vectors(loaded, loaded.item_ids), expected)
    (part,) = EveryItem(loaded, features=True).parts(100)
    asked, _ = part.batch(np.arange(len(items)))
    order = pd.Index(loaded.item_ids).get_indexer(np.sort(loaded.item_ids))
    np.testing.assert_allclose(loaded.embed_item(asked), expected.numpy()[order])
    again = reindexed(loaded, new)
    assert again.item_columns == COLUMNS
    known = item_vectors(again, np.array(["n1", "i4"]), new)
    assert known[:, 0].tolist() == [5.5, 9.0]
    assert reindexed(loaded, NEW).item_columns == COLUMNS  # named as requests are


def test_a_file_of_items_is_read_by_the_types_of_its_columns(tmp_path):
    (tmp_path / "new.csv").write_text("item_id,code,item_code\n1,007,5\n")
    inputs = {"item_code": tf.string, "item_item_code": tf.int64}
    retriever = types.SimpleNamespace(
        card={},
        report={},
        id_dtype=tf.string,
        item_inputs={name: tf.TensorSpec([None], dtype) for name, dtype in inputs.items()},
        item_columns={"item_code": "code", "item_item_code": "item_code"},
    )
    found = items_table(retriever, Source(items=str(tmp_path / "new.csv")))
    assert found.to_dict("list") == {"item_id": ["1"], "code": ["007"], "item_code": [5]}


def _raw(items, ids):
    table = items.set_index("item_id").loc[ids]
    words = [words if isinstance(words, list) else [] for words in table["words"]]
    longest = max(map(len, words))
    padded = [[*one, *[""] * (longest - len(one))] for one in words]
    return {"size": table["size"].to_numpy("float32"), "words": np.array(padded, dtype=object)}
