"""SDM: the latest session beside what came before it, fused by a gate."""

from __future__ import annotations

from typing import Any, ClassVar

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data import Interactions
from tfrec_recall.data.arguments import flags, number, refuse, whole
from tfrec_recall.data.notices import tell
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import (
    FeatureEncoder,
    Features,
    FieldSum,
    History,
    ItemEmbedding,
    ItemTable,
    KnownFirst,
    OfKnown,
    SessionSplit,
    Wanted,
    pass_batches,
)
from tfrec_recall.layers import (
    FusedLSTM,
    GatedFusion,
    RunningMean,
    Tower,
    UserAttention,
)
from tfrec_recall.models.learning import replicas
from tfrec_recall.models.learning.candidate_softmax import CandidateSoftmax, Mask, checked_kinds
from tfrec_recall.models.learning.dropout import dropout as dropped
from tfrec_recall.models.learning.served import served
from tfrec_recall.models.learning.softmax_model import SoftmaxModel
from tfrec_recall.models.learning.temperature import temperature_of
from tfrec_recall.models.published import Published
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.models.sequences.arguments import check_sequence_model
from tfrec_recall.models.sequences.by_length import by_length
from tfrec_recall.models.sequences.session_events import EventsReached, SessionEvents
from tfrec_recall.models.sequences.session_query import SessionQuery
from tfrec_recall.retrieval.embedders import QueryEmbedder
from tfrec_recall.sampling import LogUniform, Negatives

TIMES, SESSIONS = "history_timestamp", "history_session_id"
LENGTH = 100  # of the history in `default_features`: a session, and as much before it
SESSION = 50  # events at most, where the history has as many
GAP, WEEK = 600.0, 7 * 24 * 3600.0  # seconds
OF_TARGETS = ("item_id", "sample_weight", "place")  # columns of a batch, the others are of passes


def clipped_adagrad(learning_rate: float, **kwargs: Any) -> tf.keras.optimizers.Optimizer:
    """AdaGrad whose gradients are clipped to a norm of 5, all together."""
    return tf.keras.optimizers.Adagrad(learning_rate, global_clipnorm=5.0, **kwargs)


@saved_by_config
class SDM(SoftmaxModel):
    """LSTM and attention over the latest session, attention over older events, and a gate.

    A session is gone through once, for the next items of all of its events: the LSTM, the
    attentions and the means look back only, so that after each event they are what they would be
    had the history ended there. With `causal=False` each history is gone through by itself.

    Source: "SDM: Sequential Deep Matching Model for Online Large-scale Recommender System",
    CIKM 2019: Figure 2, sections 3.1 to 3.5.
    Departs:
        - queries and items meet in a cosine over a temperature, and not in an inner product:
          `normalize=False`, `temperature=1.0`.
        - negatives are the batch's other items and some drawn evenly, but none that the user took;
          the paper draws for a sampled softmax: `negatives=LogUniform(1000)`.
        - an item is the sum of all its features, and not its id alone: `item_side_info=False`.
        - the history's means are added to the fused vector: `residual=False`.
        - the history's means are in the profile e_u too: `means_in_profile=False`.
        - a dense layer follows the gate: `dense_after_gate=False`.
        - the products of the self-attention are divided by the root of a head's width, and its
          maps have biases: `scaled=False`.
        - an event of the session attends to itself and those before it, and not to all of them, so
          that one pass learns the whole session: `causal=False`.
        - the fused vector is dropped out, as the session's events are: `fused_dropout=0.0`.
        - a session's id ends a session, however soon the next one begins: `merge_sessions=True`.

    The plain form trains as the program of the paper's authors, by AdaGrad with clipped gradients;
    the rate is chosen here. The attentions to the profile are not scaled, as in the paper, whose
    products of states and profile need both of one width: a linear layer makes the profile so.
    Items of a history that training never saw are left out of it.

    Args:
        features: adapted; `item_id` and a history of it are needed. With histories of the columns
            `timestamp`, named `history_timestamp`, and perhaps `session_id`, named
            `history_session_id`, sessions are cut by them; without, the events are counted alone.
        dim: of the embeddings, the states and the output.
        lstm_layers: how many are stacked.
        heads: of the self-attention; they share dim.
        gap: seconds between two events that end a session; where sessions have ids, it counts with
            `merge_sessions` alone.
        merge_sessions: two sessions with ids are one unless `gap` lies between them.
        session_events: at most, of a session; what is more begins the next one, counted from the
            session's first event: requests send all of a long session for that, or its pieces. None
            is 50, or the length of the history where that is less.
        past: seconds before the session that the long term reaches back; None for all of the
            history. Without times it is all of the history.
        residual: add the history's means, even and by recency, to the fused vector.
        means_in_profile: the same means beside the user's features in the profile. Without either,
            one learnt vector is the profile of all users, which is told.
        dense_after_gate: a dense layer on the fused vector.
        scaled: the self-attention's products, as above.
        causal: events of a session attend to none after them. Without, training takes as many
            passes as there are histories.
        item_side_info: whether candidates are known by all of their features; without, new items
            are not.
        dropout: on the session's events.
        fused_dropout: on the fused vector; None is as much.
        normalize: vectors of length one on both sides.
        temperature: what divides the scores; None is 0.2 (2000 / n)^¼ of n items,
            between .05 and .2, and 1 with `normalize=False`.
        negatives: items drawn evenly a batch, beside the in-batch ones, but none that the user took
            (with `repeats`, these too); or kinds of `sampling/`.
        correct: subtract log q of what is drawn.
        positive_threshold, repeats: see `SoftmaxModel`.

    Raises: ValueError where `gap` or `past` cannot be followed, as there are no times, or ids tell
        sessions apart.
    """

    PUBLISHED: ClassVar[Published] = Published(
        "CIKM 2019",
        {
            "normalize": False,
            "temperature": 1.0,
            "negatives": LogUniform(1000),
            "item_side_info": False,
            "residual": False,
            "means_in_profile": False,
            "dense_after_gate": False,
            "scaled": False,
            "causal": False,
            "fused_dropout": 0.0,
            "merge_sessions": True,
        },
        optimizer=clipped_adagrad,
        learning_rate=0.1,
        batch_size=256,
        chosen=("learning_rate",),
    )
    needs: ClassVar[tuple[str, ...]] = ("item_id", "history")
    reads_beside: ClassVar[tuple[str, ...] | None] = (TIMES, SESSIONS)
    compiles: ClassVar[bool] = False
    learns_from_parts: ClassVar[bool] = False

    def __init__(
        self,
        features: Features,
        dim: int = 64,
        lstm_layers: int = 1,
        heads: int = 4,
        gap: float = GAP,
        merge_sessions: bool = False,
        session_events: int | None = None,
        past: float | None = WEEK,
        residual: bool = True,
        means_in_profile: bool = True,
        dense_after_gate: bool = True,
        scaled: bool = True,
        causal: bool = True,
        item_side_info: bool = True,
        dropout: float = 0.2,
        fused_dropout: float | None = None,
        normalize: bool = True,
        temperature: float | None = None,
        negatives: Negatives = 1000,
        correct: bool = True,
        positive_threshold: float | None = None,
        repeats: bool = False,
        **kwargs,
    ):
        super().__init__(features, positive_threshold, repeats, **kwargs)
        owner = type(self).__name__
        check_sequence_model(owner, dim, dropout, temperature)
        checked_kinds(owner, features, negatives, correct, repeats)
        flags(
            owner,
            merge_sessions=merge_sessions,
            residual=residual,
            means_in_profile=means_in_profile,
            dense_after_gate=dense_after_gate,
            scaled=scaled,
            causal=causal,
            item_side_info=item_side_info,
            normalize=normalize,
        )
        number(owner, fused_dropout, "fused_dropout", least=0, below=1, optional=True)
        whole(owner, lstm_layers, "lstm_layers")
        whole(owner, heads, "heads")
        whole(owner, session_events, "session_events", optional=True)
        number(owner, gap, "gap", above=0)
        number(owner, past, "past", above=0, optional=True)
        assert features.history is not None  # by `needs`
        if dim % heads:
            raise ValueError(f"heads has to divide dim. Received: dim={dim}, heads={heads}.")
        self.history, length = features.history.name, features.history.length
        beside = {feature.name for feature in features.histories}
        self.times, self.ids = TIMES in beside, SESSIONS in beside
        self._require_sessions(gap, past, merge_sessions)
        self.gap = gap if self.times and (merge_sessions or not self.ids) else None
        if session_events is not None and session_events > length:
            fits = f"no more events than the history has, {length}: History(length=…) has more"
            refuse(owner, session_events, "session_events", fits, optional=True)
        self.session_events = session_events or min(SESSION, length)
        self.residual, self.means_in_profile = residual, means_in_profile
        self.dense_after_gate, self.scaled, self.causal = dense_after_gate, scaled, causal
        self.normalize = normalize
        self.unit = served(normalize)
        self.items = ItemTable.of(features.item_table)
        item = features.inputs(features.item)
        known_by = features.fields(features.item)
        fields = FeatureEncoder(known_by, dim)(item)  # [items, fields, dim]
        self.count = fields.shape[-2]
        self.field_model = tf.keras.Model(item, tf.keras.layers.Flatten()(fields))
        own = [feature.name for feature in features.item].index("item_id")
        known_by = known_by if item_side_info else known_by[own : own + 1]
        vector = FieldSum()(fields) if item_side_info else fields[:, own]
        candidate = OfKnown(known_by)((vector, item))
        self.candidate_model = tf.keras.Model(item, self.unit(candidate))
        split = SessionSplit(self.gap, self.session_events, past if self.times else None)
        rates = dropout, dropout if fused_dropout is None else fused_dropout
        self.place_model = self._user_side(split, dim, lstm_layers, heads, *rates)
        self.query_model = self._at_the_end()
        self.temperature = temperature_of(temperature, features, normalize)
        self.softmax = CandidateSoftmax(
            owner, features, self.target_share, negatives, self.temperature, correct, repeats
        )

    def _require_sessions(self, gap: float, past: float | None, merge: bool) -> None:
        """Raises unless what is asked for can be followed."""
        if not self.times and (gap != GAP or past not in (None, WEEK)):
            raise ValueError(
                "SDM follows gap and past by the times of the history: add "
                f"History('timestamp', name='{TIMES}') to the features, or leave both out. "
                f"Received: gap={gap}, past={past}."
            )
        if self.ids and not self.times:
            raise ValueError(
                f"Sessions with ids have times too: add History('timestamp', name='{TIMES}') to "
                f"the features, or leave {SESSIONS} out. Received: no history of times."
            )
        if self.ids and not merge and gap != GAP:
            raise ValueError(
                "Where sessions have ids, these end them, and gap counts with merge_sessions=True "
                f"alone: set it, or leave gap out. Received: gap={gap}, merge_sessions=False."
            )

    @classmethod
    def default_features(  # type: ignore[override]  # parts are refused
        cls, interactions: Interactions, columns: Wanted = None, repeats: bool = False
    ) -> Features:
        interactions.require_time(cls.__name__, "MIND, whose interests need no order")
        features = super().default_features(interactions, columns, repeats)
        if features.history is None:
            return features
        histories = [
            History(length=LENGTH),
            History("timestamp", name=TIMES, length=LENGTH),
        ]
        if "session_id" in interactions.events:
            histories.append(History("session_id", name=SESSIONS, length=LENGTH))
        user = [*features.user_fields, *histories]
        return Features(user, features.item, left_out=features.left_out)

    def training_data(self, train, batch_size=BATCH_SIZE, seed=0, first_epoch=0):
        train = self._as_seen(train)
        if not (self.features.user_fields or self.means_in_profile):
            tell(
                "SDM has one profile for all users, as nothing is known of them: add a feature of "
                "the user, such as Categorical('user_id'), or set means_in_profile=True."
            )
        examples = self.examples(train)
        self.follow(train, examples)
        return self._passes_of(train, examples, batch_size, seed, first_epoch)

    def batches_to_measure(self, interactions, batch_size):
        seen = self._as_seen(interactions)
        return self._passes_of(seen, self.examples(seen), batch_size, seed=None)

    def _as_seen(self, interactions: Interactions) -> Interactions:
        """Without the items that training never saw, which histories leave out."""
        interactions.require_time(type(self).__name__, "MIND, whose interests need no order")
        events = interactions.events
        known = self.features.ids("item_id").encode(events["item_id"]) >= FIRST_KNOWN
        return interactions.with_events(events[known])

    def _passes_of(self, seen, examples, batch_size, seed, first_epoch=0) -> tf.data.Dataset:
        return pass_batches(
            self.features,
            seen,
            examples,
            batch_size,
            gap=self.gap,
            most=self.session_events,
            by="session_id" if self.ids else None,
            seed=seed,
            first_epoch=first_epoch,
            alone=not self.causal,
            own=self.own_items(seen),
        )

    def _user_side(self, split, dim, lstm_layers, heads, dropout, fused_dropout):
        """User features and places in the history to a vector for each place."""
        user = self.features.inputs(self.features.user)
        requests = self.features.request_fields  # each place has its own
        for feature in requests:
            one = user[feature.name]
            shape = (None, *one.shape[1:])
            user[feature.name] = tf.keras.Input(shape, dtype=one.dtype, name=feature.name)
        asked = tf.keras.Input((None,), dtype="int32", name="places")  # [batch, places]
        beside = [user[name] for name in self._beside()]
        ids, places, *beside = KnownFirst()((user[self.history], asked, *beside))
        short, long = split((ids, *beside) if beside else ids)
        events = ItemEmbedding(self.items, self.field_model)(ids)  # [batch, history, fields * dim]
        by_field = tf.split(events, self.count, axis=2)
        watched = sum(by_field[1:], by_field[0])  # [batch, history, dim]
        means = [
            layer((watched, places), mask=[tf.not_equal(ids, 0), None])  # [batch, places, dim]
            for layer in (RunningMean(), RunningMean(learned=True))
        ]
        known = []
        of_user = [f for f in self.features.user_fields if f not in requests]
        if of_user:
            encoded = FeatureEncoder(self.features.fields(of_user), dim)(user)
            flat = tf.keras.layers.Flatten()(encoded)
            known = [tf.repeat(flat[:, tf.newaxis], tf.shape(places)[1], axis=1)]
        if requests:  # [batch, places, fields, dim]
            encoded = FeatureEncoder(self.features.fields(requests), dim)(user)
            known.append(tf.keras.layers.Reshape((-1, len(requests) * dim))(encoded))
        profile = [*known, *(means if self.means_in_profile else [])]
        if not profile:  # nothing is known: a dense layer of a 1 is one vector, which it learns
            profile = [tf.ones_like(places, tf.float32)[:, :, tf.newaxis]]
        profile = Tower((dim,))(tf.concat(profile, axis=-1))  # [batch, places, dim]

        states, begin = SessionEvents()((events, short))
        states = dropped(dropout)(states)
        for _ in range(lstm_layers):
            states = FusedLSTM(dim)(states)
        attention = tf.keras.layers.MultiHeadAttention(heads, dim // heads, use_bias=self.scaled)
        # Without biases, what the layer divides the products by can be put into the query.
        query = states if self.scaled else states * (dim // heads) ** 0.5
        reached = EventsReached()((places, begin, states))  # [batch, places, session]
        if self.causal:
            states = attention(query, states, use_causal_mask=True)
        else:  # of one place, whose events are the session's
            states = attention(query, states, attention_mask=reached[:, :1])
        session = UserAttention()((states, profile), mask=[reached, None])  # [batch, places, dim]

        tastes = [UserAttention()((field, profile), mask=[long, None]) for field in by_field]
        taste = tf.keras.layers.Dense(dim, "tanh")(tf.concat(tastes, axis=-1))

        flat = [tf.reshape(part, [-1, dim]) for part in (profile, session, taste)]
        fused = GatedFusion()(tuple(flat))  # [batch * places, dim]
        fused = dropped(fused_dropout)(fused)
        if self.dense_after_gate:
            fused = Tower((dim,))(fused)
        fused = tf.reshape(fused, tf.shape(profile))
        vectors = self.unit(sum(means, fused) if self.residual else fused)
        return tf.keras.Model({**user, "places": asked}, vectors)

    def _beside(self) -> list[str]:
        """The histories beside that of the items, as `SessionSplit` takes them."""
        return [TIMES] * self.times + [SESSIONS] * self.ids

    def _at_the_end(self):
        """User features to the vector after the newest event."""
        user = self.features.inputs(self.features.user)
        requests = [feature.name for feature in self.features.request_fields]
        events = tf.cast(tf.not_equal(user[self.history], 0), tf.int32)
        last = tf.reduce_sum(events, axis=1, keepdims=True) - 1
        here = {name: user[name][:, tf.newaxis] for name in requests}
        return tf.keras.Model(user, self.place_model({**user, **here, "places": last})[:, 0])

    def query_embedder(self):
        encode = SessionQuery(self.features, self._beside(), self.gap, self.session_events)
        return QueryEmbedder(self.features, self.query_model, encode)

    def compute_loss(self, batch, training=False):
        vectors = self._at_places(batch, training)
        query = tf.gather(tf.reshape(vectors, [-1, vectors.shape[-1]]), batch["place"])
        row = batch["place"] // tf.shape(batch["places"])[1]  # of the pass that asks
        user_row = batch.get("user_row") if self.softmax.personal else None
        left_out = self.left_out(batch)
        return self.softmax(
            query,
            batch["item_id"],
            lambda ids: self.candidate_model(self.items(ids), training=training),
            user_row=None if user_row is None else tf.gather(user_row, row),
            left_out=None if left_out is None else tf.gather(left_out, row),
            mask=self._of_others(row, batch) if self.softmax.in_batch else None,
            sample_weight=self.weight(batch),
            training=training,
        )

    def _at_places(self, batch, training):
        """The vectors of users at the places of a batch, [passes, places, dim]."""
        inputs = {name: batch[name] for name in self.place_model.input_names}
        if "pass_events" not in batch:
            return self.place_model(inputs, training=training)
        requests = [feature.name for feature in self.features.request_fields]
        return by_length(self.place_model, inputs, batch["pass_events"], requests, training)

    def logits_of(self, batch_size, compiled):
        mask_bytes = 3 if self.softmax.in_batch else 0  # `_of_others`, its part, and its opposite
        return self.softmax.logits_of(batch_size, compiled, mask_bytes)

    def _of_others(self, row: tf.Tensor, batch: dict[str, tf.Tensor]) -> Mask:
        """False for the other targets of a session: they are what its user wants next."""
        passed = row + replicas.rows_before(batch["places"])
        nobody = tf.fill([self.softmax.drawn], tf.constant(-1, passed.dtype))
        passes = tf.concat([self.softmax.of_all(passed), nobody], axis=0)
        return lambda start, stop: passed[start:stop, tf.newaxis] != passes

    def regroup(self, batch):
        """The passes of this replica with their targets: a strategy splits both by number."""
        if replicas.replicas() == 1:
            return batch
        of_targets = {name: replicas.together(batch[name]) for name in OF_TARGETS}
        width, first = tf.shape(batch["places"])[1], replicas.rows_before(batch["places"])
        row = of_targets["place"] // width - first
        own = (row >= 0) & (row < tf.shape(batch["places"])[0])
        found = {name: tf.boolean_mask(values, own) for name, values in of_targets.items()}
        found["place"] -= width * first
        return {**batch, **found}
