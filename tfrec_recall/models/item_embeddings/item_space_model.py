"""Models that know items alone, and find users by the items they had."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd
import tensorflow as tf

from tfrec_recall.data.arguments import number
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.features import Features, Rows, Start
from tfrec_recall.models.item_embeddings import item_space
from tfrec_recall.models.item_embeddings.shrunk import Shrunk
from tfrec_recall.models.recall_model import RecallModel
from tfrec_recall.retrieval import EmbeddingRetriever, Exact, HistoryMean, TriggerRetriever
from tfrec_recall.retrieval.embedders import ItemEmbedder
from tfrec_recall.retrieval.index import IndexSettings, unit_vectors
from tfrec_recall.retrieval.item_weights import below_all


class ItemSpaceModel(RecallModel):
    """A model of item vectors; a subclass sets what makes a user of the latest items.

    Attributes:
        last, half_life: the latest items that make a user's vector, as in `recency_weights`.
        popularity: the power of an item's training events that lifts its score in users' lists; 0
            ranks by the directions of vectors alone.
        shrunk: what makes vectors of items with few events short, so that they come later among
            similar items; None leaves them at length one. Users' lists go by directions.

    Items that are new since are embedded by `candidate_model`, in exports too.
    """

    needs: ClassVar[tuple[str, ...]] = ("item_id", "history")
    last: int | None
    half_life: float | None
    popularity: float = 0.0
    shrunk: Shrunk | None = None

    def __init__(self, features: Features, **kwargs):
        super().__init__(features, **kwargs)
        # A weight, so that features which have grown change no score before the model has learnt.
        taken = item_space.known_counts(features).astype("float32")
        self.taken = tf.Variable(taken, trainable=False, name="taken")

    @property
    def vector_tables(self) -> int:
        """One of means, one that is searched, and one by cosine where that is another."""
        lengths = self.shrunk is not None or not getattr(self, "normalize", True)
        return 2 + bool(self.popularity or lengths)

    def feature_rows(self):
        return [Rows(self.taken, "item_id", Start.zero)]

    def served(
        self, vectors: tf.keras.layers.Layer, dim: int, shrinkage: float, by: str | None = None
    ) -> tf.keras.layers.Layer:
        """The layer of item vectors as all see them: users, triggers, similar items and exports.

        Args:
            vectors: encoded ids, or what `candidate_model` gives it, to vectors of `dim` numbers.
            shrinkage, by: as `Shrunk` has them; with a shrinkage of 0 it is the layer itself.
        """
        number(type(self).__name__, shrinkage, "shrinkage", least=0)
        if not shrinkage:
            return vectors
        self.shrunk = Shrunk.of(self.features, vectors, dim, shrinkage, by)
        return self.shrunk

    def own_callbacks(self):
        """What follows from all items is learnt after each epoch."""
        settle = tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: self.settle())
        return [*super().own_callbacks(), settle]

    def settle(self) -> None:
        """Learns what rare items shrink to, and how far, from the vectors as they are now."""
        if self.shrunk is not None:
            self.shrunk.settle(self.taken.numpy(), self.shrunk.vectors)

    def fit(self, *args, **kwargs):
        self.taken.assign(item_space.known_counts(self.features))
        return super().fit(*args, **kwargs)

    def retriever(self, items, index=None, k=100, seed=0, tuning_queries=None):
        """Users by the mean of their latest items, new ones too; see `RecallModel.retriever`."""
        ids, vectors = items["item_id"].to_numpy(), self.embed_items(items)
        lift = self.lift(items) if self.popularity else None
        asking = vectors if self.shrunk is None else unit_vectors(vectors)
        return EmbeddingRetriever(
            HistoryMean(ids, asking, self.last, self.half_life),
            ids,
            vectors,
            index or Exact(),
            k,
            item_embedder=ItemEmbedder(self.features, self.candidate_model),
            tuning_queries=tuning_queries,
            lift=lift,
            bias=below_all(asking, lift),
            shortened=self.shrunk is not None,
            seed=seed,
        ).with_fallback(self.popularity_of(items))

    @of_kinds
    def trigger_retriever(
        self,
        items: pd.DataFrame,
        index: IndexSettings | None = None,
        k: int = 100,
        seed: int = 0,
        **options: Any,
    ) -> TriggerRetriever:
        """Users through the neighbours of their latest items; options as `TriggerRetriever` has.

        With `lift=None` the list of one trigger has the scores of its similar items.
        """
        lift = self.lift(items) if self.popularity else None
        return TriggerRetriever(
            items["item_id"].to_numpy(),
            self.embed_items(items),
            index,
            k,
            item_embedder=ItemEmbedder(self.features, self.candidate_model),
            shortened=self.shrunk is not None,
            seed=seed,
            **{"last": self.last, "half_life": self.half_life, "lift": lift, **options},
        ).with_fallback(self.popularity_of(items))

    def lift(self, items):
        """What the scores of items are multiplied by, [items]."""
        counts = self.taken.numpy()[self.features.ids("item_id").encode(items["item_id"])]
        return item_space.lift(counts, self.popularity)
