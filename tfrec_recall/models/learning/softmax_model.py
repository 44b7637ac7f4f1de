"""What models of the next choice have in common that learn by a softmax over candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import tensorflow as tf

from tfrec_recall.data import Examples, Interactions, PartedInteractions
from tfrec_recall.data.arguments import flag, number
from tfrec_recall.data.feeding.windows import keep_probability
from tfrec_recall.data.notices import tell
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import (
    Features,
    ItemEmbedding,
    ItemTable,
    Rows,
    Start,
    Wanted,
    example_batches,
)
from tfrec_recall.features.item_embedding import embedded_whole
from tfrec_recall.features.own_items import OWN_ITEMS, OwnItems
from tfrec_recall.features.parted_batches import PartedBatches, parted_batches
from tfrec_recall.layers.tables import is_far
from tfrec_recall.models.fitting.table_steps import of_items
from tfrec_recall.models.learning.candidate_softmax import CandidateSoftmax
from tfrec_recall.models.learning.hard_mining import HardMining
from tfrec_recall.models.learning.next_choice import choices, personal_features
from tfrec_recall.models.recall_model import BATCH_SIZE, RecallModel
from tfrec_recall.sampling import Hard, HardNegatives, Unmet

OF_UNMET = (Unmet, Hard)  # kinds that ask what a user has met


class SoftmaxModel(RecallModel):
    """A model that learns which item comes next, by a softmax over it and its negatives.

    A subclass sets the two sides, `items` and `softmax`, whose frequency is the weight
    `target_share`; and `candidates`, unless it writes its own `compute_loss`. `reads_beside` names
    the histories that it reads beside that of the items; None: all.

    Args:
        features: adapted; `item_id` is needed, and something of the user. A history that the model
            does not read is refused, as requests would have to send it.
        positive_threshold: t of the sub-sampling of popular targets, a frequency: of an item with
            the frequency f, an example weighs sqrt(t / f) at most 1, and stays a candidate of the
            others as it was: log q is the same. None keeps all.
        repeats: of baskets, what the user had before is a target as well, for lists that hold it
            too; elsewhere every event is one in any case. `Unmet`, `Hard` and `WithoutOwn` make
            none of it a negative: what of it does not come again is learnt by other kinds alone.
    """

    compiles = True
    reads_context = True
    learns_from_parts = True
    reads_beside: ClassVar[tuple[str, ...] | None] = ()
    items: ItemTable
    candidates: ItemEmbedding
    softmax: CandidateSoftmax

    def __init__(
        self,
        features: Features,
        positive_threshold: float | None = None,
        repeats: bool = False,
        **kwargs,
    ):
        super().__init__(features, **kwargs)
        owner = type(self).__name__
        self._check_user_side(owner)
        number(owner, positive_threshold, "positive_threshold", above=0, optional=True)
        flag(owner, repeats, "repeats")
        keep = keep_probability(features.item_counts, positive_threshold)
        self.positive_threshold, self.repeats = positive_threshold, repeats
        self.keep = tf.constant(keep, tf.float32)
        counts = features.item_counts.astype("float64")
        counts[:FIRST_KNOWN] = 0.0
        share = (counts / max(counts.sum(), 1.0)).astype("float32")
        self.target_share = tf.Variable(share, trainable=False, name="target_share")
        self.mining: list[HardMining] = []

    def _check_user_side(self, owner: str) -> None:
        """Raises ValueError for a query of nothing, and for histories that are not read."""
        features = self.features
        if not features.user:
            raise ValueError(
                f"{owner} makes queries of the user's features: Features needs one at least, such "
                "as user=[History()]. Received: user=[]."
            )
        others = [h.name for h in features.histories if h is not features.history]
        unread = [n for n in others if self.reads_beside is not None and n not in self.reads_beside]
        if unread:
            beside = ", ".join(("item_id", *(self.reads_beside or ())))
            raise ValueError(
                f"{owner} reads no other histories than {beside}: leave them out, by "
                "features.without(…), or take YouTubeDNN or FMRecall, to which each is a bag of "
                f"its own. Received: {', '.join(unread)}."
            )

    @classmethod
    def default_features(
        cls,
        interactions: Interactions | PartedInteractions,
        columns: Wanted = None,
        repeats: bool = False,
    ) -> Features:
        """As of `RecallModel`; `repeats`: for a model that is made with it."""
        return personal_features(interactions, columns, repeats)

    def feature_rows(self):
        return [Rows(self.target_share, "item_id", Start.zero)]

    def examples(self, train: Interactions) -> Examples:
        """What is learnt from."""
        return choices(self.features, train, self.repeats)

    def as_learnt(self, interactions: Interactions) -> Interactions:
        """The events as examples are made of them."""
        return interactions

    @property
    def columns_of_target(self) -> Sequence[str]:
        """Columns of `as_learnt` that batches hold as they are."""
        return ()

    def training_data(
        self,
        train: Interactions | PartedInteractions,
        batch_size: int = BATCH_SIZE,
        seed: int | None = 0,
        first_epoch: int = 0,
    ) -> tf.data.Dataset:
        if isinstance(train, PartedInteractions):
            found = self._of_parts(train, batch_size, seed, first_epoch)
            self.follow_parts(found)
            return found.dataset
        train = self.as_learnt(train)
        examples = self.examples(train)
        self.follow(train, examples)
        return self._of_examples(train, examples, batch_size, seed, first_epoch)

    def _of_parts(self, parted, batch_size, seed, first_epoch=0) -> PartedBatches:
        return parted_batches(
            self.features,
            parted.map(self.as_learnt),
            self.examples,
            *(batch_size, seed, first_epoch, self.columns_of_target, self.softmax.own_items),
        )

    def _of_examples(self, events, examples, batch_size, seed, first_epoch=0) -> tf.data.Dataset:
        order = batch_size, seed, first_epoch
        beside = self.columns_of_target, self.own_items(events)
        return example_batches(self.features, events, examples, *order, *beside)

    def own_items(self, events: Interactions) -> OwnItems | None:
        """What batches of these events hold for `left_out`."""
        most = self.softmax.own_items
        return OwnItems.of(self.features, events, most) if most else None

    def growth_arguments(self, features):
        """The temperature that scores were learnt at, which else follows the number of items."""
        found = super().growth_arguments(features)
        follows = self.made_with.get("temperature") is None and hasattr(self, "temperature")
        return {**found, "temperature": self.temperature} if follows else found

    @property
    def history_needed(self):
        """All of a user's events where negatives are what a user has no event with."""
        of_unmet = any(isinstance(kind, OF_UNMET) for kind in self.softmax.kinds)
        return None if of_unmet else super().history_needed

    def validation_data(self, interactions, batch_size=BATCH_SIZE):
        """As of `RecallModel`; a user's own negatives are those that the training data says.

        Strangers to it have met nothing. Batches are of the training data at the time: after
        another `training_data`, make them anew.
        """
        if not self.softmax.personal:
            return super().validation_data(interactions, batch_size)
        if isinstance(interactions, PartedInteractions):
            self.softmax.require_held()
        known = tf.constant(self.softmax.rows_of_users(interactions.users))

        def as_trained(batch):
            return {**batch, "user_row": tf.gather(known, batch["user_row"])}

        return super().validation_data(interactions, batch_size).map(as_trained)

    def batches_to_measure(self, interactions, batch_size):
        if isinstance(interactions, PartedInteractions):
            return self._of_parts(interactions, batch_size, seed=None).dataset
        events = self.as_learnt(interactions)
        return self._of_examples(events, self.examples(events), batch_size, seed=None)

    def follow(self, train: Interactions, examples: Examples) -> None:
        """Takes what the batches will hold, and prepares the mining of hard negatives."""
        self.softmax.follow(train, examples)
        if self.softmax.personal:
            # A step that is traced draws from the samplers of the users that it was traced with.
            self.train_function = self.test_function = None  # type: ignore[assignment]
        self.mining = [
            HardMining(self, train, examples, sampler, kind.every)
            for kind, sampler in self.softmax.of_user or ()
            if isinstance(kind, Hard) and isinstance(sampler, HardNegatives)
        ]

    def follow_parts(self, found: PartedBatches) -> None:
        """As `follow`, of events in parts."""
        self.softmax.follow_parts(found.targets)

    def begin(self, run):
        has_learnt = bool(self.has_learnt.numpy())
        for mining in self.mining:
            mining.callback.begin(run.epoch, run.step, has_learnt)

    def check_strategy(self, strategy, asked):
        super().check_strategy(strategy, asked)
        if is_far(strategy) and self.mining:
            raise ValueError(
                f"{type(self).__name__} mines Hard negatives into a table of this machine, which "
                "workers of parameter servers do not see: take other kinds, or workers in step. "
                f"Received: Hard(…) under {type(strategy).__name__}."
            )

    def own_callbacks(self):
        """Hard negatives are mined before the epochs that their kind says."""
        return [mining.callback for mining in self.mining]

    def logits_of(self, batch_size: int, compiled: bool) -> int:
        return self.softmax.logits_of(batch_size, compiled)

    def looked_up(self, batch_size):
        """Items that are embedded as a whole have gradients of the whole table."""
        found = super().looked_up(batch_size)
        drawn = of_items(self.features, self.softmax.drawn_for(batch_size))
        if embedded_whole(self.features.item_table):
            return {name: ids for name, ids in found.items() if name not in drawn}
        return {name: ids + drawn.get(name, 0) for name, ids in found.items()}

    @property
    def xla_knows_steps(self) -> bool:
        return super().xla_knows_steps and not self.softmax.personal

    def refuse_to_compile(self) -> None:
        if not (super().xla_knows_steps and self.softmax.personal):
            super().refuse_to_compile()
        raise ValueError(
            f"XLA compiles no step of {type(self).__name__} whose negatives are drawn for each "
            "user: leave jit_compile out, or take other kinds. Received: jit_compile=True, "
            f"negatives of the kinds {', '.join(self.softmax.personal)}."
        )

    def left_out(self, batch: dict[str, tf.Tensor]) -> tf.Tensor | None:
        """What is no negative of a query, encoded ids [batch, any]; None where nothing is known.

        Batches that were not made by the model's own methods say of their users the history alone.
        """
        if not self.softmax.own_items:
            return None
        if OWN_ITEMS in batch:
            return batch[OWN_ITEMS]
        history = self.features.history
        if history is not None and history.name in batch:
            return batch[history.name]
        tell(
            f"{type(self).__name__} knows of these batches nothing that their users took, which is "
            "among the negatives then: take batches of training_data, or a history, or negatives "
            "without WithoutOwn()."
        )
        return None

    def weight(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """What each example counts, [batch]."""
        if self.positive_threshold is None:
            return batch["sample_weight"]
        return batch["sample_weight"] * tf.gather(self.keep, batch["item_id"])

    def compute_loss(self, batch, training=False):
        return self.softmax(
            self.query(batch, training),
            batch["item_id"],
            lambda ids: self.candidates(ids, training=training),
            batch.get("seed"),
            batch.get("user_row"),
            self.left_out(batch),
            sample_weight=self.weight(batch),
            training=training,
        )
