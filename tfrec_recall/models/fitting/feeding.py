"""How the batches of `fit` reach the workers of a cluster: each batch, or part of one, goes to one.

One machine is fed as Keras feeds it, and nothing here is used.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import tensorflow as tf

from tfrec_recall.data.feeding.batch_parts import parts_of
from tfrec_recall.data.feeding.elements import elements
from tfrec_recall.data.feeding.untuned import untuned
from tfrec_recall.layers.tables import is_far

service = tf.data.experimental.service


class Feed(NamedTuple):
    """What `fit` is given instead of a dataset.

    Attributes:
        data: a distributed dataset, or what makes one.
        steps: of an epoch, which Keras cannot tell of `data`; None where it can.
        goes_on: one iterator runs through all epochs.
        close: called when `fit` is over.
    """

    data: Any
    steps: int | None
    goes_on: bool
    close: Callable[[], None]


def feed(data: Any, steps: int | None, strategy: tf.distribute.Strategy) -> Feed:
    """What feeds the workers of a strategy from a dataset that every process has, or the chief.

    - Several workers in step (`MultiWorkerMirroredStrategy`): each has the dataset, in the same
      order, and fetches its own part of each batch; of events in parts, what it reads of its own.
      Batches that cannot be fetched in parts (of models whose batches are more than rows, and of
      datasets that are made of another one) are made by each, which keeps its part.
    - Parameter servers: the chief reads the dataset, and each batch goes to the worker that asks
      for one, by a tf.data service in the chief's process.

    Args:
        steps: `steps_per_epoch` of `fit`.

    Raises: ValueError for data of unknown length, where the length is needed.
    """
    as_it_is = Feed(data, steps, False, _nothing)
    if not isinstance(data, tf.data.Dataset):
        return as_it_is
    if is_far(strategy):
        return _from_the_chief(data, _length(data, steps), strategy)
    if not strategy.extended._in_multi_worker_mode():
        return as_it_is
    own = parts_of(data)
    if own is None:  # Keras would look for files first, of which each worker would read some
        options = tf.data.Options()
        policy = tf.data.experimental.AutoShardPolicy
        options.experimental_distribute.auto_shard_policy = policy.DATA
        return as_it_is._replace(data=data.with_options(options))

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        count = context.num_replicas_in_sync
        each = count // context.num_input_pipelines
        first = context.input_pipeline_id * each
        return own(range(first, first + each), count)

    shared = strategy.distribute_datasets_from_function(of_worker)
    return Feed(shared, _length(data, steps), True, _nothing)


def _nothing() -> None:
    """There is nothing to close."""


def _length(data: tf.data.Dataset, steps: int | None) -> int:
    size = int(data.cardinality())
    if steps is None and size < 0:
        raise ValueError(
            "The workers of a cluster take batches from one stream, of which an epoch is a number: "
            "pass steps_per_epoch to fit. Received: a dataset of unknown or no length."
        )
    return size if steps is None else steps


def _from_the_chief(data: tf.data.Dataset, steps: int, strategy: tf.distribute.Strategy) -> Feed:
    """The batches of one epoch after the other, each to the worker that asks first."""

    over = threading.Event()

    def stream() -> Iterator[Any]:
        while not over.is_set():
            yield from itertools.takewhile(lambda _: not over.is_set(), elements(data))

    endless = untuned(tf.data.Dataset.from_generator(stream, output_signature=data.element_spec))
    host = _chief_host(strategy)
    dispatcher = service.DispatchServer(service.DispatcherConfig(port=0))
    port = dispatcher.target.rpartition(":")[2]
    worker = service.WorkerServer(
        service.WorkerConfig(
            dispatcher_address=f"localhost:{port}",
            worker_address=f"{host}:%port%",
            heartbeat_interval_ms=200,  # how soon it learns that there is something to read
        )
    )
    address, local = f"grpc://{host}:{port}", f"grpc://localhost:{port}"
    dataset = service.register_dataset(local, endless)

    def of_worker(context: tf.distribute.InputContext) -> tf.data.Dataset:
        del context  # all take from one job
        return taken(address)

    def taken(where: str) -> tf.data.Dataset:
        found = service.from_dataset_id(
            service.ShardingPolicy.OFF,
            where,
            dataset,
            element_spec=data.element_spec,
            job_name="fit",
        )
        return untuned(found)

    def close() -> None:
        over.set()
        for _ in taken(local):  # what is read ahead; a server does not stop while Python is asked
            pass
        worker._stop()
        dispatcher._stop()

    creator = tf.keras.utils.experimental.DatasetCreator(of_worker)
    return Feed(creator, steps, True, close)


def _chief_host(strategy: tf.distribute.Strategy) -> str:
    """Where workers find the chief's process; "localhost" if no cluster names it."""
    resolver = strategy.cluster_resolver or strategy._cluster_resolver
    cluster = resolver.cluster_spec().as_dict()
    chief = next(iter(cluster.get("chief", ())), "localhost")
    return chief.rpartition(":")[0] or chief
