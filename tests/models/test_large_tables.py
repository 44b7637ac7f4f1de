"""Models of large tables: their step costs what its batch touches."""

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.model_cases import built, the_board
from tfrec_recall import models
from tfrec_recall.features import item_embedding
from tfrec_recall.models import recall_model
from tfrec_recall.optimizers import LazyAdam


@pytest.mark.parametrize("few", [20, 10_000])
def test_the_largest_table_decides_on_the_optimizer_and_on_xla(few, monkeypatch):
    monkeypatch.setattr(recall_model, "FEW_ITEMS", few)
    monkeypatch.setattr(recall_model, "LARGE_TABLE", few)
    model = built(models.TwoTower)
    large = few == 20
    assert model.optimizer_class is (LazyAdam if large else tf.keras.optimizers.Adam)
    assert model.can_compile != large
    if large:
        with pytest.raises(ValueError, match=r"tables of at most 20 rows.*a table of 32 rows"):
            model.compile(jit_compile=True)


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
