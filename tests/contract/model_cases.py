"""The models of the contract suites: settings of each, and a board small enough to learn."""

import functools
import pathlib
import tempfile

import numpy as np
import pandas as pd
import tensorflow as tf

from tests.untraced import with_graphs, without_graphs
from tfrec_recall import models
from tfrec_recall.data import Interactions
from tfrec_recall.export import export, load
from tfrec_recall.features import Categorical, Features, History, MultiValued

GROUPS, USERS, ITEMS, SEEN = 3, 24, 30, 8
EPOCHS, BATCH = 6, 32  # of the one run that all suites share

# Small steps on few events: 1,000 of them are no more than two of the default.
WINDOWS = {"dim": 8, "rate": 0.3, "decay_epochs": 40, "negatives": 2, "block": 2, "lanes": 1}

WALKS = {**WINDOWS, "walks": 4, "length": 8, "reach": 2}

# A model's settings for a small board, without randomness in training where it can be had.
CASES: dict[type, dict] = {
    models.AirbnbListing: {**WINDOWS, "gap": 1e9, "shrinkage": 2.0},
    models.AirbnbType: {
        **{**WINDOWS, "window": 8, "negatives": 5, "power": 0.0, "rate": 0.1},
        **{"user_type": ("user_id",), "item_type": ("item_id",)},
    },
    models.BGE: {**WALKS, "shrinkage": 2.0},
    models.EGES: {**WALKS, "shrinkage": 2.0},
    models.GES: {**WALKS},
    models.GraphSAGE: {
        **{"dim": 8, "sizes": (4, 3), "noise": 20, "last": None},
        "shrinkage": 2.0,
    },
    models.Item2Vec: {**WINDOWS, "threshold": None, "shrinkage": 2.0},
    models.ItemCF: {"neighbours": 12},
    models.MIND: {
        **{"dim": 8, "interests": 2, "hidden": (16,), "dropout": 0.0, "negatives": 0},
        "deviation": 0.0,
    },
    models.PinSAGE: {
        **{"dim": 8, "neighbours": 4, "run": None, "negatives": 20, "last": None},
        "shrinkage": 2.0,
    },
    models.Popular: {"half_life_days": 3.0},
    models.SDM: {
        **{"dim": 8, "heads": 2, "session_events": 4, "dropout": 0.0},
        "negatives": 0,
    },
    models.TwoTower: {"dim": 8, "hidden": (16,), "dropout": 0.0, "negatives": 0},
    models.MultiObjectiveTwoTower: {
        "dim": 8,
        "hidden": (16,),
        "dropout": 0.0,
        "negatives": 0,
        "objectives": [{"name": "any"}, {"name": "liked", "column": "rating", "at_least": 3}],
        "learn_weights": True,
        "blend": [2.0, 1.0],
    },
    models.SamplingBiasCorrectedTwoTower: {
        "dim": 8,
        "hidden": (16,),
        "dropout": 0.0,
        "negatives": 0,
        "buckets": 100,
    },
    models.SENetTwoTower: {
        "dim": 8,
        "hidden": (16,),
        "item_hidden": (8,),
        "dropout": 0.0,
        "negatives": 0,
        "channels": 2,
    },
    models.YouTubeDNN: {"dim": 8, "hidden": (16,), "dropout": 0.0, "negatives": 0},
    models.UserCF: {"neighbours": 5},
    models.FMRecall: {"dim": 8, "dropout": 0.0, "negatives": 0},
    models.FunkSVD: {"dim": 4, "l2": 0.01},
    models.NeuralCF: {"dim": 8, "negatives": 2},
}
IN_ONE_PASS = {models.ItemCF, models.Popular, models.UserCF}
RATES = {models.FunkSVD}  # all of the board is rated alike: which group is no matter
IMPERSONAL = {models.Popular} | RATES
GRADIENT_MODELS = [c for c in CASES if c not in IN_ONE_PASS]
# Those derived from another of them learn by its steps: what is costly is asked of the others,
# and what all of a base class do alike of the first of each.
ORIGINAL = [c for c in GRADIENT_MODELS if not any(base in CASES for base in c.__mro__[1:])]
ONE_OF_A_KIND = list(
    {c.__mro__[1]: c for c in reversed(CASES) if c.__mro__[1] not in CASES}.values()
)
OF_WINDOWS = {  # their steps have loops, which take long one operation at a time
    models.AirbnbListing,
    models.AirbnbType,
    models.BGE,
    models.EGES,
    models.GES,
    models.Item2Vec,
}


def board(seed=0):
    """Users and items in groups: users have seen most of their group's items and nothing else.

    There are more items than users and another number of each, and ids do not sort by group.
    """
    generator = np.random.default_rng(seed)
    item_names = [f"item {name}" for name in generator.permutation(ITEMS)]
    user_names = [f"user {name}" for name in generator.permutation(USERS)]
    rows = []
    for user in range(USERS):
        own = np.arange(user % GROUPS, ITEMS, GROUPS)
        for place, item in enumerate(generator.permutation(own)[:SEEN]):
            rows.append((user_names[user], item_names[item], place * 1_000 + user))
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    events["rating"] = 1.0 + np.arange(len(events)) % 5
    users = pd.DataFrame({"user_id": user_names, "country": ["fr", "uk"] * (USERS // 2)})
    tags = [["red"], ["red", "blue"], []]
    items = pd.DataFrame({"item_id": item_names, "tags": tags * (ITEMS // 3)})
    return Interactions(events, users, items, name="board")


@functools.cache
def the_board():
    """The one board that the suites share; nobody changes it."""
    return board()


@functools.cache
def its_features():
    """What models know of the users and items of the board."""
    return Features(
        user=[Categorical("user_id"), Categorical("country"), History(length=SEEN)],
        item=[Categorical("item_id"), MultiValued("tags")],
    ).adapt(the_board())


def built(model_class, features=None, seed=1, **settings):
    """A model with its case's settings, compiled, that has learnt nothing."""
    tf.keras.utils.set_random_seed(seed)
    model = model_class(features or its_features(), **{**CASES[model_class], **settings})
    model.compile(None if model_class in OF_WINDOWS else tf.keras.optimizers.Adam(0.02))
    return model


@functools.cache
def _run(model_class):
    """A model after all epochs, its losses, and what it had learnt after each."""
    model, learnt = built(model_class), []
    keep = tf.keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: learnt.append([w.numpy() for w in learnt_by(model)])
    )
    data = model.training_data(the_board(), batch_size=BATCH)
    history = model.fit(data, epochs=EPOCHS, callbacks=[keep], verbose=0).history
    return model, history, learnt


def trained(model_class):
    """A model after `EPOCHS`, and its losses; shared, so nobody trains it further."""
    model, history, _ = _run(model_class)
    return model, history


def learnt_after(model_class, epochs):
    """What `learnt_by` held after so many of the epochs of the same run."""
    return _run(model_class)[2][epochs - 1]


def learnt_by(model):
    """What a model has learnt: its weights without those of its metrics."""
    measured = {id(weight) for metric in model.metrics for weight in metric.weights}
    return [weight for weight in model.weights if id(weight) not in measured]


@functools.cache
def begun(model_class):
    """A model that has learnt from a single batch, which is quick; shared as well."""
    model = built(model_class)
    data = model.training_data(the_board(), batch_size=BATCH)
    if model_class in GRADIENT_MODELS:
        data = data.take(1)
        model.run_eagerly = model_class not in OF_WINDOWS
    model.fit(data, verbose=0)
    model.run_eagerly = False
    return model


@functools.cache
def beginning(model_class):
    """The retriever of such a model over the board's items; shared as well."""
    return begun(model_class).retriever(the_board().items, k=7)


@functools.cache
def retrieving(model_class):
    """The retriever of a trained model over the board's items; shared as well."""
    return trained(model_class)[0].retriever(the_board().items, k=7)


@functools.cache
def exported(model_class):
    """The directory of the version that it is exported as; shared as well."""
    return export(retrieving(model_class), pathlib.Path(_folder().name) / model_class.__name__)


@functools.cache
def served(model_class):
    """What answers from that version; shared as well."""
    return load(exported(model_class))


_folder = functools.cache(tempfile.TemporaryDirectory)  # it goes when the process ends


def requests(interactions):
    """Of each user: everything known, in raw form; then a stranger with nothing."""
    events = interactions.events.sort_values("timestamp")
    seen = events.groupby("user_id")["item_id"].agg(list)
    users = interactions.users
    history = [seen[user] for user in users["user_id"]] + [[""] * SEEN]
    return {
        "user_id": [*users["user_id"], "nobody"],
        "country": [*users["country"], ""],
        "history": history,
    }


def asked(retriever, queries, k, exclude=None, graphs=False):
    open_wish = {"objective": [""] * len(queries["history"])}  # of several, the blend
    wanted = {name: {**open_wish, **queries}[name] for name in retriever.inputs}
    with with_graphs() if graphs else without_graphs():
        ids, scores = retriever(wanted, k=k, exclude=exclude)
    return np.char.decode(ids.numpy().astype(bytes)), scores.numpy()
