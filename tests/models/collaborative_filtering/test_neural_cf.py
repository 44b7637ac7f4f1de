"""NeuralCF against its equations, one pair at a time."""

import warnings

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references import neural_cf as reference
from tfrec_recall.data import Interactions, recent
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import NeuralCF, recall_model
from tfrec_recall.models.collaborative_filtering.pair_scorer import PairScorer
from tfrec_recall.optimizers import LazyAdam
from tfrec_recall.retrieval import Exact, scoring_retriever

pytestmark = pytest.mark.usefixtures("untraced")

USERS, ITEMS = 9, 14


@pytest.fixture(scope="module")
def train():
    random = np.random.default_rng(5)
    pairs = [
        (f"u{u}", f"i{i}") for u in range(USERS) for i in random.permutation(ITEMS)[: 4 + u % 3]
    ]
    pairs.append(("one event", "i3"))
    events = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    items = pd.DataFrame({"item_id": [f"i{i}" for i in range(ITEMS)]})
    return Interactions(events.assign(weight=random.integers(1, 4, len(events))), items=items)


def built(train, seed=1, **settings):
    tf.keras.utils.set_random_seed(seed)
    model = NeuralCF(NeuralCF.default_features(train).adapt(train), dim=3, **settings)
    random = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        weight.assign(random.normal(size=weight.shape))
    return model


def scores(model, users, items):
    user = model.user_vectors({"user_id": tf.constant(users)})
    return model.logits(user, model.item_vectors(tf.constant(items)[:, tf.newaxis]))[:, 0].numpy()


def batch_of(user, item, label, weight):
    """Every pair as a positive or negative of its own."""
    batch = {"item_id": item, "label": label, "sample_weight": weight}
    batch = {name: values[:, np.newaxis] for name, values in batch.items()} | {"user_id": user}
    return {n: tf.constant(v, tf.float32 if v.dtype == float else None) for n, v in batch.items()}


def parts(model, user, item):
    tables = (model.product, model.tower)
    of_user = [t[0].embeddings.numpy()[user] for t in tables]
    of_item = [t[1].embeddings.numpy()[item] for t in tables]
    layers = [[w.numpy() for w in layer.weights] for layer in model.layers_of_tower]
    return of_user, of_item, layers, [w.numpy() for w in model.output_layer.weights]


def sizes(model, user, item):
    of_user, of_item, *_ = parts(model, user, item)
    return sum((vector**2).sum() for vector in (*of_user, *of_item))


@pytest.mark.parametrize("apart", [0.0, 0.25, 1.0])
def test_branches_learn_apart_as_much_as_is_asked(train, apart):
    """Each branch's own logit is twice its part, so that the whole is their mean."""
    model = built(train, apart=apart, l2=0.1)
    users, items = np.array([2, 5, 3]), np.array([7, 3, 9])
    label, weight = np.array([1.0, 0, 1]), np.array([1.0, 2, 3])
    losses = []
    for u, i, y in zip(users, items, label, strict=True):
        product, tower, bias = reference.branches(*parts(model, u, i))
        fused = reference.logistic_loss(y, product + tower + bias)
        own = [reference.logistic_loss(y, 2 * branch + bias) for branch in (product, tower)]
        loss = (1 - apart) * fused + apart * np.mean(own)
        losses.append(loss + 0.1 * sizes(model, u, i))
    found = float(model.compute_loss(batch_of(users, items, label, weight)))
    assert found == pytest.approx(np.mean(weight * losses), rel=1e-4)


def test_logit_and_loss_equal_the_equations(train):
    model = built(train, apart=0.0, l2=0.0)
    users, items = np.array([2, 5, 3, 5]), np.array([7, 3, 3, 9])
    label, weight = np.array([1.0, 0, 0, 1]), np.array([1.0, 2, 1, 3])
    expected = np.array(
        [reference.logit(*parts(model, u, i)) for u, i in zip(users, items, strict=True)]
    )
    np.testing.assert_allclose(scores(model, users, items), expected, rtol=1e-4)
    batch = batch_of(users, items, label, weight)
    loss = np.mean(weight * reference.logistic_loss(label, expected))
    assert float(model.compute_loss(batch)) == pytest.approx(loss, rel=1e-4)
    model.squared_loss = True
    loss = np.mean(weight * (label - expected) ** 2)
    assert float(model.compute_loss(batch)) == pytest.approx(loss, rel=1e-4)


def test_the_plain_form_has_the_papers_loss(train):
    """Eq. 7 of the fused logit of Eq. 12, with 4 negatives a positive, and nothing beside it."""
    features = NeuralCF.default_features(train).adapt(train)
    model = NeuralCF.published(features, dim=3)
    random = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(random.normal(size=weight.shape))
    even = train.with_events(train.events.drop(columns="weight"))
    batch = next(iter(model.training_data(even, batch_size=20, seed=None)))
    user, item, label, weight = (
        batch[name].numpy() for name in ("user_id", "item_id", "label", "sample_weight")
    )
    assert item.shape == (4, 5)
    np.testing.assert_array_equal(label, [[1, 0, 0, 0, 0]] * 4)
    np.testing.assert_array_equal(weight, 1)
    losses = [
        reference.logistic_loss(y, reference.logit(*parts(model, user[row], i)))
        for row in range(4)
        for i, y in zip(item[row], label[row], strict=True)
    ]
    assert float(model.compute_loss(batch)) == pytest.approx(np.mean(losses), rel=1e-4)
    assert [layer.units for layer in model.layers_of_tower] == [12, 6, 3]  # a halving tower


def test_weights_of_events_count_by_their_proportion_and_for_their_negatives_too(train):
    def weights(of_events):
        weighed = train.with_events(train.events.assign(weight=of_events))
        batches = built(train).training_data(weighed, batch_size=10_000, seed=None)
        return np.concatenate([batch["sample_weight"].numpy() for batch in batches])

    given = np.arange(len(train.events), dtype=float)  # one of them counts nothing
    one, hundred, mixed = weights(1.0), weights(100.0), weights(given)
    np.testing.assert_allclose(hundred, one, rtol=1e-6)
    np.testing.assert_allclose(mixed[:, 0].mean(), 1, rtol=1e-6)
    np.testing.assert_array_equal(mixed[mixed[:, 0] == 0], 0)
    np.testing.assert_allclose(weights(7 * given), mixed, rtol=1e-5)


def test_matrix_factorisation_is_a_special_case(train):
    model = built(train, tower=False)
    model.output_layer.set_weights([np.ones((3, 1)), np.zeros(1)])
    p, q = (table.embeddings.numpy() for table in model.product)
    users, items = np.array([2, 5, 3]), np.array([7, 3, 4])
    np.testing.assert_allclose(scores(model, users, items), (p[users] * q[items]).sum(1), rtol=1e-5)


def test_pre_trained_branches_are_fused_by_alpha(train):
    product, tower = built(train, 2, tower=False), built(train, 3, product=False)
    model = built(train, 4)
    model.begin_with(product, tower, alpha=0.3)
    users, items = np.array([2, 5, 3]), np.array([7, 3, 4])
    expected = 0.3 * scores(product, users, items) + 0.7 * scores(tower, users, items)
    np.testing.assert_allclose(scores(model, users, items), expected, rtol=1e-4)
    for wrong in (
        (tower, product),
        (model, tower),
        (product, built(train, product=False, hidden=(4,))),
    ):
        with pytest.raises(ValueError, match=r"begins with a GMF \(tower=False\) .*Received: weig"):
            model.begin_with(*wrong)


def test_negatives_are_unmet_and_new_each_epoch(train):
    model = built(train, negatives=3, negative_weight=0.5)
    met = set(zip(*(encoded(model, train)), strict=True))
    weight_of = dict(
        zip(zip(*encoded(model, train), strict=True), train.events["weight"], strict=True)
    )
    mean = np.mean(list(weight_of.values()))
    data = model.training_data(train, batch_size=20, seed=4)
    epochs = []
    for _ in range(2):
        drawn, positives = [], []
        for batch in data.as_numpy_iterator():
            cells = [batch[name].ravel() for name in ("item_id", "label", "sample_weight")]
            for user, item, label, weight in zip(
                np.repeat(batch["user_id"], 4), *cells, strict=True
            ):
                if label:
                    positives.append((user, item))
                    of_event = weight_of[user, item] / mean
                    assert weight == pytest.approx(of_event)
                else:
                    drawn.append((user, item))
                    assert weight == pytest.approx(0.5 * of_event)
        assert sorted(positives) == sorted(met)
        assert len(drawn) == 3 * len(met)
        assert not met & set(drawn)
        epochs.append(sorted(drawn))
    assert epochs[0] != epochs[1]


def test_recent_events_and_their_negatives_weigh_more(train):
    """By a half-life of 2 events, whatever the order of the rows; 1 on average."""
    events = train.events.drop(columns="weight").assign(timestamp=range(len(train.events)))
    data = train.with_events(events.sample(frac=1, random_state=3))
    model = built(data, weight_half_life=2.0, negatives=3, negative_weight=0.5)
    expected = {}
    for _, of_user in events.groupby("user_id"):
        for newer, item in enumerate(of_user["item_id"][::-1]):
            expected[of_user["user_id"].iloc[0], item] = 0.5 ** (newer / 2)
    mean = np.mean(list(expected.values()))
    users, items = (model.features.ids(name).vocabulary for name in ("user_id", "item_id"))
    found = {}
    for batch in model.training_data(data, batch_size=20).as_numpy_iterator():
        weight = batch["sample_weight"]
        np.testing.assert_allclose(weight[:, 1:], np.repeat(weight[:, :1] / 2, 3, axis=1))
        names = users.decode(batch["user_id"]), items.decode(batch["item_id"][:, 0])
        found |= dict(zip(zip(*names, strict=True), mean * weight[:, 0], strict=True))
    assert found == pytest.approx(expected, rel=1e-5)


def test_without_time_no_event_is_recent(train):
    with pytest.raises(ValueError, match="no timestamps: weight_half_life=None"):
        built(train, weight_half_life=2.0)
    model = built(train, weight_half_life="auto", negatives=1)
    assert model.weight_half_life is None
    unweighted = train.with_events(train.events.drop(columns="weight"))
    for batch in model.training_data(unweighted, batch_size=20).as_numpy_iterator():
        np.testing.assert_array_equal(batch["sample_weight"], 1.0)


def with_time(train):
    return train.with_events(train.events.assign(timestamp=range(len(train.events))))


def test_a_user_is_the_mean_of_the_history_beside_his_id(train):
    """The newer half of it counts more, and items that training does not know count nothing."""
    data = with_time(train)
    model = built(data, half_life=2.0)
    history = [["i4", "never", "i7", "i4", "", ""]]
    ids = model.features.item_vocabulary.encode(["i4", "i7", "i4"])
    weight = 0.5 ** (np.array([2, 1, 0]) / 2)
    retriever = model.retriever(data.items)
    for name in ("u2", "a stranger"):
        user = model.features.encodings["user_id"].encode(pd.Series([name]))[0]
        _, found = retriever({"user_id": [name], "history": history}, k=ITEMS)
        expected = []
        for item in model.features.item_vocabulary.encode(data.items["item_id"]):
            of_user, of_item, *rest = parts(model, user, item)
            for place, (_, table) in enumerate((model.product, model.tower)):
                of_user[place] += weight @ table.embeddings.numpy()[ids] / weight.sum()
            expected.append(reference.logit(of_user, of_item, *rest))
        np.testing.assert_allclose(found[0], -np.sort(-np.array(expected)), rtol=1e-4, atol=1e-5)


def test_the_history_of_an_example_ends_before_it(train):
    data = with_time(train)
    model = built(data, half_life=2.0, negatives=1)
    users, items = (model.features.ids(name).vocabulary for name in ("user_id", "item_id"))
    taken = data.events.groupby("user_id")["item_id"].agg(list)  # in the order of time
    count = 0
    for batch in model.training_data(data, batch_size=20).as_numpy_iterator():
        for user, (item, _), history in zip(
            *(batch[name] for name in ("user_id", "item_id", "history")), strict=True
        ):
            own = taken[users.decode([user])[0]]
            before = own[: own.index(items.decode([item])[0])]
            assert [name for name in items.decode(history) if name] == before
            count += 1
    assert count == len(data.events)


@pytest.mark.parametrize("lacks", ["time", "history", "half_life"])
def test_without_a_history_there_are_the_ids_alone(train, lacks):
    data = train if lacks == "time" else with_time(train)
    features = NeuralCF.default_features(data)
    if lacks == "history":
        features = features.without("history")
    features.adapt(data)
    model = NeuralCF(features, half_life=None if lacks == "half_life" else "auto")
    if lacks != "half_life":
        with pytest.raises(ValueError, match=r"Received: half_life=2.0"):
            NeuralCF(features, half_life=2.0)
    assert set(PairScorer(model).inputs) == {"user_id"}
    assert "history" not in next(iter(model.training_data(data)))


def test_what_has_learnt_nothing_says_so(train):
    model = NeuralCF(NeuralCF.default_features(train).adapt(train), dim=3)
    with pytest.raises(ValueError, match="NeuralCF has learnt nothing yet"):
        model.retriever(train.items)
    model.compile()
    model.fit(model.training_data(train, batch_size=20).take(1), verbose=0)
    assert model.retriever(train.items, k=3)({"user_id": ["u1"]})[0].shape == (1, 3)


def encoded(model, train):
    user = model.features.encodings["user_id"].encode(train.events["user_id"])
    return user, model.features.encodings["item_id"].encode(train.events["item_id"])


def test_lists_are_those_of_all_scores(train, monkeypatch):
    model = built(train)
    users = ["u3", "u0"]
    code = model.features.encodings["user_id"].encode(pd.Series(users))
    names = train.items["item_id"].tolist()
    items = model.features.item_vocabulary.encode(names)
    exclude = [["i1", "i2", "never"], ["i5", "", ""]]
    for pairs in (3 * 5, 131_072):  # items in blocks of 5, or all at once
        monkeypatch.setattr(scoring_retriever, "PAIRS_AT_A_TIME", pairs)
        ids, found = model.retriever(train.items)({"user_id": users}, k=11, exclude=exclude)
        for row in range(2):
            expected = scores(model, np.full(ITEMS, code[row]), items)
            expected[[names.index(name) for name in exclude[row] if name in names]] = -np.inf
            np.testing.assert_allclose(found[row], -np.sort(-expected)[:11], rtol=1e-4)
            listed = [names.index(raw.decode()) for raw in ids.numpy()[row]]
            np.testing.assert_allclose(expected[listed], found[row], rtol=1e-4)


@pytest.mark.parametrize("shortlist", [None, 5])
def test_new_items_are_not_found(train, shortlist):
    model = built(train, shortlist=shortlist)
    for table in (model.product[1], model.tower[1]):  # of the row that new items share
        table.embeddings.assign(table.embeddings.numpy() * (np.arange(ITEMS + 2) == 1)[:, None] * 9)
    items = pd.DataFrame({"item_id": [*[f"new {n}" for n in range(9)], *train.items["item_id"]]})
    users = [*(f"u{n}" for n in range(USERS)), "stranger"]
    ids, found = model.retriever(items, k=5)({"user_id": users})
    assert not any(raw.startswith(b"new") for raw in ids.numpy().ravel())
    assert np.isfinite(found[:-1]).all()


def test_a_shortlist_of_everything_is_exhaustive_and_a_short_one_is_the_products(train):
    model = built(train)
    everything = model.retriever(train.items, k=5)
    query = {"user_id": ["u1", "u4"]}
    model.shortlist = ITEMS
    found, expected = model.retriever(train.items, Exact(), k=5)(query), everything(query)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-6)  # sums of other shapes
    model.shortlist = 5
    ids, found = model.retriever(train.items, Exact(), k=5)(query)
    p, q = (table.embeddings.numpy() for table in model.product)
    h = model.output_layer.kernel.numpy()[:3, 0]
    items = model.features.item_vocabulary.encode(train.items["item_id"])
    for row, user in enumerate(model.features.encodings["user_id"].encode(pd.Series(["u1", "u4"]))):
        best = np.argsort(-(q[items] @ (h * p[user])))[:5]
        assert {raw.decode() for raw in ids.numpy()[row]} == {f"i{i}" for i in best}
        np.testing.assert_allclose(
            found[row], -np.sort(-scores(model, np.full(5, user), items[best])), rtol=1e-4
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"product": False, "tower": False}, "the product, the tower or both"),
        ({"negatives": 0}, "negatives as a whole number from 1 up"),
        ({"apart": 1.5}, "at least 0 and at most 1. Received: apart=1.5"),
        ({"weight_half_life": 0.0}, "weight_half_life as a number above 0"),
        ({"half_life": -1.0}, "half_life as a number above 0"),
        ({"product": False, "shortlist": 50}, "searched by the product's vectors"),
        ({"tower": False, "hidden": (8, 4)}, "hidden layers in its tower"),
        ({"tower": False, "alpha": 0.5}, "joins a product and a tower"),
        ({"l2": -1.0}, "l2 as a number at least 0"),
        ({"negative_weight": -1.0}, "negative_weight as a number at least 0"),
    ],
)
def test_errors_say_what_to_do(train, settings, message):
    with pytest.raises(ValueError, match=message):
        built(train, **settings)


def test_a_history_without_times_is_passed_over_and_told(train):
    features = Features([Categorical("user_id"), History(length=3)], [Categorical("item_id")])
    features.adapt(train)
    with pytest.warns(ReadingNotice, match="NeuralCF .* have no times: it passes the history over"):
        model = NeuralCF(features, dim=3)
    assert model.pool is None
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReadingNotice)
        NeuralCF(features, dim=3, half_life=None)  # as it was asked
        built(train)  # without a history


def test_without_an_order_of_its_own_each_epoch_has_other_negatives(train):
    model = built(train, negatives=4)
    data = model.training_data(train, batch_size=20, seed=None)
    epochs = [np.concatenate([batch["item_id"] for batch in data]) for _ in range(2)]
    np.testing.assert_array_equal(epochs[0][:, 0], epochs[1][:, 0])
    assert (epochs[0][:, 1:] != epochs[1][:, 1:]).mean() > 0.3


def test_who_has_met_every_item_has_no_negatives():
    rows = [("all", f"i{n}", n) for n in range(6)] + [("one", "i0", 9)]
    data = Interactions(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]))
    batch = next(iter(built(data, negatives=2).training_data(data, batch_size=100)))
    met = batch["item_id"].numpy()[:, 1:] == 0
    assert met.sum() == 12
    assert not batch["sample_weight"].numpy()[:, 1:][met].any()


@pytest.mark.usefixtures("traced")
def test_alpha_trains_both_branches_alone_before_it_joins_them(train):
    tf.keras.utils.set_random_seed(0)
    model = built(train, negatives=2, alpha=0.3, pretrain_epochs=2, half_life=None)
    model.compile(tf.keras.optimizers.SGD(0.0))  # what is learnt is learnt before
    states = []
    for _ in range(3):
        states.append([variable.numpy() for variable in model.trainable_variables])
        model.fit(model.training_data(train, batch_size=32), epochs=1, verbose=0)
    moved = [np.abs(a - b).max() for a, b in zip(states[0], states[1], strict=True)]
    assert min(moved) > 0
    for ours, theirs in zip(states[1], states[2], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(ValueError, match="alpha=7"):
        model.begin_with(model, model, alpha=7.0)


def with_alpha(train, rate, seed=1):
    settings = {"negatives": 2, "half_life": None, "alpha": 0.3, "pretrain_epochs": 1}
    model = built(train, seed, **settings)
    model.compile(tf.keras.optimizers.SGD(rate))
    return model


def learnt_by(model):
    return [variable.numpy() for variable in model.trainable_variables]


@pytest.mark.parametrize("passes", [None, 1])
def test_branches_learn_alone_by_the_steps_of_an_epoch(train, monkeypatch, passes):
    model, steps = with_alpha(train, rate=0.0), []
    model.pretrain_epochs = 5

    def begin_with(product, tower, alpha):
        steps.extend(int(branch.optimizer.iterations) for branch in (product, tower))

    monkeypatch.setattr(model, "begin_with", begin_with)
    data = model.training_data(train, batch_size=20)
    assert data.cardinality() < 15
    model.fit(data.repeat(passes), epochs=1, steps_per_epoch=3, verbose=0)
    assert steps == [15, 15]


def test_branches_learn_alone_by_the_optimizer_that_their_tables_ask_for(train, monkeypatch):
    monkeypatch.setattr(recall_model, "moves_rows", lambda model, batch_size: batch_size == 64)
    model, used = with_alpha(train, rate=0.0), []

    def begin_with(product, tower, alpha):
        used.extend(type(branch.optimizer) for branch in (product, tower))

    monkeypatch.setattr(model, "begin_with", begin_with)
    model.fit(model.training_data(train, batch_size=64).take(1), verbose=0)
    assert used == [LazyAdam, LazyAdam]


def test_a_model_that_has_learnt_is_not_trained_alone_again(train, tmp_path):
    model = with_alpha(train, rate=0.0)
    model.fit(model.training_data(train, batch_size=64), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = tf.keras.models.load_model(tmp_path / "model.keras")
    grown = loaded.grow(loaded.features.grow(train))
    grown.update(recent(train, train, length=grown.history_needed), epochs=1)
    loaded.fit(loaded.training_data(train, batch_size=64), verbose=0)
    for other in (loaded, grown):
        for ours, theirs in zip(learnt_by(other), learnt_by(model), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_run_that_is_taken_up_again_has_been_trained_alone(train, tmp_path, monkeypatch):
    def fit(model, epochs, *callbacks):
        data = model.training_data(train, batch_size=64)
        model.fit(data, epochs=epochs, callbacks=list(callbacks), verbose=0)
        return model

    through = fit(with_alpha(train, rate=0.1), 2)
    kept = tf.keras.callbacks.BackupAndRestore(tmp_path / "state", delete_checkpoint=False)
    fit(with_alpha(train, rate=0.1), 1, kept)
    monkeypatch.delattr(NeuralCF, "_alone")
    again = fit(with_alpha(train, rate=0.1, seed=9), 2, kept)
    for ours, theirs in zip(learnt_by(again), learnt_by(through), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
