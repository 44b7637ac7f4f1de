"""What a request tells of itself, columns of events: learnt from, asked for, never of a later one.

On this board the device and the words of a search decide the item, and nothing else does.
"""

import dataclasses
import functools
import itertools

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.contract.model_cases import CASES
from tfrec_recall import models
from tfrec_recall.data import Interactions, splits
from tfrec_recall.evaluation import evaluate
from tfrec_recall.export import export, load
from tfrec_recall.features import Categorical, Features, History, Words
from tfrec_recall.models.learning.softmax_model import SoftmaxModel

DEVICES, TOPICS = ["phone", "tablet", "desk"], ["Tea", "coffee"]
ITEM_OF = {pair: f"item {n}" for n, pair in enumerate(itertools.product(DEVICES, TOPICS))}
USERS, EVENTS = 30, 10
READS = [c for c in CASES if c.reads_context]
# One tower, one of several objectives, one of several interests, and one with places of its own.
LEARNING = [models.TwoTower, models.MultiObjectiveTwoTower, models.MIND, models.SDM]


@functools.cache
def the_split():
    generator = np.random.default_rng(4)
    rows = []
    for user, place in itertools.product(range(USERS), range(EVENTS)):
        device, topic = generator.choice(DEVICES), generator.choice(TOPICS)
        time = 10**9 + 10_000 * (place // 2) + 10 * user + place  # two events are a session
        rows.append((f"user {user}", ITEM_OF[device, topic], time, device, f"any {topic}, please"))
    columns = ["user_id", "item_id", "timestamp", "device", "search"]
    events = pd.DataFrame(rows, columns=columns).assign(rating=4)
    return splits.last_events_out(Interactions(events), test=1, validation=1)


@functools.cache
def its_features():
    user = [Categorical("user_id"), Categorical("device"), Words("search"), History(length=EVENTS)]
    return Features(user, [Categorical("item_id")]).adapt(the_split().train)


def built(model_class, **settings):
    tf.keras.utils.set_random_seed(1)
    model = model_class(its_features(), **{**CASES[model_class], **settings})
    model.compile(optimizer=tf.keras.optimizers.Adam(0.02))
    return model


def made(model_class, **settings):
    model = built(model_class, **settings)
    return model, model.training_data(the_split().train, batch_size=32)


@pytest.mark.parametrize("model_class", READS)
def test_an_example_has_the_context_of_its_own_event(model_class):
    features, decided = its_features(), {item: pair for pair, item in ITEM_OF.items()}
    items = np.array(["", "?", *features.item_vocabulary.ids])
    devices = np.array(["", "?", *features.ids("device").vocabulary.ids])
    words = np.array(["", "?", *features.encodings["search"].vocabulary.ids])
    count = 0
    for batch in made(model_class)[1]:
        device, search = batch["device"].numpy(), batch["search"].numpy()
        if "places" in batch:  # of each place, for all of its targets
            place = batch["place"].numpy()
            device, search = device.reshape(-1)[place], search.reshape(-1, 3)[place]
        for item, one, said in zip(items[batch["item_id"]], device, search, strict=True):
            own, topic = decided[item]
            assert (devices[one], list(words[said])) == (own, ["any", topic.lower(), "please"])
            count += 1
    assert count >= len(the_split().train.events) - USERS


@pytest.mark.parametrize("model_class", LEARNING)
def test_what_decides_the_item_finds_it_whoever_asks(model_class, tmp_path):
    split = the_split()
    # Users take few items again and again, and lists hold them.
    again = {"repeats": True} if issubclass(model_class, SoftmaxModel) else {}
    model, data = made(model_class, **again)
    model.fit(data, epochs=8, verbose=0)
    retriever = model.retriever(split.interactions.items, k=3)
    assert {"device", "search"} <= set(retriever.inputs)
    assert evaluate(retriever, split, cuts=(1,), repeats=True).metrics["recall@1"] > 0.85
    found = evaluate(retriever, asked_otherwise(split), cuts=(1,), repeats=True).metrics
    assert found["recall@1"] > 0.85

    pairs = [*ITEM_OF, (None, ""), ("watch", "of no use"), ("radio", "neither")]
    answers = asked(retriever, pairs)
    assert answers[-1] == answers[-2] != ""  # unknown is unknown
    if model_class in (models.SDM, models.TwoTower):
        assert asked(load(export(retriever, tmp_path / "model")), pairs) == answers


def asked_otherwise(split):
    """The same users, each with the device and the search of another: and so with its item."""
    targets = split.test.targets
    columns = ["item_id", "device", "search"]
    others = targets.assign(**{name: np.roll(targets[name], 1) for name in columns})
    assert (others["item_id"].to_numpy() != targets["item_id"].to_numpy()).mean() > 0.7
    return dataclasses.replace(split, test=dataclasses.replace(split.test, targets=others))


def asked(retriever, pairs):
    """The best item of a user for each of these contexts."""
    rows, had = len(pairs), the_split().test.history.query("user_id == 'user 3'")
    device, search = zip(*pairs, strict=True)
    queries = {"user_id": ["user 3"] * rows, "device": list(device), "search": list(search)}
    queries |= {"history": [had["item_id"].tolist()] * rows, "objective": [""] * rows}
    wanted = {name: queries[name] for name in retriever.inputs}
    return retriever(wanted, k=1)[0].numpy()[:, 0].astype(str).tolist()


@pytest.mark.parametrize("model_class", [c for c in CASES if not c.reads_context])
def test_a_model_that_knows_no_request_says_so(model_class):
    with pytest.raises(ValueError, match=r"nothing of a request.*Received: device, search"):
        model_class(its_features())


def test_what_follows_from_the_choice_is_no_context():
    features = Features([Categorical("rating"), History()], [Categorical("item_id")])
    with pytest.raises(ValueError, match=r"before the choice.*are not: rating"):
        features.adapt(the_split().train)


def test_the_context_is_kept_with_the_features():
    again = Features.from_config(its_features().get_config())
    assert again.of_events == {"device", "search"}
    assert [one["context"] for one in again.describe()] == [False, True, True, False, False]
