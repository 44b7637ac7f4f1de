"""Models of large tables: their step costs what its batch touches."""

import types

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.contract.model_cases import SEEN, built, the_board
from tfrec_recall import models
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History, Rows, item_embedding
from tfrec_recall.models import recall_model
from tfrec_recall.models.fitting import table_steps
from tfrec_recall.optimizers import FusedAdam, LazyAdam
from tfrec_recall.sampling import InBatch, Uniform, Unmet

DENSE = FusedAdam
TIMES = table_steps.TIMES


def of_tables(shapes, looked_up, learn=True):
    """What the rule sees of a model: tables by their features, and the look-ups of an example."""
    rows = [Rows(tf.Variable(tf.zeros(shape)), name) for name, shape in shapes.items()]
    return types.SimpleNamespace(
        all_feature_rows=lambda: rows,
        trainable_weights=[one.weight for one in rows] if learn else [],
        looked_up=lambda batch_size: {name: n * batch_size for name, n in looked_up.items()},
    )


def test_rows_move_alone_where_the_tables_are_large_against_the_batch(monkeypatch):
    users, items = {"user_id": [10 * TIMES + 1, 3]}, {"item_id": [7, 200]}
    assert not table_steps.moves_rows(of_tables(users, {"user_id": 1}), 1)  # it is small
    monkeypatch.setattr(table_steps, "FEW_NUMBERS", 3 * (10 * TIMES + 1) - 1)
    assert table_steps.moves_rows(of_tables(users, {"user_id": 1}), 10)
    assert not table_steps.moves_rows(of_tables(users, {"user_id": 1}), 11)
    assert not table_steps.moves_rows(of_tables(users, {"user_id": 1}, learn=False), 1)
    both = {**users, **items}  # numbers count, and not rows
    assert table_steps.moves_rows(of_tables(both, {"user_id": 1, "item_id": 0}), 1)
    assert not table_steps.moves_rows(of_tables(both, {"user_id": 1, "item_id": 5}), 1)
    assert not table_steps.moves_rows(of_tables(both, {"user_id": 1}), 1)  # its gradient is dense


def pairs(model_class, users, items, **settings):
    """A model of the ids, which everybody and everything has."""
    each = np.arange(max(users, items))
    events = pd.DataFrame({"user_id": each % users, "item_id": each % items, "timestamp": each})
    user = [Categorical("user_id"), History(length=20)][: 1 + (model_class is models.NeuralCF)]
    features = Features(user, [Categorical("item_id")]).adapt(Interactions(events))
    return model_class(features, **settings)


@pytest.mark.parametrize(
    ("model_class", "users", "items", "batch_size", "optimizer"),
    [
        (models.NeuralCF, 943, 1_682, 1_024, DENSE),  # MovieLens-100k
        (models.NeuralCF, 4_000, 4_000, 1_024, DENSE),
        (models.NeuralCF, 4_000, 4_000, 128, DENSE),
        (models.NeuralCF, 15_000, 30_000, 256, LazyAdam),
        (models.FunkSVD, 943, 1_682, 1_024, DENSE),
        (models.FunkSVD, 4_000, 4_000, 1_024, DENSE),
        (models.FunkSVD, 40_000, 10_000, 1_024, LazyAdam),
        (models.FunkSVD, 40_000, 10_000, 8_192, DENSE),
    ],
)
def test_pairs_move_rows_by_the_size_of_tables_and_batches(
    model_class, users, items, batch_size, optimizer
):
    model = pairs(model_class, users, items)
    assert model.optimizer_for(batch_size) is optimizer
    assert not model.compiles_batches_of(batch_size) or optimizer is DENSE
    assert model.memory(batch_size).tables[0].optimizer == optimizer.__name__


def test_training_data_says_how_large_batches_are(monkeypatch):
    monkeypatch.setattr(table_steps, "FEW_NUMBERS", 0)
    monkeypatch.setattr(table_steps, "TIMES", 1)
    model = built(models.NeuralCF)
    assert model.optimizer_class is DENSE
    assert model.can_compile
    model.training_data(the_board(), 3)
    assert model.optimizer_class is LazyAdam
    assert not model.can_compile
    model.training_data(the_board(), batch_size=1_024)
    assert model.optimizer_class is DENSE


def test_what_xla_knows_may_be_compiled_where_rows_would_move_in_less_time(monkeypatch):
    """As files say it of models that were compiled before the rule said so."""
    monkeypatch.setattr(recall_model, "moves_rows", lambda model, batch_size: True)
    model = built(models.NeuralCF)
    model.compile(DENSE(), jit_compile=True)
    assert model.get_compile_config()["jit_compile"]
    monkeypatch.setattr(item_embedding, "FEW_ITEMS", 31)
    with pytest.raises(ValueError, match=r"at most 31 items, and features of.*32 items, \d+ value"):
        model.compile(DENSE(), jit_compile=True)


HISTORY = {"user_id": 5, "country": 5, "history": 5 * SEEN}
NEIGHBOURS = 1 + 3 + 12


@pytest.mark.parametrize(
    ("model_class", "settings", "items"),
    [
        (models.TwoTower, {"negatives": 0}, 5 * (1 + SEEN)),
        (models.TwoTower, {"negatives": [InBatch(), Uniform(7)]}, 5 * (1 + SEEN) + 7),
        (models.TwoTower, {"negatives": [InBatch(), Unmet(2)]}, 5 * (1 + SEEN) + 5 * 2),
        (models.GraphSAGE, {}, (2 * 5 + 20) * NEIGHBOURS),
        (models.PinSAGE, {"most_hard": 3}, (5 * 5 + 20) * (1 + 4 + 16)),
    ],
)
def test_a_batch_looks_up_targets_histories_negatives_and_neighbours(
    model_class, settings, items, monkeypatch
):
    model = built(model_class, **settings)
    of_users = HISTORY if model_class is models.TwoTower else {}
    if of_users:  # few items are embedded as a whole
        assert model.looked_up(5) == of_users
    monkeypatch.setattr(item_embedding, "FEW_ITEMS", 31)
    assert model.looked_up(5) == {**of_users, "item_id": items, "tags": 2 * items}


@pytest.mark.parametrize("model_class", [models.TwoTower, models.NeuralCF, models.MIND])
def test_a_step_moves_the_rows_of_its_batch_alone(model_class, monkeypatch):
    monkeypatch.setattr(item_embedding, "FEW_ITEMS", 20)
    model = built(model_class)
    model.compile(LazyAdam(0.05))
    model.run_eagerly = True
    batch = next(iter(model.training_data(the_board(), 4)))  # of several users
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
