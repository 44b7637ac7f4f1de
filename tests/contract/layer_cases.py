"""A case of every public layer and loss, for the contracts. A new one adds its line to `CASES`."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from tfrec_recall import layers, losses


class Case(NamedTuple):
    """How a layer is made, with no argument at its default, and called.

    Axis 0 of an array is the batch where its length is BATCH.
    """

    arguments: dict[str, Any]
    inputs: Any  # the first argument: an array, or a tuple or dictionary of arrays
    call: dict[str, Any] = {}  # noqa: RUF012  # the others, by keyword


def some(*shape):
    """Numbers that are all different."""
    numbers = np.random.default_rng(len(shape)).permutation(np.prod(shape))
    return numbers.reshape(shape).astype("float32") / 10 - 0.7


BATCH = 4
VECTORS, OTHERS = some(BATCH, 3), some(BATCH, 3)[::-1] + 1
HISTORY = some(BATCH, 5, 3)
PRESENT = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
IDS = np.array([7, 8, 7, 9])
GROUPS = np.array([[1, 2, 1, 1, 2], [3, 3, 1, 2, 1], [1, 1, 1, 1, 1], [2, 1, 2, 2, 2]])
WEIGHTS = np.array([[1, 0, 2], [0, 1, 1], [1, 1, 0], [0, 3, 0]], "float32")

CASES = {
    layers.CapsuleRouting: Case(
        {
            "interests": 3,
            "dim": 2,
            "iterations": 2,
            "deviation": 0.5,
            "adaptive": False,
            "recency": True,
            "positions": 4,
            "identity": True,
            "stop_gradient": False,
            "seed": 5,
        },
        HISTORY,
    ),
    layers.CosineLogits: Case(
        {"temperature": 0.5, "learn_temperature": True}, (VECTORS, some(6, 3))
    ),
    layers.FMInteraction: Case(
        {"dim": 2, "first_order": True, "bias": True, "per_factor": True}, HISTORY[..., 0]
    ),
    layers.FusedLSTM: Case({"units": 2, "go_backwards": True}, HISTORY),
    layers.GatedFusion: Case({"gate_bias": 0.4}, (VECTORS, OTHERS, OTHERS * 2)),
    layers.UserAttention: Case({"scaled": True}, (HISTORY, VECTORS)),
    layers.GCNAggregator: Case(
        {"units": 2, "activation": "tanh", "use_bias": False}, (VECTORS, HISTORY)
    ),
    layers.LSTMAggregator: Case(
        {"units": 2, "lstm_units": 3, "activation": "tanh", "use_bias": False}, (VECTORS, HISTORY)
    ),
    layers.L2Normalization: Case({"axis": 1, "epsilon": 1e-3}, HISTORY),
    layers.LabelAwareAttention: Case({"power": 2.0, "raised": True}, (HISTORY, VECTORS)),
    layers.MaskedMean: Case({"half_life": 2.0, "learned": True, "positions": 3}, HISTORY),
    layers.RunningMean: Case(
        {"learned": True, "positions": 3}, (HISTORY, np.arange(8).reshape(4, 2) % 5)
    ),
    layers.SelfAttentiveInterests: Case({"interests": 2, "hidden": 4, "positions": 3}, HISTORY),
    layers.MaxPoolAggregator: Case(
        {"units": 2, "pool_units": 3, "activation": "tanh", "use_bias": False}, (VECTORS, HISTORY)
    ),
    layers.MeanAggregator: Case(
        {"units": 2, "activation": "tanh", "use_bias": False}, (VECTORS, HISTORY)
    ),
    layers.PinSAGEConvolution: Case(
        {"units": 2, "pool_units": 3, "activation": "tanh", "epsilon": 1e-3},
        (VECTORS, HISTORY),
        {"importance": HISTORY[..., 0] + 1},
    ),
    layers.SessionSimilarity: Case({}, (HISTORY[:, :2], HISTORY), {"groups": GROUPS}),
    layers.SideInfoPooling: Case({"items": 10, "side_info": "weighted"}, HISTORY, {"item_id": IDS}),
    layers.SENet: Case(
        {"reduction": 2.0, "activation": "tanh", "final_activation": "softplus"},
        (VECTORS, OTHERS, some(BATCH, 5)),
    ),
    layers.StreamingFrequencyEstimator: Case(
        {"buckets": 30, "hashes": 2, "rate": 0.2, "initial_gap": 5.0}, IDS
    ),
    layers.Tower: Case(
        {
            "units": [4, 2],
            "activation": "tanh",
            "final_activation": "sigmoid",
            "dropout": 0.3,
            "residual": True,
            "normalization": "layer",
        },
        HISTORY,
    ),
    losses.InBatchSoftmax: Case(
        {
            "temperature": 0.5,
            "num_hard_negatives": 2,
            "remove_accidental_hits": True,
            "learn_temperature": True,
            "reduction": "mean",
            "whole": True,
            "across_replicas": True,
        },
        VECTORS,
        {"candidate_embeddings": OTHERS, "candidate_ids": IDS},
    ),
    losses.SampledSoftmax: Case(
        {"temperature": 0.5, "remove_accidental_hits": False, "reduction": "sum"},
        (VECTORS, OTHERS, some(6, 3)),
        {"sample_weight": np.array([1.0, 2.0, 0.5, 3.0], "float32")},
    ),
    losses.MaxMargin: Case(
        {"margin": 0.3, "hard_weight": 2.0, "reduction": "sum"},
        (VECTORS, OTHERS),
        {
            "negatives": some(6, 3),
            "present": np.ones((BATCH, 6), bool),
            "hard_negatives": HISTORY,
            "hard_present": PRESENT,
        },
    ),
    losses.SkipGramNegativeSampling: Case(
        {"reduction": "mean"},
        (VECTORS, some(3, 3)),
        {"positive": WEIGHTS, "negative": WEIGHTS[::-1] + 0.5},
    ),
}
LAYERS = [case for case in CASES if case.__name__ in layers.__all__]


def make(cls, **options):
    """The layer of a case, called once, with distinct numbers for weights."""
    case = CASES[cls]
    layer = cls(**{**case.arguments, **options})
    layer(tensors(case.inputs), **tensors(case.call))
    for weight in layer.weights:
        values = some(*weight.shape, 1)[..., 0] / 10
        weight.assign(values.astype(tf.as_dtype(weight.dtype).as_numpy_dtype))
    return layer


def tensors(values, rows=slice(None)):
    return tf.nest.map_structure(
        lambda value: tf.constant(value[rows] if len(value) == BATCH else value), values
    )


def symbolic(values, module=tf.keras):
    """Inputs of unknown batch size; where there are three axes, the second is unknown too."""

    def one(value):
        shape = (None, *value.shape[2:]) if value.ndim == 3 else value.shape[1:]
        return module.Input(shape, dtype=value.dtype.name)

    return tf.nest.map_structure(one, values)


def model_of(layer):
    case = CASES[type(layer)]
    inputs = symbolic({"inputs": case.inputs, "call": case.call})
    outputs = layer(inputs["inputs"], **inputs["call"])
    return tf.keras.Model(tf.nest.flatten(inputs), outputs)


def flat(cls, rows=slice(None)):
    case = CASES[cls]
    return tf.nest.flatten(tensors({"inputs": case.inputs, "call": case.call}, rows))
