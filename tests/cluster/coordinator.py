"""Parameter servers and workers in one process, for the tests: trains by them, prints the outcome.

A process of its own, which TensorFlow connects to the servers for good. Without `tests.quick`, as
`worker`.
"""

import json
import os
import sys

import numpy as np
import tensorflow as tf

from tests.cluster.addresses import free_addresses
from tests.contract.model_cases import BATCH, USERS, built, its_features, the_board
from tfrec_recall import models
from tfrec_recall.data import Interactions, last_events_out, memory
from tfrec_recall.evaluation import RecallOnValidation
from tfrec_recall.features import Categorical, Features
from tfrec_recall.layers.tables import is_divided
from tfrec_recall.models.fitting import memory as training_memory
from tfrec_recall.models.fitting import table_steps
from tfrec_recall.sampling import Hard, InBatch
from tfrec_recall.training import Checkpoints, RateDrops, on_one_device

THREADS = 8  # whatever waits holds one

addresses = free_addresses(4)
spec = tf.train.ClusterSpec({"worker": addresses[:2], "ps": addresses[2:]})
tf.config.threading.set_inter_op_parallelism_threads(THREADS)
config = tf.compat.v1.ConfigProto(inter_op_parallelism_threads=THREADS)
servers = [
    tf.distribute.Server(spec, job, index, "grpc", config) for job in spec.jobs for index in (0, 1)
]
resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(spec, rpc_layer="grpc")
partitioner = tf.distribute.experimental.partitioners.FixedShardsPartitioner(2)
strategy = tf.distribute.ParameterServerStrategy(resolver, partitioner)


def refusal(model_class, callbacks=(), **settings):
    """What `fit` says to a model that it refuses."""
    try:
        with strategy.scope():
            model = built(model_class, **settings)
        data = model.training_data(the_board(), BATCH)
        model.fit(data, callbacks=list(callbacks), verbose=0)
    except ValueError as error:
        return str(error)
    return ""


def optimizer_of_many_users():
    """The name of that of a model whose largest table, of users, is in parts."""
    known = set(the_board().items["item_id"][:20])
    few = Interactions(the_board().events[lambda events: events["item_id"].isin(known)])
    features = Features(user=[Categorical("user_id")], item=[Categorical("item_id")]).adapt(few)
    table_steps.FEW_NUMBERS = 4 * (USERS + 1 + len(features.item_vocabulary))  # a row less
    table_steps.TIMES = 1
    with strategy.scope():
        return models.TwoTower(features, dim=4).optimizer_for(1).__name__


# The servers have room for the tables and what the optimizer keeps of them; here is none.
room, training_memory.MUCH = memory.free_memory, 0
memory.free_memory = lambda: 15
with strategy.scope():
    model = built(models.SamplingBiasCorrectedTwoTower)
kept = refusal(models.TwoTower, [RateDrops("loss")])
vectors = training_memory.TrainingMemory.of(model, None).vectors
memory.free_memory = lambda: 2 * vectors  # those of an epoch and of the one before, to measure by
measured = RecallOnValidation(last_events_out(the_board(), test=1, validation=1), cuts=(5,))
data = model.training_data(the_board(), batch_size=BATCH)
told = model.fit(data, epochs=3, callbacks=[measured, Checkpoints(sys.argv[1])], verbose=0)
memory.free_memory = room
with strategy.scope():
    rated = built(models.FunkSVD)  # all of whose tables, biases too, are in parts
ratings = rated.fit(rated.training_data(the_board(), BATCH), epochs=2, verbose=0)
alone = on_one_device(model)
items = its_features().encode_items(the_board().items)
np.testing.assert_allclose(model.vectors_of(items), alone.vectors_of(items), rtol=1e-5, atol=1e-6)
outcome = {
    "loss": told.history["loss"],
    "loss of ratings": ratings.history["loss"],
    "recall": told.history["val_recall@5"],
    "steps": int(model.optimizer.iterations),
    "counted": int(model.frequency.step),
    "divided": is_divided(model.items.columns["item_id"]),
    "whole": not is_divided(alone.items.columns["item_id"]),
    "by row": refusal(models.Item2Vec),
    "kept": kept,
    "hard": refusal(models.TwoTower, negatives=[InBatch(), Hard(2, (1, 6), kept=4)]),
    "many users": optimizer_of_many_users(),
}
print(json.dumps(outcome), flush=True)
os._exit(0)  # servers of this kind are never stopped
