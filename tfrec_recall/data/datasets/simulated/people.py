"""The users of the simulated marketplace."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec_recall.data.datasets.simulated.catalogue import MARKET_EXPONENT, named, shares

AGES = (18, 80)
AGE_GROUPS = (30, 45, 60)  # where the second, third and fourth group begin
DEVICES = ("mobile", "desktop", "tablet")
DEVICE_SHARES = (0.6, 0.3, 0.1)
MARKETS_A_COUNTRY = 2
FEWEST_INTERESTS, MOST_INTERESTS = 2, 6
USER_TYPES = (len(AGE_GROUPS) + 1) * len(DEVICES)


@dataclass(frozen=True, eq=False)
class Society:
    """What users have in common: the taste of age groups, and how hosts take to them.

    Args:
        preference: `[age groups, topics]`, the share of the topics in the interests of a group.
        rejection: `[user types, item types]`, the probability that a host says no.
    """

    preference: np.ndarray
    rejection: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, topics: int, item_types: int) -> Society:
        utility = rng.normal(0.0, 1.0, (len(AGE_GROUPS) + 1, topics))
        preference = np.exp(utility) / np.exp(utility).sum(axis=1, keepdims=True)
        unwelcome = rng.random((USER_TYPES, item_types)) < 0.25
        return cls(preference, np.where(unwelcome, 0.7, 0.05))

    def draw_topics(self, rng: np.random.Generator, age_group: np.ndarray) -> np.ndarray:
        """A topic for each of these age groups, `[draws]`."""
        cumulative = self.preference.cumsum(axis=1)
        keys = (cumulative + np.arange(len(cumulative))[:, np.newaxis]).ravel()
        drawn = np.searchsorted(keys, age_group + rng.random(len(age_group)))
        topics = self.preference.shape[1]
        return np.clip(drawn - age_group * topics, 0, topics - 1)


@dataclass(frozen=True, eq=False)
class People:
    """Some users; arrays of `[users]` if nothing else is said.

    Args:
        age, age_group, device, market: market is the home market; all but age are numbers from 0.
        budget: the logarithm of the price they like best.
        interests: how many, 2 to 6.
        topics: `[users, 6]`, of the interests at the start; the first `interests` are in use.
    """

    age: np.ndarray
    age_group: np.ndarray
    device: np.ndarray
    market: np.ndarray
    budget: np.ndarray
    interests: np.ndarray
    topics: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, users: int, markets: int, society: Society) -> People:
        age = rng.integers(*AGES, size=users)
        age_group = np.searchsorted(AGE_GROUPS, age, side="right")
        most = min(MOST_INTERESTS, society.preference.shape[1])
        # The largest of log-shares plus Gumbel noise are a draw without repetition.
        keys = np.log(society.preference[age_group]) + rng.gumbel(
            size=(users, society.preference.shape[1])
        )
        return cls(
            age=age,
            age_group=age_group,
            device=rng.choice(len(DEVICES), users, p=DEVICE_SHARES),
            market=rng.choice(markets, users, p=shares(markets, MARKET_EXPONENT)),
            budget=rng.normal(2.7 + 0.2 * age_group, 0.5),
            interests=rng.integers(FEWEST_INTERESTS, most + 1, size=users),
            topics=np.argsort(-keys, axis=1)[:, :most],
        )

    def head(self, users: int) -> People:
        """The first users."""
        return People(**{name: column[:users] for name, column in vars(self).items()})

    @property
    def type(self) -> np.ndarray:
        """Age group and device in one number, what a host's rejections depend on."""
        return self.age_group * len(DEVICES) + self.device

    def table(self, names: pd.Series) -> pd.DataFrame:
        """What may be seen of the users."""
        return pd.DataFrame(
            {
                "user_id": names,
                "age": self.age,
                "country": named("c", self.market // MARKETS_A_COUNTRY),
                "device": pd.Series(DEVICES, dtype="str").take(self.device).reset_index(drop=True),
            }
        )
