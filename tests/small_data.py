"""Data sets by name, as `datasets.load` gives them, of a few hundred events: to run programs on.

They are slices of the real ones: of the shop, which travels in the package, and of MovieLens where
it is at hand. Without a network or a copy of it films are made up.
"""

import functools
import re

import numpy as np
import pandas as pd

from tests.contract.model_cases import OF_WINDOWS
from tfrec_recall.data import Interactions, datasets

LOADED = datasets.load
# Steps with loops take long one operation at a time, and NeuralCF compiles its pre-training itself.
IN_GRAPHS = {"NeuralCF", *(model_class.__name__ for model_class in OF_WINDOWS)}


ASKED = ["85123A", "71053", "22423", "84879"]  # of the shop's products, by the programs


def small(name, **options):
    """As many columns as the data set of this name has, and a few hundred events."""
    if name == "simulated":
        return LOADED(name, **{**options, "events": 400, "items": 120})
    return shop() if name == "online-retail" else films(name)


@functools.cache
def shop():
    """40 customers of four baskets and more, who bought some of the 100 products sold most."""
    data = LOADED("online-retail")
    sold = [*ASKED, *data.events["item_id"].value_counts().index[:100]]
    events = data.events[data.events["item_id"].isin(sold)]
    baskets = events.groupby("user_id")["session_id"].agg(["nunique", "size"])
    some = baskets.index[(baskets["nunique"] >= 4) & (baskets["size"] <= 40)][:40]
    return Interactions(
        events[events["user_id"].isin(some)],
        data.users[data.users["user_id"].isin(some)],
        data.items[data.items["item_id"].isin(sold)],
        name=data.name,
    )


@functools.cache
def films(name):
    """24 users of MovieLens who rated 20 to 30 of the 120 films rated most; made up where there is
    none at hand."""
    try:
        data = datasets.movielens.load("100k", download=False)
    except FileNotFoundError:
        return made_up(name)
    rated = data.events["item_id"].value_counts().index[:120]
    events = data.events[data.events["item_id"].isin(rated)]
    counts = events["user_id"].value_counts()
    some = sorted(counts.index[(counts >= 20) & (counts <= 30)])[:24]
    return Interactions(
        events[events["user_id"].isin(some)],
        data.users[data.users["user_id"].isin(some)],
        data.items[data.items["item_id"].isin(rated)],
        name=name,
    )


def made_up(name):
    """Four groups of users and items, with ratings, genres and years."""
    generator = np.random.default_rng(0)
    user, item = np.divmod(np.arange(480), 20)
    item = (user % 4) * 24 + (item * 7 + user) % 24
    events = pd.DataFrame({"user_id": [f"user {number}" for number in user]})
    events["item_id"] = [f"film {number}" for number in item]
    events["timestamp"] = 890_000_000 + 500 * np.arange(480)
    events["rating"] = 1.0 + generator.integers(0, 5, 480)
    items = pd.DataFrame({"item_id": [f"film {number}" for number in range(96)]})
    items["title"] = items["item_id"].str.upper()
    items["release_year"] = 1940 + np.arange(96)
    items["genres"] = [["Drama"], ["Drama", "War"], ["Comedy"]] * 32
    users = pd.DataFrame({"user_id": events["user_id"].unique()})
    users["age"] = generator.integers(18, 60, 24)
    return Interactions(events, users, items, name=name)


def for_small(program):
    """The text of a program with one epoch, and with windows of ranks that few items have."""
    program = re.sub(r"epochs=\d+", "epochs=1", program)
    return re.sub(r"window=\(\d+, \d+\)", "window=(5, 15)", program)


def is_quick_eagerly(program):
    """Whether graphs would take longer to make than a program's few steps take without."""
    return not any(f"{name}(" in program for name in IN_GRAPHS)
