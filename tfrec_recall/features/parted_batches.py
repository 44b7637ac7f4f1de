"""Training batches of events in parts, one part after the other."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfrec_recall.data import Examples, Interactions, PartedInteractions
from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.next_pass import NextPass
from tfrec_recall.features.batches import example_batches, known_targets
from tfrec_recall.features.list_encodings import ListEncoding
from tfrec_recall.features.specification import Features

ExamplesOf = Callable[[Interactions], Examples]


class PartedBatches(NamedTuple):
    """Batches, and what they hold.

    Attributes:
        dataset: of known cardinality.
        targets: how often each encoded item is a target, int64 [ids].
        span: seconds from the oldest target to the newest event of all; 0 without times.
    """

    dataset: tf.data.Dataset
    targets: np.ndarray
    span: float


class _Part(NamedTuple):
    number: int  # among the parts
    steps: int
    first_user: int  # the row of its first user among all
    newest: float  # the time of its newest event


def parted_batches(
    features: Features,
    parted: PartedInteractions,
    examples_of: ExamplesOf,
    batch_size: int,
    seed: int | None = 0,
    first_epoch: int = 0,
    columns: Sequence[str] = (),
) -> PartedBatches:
    """As `example_batches`, of events in parts: memory is that of two parts.

    Each pass goes through the parts in another order, and through the examples of a part in another
    order; users are in parts by a hash, so that a part is a sample of them. A batch is of one part.
    Weights are 1 on the average of each part. The next part is read while one is learnt from.

    The parts are gone through once to know how many batches there are, and of which targets.

    Args:
        examples_of: makes the examples of a part.
        seed: of the orders; None keeps parts and examples as they are.
        columns: as of `example_batches`.

    Raises: ValueError if no part has an example.
    """
    targets = np.zeros(len(features.item_vocabulary), dtype="int64")
    parts: list[_Part] = []
    users, spec, newest, oldest = 0, None, 0.0, np.inf

    def batches_of(part: Interactions, epoch: int) -> tf.data.Dataset:
        order = batch_size, seed, epoch
        return example_batches(features, part, examples_of(part), *order, columns)

    for number, part in enumerate(parted):
        with contextlib.suppress(NoExample):
            made = examples_of(part)
            examples, item = known_targets(features, made)
            targets += np.bincount(item[examples.target], minlength=len(targets))
            own = float(part.events["timestamp"].max()) if part.has_time else 0.0
            newest = max(newest, own)
            oldest = min(oldest, own - float(made.age.max()))
            parts.append(_Part(number, -(-len(examples) // batch_size), users, own))
            if spec is None:
                batches = batches_of(part, 0)
                spec = _of_any_part(features, batches.element_spec)
        users += len(part.users)
    if spec is None:
        raise NoExample(
            "No example is left to learn from in any part. Check minimum_history, min_count, and "
            f"that the features saw these events. Received: {parted!r}."
        )
    steps = sum(part.steps for part in parts)
    following = NextPass(first_epoch, steps, seed)

    def of_pass(number: int, skipped: int) -> Iterator[dict[str, Any]]:
        order = list(parts)
        if seed is not None:
            random = np.random.default_rng([seed % 2**64, number])
            order = [parts[place] for place in random.permutation(len(parts))]
        while order and skipped >= order[0].steps:
            skipped -= order.pop(0).steps
        with ThreadPoolExecutor(1) as ahead:
            coming = [ahead.submit(parted.part, about.number) for about in order[:1]]
            for place, about in enumerate(order, start=1):
                part = coming.pop().result()
                coming = [ahead.submit(parted.part, then.number) for then in order[place:][:1]]
                batches = batches_of(part, number)
                for batch in batches.skip(skipped).as_numpy_iterator():
                    row = batch["user_row"] + np.int32(about.first_user)
                    age = batch["example_age"] + np.float32(newest - about.newest)
                    yield {**batch, "user_row": row, "example_age": age}
                skipped = 0

    def generate() -> Iterator[dict[str, Any]]:
        pieces = following.begin().numpy().tolist()  # runs when the first batch is asked for
        for number, first, last in pieces:
            yield from itertools.islice(of_pass(number, first), last - first)

    dataset = tf.data.Dataset.from_generator(generate, output_signature=spec)
    dataset = following.mark(dataset).prefetch(2)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    return PartedBatches(dataset, targets, newest - oldest)


def _of_any_part(features: Features, found: dict[str, tf.TensorSpec]) -> dict[str, tf.TensorSpec]:
    """What batches of one part are, for all: each has lists as long as the longest of its users."""
    encodings = {feature.name: features.encodings[feature.name] for feature in features.user_fields}
    lists = {name for name, encoding in encodings.items() if isinstance(encoding, ListEncoding)}
    return {
        name: tf.TensorSpec([None, None], one.dtype) if name in lists else one
        for name, one in found.items()
    }
