"""What all recall models share: a query side, a candidate side, and the way to an index."""

from __future__ import annotations

import copy
import functools
import inspect
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Interactions, PartedInteractions, Recent
from tfrec_recall.data.feeding.next_pass import followed_by
from tfrec_recall.data.kinds import of_kinds, require_kind
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features, Wanted, item_embedding
from tfrec_recall.layers.tables import is_far
from tfrec_recall.models.fitting.keras_arguments import is_batches, require_known, require_query
from tfrec_recall.models.fitting.learner import Learner
from tfrec_recall.models.fitting.memory import TrainingMemory
from tfrec_recall.models.fitting.table_steps import moves_rows, noting_batches, of_examples
from tfrec_recall.models.growing.growth import Growing
from tfrec_recall.models.growing.nothing_new import telling_of_nothing
from tfrec_recall.models.published import Published, Unread, left_out
from tfrec_recall.optimizers import FusedAdam, LazyAdam
from tfrec_recall.retrieval import EmbeddingRetriever, Exact, Popularity, Retriever
from tfrec_recall.retrieval.embedders import ItemEmbedder, QueryEmbedder
from tfrec_recall.retrieval.index import IndexSettings
from tfrec_recall.retrieval.item_weights import below_all
from tfrec_recall.retrieval.tuning_queries import TuningQueries

BATCH_SIZE = 1024  # of every model's training data, unless it is told
CANDIDATE_BATCH = 4096
COMPILED_STEPS = 16
FEW_STEPS = 48  # take less time than to trace one
GIVEN = (
    *("default_features", "training_data", "validation_data", "adapt", "keep_state", "update"),
    "retriever",
)
MOST_LOGITS = 2**28  # of a compiled step: 1 GiB, and their gradients another


class RecallModel(Growing, Learner):
    """A model with a vector for each query and each candidate, whose score is their inner product.

    A subclass sets `query_model` (encoded user features -> [batch, dim] or [batch, interests, dim])
    and `candidate_model` (encoded item features -> [batch, dim]), and writes `compute_loss`.

    Args:
        features: the adapted specification; adapting it to other events later changes no model.

    `needs` names the features without which the model cannot be built. `stops_early` is False for a
    model whose rate of learning falls on a schedule: it is at its best at the end of it, and what
    validation says before is noise. `learns_ratings` says that the model's loss is the error of
    ratings, so that it stops by this error and not by its lists. `compiles` says that XLA knows all
    operations of a training step where the items are few. `reads_columns` is False for a model that
    knows users and items by ids and histories alone. `reads_context` says that what a request tells
    beside its user, columns of events, is among the features of the query. `learns_from_parts` says
    that `default_features` and `training_data` take `PartedInteractions`. `is_quick_eagerly` says
    that a step has no loop, which would take long one operation at a time. `scores_pairs` says that
    a network scores each user with each item. `follows_optimizer` is False for a model with steps
    of its own, or none. `lists_are_filled` is False for a model that has a score of every item for
    everybody, so that nothing fills its lists. `PUBLISHED` is what `published` makes the model of.
    """

    PUBLISHED: ClassVar[Published | None] = None
    UNREAD: ClassVar[Unread] = {}
    needs: ClassVar[tuple[str, ...]] = ("item_id",)
    stops_early: ClassVar[bool] = True
    learns_ratings: ClassVar[bool] = False
    reads_columns: ClassVar[bool] = True
    reads_context: ClassVar[bool] = False
    learns_from_parts: ClassVar[bool] = False
    is_quick_eagerly: ClassVar[bool] = True
    scores_pairs: ClassVar[bool] = False
    follows_optimizer: ClassVar[bool] = True
    lists_are_filled: ClassVar[bool] = True
    query_model: tf.keras.Model
    candidate_model: tf.keras.Model
    batch_size: int = BATCH_SIZE  # of the batches that `training_data` made last

    def __init_subclass__(cls, **kwargs):
        """What these methods of a subclass are given is of the kinds that annotations here name."""
        super().__init_subclass__(**kwargs)
        for name in GIVEN:
            own, here = vars(cls).get(name), getattr(RecallModel, name, None)
            if isinstance(own, classmethod):
                setattr(cls, name, classmethod(of_kinds(own.__func__)))
            elif inspect.isfunction(own):
                own = of_kinds(own, like=here)
                setattr(
                    cls, name, noting_batches(own, BATCH_SIZE) if name == "training_data" else own
                )

    def __init__(self, features: Features, **kwargs):
        require_known(type(self), kwargs)
        super().__init__(**kwargs)
        require_kind(type(self).__name__, "features", features, ("Features",))
        features.require(self.needs, type(self).__name__)
        features.require_adapted()
        if "history" in self.needs and features.history is None:
            raise ValueError(
                f"{type(self).__name__} needs a history of items: History('item_id') among the "
                f"user's features. Received: histories of {[h.column for h in features.histories]}."
            )
        if features.of_events and not self.reads_context:
            context = ", ".join(sorted(features.of_events))
            raise ValueError(
                f"{type(self).__name__} knows nothing of a request but its user and history: leave "
                f"the columns of events out, or take a two-tower model. Received: {context}."
            )
        self.features = copy.copy(features)

    @classmethod
    def published(cls, features: Features, **overrides: Any) -> Self:
        """The plain form of the paper; what of it is not the default, `Departs:` above says.

        `PUBLISHED` also holds what the paper says of training: optimiser, rate, batches, epochs.

        Args:
            overrides: arguments of the constructor that are to have yet another value; what of the
                plain form nothing reads beside them, or is refused, as `UNREAD` says, is left out.
        """
        plain, unread = cls.plain_form().arguments, left_out(overrides, cls.UNREAD)
        return cls(features, **{n: v for n, v in plain.items() if n not in unread} | overrides)

    @classmethod
    def plain_form(cls) -> Published:
        """What the paper has; ValueError for a model without one."""
        if cls.PUBLISHED is None:
            raise ValueError(f"{cls.__name__} does not say which paper's plain form it has.")
        return cls.PUBLISHED

    @classmethod
    def default_features(cls, interactions: Interactions, columns: Wanted = None) -> Features:
        """A specification, not yet adapted, of what these interactions offer to this model.

        Args:
            columns: those that become features, as for `infer`; None: what their values suggest.

        Raises: ValueError for columns that are not there, or that the model does not read.
        """
        raise NotImplementedError(f"{cls.__name__} does not choose features by itself.")

    def training_data(
        self,
        train: Interactions,
        batch_size: int = BATCH_SIZE,
        seed: int | None = 0,
        first_epoch: int = 0,
    ) -> tf.data.Dataset:
        """The batches this model learns from, for `fit`.

        It also takes what is known of all of them: how often an item is a target, a mean rating, a
        graph. `validation_data` makes batches to measure, and takes nothing.

        Args:
            seed: of their order, another one each epoch; None keeps the order of the examples.
            first_epoch: where the sequence of orders begins, to go on with a resumed run.
        """
        raise NotImplementedError(f"{type(self).__name__} does not choose examples by itself.")

    @of_kinds
    def validation_data(
        self, interactions: Interactions | PartedInteractions, batch_size: int = BATCH_SIZE
    ) -> tf.data.Dataset:
        """Batches of other events to measure, for `evaluate` and the `validation_data` of `fit`.

        They are as `training_data` makes them, but in the order of the examples and the same in
        each pass, and the model stays as it is: it keeps what it took from the training data.

        Args:
            interactions: to have the histories of targets without their own targets being measured,
                `recent(train, validation, replay=0).to_learn`.

        Raises: ValueError for a model without a loss, and where what batches are made by follows
            from training data that it has not been given yet.
        """
        data = self.batches_to_measure(interactions, batch_size)
        for following in followed_by(data):
            following.go_to(following.first, stay=True)
        return data

    def batches_to_measure(self, interactions: Any, batch_size: int) -> tf.data.Dataset:
        """Those of `validation_data`; a subclass makes them without a change of the model."""
        raise NotImplementedError(
            f"{type(self).__name__} does not choose examples to measure by itself."
        )

    @property
    def history_needed(self) -> int | None:
        """How many of a user's latest earlier events `update` reads, of those that `reads` says;
        None: all of them.
        """
        return max((history.length for history in self.features.histories), default=0)

    def reads(self, events: pd.DataFrame) -> np.ndarray:
        """Which of these events `update` reads, bool [events]: those of other types do not count
        among the latest ones.
        """
        return np.ones(len(events), dtype=bool)

    @of_kinds
    def update(
        self, recent: Recent, epochs: int = 2, batch_size: int = BATCH_SIZE, seed: int | None = 0
    ) -> None:
        """Learns from new events, and once more from those that are replayed.

        The features know what is new by then: the model is one that `grow` made. By default it is
        `fit` on the examples of both, from the state in which the optimiser is; models that count
        add to their counts, and others say what they do.

        Args:
            recent: `data.recent(…, length=model.history_needed)`, of earlier events that the model
                `reads`.
            epochs, batch_size, seed: as of `fit` and `training_data`.
        """
        with telling_of_nothing(type(self).__name__):
            self.learn_on(self.training_data(recent.to_learn, batch_size, seed), epochs)

    def learn_on(self, data: tf.data.Dataset, epochs: int) -> None:
        """`fit`; a few steps are done one operation at a time, as tracing them would take longer.

        Args:
            data: what `training_data` makes of recent events.
        """
        steps = int(data.cardinality()) * epochs
        as_it_was = self.compiled_step, bool(self.run_eagerly)  # type: ignore[has-type]
        if self.is_quick_eagerly and 0 < steps <= FEW_STEPS:
            self.compiled_step, self.run_eagerly = None, True
        try:
            self.fit(data, epochs=epochs, verbose=0)
        finally:
            self.compiled_step, self.run_eagerly = as_it_was
            self.train_function = None  # type: ignore[assignment]  # it is as this call needed it

    def keep_state(self, train: Interactions) -> None:
        """Keeps what `update` adds to, beside the weights, of the events that were learnt."""

    def write_state(self, folder: pathlib.Path) -> None:
        """Writes what `keep_state` has kept into a folder."""

    def read_state(self, folder: pathlib.Path) -> None:
        """Takes what `write_state` wrote."""

    @property
    def xla_knows_steps(self) -> bool:
        return self.compiles and item_embedding.embedded_whole(self.features.item_table)

    @property
    def can_compile(self) -> bool:
        """Whether `compile(jit_compile=True)` is possible, and a step should move whole tables."""
        return self.xla_knows_steps and not moves_rows(self, self.batch_size)

    def looked_up(self, batch_size: int) -> dict[str, int]:
        """How many ids of each feature a batch of so many examples looks up in tables, at most.

        Of a feature that is not here, a step has a gradient of the whole table in any case.
        """
        return of_examples(self.features, batch_size)

    def logits_of(self, batch_size: int, compiled: bool) -> int:
        """How many logits a step holds at once of a batch of so many examples.

        Args:
            compiled: whether XLA compiles the step.
        """
        return 0

    def compiles_batches_of(self, batch_size: int) -> bool:
        """`can_compile` of batches of so many examples, and whether there is room for the logits.

        A compiled step holds all of them, where others go some rows at a time.
        """
        fits = self.logits_of(batch_size, compiled=True) <= MOST_LOGITS
        return fits and self.xla_knows_steps and not moves_rows(self, batch_size)

    @property
    def optimizer_class(self) -> type[tf.keras.optimizers.Optimizer]:
        """Which Adam suits the tables and the batches of `training_data`, for `compile`.

        It is `FusedAdam`, which is Keras' own in one operation a table, or `LazyAdam` where a step
        should move the rows of its batch alone (`table_steps.moves_rows`). Called with a rate, the
        class makes one.
        """
        return self.optimizer_for(self.batch_size)

    def optimizer_for(self, batch_size: int) -> type[tf.keras.optimizers.Optimizer]:
        """`optimizer_class` of batches of so many examples, before they are made."""
        return LazyAdam if moves_rows(self, batch_size) else FusedAdam

    def memory(
        self,
        batch_size: int | None = None,
        optimizer: tf.keras.optimizers.Optimizer | None = None,
    ) -> TrainingMemory:
        """What training will hold beside the data, before any of it is made; print it.

        Args:
            batch_size: of training; None is that of the batches that `training_data` made last.
            optimizer: that `compile` will be given; None is one of `optimizer_for(batch_size)`.
                Models with steps of their own, and those that learn in one pass, follow none.
        """
        size = self.batch_size if batch_size is None else batch_size
        compiled = self.compiles_batches_of(size)
        made = (optimizer or self.optimizer_for(size)()) if self.follows_optimizer else None
        return TrainingMemory.of(self, made, batch_size=size, compiled=compiled)

    @property
    def recommended_steps(self) -> int:
        """How many steps are worth running at once, for `compile(steps_per_execution=…)`."""
        return COMPILED_STEPS if self.can_compile else 1

    @property
    def vector_tables(self) -> int:
        """How many tables of the items' vectors its retriever holds.

        One is searched by scores; by cosine another, where vectors are not of length one.
        """
        return 1 if getattr(self, "normalize", False) else 2

    def refuse_to_compile(self) -> None:
        if not self.compiles:
            super().refuse_to_compile()
        few, most = item_embedding.FEW_ITEMS, item_embedding.FEW_VALUES
        items = self.features.item_vocabulary
        values = item_embedding.ids_in(self.features.item_table)
        raise ValueError(
            f"XLA compiles a step of {type(self).__name__} for at most {few:,} items, and features "
            f"of theirs with {most:,} values: leave jit_compile out. Received: jit_compile=True, "
            f"{len(items):,} items, {values:,} values."
        )

    def query(self, batch: dict[str, tf.Tensor], training=False) -> tf.Tensor:
        """The query vectors of a training batch, which holds more than the query's features."""
        names = self.query_model.input_names
        return self.query_model({name: batch[name] for name in names}, training=training)

    def call(self, inputs: dict[str, tf.Tensor], training=False) -> tf.Tensor:
        """The query vectors of encoded user features.

        Raises: ValueError for a model without vectors of queries, and for features that lack.
        """
        require_query(self, inputs)
        return self.query(inputs, training)

    def predict(self, x, *args, **kwargs) -> np.ndarray:
        """As `Model.predict`: the query vectors of encoded user features, or of batches of them.

        Raises: as `call`; and ValueError for what are neither, such as interactions.
        """
        alone = isinstance(x, Mapping) or not is_batches(x)
        if alone and type(self).call is RecallModel.call:
            require_query(self, x)
        return super().predict(x, *args, **kwargs)

    @of_kinds
    def embed_items(self, items: pd.DataFrame) -> np.ndarray:
        """Vectors of items given as a table of raw features, [items, dim] float32.

        A model that has learnt nothing warns of it, here and so in whatever is made of vectors.
        """
        self.tell_if_untrained()
        return self.vectors_of(self.features.encode_items(items))

    def vectors_of(self, encoded: dict[str, np.ndarray]) -> np.ndarray:
        """`embed_items` of encoded features."""
        embed = self.candidate_model.predict_on_batch
        strategy = self.distribute_strategy
        if strategy.extended._in_multi_worker_mode() or is_far(strategy):
            # Keras would wait for the other workers, which ask for other vectors or for none.
            traced = tf.function(
                functools.partial(self.candidate_model, training=False), reduce_retracing=True
            )

            def embed(columns):
                return traced({n: tf.constant(v) for n, v in columns.items()}).numpy()

        vectors = np.empty((0, 0), "float32")
        for first in range(0, len(encoded["item_id"]), CANDIDATE_BATCH):
            some = slice(first, first + CANDIDATE_BATCH)
            of_some = {name: values[some] for name, values in encoded.items()}
            found = embed(of_some)
            if not first:  # written in place: parts beside their sum would be twice the catalogue
                vectors = np.empty((len(encoded["item_id"]), *found.shape[1:]), found.dtype)
            vectors[some] = found
        return vectors

    @of_kinds
    def retriever(
        self,
        items: pd.DataFrame,
        index: IndexSettings | None = None,
        k: int = 100,
        seed: int = 0,
        tuning_queries: TuningQueries = None,
    ) -> Retriever:
        """Raw query features in, item ids and scores out, over these items.

        Args:
            items: the catalogue, with the columns of the item features; ids that training never saw
                are embedded by their other features; where these say nothing, an item only fills
                lists.
            index: `Exact()` (the default), `ScaNN(recall=0.95)`, `InvertedFile(recall=0.95)` or
                `Auto()`.
            k: how many items are returned where a call does not say.
            seed: of the permutation that orders equal scores.
            tuning_queries: requests of users, raw features, that an approximate index is tuned
                with: its recall is then theirs. Or a function that gives them for the retriever's
                inputs, such as `evaluation.tuning_queries(split)`. Exact search needs none.
        """
        vectors, bias = self.embed_items(items), self.bias_of(items)
        if bias is None and self.lists_are_filled:
            bias = below_all(vectors)
        return EmbeddingRetriever(
            query_embedder=self.query_embedder(),
            item_ids=items["item_id"].to_numpy(),
            vectors=vectors,
            index=index or Exact(),
            k=k,
            item_embedder=ItemEmbedder(self.features, self.candidate_model),
            tuning_queries=tuning_queries,
            bias=bias,
            seed=seed,
        ).with_fallback(self.popularity_of(items))

    def bias_of(self, items: pd.DataFrame) -> np.ndarray | None:
        """What is added to the score of each item in users' lists, [items]; None: nothing, but that
        items of zeros come after all others where lists are filled.
        """
        return None

    def query_embedder(self) -> QueryEmbedder:
        """Raw query features to the vectors that search."""
        return QueryEmbedder(self.features, self.query_model)

    def popularity_of(self, items: pd.DataFrame) -> Popularity:
        """How often training took these items: what fills lists that are too short."""
        encoded = self.features.ids("item_id").encode(items["item_id"])
        known = np.array(self.features.item_counts, "float32")
        known[:FIRST_KNOWN] = 0
        return Popularity(items["item_id"].to_numpy(), known[encoded])
