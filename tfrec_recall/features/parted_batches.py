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
from tfrec_recall.data.feeding.batch_parts import divisible, parts_of
from tfrec_recall.data.feeding.elements import elements
from tfrec_recall.data.feeding.next_pass import NextPass
from tfrec_recall.data.feeding.untuned import untuned
from tfrec_recall.features.batches import example_batches, known_targets
from tfrec_recall.features.list_encodings import ListEncoding
from tfrec_recall.features.own_items import OWN_ITEMS, OwnItems
from tfrec_recall.features.specification import Features

ExamplesOf = Callable[[Interactions], Examples]
Batch = dict[str, Any]


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
    examples: int
    steps: int
    first_user: int  # the row of its first user among all
    newest: float  # the time of its newest event


class _Worker(NamedTuple):
    """Who learns from batches: all replicas of a worker, among those of all workers."""

    replicas: range = range(1)
    of_all: int = 1

    @property
    def workers(self) -> int:
        return self.of_all // len(self.replicas)

    @property
    def number(self) -> int:
        return self.replicas.start // len(self.replicas)


class _Stretch(NamedTuple):
    """Steps in which a worker learns from one part: from all of it, or its share of each batch."""

    part: _Part
    steps: int
    size: int  # of its batches
    whole: bool


def parted_batches(
    features: Features,
    parted: PartedInteractions,
    examples_of: ExamplesOf,
    batch_size: int,
    seed: int | None = 0,
    first_epoch: int = 0,
    columns: Sequence[str] = (),
    own: int = 0,
) -> PartedBatches:
    """As `example_batches`, of events in parts: memory is that of two parts.

    Each pass goes through the parts in another order, and through the examples of a part in another
    order; users are in parts by a hash, so that a part is a sample of them. A batch is of one part.
    Weights are 1 on the average of each part. The next part is read while one is learnt from.

    Workers in step (see `batch_parts`) each read a part of their own, and a batch is of as many
    parts as there are workers, with some examples of each; where fewer parts are left than workers,
    all read them, and each takes its share of their batches. A pass has as many steps as that of
    one machine.

    The parts are gone through once to know how many batches there are, and of which targets.

    Args:
        examples_of: makes the examples of a part.
        seed: of the orders; None keeps parts and examples as they are.
        columns: as of `example_batches`.
        own: how many items of a user a batch holds at most, as `own_items`, as wide in all parts;
            0 for none. Users are whole in a part.

    Raises: ValueError if no part has an example.
    """
    targets = np.zeros(len(features.item_vocabulary), dtype="int64")
    parts: list[_Part] = []
    users, spec, newest, oldest, width = 0, None, 0.0, np.inf, 0

    def batches_of(part: Interactions, epoch: int, size: int) -> tf.data.Dataset:
        order = size, seed, epoch
        items = OwnItems.of(features, part, own, width) if own else None
        return example_batches(features, part, examples_of(part), *order, columns, items)

    for number, part in enumerate(parted):
        with contextlib.suppress(NoExample):
            made = examples_of(part)
            examples, item = known_targets(features, made)
            targets += np.bincount(item[examples.target], minlength=len(targets))
            latest = float(part.events["timestamp"].max()) if part.has_time else 0.0
            newest = max(newest, latest)
            oldest = min(oldest, latest - float(made.age.max()))
            steps = -(-len(examples) // batch_size)
            parts.append(_Part(number, len(examples), steps, users, latest))
            if own:
                width = max(width, OwnItems.of(features, part, own).width)
            if spec is None:
                spec = _of_any_part(features, batches_of(part, 0, batch_size).element_spec)
        users += len(part.users)
    if spec is None:
        raise NoExample(
            "No example is left to learn from in any part. Check minimum_history, min_count, and "
            f"that the features saw these events. Received: {parted!r}."
        )
    steps = sum(part.steps for part in parts)
    following = NextPass(first_epoch, steps, seed)

    def order_of(number: int) -> list[_Part]:
        if seed is None:
            return parts
        random = np.random.default_rng([seed % 2**64, number])
        return [parts[place] for place in random.permutation(len(parts))]

    def of_pass(number: int, skipped: int, worker: _Worker) -> Iterator[Batch]:
        """What each replica of a worker learns from, step after step."""
        stretches = _stretches(order_of(number), batch_size, worker)
        while stretches and skipped >= stretches[0].steps:
            skipped -= stretches.pop(0).steps
        with ThreadPoolExecutor(1) as ahead:
            coming = [ahead.submit(parted.part, one.part.number) for one in stretches[:1]]
            for place, one in enumerate(stretches, start=1):
                part, about = coming.pop().result(), one.part
                coming = [ahead.submit(parted.part, x.part.number) for x in stretches[place:][:1]]
                for batch in _learnt(batches_of(part, number, one.size), one, skipped, worker):
                    row = batch["user_row"] + np.int32(about.first_user)
                    age = batch["example_age"] + np.float32(newest - about.newest)
                    yield {**batch, "user_row": row, "example_age": age}
                skipped = 0

    def next_pass(worker: _Worker) -> Iterator[Batch]:
        pieces = following.begin().numpy().tolist()  # runs when the first batch is asked for
        for number, first, last in pieces:
            of_steps = (last - first) * len(worker.replicas)
            yield from itertools.islice(of_pass(number, first, worker), of_steps)

    def of_worker(replicas: range, count: int) -> tf.data.Dataset:
        def endless() -> Iterator[Batch]:
            while True:
                yield from next_pass(_Worker(replicas, count))

        found = tf.data.Dataset.from_generator(endless, output_signature=spec)
        return untuned(found.prefetch(2 * len(replicas)))

    def alone() -> Iterator[Batch]:
        return next_pass(_Worker())

    dataset = tf.data.Dataset.from_generator(alone, output_signature=spec)
    dataset = untuned(following.mark(dataset).prefetch(2))
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    return PartedBatches(divisible(dataset, of_worker), targets, newest - oldest)


def _stretches(order: Sequence[_Part], batch_size: int, worker: _Worker) -> list[_Stretch]:
    """What a worker reads in a pass: parts of its own, side by side with the others' parts, and
    those that are left when there are fewer of them than workers."""
    found, workers = [], worker.workers
    apart = len(order) - len(order) % workers
    for first in range(0, apart, workers):
        together = order[first : first + workers]
        steps, own = sum(one.steps for one in together), together[worker.number]
        size = batch_size if workers == 1 else -(-own.examples // steps)
        found.append(_Stretch(own, steps, size, whole=True))
    return found + [_Stretch(one, one.steps, batch_size, whole=False) for one in order[apart:]]


def _learnt(
    batches: tf.data.Dataset, stretch: _Stretch, skipped: int, worker: _Worker
) -> Iterator[Batch]:
    """A batch for each replica of a worker in each step of a stretch; without rows where other
    parts have examples left, and this one has not.

    Args:
        skipped: steps at the beginning.
    """
    if worker.of_all == 1:
        yield from elements(batches.skip(skipped))
        return
    own, each = parts_of(batches), len(worker.replicas)
    assert own is not None  # batches of examples have parts
    parts = own(range(each), each) if stretch.whole else own(worker.replicas, worker.of_all)
    full = min(int(batches.cardinality()), stretch.steps)
    if skipped < full:
        yield from elements(parts.skip(skipped * each).take((full - skipped) * each))
    if full < stretch.steps:
        (some,) = elements(parts.take(1))
        empty = {name: values[:0] for name, values in some.items()}
        yield from itertools.repeat(empty, (stretch.steps - max(full, skipped)) * each)


def _of_any_part(features: Features, found: dict[str, tf.TensorSpec]) -> dict[str, tf.TensorSpec]:
    """What batches of one part are, for all: each has lists as long as the longest of its users."""
    encodings = {feature.name: features.encodings[feature.name] for feature in features.user_fields}
    lists = {name for name, encoding in encodings.items() if isinstance(encoding, ListEncoding)}
    lists.add(OWN_ITEMS)  # as wide as those of any part
    return {
        name: tf.TensorSpec([None, None], one.dtype) if name in lists else one
        for name, one in found.items()
    }
