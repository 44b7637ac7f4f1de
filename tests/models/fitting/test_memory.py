"""What training will hold is told before, and refused where there is no room for it."""

import re
import types
import warnings

import pytest
import tensorflow as tf

from tests.contract.model_cases import CASES, built, its_features, the_board
from tfrec_recall import models
from tfrec_recall.data import memory
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.evaluation import RecallOnValidation
from tfrec_recall.features import Categorical, Features, Rows
from tfrec_recall.models import recall_model
from tfrec_recall.models.fitting import memory as training_memory
from tfrec_recall.models.fitting.memory import TrainingMemory, check_state
from tfrec_recall.optimizers import LazyAdam, RowWiseAdagrad
from tfrec_recall.sampling import Hard, InBatch, Uniform, Unmet, WithoutOwn
from tfrec_recall.training import Checkpoints, RateDrops
from tfrec_recall.training.copies import Copies


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
        # Tables, which optimizers by rows change at those of the batch alone, are no part of it.
        tables = sizes(one.weight for one in model.all_feature_rows() if one.weight.trainable)
        assert 0 < tables < trained
        whole = type(optimizer) is tf.keras.optimizers.Adam
        assert found.step == (trained if whole else trained - tables)
        assert found.vectors == 4 * 4 * len(features.item_vocabulary)
        assert found.weights >= trained
    assert TrainingMemory.of(model, None)[1:3] == (0, 0)


def test_each_large_table_is_told_with_its_rows_and_its_state(features, monkeypatch):
    model = models.TwoTower(features, dim=4)
    assert not TrainingMemory.of(model, LazyAdam()).lines  # kilobytes
    monkeypatch.setattr(training_memory, "TOLD", 1)
    monkeypatch.setattr(training_memory, "MIB", 1)
    lines = TrainingMemory.of(model, RowWiseAdagrad()).lines
    assert "Table of item_id: 32 rows × 4 numbers, 512 MiB, and 128 MiB of Row" in "\n".join(lines)
    lines = TrainingMemory.of(model, tf.keras.optimizers.Adam()).lines
    assert "Table of item_id: 32 rows × 4 numbers, 512 MiB, and 1,024 MiB of Adam's" in lines[0]
    learns = [one for one in model.all_feature_rows() if one.weight.trainable]
    assert sum("state" in line for line in lines) == len(learns) < len(lines)
    found = TrainingMemory.of(model, None)
    assert found.lines[0] == "Table of item_id: 32 rows × 4 numbers, 512 MiB."
    assert str(found).splitlines() == [*found.lines, found.sums]


@pytest.mark.parametrize("model_class", [models.TwoTower, models.Item2Vec, models.ItemCF])
def test_a_model_tells_its_memory_before_examples_are_made(model_class):
    model = model_class(its_features(), **CASES[model_class])
    found = model.memory(64)
    table = next(one for one in found.tables if one.name == "item_id")
    assert table.rows == len(model.features.item_vocabulary)
    assert found.weights == sum(weight.numpy().nbytes for weight in model.weights)
    if model_class is not models.TwoTower:  # they follow no optimizer
        assert found.state == found.step == 0
        return
    assert (table.width, table.size, table.state) == (8, 32 * table.rows, 64 * table.rows)
    assert found.batch == 2 * 4 * 64 * (64 + 64 * 2 // 8)  # of a compiled step: logits, and a mask
    assert model.memory(64, RowWiseAdagrad()).state < found.state


@pytest.mark.parametrize(
    ("made", "by_rows"),
    [
        (tf.keras.optimizers.Adagrad(), True),
        (tf.keras.optimizers.Adagrad(weight_decay=0.1), False),
        (tf.keras.optimizers.SGD(0.1), True),
        (tf.keras.optimizers.SGD(0.1, momentum=0.9), False),
        (tf.keras.optimizers.RMSprop(), False),
        (tf.keras.mixed_precision.LossScaleOptimizer(RowWiseAdagrad()), True),
    ],
)
def test_a_step_of_what_moves_all_rows_has_a_copy_of_tables(features, made, by_rows):
    model = models.TwoTower(features, dim=4)
    found = TrainingMemory.of(model, made).step
    assert (found < sizes(model.trainable_weights)) == by_rows
    model.compile(made, jit_compile=True)  # gradients of a compiled step are dense
    assert TrainingMemory.of(model, made).step == sizes(model.trainable_weights)


def test_an_optimizer_that_goes_over_all_rows_of_large_tables_is_told(features, monkeypatch):
    model = models.TwoTower(features, dim=4)

    def told(optimizer, **options):
        model.compile(optimizer, **options)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always", ReadingNotice)
            model.make_optimizer_state()
            model.make_optimizer_state()  # of the next `fit`
        return [str(one.message) for one in found if issubclass(one.category, ReadingNotice)]

    dense = (tf.keras.optimizers.Adam, tf.keras.optimizers.RMSprop)
    assert not any(told(made()) for made in dense)
    monkeypatch.setattr(recall_model, "moves_rows", lambda model, batch_size: True)
    scaled = tf.keras.mixed_precision.LossScaleOptimizer
    for made in (*dense, lambda: scaled(tf.keras.optimizers.Adam())):
        (said,) = told(made())
        assert re.match(r"(Adam|RMSprop) goes over all rows of TwoTower's .*\(32, \d+\)", said)
        assert "model.optimizer_class(rate)) takes LazyAdam" in said
    for by_rows in (LazyAdam(), RowWiseAdagrad(), tf.keras.optimizers.SGD(0.1)):
        assert not told(by_rows)
    (said,) = told(LazyAdam(), jit_compile=True)
    assert said.startswith("LazyAdam in steps that XLA compiles goes over all rows")


def test_row_wise_adagrad_is_not_refused_where_it_fits(features, monkeypatch):
    model = models.TwoTower(features, dim=4)
    rows = sum(weight.shape[0] for weight in model.trainable_weights)
    tables = sizes(one.weight for one in model.all_feature_rows() if one.weight.trainable)
    monkeypatch.setattr(training_memory, "MUCH", 0)
    left = 4 * rows + sizes(model.trainable_weights) - tables
    monkeypatch.setattr(memory, "free_memory", lambda: left)
    check_state(model, RowWiseAdagrad())
    monkeypatch.setattr(memory, "free_memory", lambda: left - 1)
    with pytest.raises(ValueError, match="RowWiseAdagrad keeps of TwoTower"):
        check_state(model, RowWiseAdagrad())


def test_a_compiled_step_holds_all_logits_of_a_batch(features):
    model = models.TwoTower(features, dim=4, negatives=[InBatch(), Uniform(10)])
    adam = tf.keras.optimizers.Adam()
    assert TrainingMemory.of(model, adam, batch_size=64).batch == 0  # it goes some rows at a time
    assert model.compiles_batches_of(2**14 - 10)
    assert not model.compiles_batches_of(2**14)
    model.compile(adam, jit_compile=True)
    found = TrainingMemory.of(model, adam, batch_size=64)
    assert found.batch == 2 * 4 * 64 * (64 + 10)
    assert "the logits of a batch" in str(found)
    drawn = models.TwoTower(features, dim=4, negatives=[Uniform(10)])
    assert TrainingMemory.of(drawn, adam, batch_size=64).batch == 2 * 4 * 64 * 11


@pytest.mark.parametrize(
    ("negatives", "held"),
    [
        ([InBatch(), Unmet(3)], 1 + 64 + 3),
        ([InBatch(), Uniform(10), Unmet(3), Hard(2, window=(0, 2))], 1 + 64 + 10 + 5),
        ([Unmet(4)], 1 + 4),
        ([InBatch(), Uniform(6), WithoutOwn()], 0),  # logits and mask are of a few rows
        ([InBatch(), Unmet(3), WithoutOwn()], 1 + 64 + 3 + 64 * 2 // 8),  # a mask of them all
    ],
    ids=str,
)
def test_negatives_of_users_have_logits_at_once(features, negatives, held):
    correct = any(isinstance(kind, InBatch) for kind in negatives)
    model = models.TwoTower(features, dim=4, negatives=negatives, correct=correct)
    assert model.logits_of(64, compiled=False) == 64 * held


def test_a_mask_that_is_held_counts_as_logits_do():
    negatives = [InBatch(), Unmet(3), WithoutOwn()]
    distinct = built(models.SamplingBiasCorrectedTwoTower, negatives=negatives)
    assert distinct.logits_of(64, compiled=False) == 64 * (1 + 64 + 3 + 64 * (2 + 2) // 8)
    shared = built(models.SamplingBiasCorrectedTwoTower)
    assert shared.logits_of(64, compiled=True) == 64 * (64 + 64 * 2 // 8)
    assert shared.logits_of(64, compiled=False) == 0
    assert built(models.SDM).logits_of(64, compiled=False) == 0
    session = built(models.SDM, negatives=negatives)
    assert session.logits_of(64, compiled=False) == 64 * (1 + 64 + 3 + 64 * (2 + 3) // 8)


def test_copies_of_callbacks_count(features):
    model = models.TwoTower(features, dim=4)
    alone = TrainingMemory.of(model, tf.keras.optimizers.Adam())
    beside = Copies.of([RateDrops("val_recall@50"), tf.keras.callbacks.History()])
    measured = TrainingMemory.of(model, tf.keras.optimizers.Adam(), Copies(beside.weights, 2))
    assert measured == alone._replace(kept=alone.weights, vectors=2 * alone.vectors)
    assert "the best weights" in str(measured)


def test_callbacks_say_what_they_hold(tmp_path):
    best = tf.keras.callbacks.EarlyStopping("loss", restore_best_weights=True)
    assert Copies.of([tf.keras.callbacks.EarlyStopping("loss"), Checkpoints(tmp_path)]) == Copies()
    assert Copies.of([best]) == Copies(2)  # the copy before, too
    assert Copies.of([RateDrops("loss"), Checkpoints(tmp_path)]) == Copies(3)
    measure = object.__new__(RecallOnValidation)
    assert Copies.of([measure, best]) == Copies(2, 2)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(
    "model_class",
    [models.TwoTower, models.SamplingBiasCorrectedTwoTower, models.MIND, models.SDM],
)
def test_vectors_are_those_of_all_tables_of_the_retriever(model_class, normalize):
    model = built(model_class, normalize=normalize)
    model.has_learnt.assign(1)
    items, dim = the_board().items, model.candidate_model.output_shape[-1]
    found = [tuple(v.shape) for v in model.retriever(items, k=2).variables]
    assert found.count((len(items), dim)) == model.vector_tables


@pytest.mark.parametrize("popularity", [0.0, 0.1])
def test_an_item_space_has_a_table_of_means_as_well(popularity):
    model = built(models.Item2Vec, popularity=popularity, dim=5)
    for weight in model.weights:
        if weight.shape.rank == 2:
            weight.assign(tf.random.stateless_normal(weight.shape, [0, 1]))
        if weight.shape.rank == 1 and weight.dtype == tf.float32:
            weight.assign(tf.ones_like(weight))
    model.shrunk.share.assign(tf.fill(model.shrunk.share.shape, 0.5))  # 1 leaves nothing
    model.has_learnt.assign(1)
    items = the_board().items
    found = [tuple(v.shape) for v in model.retriever(items, k=2).variables]
    assert found.count((len(items), 5)) == model.vector_tables


def test_best_weights_that_have_no_room_are_refused(features, monkeypatch):
    model = models.TwoTower(features, dim=4)
    trained = sizes(model.trainable_weights)
    monkeypatch.setattr(training_memory, "MUCH", 0)
    monkeypatch.setattr(memory, "free_memory", lambda: 3 * trained)  # enough without callbacks
    model.compile(tf.keras.optimizers.Adam())
    batches = model.training_data(the_board(), 8)
    with pytest.raises(ValueError, match="Adam and callbacks keep of TwoTower's weights"):
        model.fit(batches, verbose=0, callbacks=[RateDrops("loss")])


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
    with pytest.raises(ValueError, match=rf"table of item_id, {rows:,} rows of 4 .*") as refused:
        models.TwoTower(features, dim=4)
    assert "min_count = { item_id = 5 }" in str(refused.value)
    assert "hash" not in str(refused.value)


@pytest.mark.parametrize(
    ("needs", "buckets", "rows_of_user", "said", "not_said"),
    [
        (("item_id",), None, 9, "user_id alone (min_count) or hashes of them (hash_", "fewer"),
        (("user_id", "item_id"), None, 9, "user_id alone (min_count):", "hash"),  # as NeuralCF
        (("item_id",), 7, 9, "fewer hash_buckets of user_id", "min_count"),
        (("item_id",), None, 3, "item_id alone (min_count):", "hash"),
    ],
)
def test_what_a_refusal_advises_fits_the_table_and_the_model(
    needs, buckets, rows_of_user, said, not_said
):
    tables = [Rows(tf.zeros([rows_of_user, 2]), "user_id"), Rows(tf.zeros([5, 2]), "item_id")]
    user = [Categorical("user_id", hash_buckets=buckets)]
    model = types.SimpleNamespace(
        all_feature_rows=lambda: tables,
        features=Features(user, [Categorical("item_id")]),
        needs=needs,
    )
    advice = training_memory._remedy(model)
    assert said in advice
    assert not_said not in advice


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
