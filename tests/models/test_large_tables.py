"""Models of large tables: their step costs what its batch touches."""

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.model_cases import USERS, built, the_board
from tfrec_recall import models
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, item_embedding
from tfrec_recall.models import recall_model
from tfrec_recall.optimizers import LazyAdam

FIRST = the_board().items["item_id"][:20].tolist()


@pytest.mark.parametrize(
    ("few_items", "large_table", "compiles", "optimizer"),
    [
        (32, 32, True, tf.keras.optimizers.Adam),  # 30 items, padding and the unknown
        (31, 32, False, tf.keras.optimizers.Adam),
        (32, 31, False, LazyAdam),
    ],
)
def test_items_and_the_largest_table_decide_on_xla_and_the_optimizer(
    few_items, large_table, compiles, optimizer, monkeypatch
):
    monkeypatch.setattr(item_embedding, "FEW_ITEMS", few_items)
    monkeypatch.setattr(recall_model, "LARGE_TABLE", large_table)
    model = built(models.TwoTower)
    assert model.optimizer_class is optimizer
    assert model.can_compile == compiles
    if not compiles:
        limits = f"at most {few_items} items and tables of at most {large_table} rows"
        with pytest.raises(ValueError, match=f"{limits}.*32 items, 32 rows of a table"):
            model.compile(jit_compile=True)


@pytest.mark.parametrize("model_class", [models.NeuralCF, models.FunkSVD])
def test_pairs_touch_few_rows_of_tables_that_xla_does_not_move(model_class, monkeypatch):
    monkeypatch.setattr(item_embedding, "FEW_ITEMS", 31)
    model = built(model_class)
    assert model._rows <= recall_model.LARGE_TABLE
    assert model.optimizer_class is LazyAdam
    monkeypatch.setattr(item_embedding, "FEW_ITEMS", 10_000)
    assert model.optimizer_class is tf.keras.optimizers.Adam


def test_users_count_as_items_do(monkeypatch):
    monkeypatch.setattr(recall_model, "LARGE_TABLE", USERS + 1)  # two less than their table has
    monkeypatch.setattr(item_embedding, "FEW_ITEMS", 10_000)
    few = Interactions(the_board().events[lambda e: e["item_id"].isin(FIRST)])
    features = Features(user=[Categorical("user_id")], item=[Categorical("item_id")]).adapt(few)
    model = models.TwoTower(features, dim=4)
    assert len(features.item_vocabulary) < USERS + 1
    assert model.optimizer_class is LazyAdam
    assert not model.can_compile


@pytest.mark.parametrize("model_class", [models.TwoTower, models.NeuralCF, models.MIND])
def test_a_step_moves_the_rows_of_its_batch_alone(model_class, monkeypatch):
    monkeypatch.setattr(item_embedding, "FEW_ITEMS", 20)
    model = built(model_class)
    model.compile(LazyAdam(0.05))
    model.run_eagerly = True
    batch = next(iter(model.training_data(the_board(), 4, seed=None)))
    columns = [batch[name] for name in ("item_id", "history") if name in batch]
    touched = set(np.concatenate([np.ravel(column) for column in columns]).tolist())
    rows = len(model.features.item_vocabulary)
    weights = [w for w in model.trainable_weights if "kernel" not in w.name]
    tables = [weight for weight in weights if tuple(weight.shape[:-1]) == (rows,)]
    before = [table.numpy() for table in tables]
    model.fit(tf.data.Dataset.from_tensors(batch), verbose=0)
    assert tables
    for table, old in zip(tables, before, strict=True):
        moved = np.flatnonzero((table.numpy() != old).any(axis=1))
        assert 0 < len(moved) < rows
        assert set(moved.tolist()) <= touched


@pytest.mark.parametrize("scaled", [False, True])
def test_xla_compiles_no_program_for_each_number_of_rows(scaled, monkeypatch):
    monkeypatch.setattr(item_embedding, "FEW_ITEMS", 20)
    adam = tf.keras.optimizers.Adam(0.05)
    adam.jit_compile = True  # as Keras makes it where there is a GPU
    model = built(models.TwoTower)
    model.compile(tf.keras.mixed_precision.LossScaleOptimizer(adam) if scaled else adam)
    model.run_eagerly = True
    model.fit(model.training_data(the_board(), 4).take(2), verbose=0)
    assert adam._update_step_xla.experimental_get_tracing_count() == 0
