"""The items of the simulated marketplace, and the shelves they are shown from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

CATEGORIES_A_TOPIC = 4
BRANDS_A_TOPIC = 6
ITEMS_A_SHOP = 40
PRICE_TIERS = 3
MARKET_EXPONENT = 0.7  # markets differ in size, but less than items do
BRAND_SPREAD, ITEM_SPREAD = 0.5, 0.4  # lengths of the vectors beside the topic's, of length 1


def unit(vectors: np.ndarray) -> np.ndarray:
    """The vectors `[..., dim]` at length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def scattered(rng: np.random.Generator, centres: np.ndarray, spread: float) -> np.ndarray:
    """unit(centre + ε), ε normal and of about the length `spread`; float32 `[..., dim]`."""
    noise = rng.standard_normal(centres.shape, dtype=np.float32)
    return unit(centres + noise * np.float32(spread / np.sqrt(centres.shape[-1])))


def shares(count: int, exponent: float = 1.0) -> np.ndarray:
    """rank^-exponent `[count]`, of sum 1."""
    weights = np.arange(1, count + 1) ** -exponent
    return weights / weights.sum()


@dataclass(frozen=True, eq=False)
class Catalogue:
    """All items; arrays of `[items]` if nothing else is said.

    Args:
        topic, market, category, brand, shop: numbers from 0.
        price: in the currency of the marketplace.
        tier: 0 for the cheapest third of the items, to 2.
        release: seconds since the start; those before the start are negative.
        weight: the share of an item in what is shown of its market and topic, if all were released.
        vectors, topic_vectors: `[items, dim]`, `[topics, dim]`, of length 1.
        shelves: from which items are shown.
    """

    topic: np.ndarray
    market: np.ndarray
    category: np.ndarray
    brand: np.ndarray
    shop: np.ndarray
    price: np.ndarray
    tier: np.ndarray
    release: np.ndarray
    weight: np.ndarray
    vectors: np.ndarray
    topic_vectors: np.ndarray
    shelves: Shelves

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        items: int,
        topics: int,
        markets: int,
        dim: int,
        popularity: float,
        new_items: float,
        half_life: float,
        span: float,
    ) -> Catalogue:
        """A catalogue; a share `new_items` of it is released during the `span` in seconds."""
        cells = topics * markets
        topic, market = np.empty((2, items), dtype=np.int64)
        # Each market sells something of each topic from the start; the others come as they come.
        topic[:cells], market[:cells] = np.divmod(np.arange(cells), markets)
        topic[cells:] = rng.integers(topics, size=items - cells)
        market[cells:] = rng.choice(markets, items - cells, p=shares(markets, MARKET_EXPONENT))
        release = -rng.random(items) * span
        is_new = rng.random(items) < new_items
        is_new[:cells] = False
        release[is_new] += span
        weight = shares(items, popularity)[rng.permutation(items)]

        topic_vectors = unit(rng.standard_normal((topics, dim), dtype=np.float32))
        brand_topic = np.repeat(np.arange(topics), BRANDS_A_TOPIC)
        brand_vectors = scattered(rng, topic_vectors[brand_topic], BRAND_SPREAD)
        within_topic = np.minimum(rng.geometric(0.3, items) - 1, BRANDS_A_TOPIC - 1)
        brand = topic * BRANDS_A_TOPIC + within_topic
        vectors = scattered(rng, brand_vectors[brand], ITEM_SPREAD)

        level = rng.normal(3.0, 0.5, topics)[brand_topic] + rng.normal(0.0, 0.4, len(brand_topic))
        price = np.exp(level[brand] + rng.normal(0.0, 0.3, items)).round(2)
        inner = np.quantile(price, np.arange(1, PRICE_TIERS) / PRICE_TIERS)
        shops = max(2, items // (ITEMS_A_SHOP * markets))  # a market
        return cls(
            topic=topic,
            market=market,
            category=topic * CATEGORIES_A_TOPIC + rng.integers(CATEGORIES_A_TOPIC, size=items),
            brand=brand,
            shop=market * shops + rng.choice(shops, items, p=shares(shops)),
            price=price,
            tier=np.searchsorted(inner, price),
            release=release,
            weight=weight,
            vectors=vectors,
            topic_vectors=topic_vectors,
            shelves=Shelves.of(market * topics + topic, release, weight, half_life),
        )

    @property
    def type(self) -> np.ndarray:
        """Price tier and topic in one number, what a host's rejections depend on."""
        return self.tier * len(self.topic_vectors) + self.topic

    def table(self, names: pd.Series, start: int) -> pd.DataFrame:
        """What may be seen of the items."""
        columns = {
            column: named(column[0], getattr(self, column))
            for column in ("category", "brand", "shop", "market")
        }
        released = start + np.floor(self.release).astype("int64")
        return pd.DataFrame(
            {"item_id": names, **columns, "price": self.price, "released_at": released}
        )


@dataclass(frozen=True, eq=False)
class Shelves:
    """The items of each market and topic in the order of their release, to draw from quickly.

    What is released by t is a run of `order`: it begins where the shelf begins and ends before the
    first item of the shelf that is released later. Within it an item is drawn with probability
    ∝ w_i, or ∝ w_i 2^(r_i / half_life), which is the same as ∝ w_i 2^(-(t - r_i) / half_life). So
    sums of these weights that are made once serve all times, and a draw is a search in a sorted
    array. They are kept as logarithms, because 2^(r / half_life) is beyond any float in a long log.

    Args:
        order: items by shelf and release.
        begin: `[shelves]`, where each begins in `order`.
        release: `[items]`, of the items in `order`.
        popular, fresh: `[items]`, the logarithm of the sum of weights from the begin of the shelf.
    """

    order: np.ndarray
    begin: np.ndarray
    release: np.ndarray
    popular: np.ndarray
    fresh: np.ndarray

    @classmethod
    def of(
        cls, shelf: np.ndarray, release: np.ndarray, weight: np.ndarray, half_life: float
    ) -> Shelves:
        """Shelves of these items, arrays of `[items]`; each shelf has one at least."""
        order = np.lexsort((release, shelf))
        begin = np.searchsorted(shelf[order], np.arange(shelf.max() + 1))
        popular = np.log(weight[order])
        fresh = popular + np.log(2) * release[order] / half_life
        for first, last in zip(begin, [*begin[1:], len(order)], strict=True):
            for logs in (popular, fresh):
                logs[first:last] = np.logaddexp.accumulate(logs[first:last])
        return cls(order, begin, release[order], popular, fresh)

    def draw(
        self, rng: np.random.Generator, shelf: np.ndarray, time: np.ndarray, fresh: float
    ) -> np.ndarray:
        """An item of each shelf that is released by the time; arrays of any one shape.

        With probability `fresh` it is drawn by weight and age, or else by weight alone.
        """
        end = self._search(self.release, shelf, time, side="right")
        end = np.maximum(end, self.begin[shelf] + 1)
        below = np.log1p(-rng.random(shelf.shape))  # of the uniform share (0, 1]
        is_fresh = rng.random(shelf.shape) < fresh
        found = np.empty_like(end)
        for logs, drawn in ((self.fresh, is_fresh), (self.popular, ~is_fresh)):
            wanted = logs[end[drawn] - 1] + below[drawn]
            found[drawn] = self._search(logs, shelf[drawn], wanted, side="left")
        return self.order[np.clip(found, self.begin[shelf], end - 1)]

    def _search(
        self,
        values: np.ndarray,
        shelf: np.ndarray,
        wanted: np.ndarray,
        side: Literal["left", "right"],
    ) -> np.ndarray:
        """`np.searchsorted` within each shelf, where the values ascend."""
        low, width = values.min(), 2 * (np.ptp(values) + 1)
        sizes = np.diff(np.append(self.begin, len(values)))
        keys = np.repeat(np.arange(len(sizes)), sizes) * width + (values - low)
        return np.searchsorted(keys, shelf * width + np.clip(wanted - low, -1, width - 2), side)


def named(prefix: str, numbers: np.ndarray) -> pd.Series:
    """Text ids, `named("u", [7])` is `u7`, made once a distinct number."""
    count = int(numbers.max(initial=-1)) + 1
    names = pd.Series([f"{prefix}{number}" for number in range(count)], dtype="str")
    return names.take(numbers).reset_index(drop=True)
