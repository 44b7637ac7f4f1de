"""What training will hold is told before, and refused where there is no room for it."""

import pytest
import tensorflow as tf

from tests.contract.model_cases import built, the_board
from tfrec_recall import models
from tfrec_recall.data import memory
from tfrec_recall.features import Categorical, Features
from tfrec_recall.models import training_memory
from tfrec_recall.models.training_memory import TrainingMemory
from tfrec_recall.optimizers import LazyAdam, RowWiseAdagrad


@pytest.fixture(scope="module")
def features():
    return Features([Categorical("user_id")], [Categorical("item_id")]).adapt(the_board())


def sizes(variables):
    return 4 * sum(int(tf.size(variable)) for variable in variables)


def test_bytes_are_those_of_weights_state_and_vectors(features):
    model = models.TwoTower(features, dim=4)
    trained = sizes(model.trainable_weights)
    for optimizer in (tf.keras.optimizers.Adam(), LazyAdam(), RowWiseAdagrad()):
        found = TrainingMemory.of(model, optimizer)
        optimizer.build(model.trainable_variables)
        assert found.state == sizes(v for v in optimizer.variables if v.shape.rank)
        assert found.step == trained
        assert found.vectors == 4 * 4 * len(features.item_vocabulary)
        assert found.weights >= trained
    assert TrainingMemory.of(model, None)[1:3] == (0, 0)


def test_weights_as_long_as_their_data_count_as_they_are():
    model = built(models.GraphSAGE)
    model.training_data(the_board(), 8)  # the edges come
    assert not all(weight.shape.is_fully_defined() for weight in model.weights)
    found = TrainingMemory.of(model, model.optimizer)
    assert found.weights == sum(weight.numpy().nbytes for weight in model.weights)


def test_what_has_no_room_is_refused_before_it_is_made(features, monkeypatch):
    model = models.TwoTower(features, dim=4)
    trained = sizes(model.trainable_weights)
    monkeypatch.setattr(training_memory, "MUCH", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 3 * trained - 1)  # Adam's two, and a step's
    model.compile(tf.keras.optimizers.Adam())
    batches = model.training_data(the_board(), 8)
    with pytest.raises(ValueError, match=r"Adam keeps of TwoTower.*GiB are left.*dim.*min_count"):
        model.fit(batches, verbose=0)
    monkeypatch.setattr(memory, "free_memory", lambda: 3 * trained)
    model.fit(batches, verbose=0)
    rows = len(features.item_vocabulary)
    monkeypatch.setattr(memory, "free_memory", lambda: 4 * 4 * rows - 1)
    with pytest.raises(ValueError, match=rf"table of item_id, {rows:,} rows of 4 .*hash_buckets"):
        models.TwoTower(features, dim=4)


def test_hashed_users_share_rows_and_an_unknown_one_has_a_row_of_others():
    hashed = Categorical("user_id", hash_buckets=3)
    features = Features([hashed], [Categorical("item_id")]).adapt(the_board())
    model = models.TwoTower(features, dim=4)
    assert (3 + 2, 4) in [tuple(weight.shape) for weight in model.query_model.weights]
    users = the_board().users["user_id"].astype(str).tolist()
    vectors = model.retriever(the_board().items, k=2).embed_query({"user_id": [*users, "nobody"]})
    assert len({tuple(row) for row in vectors.numpy().round(5).tolist()}) == 3
    with pytest.raises(ValueError, match=r"'user_id' has to be Categorical.*no hash_buckets"):
        features.ids("user_id")
