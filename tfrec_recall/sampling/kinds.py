"""What a model's negatives are: kinds, each with how many are drawn, that wait for the data.

The kinds of a batch are drawn once for all of its queries and have a probability, which a softmax
can correct for. Those of a user are drawn for each query alone, by what is known of its user.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.data.arguments import flag, number, plain, refuse, whole
from tfrec_recall.data.notices import tell
from tfrec_recall.data.packing import pack, unpack
from tfrec_recall.data.vocabulary import FIRST_KNOWN, Vocabulary
from tfrec_recall.features import Features
from tfrec_recall.sampling.checks import check_ranks, user_rows
from tfrec_recall.sampling.hard import HardNegatives
from tfrec_recall.sampling.log_uniform import LogUniformNegatives
from tfrec_recall.sampling.popularity import PopularityNegatives
from tfrec_recall.sampling.shown import ShownNegatives
from tfrec_recall.sampling.uniform import UniformNegatives
from tfrec_recall.sampling.unmet import UnmetNegatives


class BatchSampler(Protocol):
    """What draws for a whole batch."""

    def sample(self, shape, seed: tf.Tensor | None = None) -> tf.Tensor: ...

    def probability_of(self, ids: tf.Tensor) -> tf.Tensor: ...


class UserSampler(Protocol):
    """What draws for each user alone: user rows [batch] to encoded ids [batch, count]."""

    def sample(self, user: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor: ...


@dataclasses.dataclass(frozen=True)
class Kind:
    """What all kinds have; `count` is how many are drawn."""

    def __post_init__(self):
        for one in dataclasses.fields(self):  # frozen as they are
            object.__setattr__(self, one.name, plain(getattr(self, one.name)))

    def get_config(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Kind:
        return cls(**config)


@dataclasses.dataclass(frozen=True)
class OfBatch(Kind):
    """Drawn once a batch: `count` of them are negatives of every query."""

    count: int

    def __post_init__(self):
        super().__post_init__()
        whole(type(self).__name__, self.count, "count")

    def sampler(self, features: Features) -> BatchSampler:
        raise NotImplementedError(f"{type(self).__name__} has to say what draws.")


@dataclasses.dataclass(frozen=True)
class OfUser(Kind):
    """Drawn for each query: `count` of them are negatives of that query alone."""

    count: int

    def __post_init__(self):
        super().__post_init__()
        whole(type(self).__name__, self.count, "count")

    def sampler(self, features: Features, train: Interactions) -> UserSampler:
        raise NotImplementedError(f"{type(self).__name__} has to say what draws.")


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass(frozen=True)
class InBatch(Kind):
    """The items of the batch's other examples.

    Args:
        across_replicas: under a strategy of several replicas, the batch is that of all of them;
            else of each replica alone, which sends no vectors to the others. Workers of parameter
            servers know nothing of each other in any case.
    """

    across_replicas: bool = True

    def __post_init__(self):
        super().__post_init__()
        flag("InBatch", self.across_replicas, "across_replicas")


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass(frozen=True)
class WithoutOwn(Kind):
    """Draws nothing: what a user has an event with is no negative of the user; lists leave it out.

    That is what the events say that `training_data` or `validation_data` was given; in batches that
    were made otherwise, without `own_items`, what the history holds.

    Args:
        most: items of a user that are left out; of more, so many, drawn anew for each batch.
    """

    most: int = 256

    def __post_init__(self):
        super().__post_init__()
        whole("WithoutOwn", self.most, "most")


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass(frozen=True)
class Uniform(OfBatch):
    """Every known item is as likely; see `UniformNegatives`."""

    def sampler(self, features):
        return UniformNegatives(len(features.item_vocabulary))


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass(frozen=True)
class Popularity(OfBatch):
    """By training events to a power; see `PopularityNegatives`. Above 0, popular items are drawn
    more often, which a correction takes back: it is then a matter of the variance alone."""

    power: float = 0.75

    def __post_init__(self):
        super().__post_init__()
        number("Popularity", self.power, "power", least=0)

    def sampler(self, features):
        counts = features.item_counts.copy()
        counts[:FIRST_KNOWN] = 0  # what min_count left out is no item to draw
        return PopularityNegatives(counts, self.power)


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass(frozen=True)
class LogUniform(OfBatch):
    """By the rank of the popularity; see `LogUniformNegatives`."""

    def sampler(self, features):
        return LogUniformNegatives(features.item_counts)


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass(frozen=True)
class Unmet(OfUser):
    """From the items that the user has no training event with; see `UnmetNegatives`."""

    def sampler(self, features, train):
        return EachUnmet(UnmetNegatives.of(features, train))


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass(frozen=True)
class Hard(OfUser):
    """From a window of ranks of what the model finds for the user; see `HardNegatives`.

    Args:
        window: from the first rank to before the second, of the items that the user has not met. A
            model of fewer items than the second is not made.
        every: epochs from one mining to the next. The first epoch of a model that has learnt
            nothing has unmet items instead; one that has mines when `fit` begins.
        kept: items of the window that a mining keeps for each user.
    """

    window: tuple[int, int] = (100, 500)
    every: int = 1
    kept: int = 32

    def __post_init__(self):
        super().__post_init__()
        check_ranks("Hard", self.window, "window")
        whole("Hard", self.every, "every")
        whole("Hard", self.kept, "kept")

    def sampler(self, features, train):
        met = UnmetNegatives.of(features, train)
        return HardNegatives(met, len(train.users), self.window, self.kept, ratio=1.0)


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@dataclasses.dataclass(frozen=True, eq=False)
class Shown(OfUser):
    """From what was shown to the user and not chosen; see `ShownNegatives`. A user without any has
    fewer negatives.

    Args:
        impressions: a table of `user_id` and `item_id`, a row each time that an item was shown;
            users and items that training does not know are passed over, and it is told where
            nothing is left.

    Raises: ValueError by `sampler` for ids of another type than training's.
    """

    impressions: pd.DataFrame

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.impressions, pd.DataFrame) or not {"user_id", "item_id"} <= set(
            self.impressions
        ):
            kind = type(self.impressions).__name__
            raise ValueError(
                "Shown takes impressions as a table with user_id and item_id. "
                f"Received: {kind} {list(getattr(self.impressions, 'columns', []))}."
            )

    def get_config(self):
        ids = {n: pack(self.impressions[n].to_numpy()) for n in ("user_id", "item_id")}
        return {"count": self.count, "impressions": ids}

    @classmethod
    def from_config(cls, config):
        ids = {name: unpack(packed) for name, packed in config["impressions"].items()}
        return cls(config["count"], pd.DataFrame(ids))

    def sampler(self, features, train):
        item = features.ids("item_id")
        user = self._encoded("user_id", Vocabulary(train.users["user_id"]).encode) - FIRST_KNOWN
        shown = self._encoded("item_id", item.encode)
        chosen = item.encode(train.events["item_id"])
        there = user >= 0
        negatives = ShownNegatives(
            user[there], shown[there], user_rows(train), chosen, len(train.users)
        )
        if not negatives.left:
            tell(
                f"Shown draws nothing: none of {len(self.impressions):,} impressions is of a user "
                "and an item that training knows and that the user did not choose, such as "
                f"{self.impressions[['user_id', 'item_id']].head(1).to_dict('records')}."
            )
        return negatives

    def _encoded(self, column: str, encode: Callable[[pd.Series], np.ndarray]) -> np.ndarray:
        try:
            return encode(self.impressions[column])
        except ValueError as error:
            raise ValueError(
                f"Shown takes impressions whose {column} is of the type that training has. {error}"
            ) from error


class EachUnmet(tf.Module):
    """`UnmetNegatives` as a sampler of users."""

    def __init__(self, unmet: UnmetNegatives):
        super().__init__()
        self.unmet = unmet

    def sample(self, user, count, seed):
        return self.unmet.sample(tf.repeat(user[:, tf.newaxis], count, axis=1), seed)


Told = Mapping[str, Any]
"""A kind as a file of settings has it: `{"kind": "Hard", "count": 10}`."""
Negatives = int | Kind | Told | Sequence[Kind | Told]

# Those that say all by plain values.
_TOLD: dict[str, type[Kind]] = {
    kind.__name__: kind
    for kind in (InBatch, Uniform, Popularity, LogUniform, Unmet, Hard, WithoutOwn)
}


def kinds_of(owner: str, negatives: Negatives, repeats: bool = False) -> tuple[Kind, ...]:
    """The kinds that an argument `negatives` means.

    A number is that many items drawn evenly a batch, beside the batch's own, and none that the user
    has an event with. A kind may be told as files of settings do, by its name and its arguments.

    Args:
        repeats: of a number, that what the user has an event with is a negative as well.

    Raises: ValueError for what is neither, and for kinds that leave a query without a negative.

    >>> kinds_of("TwoTower", 100)
    (InBatch(across_replicas=True), Uniform(count=100), WithoutOwn(most=256))
    >>> kinds_of("TwoTower", [{"kind": "InBatch", "across_replicas": False}])
    (InBatch(across_replicas=False),)
    """
    if isinstance(negatives, int | np.integer) and not isinstance(negatives, bool):
        whole(owner, negatives, "negatives", least=0)
        drawn = [Uniform(int(negatives))] if negatives else []
        return (InBatch(), *drawn, *([] if repeats else [WithoutOwn()]))
    kinds: Any = (negatives,) if isinstance(negatives, Kind | Mapping) else negatives
    if isinstance(kinds, Sequence):
        kinds = [_told(owner, kind) if isinstance(kind, Mapping) else kind for kind in kinds]
    if not isinstance(kinds, Sequence) or not all(isinstance(kind, Kind) for kind in kinds):
        what = "a number of items a batch, or kinds of sampling/ such as Uniform(1000), Hard(10)"
        refuse(owner, negatives, "negatives", what)
    if not any(isinstance(kind, InBatch | OfBatch | OfUser) for kind in kinds):
        refuse(owner, negatives, "negatives", "kinds of which one draws")
    return tuple(kinds)


def _told(owner: str, told: Told) -> Kind:
    """A kind by its name and its arguments."""
    given = {name: value for name, value in told.items() if name != "kind"}
    name = str(told.get("kind"))
    if name not in _TOLD:
        refuse(owner, told, "negatives", f"tables with a kind of {', '.join(_TOLD)}")
    made = _TOLD[name]
    arguments = dataclasses.fields(made)
    unknown = sorted(given.keys() - {one.name for one in arguments})
    absent = [
        one.name
        for one in arguments
        if one.default is dataclasses.MISSING and one.name not in given
    ]
    if unknown or absent:
        names = ", ".join(one.name for one in arguments)
        refuse(owner, told, "negatives", f"{made.__name__} with its arguments, {names}")
    # What is a list in a file is a tuple of few numbers here.
    return made(**{n: tuple(v) if isinstance(v, list) else v for n, v in given.items()})
