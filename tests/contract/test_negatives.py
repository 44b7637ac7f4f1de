"""Every model that learns by a softmax takes every kind of negatives, and means the same by it."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.contract.model_cases import CASES, asked, built, requests, the_board
from tfrec_recall.data import Interactions
from tfrec_recall.features.names import is_plain, is_reserved
from tfrec_recall.models.learning.candidate_softmax import CandidateSoftmax
from tfrec_recall.models.learning.softmax_model import SoftmaxModel
from tfrec_recall.sampling import (
    Hard,
    InBatch,
    LogUniform,
    Popularity,
    Shown,
    Uniform,
    Unmet,
    WithoutOwn,
)

BEST = 4  # ranks that are mined
SHOWN = pd.DataFrame({"user_id": np.repeat(the_board().users["user_id"], 3)})
SHOWN["item_id"] = np.resize(the_board().items["item_id"], len(SHOWN))
KINDS = [
    *(InBatch(), Uniform(6), LogUniform(4), Popularity(5)),
    *(Unmet(2), Hard(3, window=(0, BEST), kept=BEST), Shown(2, SHOWN), WithoutOwn()),
]
DRAWN, OWN = 15, 7


@pytest.fixture(scope="module", params=[c for c in CASES if issubclass(c, SoftmaxModel)])
def model(request):
    made = built(request.param, negatives=KINDS)
    made.batch = next(iter(made.training_data(the_board(), batch_size=32)))
    for callback in made.own_callbacks():
        callback.on_epoch_begin(1)
    return made


def pairs_met(model, users, ids, events=None):
    """Which of these have an event with which, bool [users, ids]; without events, of training."""
    events = the_board().events if events is None else events
    met = set(zip(events["user_id"], events["item_id"], strict=True))
    names = np.array(["", "?", *model.features.item_vocabulary.ids])[ids]
    names = np.broadcast_to(names, (len(users), names.shape[-1]))
    return np.array([[(u, i) in met for i in row] for u, row in zip(users, names, strict=True)])


def candidates_of(model, batch, monkeypatch, training):
    """What the loss of a batch, a number, chooses from."""
    found, loss = [], CandidateSoftmax.loss

    def kept(self, query, candidates, *args, **kwargs):
        found.append(candidates)
        return loss(self, query, candidates, *args, **kwargs)

    monkeypatch.setattr(CandidateSoftmax, "loss", kept)
    batch = {**batch, "seed": tf.constant([3, 4], tf.int64)}
    assert np.isfinite(model.compute_loss(batch, training=training))
    mask = found[0].mask(0, len(batch["item_id"]))
    return found[0].ids.numpy(), mask.numpy(), found[0].own.numpy()


def users_of(model, batch):
    """Whose each target of a batch is, by the feature of the user's id."""
    code = batch["user_id"].numpy()
    if "places" in batch:  # a row is a pass, of several targets
        code = code[batch["place"].numpy() // batch["places"].shape[1]]
    return np.array(["", "?", *model.features.ids("user_id").vocabulary.ids])[code]


def test_no_item_of_the_user_is_a_negative(model, monkeypatch):
    batch = model.batch
    ids, mask, own = candidates_of(model, batch, monkeypatch, training=True)
    users = users_of(model, batch)
    assert len(ids) == len(users) + DRAWN
    assert own.shape == (len(users), OWN)
    met = pairs_met(model, users, ids)
    assert met[:, -DRAWN:].any()
    np.testing.assert_array_equal(mask[:, -DRAWN:], ~met[:, -DRAWN:])
    assert not (mask & met).any()
    assert (own[:, :5] > 1).all()  # unmet and mined ones, which everybody has
    assert not pairs_met(model, users, own)[own > 1].any()


def test_no_item_of_the_user_is_a_negative_where_it_is_measured(model, monkeypatch):
    """What is drawn for a user is so by its training events, of which strangers have none, and what
    is left out by the events that are measured; a user's row is another one there."""
    board = the_board()
    later = board.events[board.events["user_id"].isin(board.users["user_id"][9:14])]
    name = later["user_id"].iloc[0]
    later = pd.concat([later, later[later["user_id"] == name].assign(user_id="nobody")])
    users = pd.concat([board.users.iloc[::-1], board.users.iloc[:1].assign(user_id="nobody")])
    batch = next(iter(model.validation_data(Interactions(later, users, board.items), 64)))
    ids, mask, own = candidates_of(model, batch, monkeypatch, training=False)
    users = users_of(model, batch)
    assert {*users} == {"?", *board.users["user_id"][9:14]}
    known = later.replace({"user_id": {"nobody": "?"}})
    met = pairs_met(model, users, ids, known)
    assert met[users == "?", -DRAWN:].any()
    np.testing.assert_array_equal(mask[:, -DRAWN:], ~met[:, -DRAWN:])
    assert own.shape == (len(users), OWN)
    assert (own[:, :5] > 1).all()
    assert not pairs_met(model, users, own)[own > 1].any()
    assert (own[users == "?", 5:] == 0).all()  # to whom nothing was shown


def test_what_is_measured_needs_the_training_data(model):
    anew = built(type(model), negatives=KINDS)
    with pytest.raises(ValueError, match=r"call training_data\(train\) first.*kinds Unmet, Hard"):
        anew.validation_data(the_board())


def test_what_is_mined_is_what_the_model_would_recommend(model):
    (mining,) = model.mining
    queries = requests(the_board())
    everything = queries["history"]
    queries["history"] = [[*row[:-1], ""] for row in everything]  # as before the last choice
    retriever = model.retriever(the_board().items, k=BEST)
    ids, _ = asked(retriever, queries, k=BEST, exclude=everything)
    names = np.array(["", "?", *model.features.item_vocabulary.ids])
    mined = names[mining.negatives.table.numpy()]
    np.testing.assert_array_equal(np.sort(mined), np.sort(ids[:-1]))


def test_what_xla_does_not_compile_is_named(model):
    reason = "each user: .*kinds Unmet, Hard, Shown\\." if model.compiles else "no step of SDM:"
    with pytest.raises(ValueError, match=reason):
        model.compile(jit_compile=True)


def test_no_feature_can_be_called_as_what_a_step_adds(model):
    """In a batch, or among the inputs of the parts of a model."""
    own = {feature.name for feature in (*model.features.user, *model.features.item)}
    parts = [part for part in model.submodules if isinstance(part, tf.keras.Model)]
    names = {name for part in parts for name in part.input_names or ()}
    names |= {*model.batch, *model.drawn(model.batch)}
    assert not [n for n in names - own if is_plain(n) and not is_reserved(n, of_user=True)]
