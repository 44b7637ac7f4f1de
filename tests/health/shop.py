"""A shop whose days are all of one distribution, and an export that has its reference."""

import numpy as np
import pandas as pd

from tests.retrieval.toys import item_ids
from tfrec_recall.health.day import SECONDS

ITEMS = 60
FIRST = 19_000  # the number of the first day
CATALOGUE = pd.DataFrame(
    {
        "item_id": item_ids(ITEMS),
        "category": [f"c{item % 5}" for item in range(ITEMS)],
        "tags": [["x", "y", "z"][: item % 4] for item in range(ITEMS)],
    }
)
USERS = pd.DataFrame({"user_id": [f"u{user}" for user in range(600)]})
USERS["country"] = np.where(np.arange(600) % 3, "fr", "de")


def days(count, first=FIRST, users_a_day=80, seed=0):
    """Events of some days: a user takes one item and up to nine more within minutes."""
    generator = np.random.default_rng(seed)
    rows = []
    for day in range(first, first + count):
        for user in generator.choice(len(USERS), users_a_day, replace=False):
            taken = 1 + min(9, generator.poisson(3))
            items = np.minimum(generator.geometric(0.06, taken), ITEMS) - 1
            gaps = np.cumsum(generator.exponential(60, taken)).astype(int)
            times = day * SECONDS + generator.integers(0, 80_000) + gaps
            device, price = generator.choice(["app", "web"]), generator.lognormal(size=taken)
            rows += [
                (f"u{user}", f"item {item}", time, device, cost)
                for item, time, cost in zip(items, times, price, strict=True)
            ]
    columns = ["user_id", "item_id", "timestamp", "device", "price"]
    return pd.DataFrame(rows, columns=columns)
