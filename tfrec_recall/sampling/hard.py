"""Hard negatives: items that the current model ranks high for a user, but not on top."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from tfrec_recall.data.arguments import number, whole
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.layers.tables import rows_of
from tfrec_recall.retrieval import Exact
from tfrec_recall.retrieval.index import IndexSettings
from tfrec_recall.sampling.checks import check_ranks
from tfrec_recall.sampling.unmet import UnmetNegatives

Queries: TypeAlias = "tf.Tensor | tuple[tf.Tensor, tf.Tensor] | list[tf.Tensor]"


class HardNegatives(tf.Module):
    """A share of each user's negatives from a window of ranks, the rest drawn evenly.

    What was mined is a table of weights, so it is saved and restored with a model that holds it.
    Items that a user has met are in neither part, and have no rank. A user for whom nothing was
    mined yet gets easy negatives alone.

    Source: "Embedding-based Retrieval in Facebook Search", KDD 2020, section 6.1: ranks 101 to 500,
    mixed with easy negatives.

    Args:
        met: the users' events; its users are numbered as the rows of the table.
        users: rows of the table.
        window: ranks from the first to before the second, 0 for the best; the catalogue has them.
        kept: items of the window that are kept for each user.
        ratio: the share of hard ones among the negatives, on average.
    """

    def __init__(
        self,
        met: UnmetNegatives,
        users: int,
        window: tuple[int, int] = (100, 500),
        kept: int = 32,
        ratio: float = 0.5,
    ):
        super().__init__()
        owner, items = "HardNegatives", met.size - FIRST_KNOWN
        whole(owner, users, "users")
        whole(owner, kept, "kept")
        number(owner, ratio, "ratio", least=0, most=1)
        check_ranks(owner, window, "window", items)
        self.met, self.window, self.ratio, self.kept = met, tuple(window), ratio, kept
        self.table = tf.Variable(tf.zeros([users, kept], tf.int32), trainable=False, name="mined")

    def mine(
        self,
        batches: Iterable[tuple[tf.Tensor, Queries]],
        vectors: np.ndarray,
        index: IndexSettings | None = None,
        seed: int = 0,
    ) -> None:
        """Fills the table from an index of the items' vectors.

        Args:
            batches: user rows [batch] and their query vectors [batch, dim] or
                [batch, interests, dim]; where users have fewer interests than there are places, a
                pair of these and `present`, bool [batch, interests].
            vectors: [items, dim], of the encoded ids 2, 3 and so on.
            index: `Exact()` by default, or `ScaNN(…)`, which the first batch of queries tunes.
            seed: of the choice within the window.
        """
        first, last = self.window
        built = None
        for block, (user, query) in enumerate(batches):
            own = self.met.items_of(user) - FIRST_KNOWN  # padding is row -2, which is none
            query, present = query if isinstance(query, tuple | list) else (query, None)
            if built is None:
                asked = np.asarray(query), None if present is None else np.asarray(present)
                built = (index or Exact()).build(np.asarray(vectors), last, *asked)
            rows, _ = built.search(query, last, tf.maximum(own, -1), present)  # [batch, last]
            rows = rows[:, first:]
            usable = rows >= 0
            lot = tf.random.stateless_uniform(tf.shape(rows), [seed, block])
            chosen = tf.argsort(tf.where(usable, lot, 2.0), axis=1)[:, : self.kept]
            mined = tf.gather(tf.where(usable, rows + FIRST_KNOWN, 0), chosen, batch_dims=1)
            mined = tf.pad(mined, [[0, 0], [0, self.kept - tf.shape(mined)[1]]])
            self.table.scatter_nd_update(tf.cast(user, tf.int32)[:, tf.newaxis], mined)

    def sample(self, user: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor:
        """Encoded ids [batch, count], int32, for user rows [batch]; the seed decides them.

        Args:
            seed: two integers.
        """
        seed = tf.cast(seed, tf.int64)
        shape = tf.stack([tf.shape(user)[0], count])
        wide = tf.repeat(tf.cast(user, tf.int32)[:, tf.newaxis], count, axis=1)
        easy = self.met.sample(wide, seed)
        known = user < self.table.shape[0]  # strangers are measured, too
        rows = rows_of(self.table, tf.where(known, user, 0))  # [batch, kept]
        rows = tf.where(known[:, tf.newaxis], rows, 0)
        filled = tf.reduce_sum(tf.cast(rows > 0, tf.int32), axis=1, keepdims=True)
        place = tf.random.stateless_uniform(shape, seed + 1)
        place = tf.cast(place * tf.cast(filled, tf.float32), tf.int32)
        place = tf.minimum(place, tf.maximum(filled - 1, 0))
        hard = tf.gather(rows, place, batch_dims=1)  # what was mined stands in front
        wanted = tf.random.stateless_uniform(shape, seed + 2) < self.ratio
        return tf.where(wanted & (hard > 0), hard, easy)


class MineHardNegatives(tf.keras.callbacks.Callback):
    """Mines again before every `every`-th epoch, from the model as it then is.

    Args:
        negatives: what is refreshed.
        queries: called without arguments, gives the batches of `HardNegatives.mine`.
        vectors: called without arguments, gives the items' vectors, [items, dim].
        every: epochs from one mining to the next.
        after: the first epochs, which stay without: ranks of an untrained model mean nothing. Where
            `begin` says that it has learnt, there is a mining before the first one, too.
        index: as in `HardNegatives.mine`.
    """

    def __init__(
        self,
        negatives: HardNegatives,
        queries: Callable[[], Iterable[tuple[tf.Tensor, Queries]]],
        vectors: Callable[[], np.ndarray],
        every: int = 1,
        after: int = 1,
        index: IndexSettings | None = None,
    ):
        super().__init__()
        whole("MineHardNegatives", every, "every")
        whole("MineHardNegatives", after, "after", least=0)
        self.negatives, self.queries, self.vectors = negatives, queries, vectors
        self.every, self.after, self.index = every, after, index
        self.mined_for: int | None = None  # an epoch within which a run goes on
        self.at_once = False  # whatever the number of the epoch is

    def begin(self, epoch: int, step: int, has_learnt: bool) -> None:
        """Takes where a run begins, so that one that goes on from a backup mines as it would have.

        Args:
            epoch: the first one.
            step: of it, where the run begins; past 0 it was mined for.
            has_learnt: whether the model has learnt from anything, in this run or before.
        """
        self.mined_for = epoch if step else None
        blank = epoch == 0 or not tf.reduce_any(self.negatives.table > 0)
        self.at_once = has_learnt and bool(blank)

    def on_epoch_begin(self, epoch, logs=None):
        due = epoch >= self.after and (epoch - self.after) % self.every == 0
        due, self.at_once = due or self.at_once, False
        if due and epoch != self.mined_for:
            self.negatives.mine(self.queries(), self.vectors(), self.index, seed=epoch)
