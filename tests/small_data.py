"""Data sets by name, as `datasets.load` gives them, of a few hundred events: to run programs on."""

import re

import numpy as np
import pandas as pd

from tests.contract.model_cases import OF_WINDOWS
from tfrec_recall.data import Interactions, datasets

LOADED = datasets.load
# Steps with loops take long one operation at a time, and NeuralCF compiles its pre-training itself.
IN_GRAPHS = {"NeuralCF", *(model_class.__name__ for model_class in OF_WINDOWS)}


def small(name, **options):
    """As many columns as the data set of this name has, and a few hundred events."""
    if name == "simulated":
        return LOADED(name, **{**options, "events": 400, "items": 120})
    generator = np.random.default_rng(0)
    user, item = np.divmod(np.arange(480), 20)
    item = (user % 4) * 24 + (item * 7 + user) % 24  # four groups of users and items
    codes = ["85123A", "71053", "22423", "84879", *(f"code {number}" for number in range(92))]
    user = np.array([f"user {number}" for number in user])
    events = pd.DataFrame({"user_id": user, "item_id": np.array(codes)[item]})
    prices = generator.uniform(1, 9, 96).round(2)
    items = pd.DataFrame({"item_id": codes, "price": prices})
    users = pd.DataFrame({"user_id": events["user_id"].unique()})
    if name == "online-retail":
        basket = events.groupby("user_id").cumcount() // 3
        events["session_id"] = [f"{u}-{b}" for u, b in zip(user, basket, strict=True)]
        events["timestamp"] = 1_300_000_000 + 86_400 * basket
        items["description"] = [f"{colour} TEAPOT" for colour in ("RED", "BLUE", "PINK")] * 32
        users["country"] = ["United Kingdom", "France"] * 12
    else:
        events["timestamp"] = 890_000_000 + 500 * np.arange(480)
        events["rating"] = 1.0 + generator.integers(0, 5, 480)
        items["title"] = [f"film {number}" for number in range(96)]
        items["release_year"] = 1940 + np.arange(96)
        items["genres"] = [["Drama"], ["Drama", "War"], ["Comedy"]] * 32
        users["age"] = generator.integers(18, 60, 24)
    return Interactions(events, users, items, name=name)


def for_small(program):
    """The text of a program with one epoch, and with windows of ranks that few items have."""
    program = re.sub(r"epochs=\d+", "epochs=1", program)
    return re.sub(r"window=\(\d+, \d+\)", "window=(5, 15)", program)


def is_quick_eagerly(program):
    """Whether graphs would take longer to make than a program's few steps take without."""
    return not any(f"{name}(" in program for name in IN_GRAPHS)
